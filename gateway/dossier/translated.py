"""What the credential binds, and whether its record is what the mapping makes of the native record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.dossier.checks import CHECKS
from gateway.dossier.proven import BROKE_DOWN
from gateway.dossier.tally import Tally
from gateway.errors import GatewayError
from gateway.mapping import MappingLibrary, Translation, losses_document
from gateway.spi import Claim, Digest, Evidence, Finding, NativeRecord, Report, record_key
from gateway.trust.credential import Credential
from gateway.trust.registry import Registry

__all__ = ["bindings", "claim", "place", "translate"]

_TRANSLATED: Final = tuple(kind.id for kind in CHECKS.values() if "translated" in kind.bears)
_BEFORE_THE_RUN: Final = ("translation.mapping", "translation.format", "translation.run")
_BEFORE_THE_REPORT: Final = ("evidence.form", "evidence.shared", "evidence.verifier", "evidence.report")
_INDICES: Final = range(256)
"""The indices that are tried where the mapping cannot be run, which would say which there are."""


def bindings(tally: Tally, credential: Credential, evidence: Evidence | None, digests: Mapping[str, str]) -> None:
    """Whether native record, evidence and loss report are those that were sealed. `digests` are the members'."""
    binding = credential.binding
    for name, bound, label, what in (
        ("binding.native", binding.native_digest, "native", "the native record"),
        ("binding.evidence", binding.evidence_digest, "evidence.cbor", "the evidence"),
        ("binding.losses", binding.losses_digest, "losses.json", "the loss report"),
    ):
        digest = digests[label]
        if digest == bound.hex():
            tally.passed(name, f"{what} is the one that the credential binds", label, (digest,))
        else:
            _other(tally, name, what, label, bound.hex(), digest)
    if evidence is None:
        return
    label = "evidence.cbor"
    if evidence.type == binding.evidence_type:
        tally.passed("binding.type", f"the evidence is of the type {evidence.type}", label)
    else:
        _other(tally, "binding.type", "the type of the evidence", label, binding.evidence_type, evidence.type)
    expected, found = binding.network, evidence.network
    if found == expected:
        tally.passed("binding.network", "the evidence is of the network that the credential names", label)
    else:
        _other(tally, "binding.network", "the network of the evidence", label, expected.hex(), found.hex())


def _other(tally: Tally, name: str, what: str, label: str, expected: str, found: str) -> None:
    tally.failed(
        name,
        "HASH_FAILURE",
        f"{what} is another than the one that the credential binds",
        label,
        expected=expected,
        found=found,
        hint="Parts of two files were mixed, or one was changed: ask for the file again as it was handed out.",
    )


def translate(
    tally: Tally,
    credential: Credential,
    native: NativeRecord,
    losses: bytes,
    library: MappingLibrary,
    registry: Registry | None,
) -> Translation | None:
    """The mapping run again over the native record, and its loss report compared; None where it may not be run, or
    cannot."""
    name, version, digest = credential.binding.mapping
    label = f"{name} {version}"
    if registry is not None and registry.refuses_mapping(digest):
        tally.unsettled(
            "translation.mapping",
            "GENERIC",
            f"the registry states that the mapping {label} is not to be relied on any more",
            label,
            expected="a mapping that was not revoked",
            found=digest.hex(),
            hint="Ask the office for the record again, translated with a mapping that is in force.",
        )
        return None
    mapping = library.by_digest(digest)
    if mapping is None:
        tally.unsettled(
            "translation.mapping",
            "GENERIC",
            f"this release does not have the mapping {label} of that digest",
            label,
            expected=digest.hex(),
            hint="Verify with a newer release, or with one that ships this mapping.",
        )
        return None
    if (mapping.ref.name, mapping.ref.version) != (name, version):
        tally.failed(
            "translation.mapping",
            "HASH_FAILURE",
            "the credential names a mapping by the digest of another",
            label,
            expected=f"{mapping.ref.name} {mapping.ref.version}",
            found=label,
        )
        return None
    tally.passed("translation.mapping", f"this release has the mapping {label}", label, (digest.hex(),))
    if mapping.format != native.format:
        tally.failed(
            "translation.format",
            "HASH_FAILURE",
            "the mapping is for another format than the native record's",
            label,
            expected=native.format,
            found=mapping.format,
            hint="The credential contradicts itself: tell its issuer.",
        )
        return None
    tally.passed("translation.format", f"the mapping is for the format {native.format}", label)
    try:
        translation = mapping.to_common(native)
    except GatewayError as error:
        tally.failed(
            "translation.run",
            "HASH_FAILURE",
            f"the mapping does not take the native record: {error.code}: {error.detail}",
            label,
            found=error.where,
            hint="The record in the credential cannot have come from these bytes: tell its issuer.",
        )
        return None
    except Exception as error:  # noqa: BLE001  # a fault of the program must not end the verification of the rest
        broken = f"the mapping broke down: {type(error).__name__}"
        tally.failed("translation.run", "GENERIC", broken, label, hint=BROKE_DOWN)
        return None
    tally.passed("translation.run", f"the mapping gives {len(translation.records)} records", label)
    made = losses_document(translation.losses)
    if made == losses:
        tally.passed("translation.losses", "the mapping gives the loss report", "losses.json")
    else:
        tally.failed(
            "translation.losses",
            "HASH_FAILURE",
            "the mapping gives another loss report",
            "losses.json",
            expected=hashlib.sha256(made).hexdigest(),
            found=hashlib.sha256(losses).hexdigest(),
            hint="What was lost is other than the file says: tell the issuer.",
        )
    return translation


def place(tally: Tally, credential: Credential, report: Report | None, translation: Translation | None) -> None:
    """The record key, computed again from the place that the evidence proves, and the record that has it.

    The key holds the record's index among those that one native record gives. The credential does not state the index,
    so it is found: first among the records that are equal, then among all.
    """
    _in_force(tally, credential, report)
    if translation is None:
        tally.skipped("translation.record", "the mapping was not run", parent=tally.first_wrong(_BEFORE_THE_RUN))
        _index(tally, credential, report, _INDICES)
        return
    equal = [one.index for one in translation.records if one.record == credential.record]
    others = [one.index for one in translation.records if one.index not in equal]
    at = _index(tally, credential, report, (*equal, *others))
    if equal and (at is None or at in equal):
        tally.passed("translation.record", "the mapping gives the credential's record", "credential.json")
    else:
        tally.failed(
            "translation.record",
            "HASH_FAILURE",
            "the mapping does not give the credential's record",
            "credential.json",
            hint="The record in the credential is not what the native record says: tell its issuer.",
        )


def _index(tally: Tally, credential: Credential, report: Report | None, indices: Sequence[int]) -> int | None:
    """The index under which the place proven has the credential's record key, or None; the check is added."""
    name, binding = "binding.record-key", credential.binding
    if report is None or report.source is None or report.locus is None:
        if report is None or not any(finding.outcome == "passed" for finding in report.findings):
            tally.skipped(name, "no place is proven", parent=tally.first_wrong(_BEFORE_THE_REPORT))
        else:
            tally.unsettled(
                name,
                "GENERIC",
                "the verifier does not tell which place it proved",
                hint="Install a newer release of the adapter that brings this type of evidence.",
            )
        return None
    network, key = Digest(binding.network), binding.record_key
    for index in indices:
        if record_key(network, report.source, report.locus, index) == key:
            tally.passed(name, f"it is the key of record {index} of the place that is proven", key.hex())
            return index
    if binding.withdrawn and binding.revision > 1 and report.withdraws is not False:
        # A withdrawal may rest on the entry that withdraws, which stands elsewhere than what it makes void.
        tally.skipped(
            name, "the place proven may be that of the entry that withdraws; the record is named by the office alone"
        )
        return None
    tally.failed(
        name,
        "HASH_FAILURE",
        "the credential's record key is not that of the place which the evidence proves",
        "credential.json",
        expected=record_key(network, report.source, report.locus, indices[0] if indices else 0).hex(),
        found=key.hex(),
        hint="The credential claims the place of another record: tell its issuer.",
    )
    return None


def _in_force(tally: Tally, credential: Credential, report: Report | None) -> None:
    """Whether what the network holds void is called void. The other way round needs no proof: an office may withdraw
    what it said by its word alone, and nobody is misled to rely on it."""
    name = "binding.withdrawn"
    if report is None or report.withdraws is None:
        tally.skipped(
            name,
            "nothing tells whether the entry withdraws",
            parent=tally.first_wrong(_BEFORE_THE_REPORT),
        )
    elif report.withdraws and not credential.binding.withdrawn:
        tally.failed(
            name,
            "HASH_FAILURE",
            "the entry that is proven declares another one void, and the credential calls it a record in force",
            "credential.json",
            expected="withdrawn",
            found="in force",
            hint="What the network holds void is passed off as standing: ask the office for the newest revision.",
        )
    else:
        tally.passed(name, "what is withdrawn on the network is called so", "credential.json")


def claim(tally: Tally, credential: Credential, findings: Sequence[Finding]) -> Finding:
    """The claim `translated`. It is computed here, on nobody's word; it rests on what the native record rests on."""
    names = tally.among(_TRANSLATED)
    outcome = tally.worst(names)[0]
    if outcome == "passed" and not tally.holds("translation.record"):
        outcome = "indeterminate"
    name, version, _ = credential.binding.mapping
    note = f"computed again with {name} {version}"
    ground = next((one for one in findings if one.claim is Claim.RECORDED and one.outcome == "passed"), None)
    if ground is None:
        return Finding(Claim.TRANSLATED, outcome, None, None, None, names, note)
    return Finding(Claim.TRANSLATED, outcome, ground.basis, ground.quorum, None, names, note)
