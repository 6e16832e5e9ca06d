"""One pure call: a file, what the verifier believes, what the policy asks, and out comes a verdict.

    container → digests → registry → existence → credential → binding → evidence → mapping run again → combine

No clock, no network, no globals. The file brings proofs, the verifier brings roots: what the file says about itself is
material, never an anchor. Nothing here raises because of what a file holds; `verify_file` alone does, where the bytes
are neither a dossier nor a credential.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import orjson

from gateway.dossier import container
from gateway.dossier import dossier as files
from gateway.dossier.checks import CHECKS
from gateway.dossier.dossier import Dossier
from gateway.dossier.evidence import read_evidence
from gateway.dossier.existence import WithinFile
from gateway.dossier.policy import Policy, Requirement
from gateway.dossier.verdict import About, Anchors, Existence, Object, PolicyName, Verdict, combine, release
from gateway.errors import GatewayError, InputError, fault
from gateway.mapping import MappingLibrary, Translation, losses_document
from gateway.model import records
from gateway.spi import (
    Basis,
    Check,
    CheckOutcome,
    Claim,
    Digest,
    Evidence,
    Finding,
    NativeRecord,
    Proof,
    Quorum,
    Report,
    Segment,
    TrustAnchors,
    VerificationContext,
    Verifier,
    record_key,
)
from gateway.trust import credential as credentials
from gateway.trust.credential import Credential
from gateway.trust.registry import Registry

__all__ = ["NO_ANCHORS", "verify", "verify_credential", "verify_file"]

NEITHER = fault(
    "verify.unrecognised",
    "The file is neither a dossier nor a credential.",
    "Give the file as it was handed out: a dossier (.dossier) or a credential (.json).",
)

_OF_EVIDENCE: Final = frozenset({Claim.RECORDED, Claim.VALID, Claim.EXISTED_BY, Claim.CURRENT_AT})
_FILE: Final = tuple(kind.id for kind in CHECKS.values() if "file" in kind.bears)
_NETWORK: Final = tuple(kind.id for kind in CHECKS.values() if "network" in kind.bears)
_TRANSLATED: Final = tuple(kind.id for kind in CHECKS.values() if "translated" in kind.bears)
_INDICES: Final = 256
"""How many places are tried for a record's index where the mapping cannot be run."""
_RANKS: Final[Mapping[CheckOutcome, int]] = {"failed": 0, "indeterminate": 1, "skipped": 2, "passed": 3}
_BASIS_OF_PROOF: Final = {
    "timestamp": Basis.AUTHORITY,
    "cosigned": Basis.AUTHORITY,
    "consensus": Basis.CONSENSUS,
    "received": Basis.ATTESTED,
    "given": Basis.ATTESTED,
}
_CURE: Final = "Ask the office for the file again as it was handed out; show it this check."
_CURES: Final[Mapping[str, str]] = {
    "NO_CERTIFICATE_CHAIN_FOUND": "Give a registry that states what is believed of this network at that height.",
    "NO_CERTIFICATE_CHAIN_FOUND_NO_POE": "Give a registry that states what was believed of this network at that time.",
    "REVOKED_NO_POE": "A proof that the file existed before that end would settle it.",
    "OUT_OF_BOUNDS_NO_POE": "A proof that the file existed while the anchor was in force would settle it.",
    "SIG_CONSTRAINTS_FAILURE": "Ask the office for evidence that carries the signatures which its network asks for.",
    "TIMESTAMP_ORDER_FAILURE": "See that the time to judge at is right (the clock, or --at); then ask the office.",
    "SIGNED_DATA_NOT_FOUND": "Ask the office for the whole file.",
}
_BROKE_DOWN: Final = "Keep the file and tell the maintainers: this is an error of the program, whatever the file holds."


class _NoAnchors:
    """A verifier that believes nothing."""

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        return None

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        return ()


NO_ANCHORS: Final[TrustAnchors] = _NoAnchors()


class _Watched:
    """Anchors that note which segments of networks they gave: what the verifier of the evidence went by.

    A verifier that asks for the one in force goes by that; one that only ever asks for all goes by all.
    """

    __slots__ = ("_all", "_anchors", "_asked", "_given")

    def __init__(self, anchors: TrustAnchors) -> None:
        self._anchors: Final = anchors
        self._given: list[Segment] = []
        self._all: list[Segment] = []
        self._asked = False

    @property
    def used(self) -> Sequence[Segment]:
        return self._given if self._asked else self._all

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        found = self._anchors.at(use, subject, when, height)
        if use == "network":
            self._asked = True
            if found is not None:
                self._given.append(found)
        return found

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        found = self._anchors.all(use, subject)
        if use == "network":
            self._all.extend(found)
        return found


def verify(
    dossier: Dossier,
    context: VerificationContext,
    policy: Policy,
    verifiers: Mapping[str, Verifier],
    library: MappingLibrary,
) -> Verdict:
    """The verdict about `dossier`.

    context    the time to judge at, the anchors, proofs of existence that the verifier holds, limits
    verifiers  of evidence, by its type
    library    the mappings that this release has

    The same arguments give the same verdict, byte for byte.
    """
    return _Run(context, policy).dossier(dossier, verifiers, library)


def verify_credential(data: bytes, context: VerificationContext, policy: Policy) -> Verdict:
    """The verdict about a credential alone: it can show who issued it, so it is INDETERMINATE at best."""
    return _Run(context, policy).credential(data)


def verify_file(
    data: bytes,
    context: VerificationContext,
    policy: Policy,
    verifiers: Mapping[str, Verifier],
    library: MappingLibrary,
) -> Verdict:
    """The verdict about the bytes of a dossier or a credential.

    Raises InputError (`verify.unrecognised`) where they are neither; anything wrong inside one is in the verdict.
    """
    if container.recognise(data):
        try:
            opened = files.read(data, context.limits)
        except InputError as error:
            return _Run(context, policy).unreadable(data, error)
        return verify(opened, context, policy, verifiers, library)
    if _sets_out_to_be_a_credential(data, context.limits.member):
        return verify_credential(data, context, policy)
    raise InputError(NEITHER)


def _sets_out_to_be_a_credential(data: bytes, limit: int) -> bool:
    if len(data) > limit or data[:1].strip() not in (b"{", b""):
        return False
    try:
        content: Any = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(content, dict) and "credentialSubject" in content


class _Run:
    """One verification: the checks in the order in which they were made, and what was found out on the way."""

    def __init__(self, context: VerificationContext, policy: Policy) -> None:
        self.context: Final = context
        self.policy: Final = policy
        self.checks: list[Check] = []
        self.standing: dict[str, tuple[CheckOutcome, str | None]] = {}
        self.about: About | None = None
        self.of_the_file: list[str] = list(_FILE)
        self.objects: list[tuple[bytes, str]] = []
        self.existence: WithinFile | None = None
        self.anchors: Final = context.anchors
        self.registry: Final = context.anchors if isinstance(context.anchors, Registry) else None
        self.given: Final = context.anchors is not NO_ANCHORS and (
            self.registry is None or self.registry.origin == "given"
        )

    # ── checks ──────────────────────────────────────────────────────────────────────────────────────────────────

    def passed(
        self, name: str, reason: str, label: str = "", inputs: tuple[str, ...] = (), at: str | None = None
    ) -> None:
        self.checks.append(Check(name, "passed", reason, label, None, None, None, at, inputs))
        self.standing.setdefault(name, ("passed", None))

    def add(self, check: Check) -> None:
        self.checks.append(check)
        held = self.standing.get(check.id)
        if held is None or _rank(check.outcome) < _rank(held[0]):
            self.standing[check.id] = (check.outcome, check.sub_indication)

    def failed(self, name: str, sub: str, reason: str, label: str = "", **more: Any) -> None:
        self.add(Check(name, "failed", reason, label, sub, **more))

    def unsettled(self, name: str, sub: str, reason: str, label: str = "", **more: Any) -> None:
        self.add(Check(name, "indeterminate", reason, label, sub, **more))

    def skipped(self, name: str, reason: str, parent: str | None = None, **more: Any) -> None:
        self.add(Check(name, "skipped", reason, parent=parent, **more))

    def holds(self, name: str) -> bool:
        found = self.standing.get(name)
        return found is not None and found[0] == "passed"

    def worst(self, names: Iterable[str]) -> tuple[CheckOutcome, str | None]:
        """The worst outcome among checks of these names, and its sub-indication. What was skipped does not count."""
        parts = [self.standing[name] for name in names if name in self.standing]
        failed = [sub for outcome, sub in parts if outcome == "failed"]
        if failed:
            return "failed", combine(("failed", sub) for sub in failed)[1]
        unsettled = [sub for outcome, sub in parts if outcome == "indeterminate"]
        if unsettled:
            return "indeterminate", combine(("indeterminate", sub) for sub in unsettled)[1]
        return "passed", None

    # ── the three kinds of input ────────────────────────────────────────────────────────────────────────────────

    def unreadable(self, data: bytes, error: InputError) -> Verdict:
        """The verdict about a file that says it is a dossier and cannot be read as one."""
        more = {"hint": error.hint, "found": error.where}
        if error.fault is files.NEWER:
            self.unsettled(error.code, "GENERIC", error.detail, "manifest.json", **more)
        else:
            self.failed(error.code, "FORMAT_FAILURE", error.detail, "file", **more)
        file = hashlib.sha256(data).digest()
        self.objects.append((file, "file"))
        self.begin(file)
        return self.conclude(file, None)

    def credential(self, data: bytes) -> Verdict:
        digest = hashlib.sha256(data).digest()
        self.objects.append((digest, "credential.json"))
        self.begin(digest)
        credential = self.read_credential(data, canonical=False)
        note = "a credential alone does not show it; the dossier does"
        alone = [
            Finding(claim, "skipped", None, note=note) for claim in (Claim.RECORDED, Claim.VALID, Claim.TRANSLATED)
        ]
        return self.conclude(digest, [*alone, self.issued(credential)])

    def dossier(self, dossier: Dossier, verifiers: Mapping[str, Verifier], library: MappingLibrary) -> Verdict:
        members = dossier.members()
        file = dossier.digest or hashlib.sha256(files.write(dossier)).digest()
        self.passed("container.form", "the file is the one byte form of its content", "file")
        self.digests(dossier, members, file)
        self.begin(file)
        self.compare_registry(dossier.registry)
        credential = self.read_credential(dossier.credential, canonical=True)
        issued = self.issued(credential)
        evidence = self.evidence(dossier.evidence)
        if credential is None:
            return self.conclude(file, [*self.nothing_bound(), issued])
        native = NativeRecord(credential.binding.native_format, dossier.native)
        self.bindings(credential, dossier, evidence)
        watched = _Watched(self.anchors)
        report = None if evidence is None else self.report(dossier, native, evidence, verifiers, watched)
        translation = self.translate(credential, native, dossier.losses, library)
        self.place(credential, report, translation)
        findings = self.of_evidence(report, watched.used, evidence, issued)
        findings.append(self.translated(credential, findings))
        return self.conclude(file, [*findings, issued])

    def nothing_bound(self) -> list[Finding]:
        """Without a credential that can be read nothing says which record, network and mapping these are."""
        names = tuple(name for name in self.standing if name in credentials.CHECKS)
        outcome = self.worst(names)[0]
        return [
            Finding(claim, outcome, None, checks=names) for claim in (Claim.RECORDED, Claim.VALID, Claim.TRANSLATED)
        ]

    # ── digests, registry, existence ────────────────────────────────────────────────────────────────────────────

    def digests(self, dossier: Dossier, members: Sequence[container.Member], file: bytes) -> None:
        held = files.digests_of(members)
        self.objects.append((file, "file"))
        self.objects += [(bytes.fromhex(digest), name) for name, digest in held.items()]
        if not dossier.manifest or dossier.manifest == files.manifest_of(held):
            self.passed("manifest.digests", "the manifest holds the SHA-256 of every member", "manifest.json")
        else:
            self.wrong_manifest(files.digests_in(dossier.manifest), held)
        wrong = [(name, held[name]) for name in held if "/" in name and name.partition("/")[2] != held[name]]
        if not wrong:
            self.passed("digest.names", "what is named by its digest has that digest")
        for name, found in wrong:
            self.failed(
                "digest.names",
                "HASH_FAILURE",
                f"`{name}` does not hold what its name says",
                name,
                expected=name.partition("/")[2],
                found=found,
                hint="Ask for the file again as it was handed out.",
            )

    def wrong_manifest(self, stated: Mapping[str, str], held: Mapping[str, str]) -> None:
        for name in sorted({*held, *stated}):
            if held.get(name) != stated.get(name):
                self.failed(
                    "manifest.digests",
                    "HASH_FAILURE",
                    f"`{name[:100]}` is not what the manifest states",
                    name[:100],
                    expected=stated.get(name, "no such member"),
                    found=held.get(name, "no such member"),
                    hint="A member was changed after the file was written: ask for it again as it was handed out.",
                )

    def begin(self, file: bytes) -> None:
        """Whether there are anchors, and what is known about times."""
        if not self.given:
            self.unsettled(
                "registry.given",
                "NO_CERTIFICATE_CHAIN_FOUND",
                "no anchors were given, so nobody's key can be known",
                hint="Give the registry that you trust with --anchors FILE; the copy in the file is not believed.",
            )
        else:
            registry = self.registry
            self.passed(
                "registry.given",
                "anchors were given by the verifier",
                "registry" if registry is None else registry.fingerprint,
                () if registry is None else (registry.digest.hex(),),
            )
        self.existence = WithinFile(self.context.poe, file, (digest for digest, _ in self.objects), self.context.now)
        future = self.existence.from_the_future()
        if future is not None:
            self.unsettled(
                "existence.order",
                "TIMESTAMP_ORDER_FAILURE",
                "a proof of existence is of a later time than the one to judge at",
                future.digest.hex(),
                expected=f"not after {_text(self.context.now)}",
                found=_text(future.time),
                hint="Judge at a later time (--at), or leave that proof out.",
            )

    def compare_registry(self, copy: bytes | None) -> None:
        if copy is None or not self.given or self.registry is None:
            return
        own = self.registry.encode()
        digest = hashlib.sha256(copy).hexdigest()
        if copy == own:
            self.passed("registry.copy", "the file's copy of the registry is the one that was given", digest)
            return
        # Statements are lines that are only ever added to, so one state begins with another without its last line.
        mine, theirs = own.rpartition(b"\n]}")[0], copy.rpartition(b"\n]}")[0]
        hint = None
        if mine and theirs.startswith(mine + b",\n"):
            reason = "the file's copy of the registry has further statements, which are not believed here"
            hint = "Ask the registrar for the newest registry, and judge again with that."
        elif theirs and mine.startswith(theirs + b",\n"):
            reason = "the file's copy of the registry is older than the one that was given"
        else:
            reason = "the file's copy of the registry is another than the one that was given"
            hint = "Compare the fingerprints of both roots with the registrar, over another channel."
        self.skipped("registry.copy", reason, hint=hint, expected=self.registry.digest.hex(), found=digest)

    # ── credential ──────────────────────────────────────────────────────────────────────────────────────────────

    def read_credential(self, data: bytes, *, canonical: bool) -> Credential | None:
        """The credential where its form holds. Alone it may be spelt in any way, in a dossier only in one."""
        found = credentials.examine(data, self.context.limits, canonical=canonical)
        credential = found.credential
        if credential is None:
            for check in found.checks:
                self.add(check)
                self.of_the_file.append(check.id)
            return None
        binding = credential.binding
        self.about = About(
            record=type(credential.record).__name__,
            subjects=records.subjects_of(credential.record),
            issuer=credential.issuer,
            record_key=binding.record_key.hex(),
            revision=binding.revision,
            network=binding.network.hex(),
            withdrawn=binding.withdrawn,
        )
        return credential

    def issued(self, credential: Credential | None) -> Finding:
        """The claim that the office issued the credential: its own word, under a key that the registry knows."""
        assert self.existence is not None
        if credential is None:
            names = [name for name in self.standing if name in credentials.CHECKS]
            return Finding(Claim.ISSUED, self.worst(names)[0], None, checks=tuple(names))
        proof = self.existence.earliest(credential.digest)
        names = ["network.office", "policy.algorithm"]
        for check in credentials.check(credential, self.anchors, self.context.now, proof):
            self.add(self.for_want_of_anchors(check))
            names.append(check.id)
        self.office(credential)
        self.algorithm(credential, proof)
        outcome, _ = self.worst(names)
        return Finding(
            Claim.ISSUED,
            outcome,
            Basis.ATTESTED,
            Quorum(1 if outcome == "passed" else 0, 1, (credential.issuer,)),
            credential.valid_from,
            tuple(names),
            "the time is the issuer's word",
        )

    def for_want_of_anchors(self, check: Check) -> Check:
        """The check, which where no anchors were given is open for that reason alone."""
        if self.given or check.sub_indication != "NO_CERTIFICATE_CHAIN_FOUND":
            return check
        return msgspec.structs.replace(check, parent="registry.given")

    def algorithm(self, credential: Credential, proof: Proof | None) -> None:
        """Whether the policy relies on the credential's cryptosuite, at the time that counts."""
        suite = credential.cryptosuite
        found = next((one for one in self.policy.algorithms if one.name == suite), None)
        when = self.context.now if proof is None else proof.time
        if found is not None and (found.until is None or when <= found.until):
            self.passed("policy.algorithm", f"the policy relies on {suite}", suite)
            return
        self.unsettled(
            "policy.algorithm",
            "CRYPTO_CONSTRAINTS_FAILURE" if found is None or proof is not None else "CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
            f"the policy does not rely on {suite}" + ("" if found is None else " at the time that counts"),
            suite,
            expected=", ".join(one.name for one in self.policy.algorithms)
            if found is None or found.until is None
            else f"not after {_text(found.until)}",
            at=_why(proof, self.context.now),
            hint="A proof that the credential existed while the suite was relied on would settle it."
            if found is not None
            else "Judge by a policy that relies on this suite, or ask for a credential of another.",
        )

    def office(self, credential: Credential) -> None:
        """Whether the issuer speaks for the office whose network the record stands on."""
        networks = self.anchors.all("network", credential.binding.network.hex())
        keys = self.anchors.all("issuer", credential.issuer)
        if not networks or not keys:
            self.skipped(
                "network.office",
                "the anchors do not know the network or the issuer, so their offices cannot be compared",
                "registry.given" if not self.given else None,
            )
            return
        office = networks[-1].material.get("office")
        codes = sorted({code for key in keys for code in key.material.get("codes", (key.material.get("office"),))})
        if office in codes:
            self.passed("network.office", f"the issuer speaks for {office}, whose network it is", credential.issuer)
        else:
            self.unsettled(
                "network.office",
                "CHAIN_CONSTRAINTS_FAILURE",
                "the issuer speaks for another office than the one whose network it is",
                credential.issuer,
                expected=str(office),
                found=", ".join(map(str, codes)),
                hint="An office vouches for its own network alone: ask that office for the record.",
            )

    # ── what the credential binds ───────────────────────────────────────────────────────────────────────────────

    def evidence(self, data: bytes) -> Evidence | None:
        try:
            evidence = read_evidence(data, self.context.limits)
        except InputError as error:
            self.failed(
                "evidence.form", "FORMAT_FAILURE", f"{error.code}: {error.detail}", "evidence.cbor",
                found=error.where, hint=error.hint,
            )  # fmt: skip
            return None
        self.passed("evidence.form", "the evidence has the form of evidence", "evidence.cbor")
        return evidence

    def bindings(self, credential: Credential, dossier: Dossier, evidence: Evidence | None) -> None:
        binding = credential.binding
        for name, bound, content, label, what in (
            ("binding.native", binding.native_digest, dossier.native, "native", "the native record"),
            ("binding.evidence", binding.evidence_digest, dossier.evidence, "evidence.cbor", "the evidence"),
            ("binding.losses", binding.losses_digest, dossier.losses, "losses.json", "the loss report"),
        ):
            digest = hashlib.sha256(content).digest()
            if digest == bound:
                self.passed(name, f"{what} is the one that the credential binds", label, (digest.hex(),))
            else:
                self.other(name, what, label, bound.hex(), digest.hex())
        if evidence is None:
            return
        if evidence.type == binding.evidence_type:
            self.passed("binding.type", f"the evidence is of the type {evidence.type}", "evidence.cbor")
        else:
            self.other(
                "binding.type", "the type of the evidence", "evidence.cbor", binding.evidence_type, evidence.type
            )
        if evidence.network == binding.network:
            self.passed("binding.network", "the evidence is of the network that the credential names", "evidence.cbor")
        else:
            self.other(
                "binding.network",
                "the network of the evidence",
                "evidence.cbor",
                binding.network.hex(),
                evidence.network.hex(),
            )

    def other(self, name: str, what: str, label: str, expected: str, found: str) -> None:
        self.failed(
            name,
            "HASH_FAILURE",
            f"{what} is another than the one that the credential binds",
            label,
            expected=expected,
            found=found,
            hint="Parts of two files were mixed, or one was changed: ask for the file again as it was handed out.",
        )

    # ── the mapping, run again ──────────────────────────────────────────────────────────────────────────────────

    def translate(
        self, credential: Credential, native: NativeRecord, losses: bytes, library: MappingLibrary
    ) -> Translation | None:
        name, version, digest = credential.binding.mapping
        label = f"{name} {version}"
        mapping = library.by_digest(digest)
        if mapping is None:
            self.unsettled(
                "translation.mapping",
                "GENERIC",
                f"this release does not have the mapping {label} of that digest",
                label,
                expected=digest.hex(),
                hint="Verify with a newer release, or with one that ships this mapping.",
            )
            return None
        self.passed("translation.mapping", f"this release has the mapping {label}", label, (digest.hex(),))
        if mapping.format != native.format:
            self.failed(
                "translation.format",
                "HASH_FAILURE",
                "the mapping is for another format than the native record's",
                label,
                expected=native.format,
                found=mapping.format,
                hint="The credential contradicts itself: tell its issuer.",
            )
            return None
        self.passed("translation.format", f"the mapping is for the format {native.format}", label)
        try:
            translation = mapping.to_common(native)
        except GatewayError as error:
            self.failed(
                "translation.run",
                "HASH_FAILURE",
                f"the mapping does not take the native record: {error.code}: {error.detail}",
                label,
                found=error.where,
                hint="The record in the credential cannot have come from these bytes: tell its issuer.",
            )
            return None
        except Exception as error:  # noqa: BLE001  # a fault of the program must not end the verification of the rest
            self.failed(
                "translation.run", "GENERIC", f"the mapping broke down: {type(error).__name__}", label, hint=_BROKE_DOWN
            )
            return None
        self.passed("translation.run", f"the mapping gives {len(translation.records)} records", label)
        made = losses_document(translation.losses)
        if made == losses:
            self.passed("translation.losses", "the mapping gives the loss report", "losses.json")
        else:
            self.failed(
                "translation.losses",
                "HASH_FAILURE",
                "the mapping gives another loss report",
                "losses.json",
                expected=hashlib.sha256(made).hexdigest(),
                found=hashlib.sha256(losses).hexdigest(),
                hint="What was lost is other than the file says: tell the issuer.",
            )
        return translation

    def place(self, credential: Credential, report: Report | None, translation: Translation | None) -> None:
        """The record key, computed again from the place that the evidence proves, and the record that has it.

        The key holds the record's index among those that one native record gives. The credential does not state the
        index, so it is found: first among the records that are equal, then among all.
        """
        some = () if translation is None else translation.records
        equal = [one.index for one in some if one.record == credential.record]
        others = [one.index for one in some if one.record != credential.record]
        if translation is None:
            names = ("translation.mapping", "translation.format", "translation.run")
            parent = next((name for name in names if name in self.standing and not self.holds(name)), None)
            self.skipped("translation.record", "the mapping was not run", parent)
            others = list(range(_INDICES))
        at = self.index(credential, report, (*equal, *others))
        if translation is None:
            return
        if equal and (at is None or at in equal):
            self.passed("translation.record", "the mapping gives the credential's record", "credential.json")
        else:
            self.failed(
                "translation.record",
                "HASH_FAILURE",
                "the mapping does not give the credential's record",
                "credential.json",
                hint="The record in the credential is not what the native record says: tell its issuer.",
            )

    def index(self, credential: Credential, report: Report | None, indices: Sequence[int]) -> int | None:
        """The index under which the place proven has the credential's record key, or None; the check is added."""
        name = "binding.record-key"
        if report is None or report.source is None or report.locus is None:
            parents = ("evidence.form", "evidence.shared", "evidence.verifier", "evidence.report")
            parent = next((one for one in parents if one in self.standing and not self.holds(one)), None)
            if report is None or not any(finding.outcome == "passed" for finding in report.findings):
                self.skipped(name, "no place is proven", parent)
            else:
                self.unsettled(
                    name,
                    "GENERIC",
                    "the verifier does not tell which place it proved",
                    hint="Install a newer release of the adapter that brings this type of evidence.",
                )
            return None
        network, key = credential.binding.network, credential.binding.record_key
        for index in indices:
            if record_key(Digest(network), report.source, report.locus, index) == key:
                self.passed(name, f"it is the key of record {index} of the place that is proven", key.hex())
                return index
        binding = credential.binding
        if binding.withdrawn and binding.revision > 1:
            # A withdrawal may rest on the entry that withdraws, which stands elsewhere than what it makes void.
            self.skipped(
                name,
                "the place proven may be that of the entry that withdraws; the record is named by the office alone",
            )
            return None
        self.failed(
            name,
            "HASH_FAILURE",
            "the credential's record key is not that of the place which the evidence proves",
            "credential.json",
            expected=record_key(Digest(network), report.source, report.locus, indices[0] if indices else 0).hex(),
            found=key.hex(),
            hint="The credential claims the place of another record: tell its issuer.",
        )
        return None

    def translated(self, credential: Credential, findings: Sequence[Finding]) -> Finding:
        """The claim that the credential's record is what the mapping makes of the native record.

        It is computed here, on nobody's word; it rests on what the native record rests on.
        """
        names = tuple(name for name in _TRANSLATED if name in self.standing)
        outcome, _ = self.worst(names)
        if outcome == "passed" and not self.holds("translation.record"):
            outcome = "indeterminate"
        name, version, _ = credential.binding.mapping
        ground = next((one for one in findings if one.claim is Claim.RECORDED and one.outcome == "passed"), None)
        return Finding(
            Claim.TRANSLATED,
            outcome,
            None if ground is None else ground.basis,
            None if ground is None else ground.quorum,
            None,
            names,
            f"computed again with {name} {version}",
        )

    # ── evidence ────────────────────────────────────────────────────────────────────────────────────────────────

    def report(
        self,
        dossier: Dossier,
        native: NativeRecord,
        evidence: Evidence,
        verifiers: Mapping[str, Verifier],
        watched: _Watched,
    ) -> Report | None:
        """What the verifier of this type of evidence finds, once all that it needs is there."""
        assert self.existence is not None
        at_hand: dict[bytes, bytes] = {}
        for folder in (self.context.shared, dossier.trust, dossier.shared):
            at_hand.update(
                (digest, content) for digest, content in folder.items() if hashlib.sha256(content).digest() == digest
            )
        missing = [digest for digest in evidence.shared if digest not in at_hand]
        if missing:
            self.unsettled(
                "evidence.shared",
                "SIGNED_DATA_NOT_FOUND",
                f"{len(missing)} of {len(evidence.shared)} objects that the evidence shares with its block are missing",
                missing[0].hex(),
                parent=None if self.holds("digest.names") else "digest.names",
                hint="Ask the office for the whole file.",
            )
            return None
        self.passed("evidence.shared", f"all {len(evidence.shared)} objects that the evidence names are here")
        if evidence.type not in verifiers:
            self.unsettled(
                "evidence.verifier",
                "GENERIC",
                f"this release has no verifier for evidence of the type {evidence.type!r}",
                "evidence.cbor",
                hint="Verify with a newer release, or install the adapter that brings this type.",
            )
            return None
        context = VerificationContext(self.context.now, watched, self.existence, at_hand, self.context.limits)
        try:
            verifier = verifiers[evidence.type]
        except GatewayError as error:
            self.unsettled(
                "evidence.verifier", "GENERIC", f"{error.code}: {error.detail}", "evidence.cbor", hint=error.hint
            )
            return None
        self.passed("evidence.verifier", f"this release has a verifier for {evidence.type}", "evidence.cbor")
        try:
            report = verifier.verify(native, evidence, context)
        except Exception as error:  # noqa: BLE001  # a plugin's fault must give a verdict, never a traceback
            self.failed(
                "evidence.report", "GENERIC", f"the verifier broke down: {type(error).__name__}", "evidence.cbor",
                hint=_BROKE_DOWN,
            )  # fmt: skip
            return None
        wrong = _ill_formed(report)
        if wrong is not None:
            self.failed(
                "evidence.report", "GENERIC", f"the verifier's report: {wrong}", "evidence.cbor", hint=_BROKE_DOWN
            )
            return None
        self.passed("evidence.report", "the verifier came to an end and reported in due form", "evidence.cbor")
        for check in report.checks:
            if check.hint is None and check.outcome in ("failed", "indeterminate"):
                check = msgspec.structs.replace(check, hint=_CURES.get(check.sub_indication or "", _CURE))
            self.add(self.for_want_of_anchors(check))
        return report

    def of_evidence(
        self,
        report: Report | None,
        used: Sequence[Segment],
        evidence: Evidence | None,
        issued: Finding,
    ) -> list[Finding]:
        """The claims that rest on the evidence, held against what the registry asks of the network."""
        if report is None:
            names = tuple(name for name in _NETWORK if name in self.standing)
            outcome, _ = self.worst(names)
            if outcome == "passed":
                outcome = "indeterminate"
            return [Finding(claim, outcome, None, checks=names) for claim in (Claim.RECORDED, Claim.VALID)]
        assert evidence is not None
        below = self.segments(report, used, evidence)
        # A failure that the verifier counts towards no claim of its own counts towards all.
        told = {name for finding in report.findings for name in finding.checks}
        untold = tuple(check.id for check in report.checks if check.outcome == "failed" and check.id not in told)
        around = tuple(name for name in _NETWORK if name in self.standing and name != "network.basis")
        made: list[Finding] = []
        for finding in report.findings:
            names = tuple(dict.fromkeys((*around, *finding.checks, *untold)))
            if finding.claim in below or self.holds("network.basis"):
                names = (*names, "network.basis")
            parts = [self.worst(names), (finding.outcome, None)]
            quorum, note = finding.quorum, finding.note
            if finding.basis is Basis.ATTESTED:
                # The office's word alone: it is worth what the credential is worth.
                names = (*names, *(name for name in issued.checks if name not in names))
                parts.append((issued.outcome, None))
                quorum = issued.quorum
            outcome = min((part[0] for part in parts), key=_rank)
            made.append(Finding(finding.claim, outcome, finding.basis, quorum, finding.time, names, note))
        return made

    def segments(self, report: Report, used: Sequence[Segment], evidence: Evidence) -> set[Claim]:
        """Whether the verifier went by an anchor, whether that was in force, and whether no less was offered.

        Gives the claims that rest on less than the anchors ask for.
        """
        passed = [finding for finding in report.findings if finding.outcome == "passed"]
        subject = evidence.network.hex()
        segments = list(dict.fromkeys(one.statement for one in used))
        if not used:
            if passed:
                self.unsettled(
                    "network.segment",
                    "NO_CERTIFICATE_CHAIN_FOUND",
                    "the verifier went by no anchor of the network",
                    subject,
                    hint="Give a registry that states what is believed of this network.",
                )
            else:
                self.skipped(
                    "network.segment", "the verifier went by no anchor of the network, and found nothing to hold"
                )
            return set()
        inputs = tuple(statement.hex() for statement in segments if statement)
        self.passed("network.segment", "the verifier went by an anchor of the network", subject, inputs)
        assert self.existence is not None
        proof = self.existence.earliest(evidence.digest)
        for segment in used:
            sub = _out_of_force(segment, proof, self.context.now)
            if sub is not None:
                self.unsettled(
                    "network.standing",
                    sub,
                    "the network's anchor was not in force at the time that counts"
                    if sub == "OUT_OF_BOUNDS_NO_POE"
                    else f"the network's anchor was {segment.ended}, and nothing proves that the record is from before",
                    subject,
                    expected=_interval(segment),
                    found=_text(self.context.now if proof is None else proof.time),
                    at=_why(proof, self.context.now),
                    hint="A proof that the file existed while the anchor was in force would settle it.",
                )
                break
        else:
            self.passed(
                "network.standing",
                "the anchor is in force at the time that counts",
                subject,
                inputs,
                _why(proof, self.context.now),
            )
        least = max((one.basis for one in used if one.basis is not None), key=list(Basis).index, default=None)
        below: set[Claim] = set()
        for finding in passed:
            if least is not None and (finding.basis is None or not finding.basis.at_least(least)):
                below.add(finding.claim)
                self.unsettled(
                    "network.basis",
                    "SIG_CONSTRAINTS_FAILURE",
                    f"`{finding.claim.value}` rests on less than the registry asks of the network",
                    finding.claim.value,
                    expected=least.value,
                    found="nothing" if finding.basis is None else finding.basis.value,
                    hint="Ask the office for evidence of the kind that its registry entry promises.",
                )
        if "network.basis" not in self.standing:
            what = "nothing" if least is None else least.value
            self.passed("network.basis", f"what the registry asks of the network, {what}, is offered", subject)
        return below

    # ── the outcome ─────────────────────────────────────────────────────────────────────────────────────────────

    def conclude(self, file: bytes, findings: list[Finding] | None) -> Verdict:
        """The verdict. `findings` is None where the file could not even be opened."""
        assert self.existence is not None
        credential = next((digest for digest, label in self.objects if label == "credential.json"), file)
        proof = self.existence.earliest(credential)
        parts: list[tuple[CheckOutcome, str | None]] = []
        if findings is not None:
            findings = self.with_existence(findings, proof)
            parts = self.asked(findings)
        parts.append(self.worst(self.of_the_file))
        indication, sub = combine(parts)
        registry = self.registry if self.given else None
        return Verdict(
            indication=indication,
            sub_indication=sub,
            claims=tuple(findings or ()),
            checks=tuple(self.checks),
            now=self.context.now,
            policy=PolicyName(self.policy.id, self.policy.digest.hex()),
            anchors=Anchors(self.given)
            if registry is None
            else Anchors(True, registry.digest.hex(), registry.fingerprint, registry.newest),
            dossier=file.hex(),
            release=release(),
            about=self.about,
            best_time=None if proof is None else proof.time,
            objects=tuple(Object(digest.hex(), label, self.known(digest)) for digest, label in self.objects),
        )

    def known(self, digest: bytes) -> Existence | None:
        assert self.existence is not None
        proof = self.existence.earliest(digest)
        return None if proof is None else Existence(proof.time, proof.kind, proof.check)

    def with_existence(self, findings: list[Finding], proof: Proof | None) -> list[Finding]:
        """The claim `existed_by`: what the evidence proved, else the proof of existence that the verifier holds."""
        if proof is None or any(one.claim is Claim.EXISTED_BY and one.outcome == "passed" for one in findings):
            return findings
        recorded = next((one.time for one in findings if one.claim is Claim.RECORDED and one.outcome == "passed"), None)
        if recorded is not None and proof.time + timedelta(seconds=proof.accuracy) + credentials.LEEWAY < recorded:
            self.unsettled(
                "existence.order",
                "TIMESTAMP_ORDER_FAILURE",
                "a proof of existence is of an earlier time than the block that the record stands in",
                proof.digest.hex(),
                expected=f"not before {_text(recorded)}",
                found=_text(proof.time),
                hint="One of the two times is wrong: ask whoever gave the proof, and the office.",
            )
        elif "existence.order" not in self.standing:
            self.passed(
                "existence.order", "the proof of existence is of a possible time", at=_why(proof, self.context.now)
            )
        basis = _BASIS_OF_PROOF[proof.kind]
        claim = Finding(
            Claim.EXISTED_BY,
            self.standing["existence.order"][0],
            basis,
            Quorum(1, 1),
            proof.time,
            ("existence.order",),
            f"proven by {proof.check}",
        )
        return [one for one in findings if one.claim is not Claim.EXISTED_BY] + [claim]

    def asked(self, findings: Sequence[Finding]) -> list[tuple[CheckOutcome, str | None]]:
        """The claims that the policy asks for, as parts of the outcome; its own checks are added here."""
        if not self.policy.claims:
            self.unsettled(
                "policy.claims",
                "GENERIC",
                f"the policy `{self.policy.id}` asks for nothing, so nothing can pass",
                self.policy.id,
                hint="Judge with --policy office or --policy court for an answer.",
            )
            return [("indeterminate", "GENERIC")]
        parts: list[tuple[CheckOutcome, str | None]] = []
        self.passed("policy.claims", f"the policy asks for {len(self.policy.claims)} claims", self.policy.id)
        for requirement in self.policy.claims:
            name = requirement.claim.value
            finding = next((one for one in findings if one.claim is requirement.claim), None)
            if finding is None or finding.outcome == "skipped":
                sub = "NO_POE" if requirement.claim is Claim.EXISTED_BY else "SIGNED_DATA_NOT_FOUND"
                self.unsettled(
                    "policy.asked",
                    sub,
                    f"the policy asks for `{name}`, and nothing in the file shows it",
                    name,
                    hint="Ask the office for a file that carries the proof."
                    if sub == "SIGNED_DATA_NOT_FOUND"
                    else "Ask the office for a file that carries a timestamp.",
                )
                parts.append(("indeterminate", sub))
                continue
            if finding.outcome != "passed":
                outcome, sub_ = self.worst(finding.checks)
                parts.append((finding.outcome, sub_ if _rank(outcome) <= _rank(finding.outcome) else None))
                continue
            self.passed("policy.asked", f"`{name}` was looked at", name)
            parts.append(self.basis_enough(requirement, finding))
            if requirement.signed > 1 or finding.quorum is not None:
                parts.append(self.quorum_enough(requirement, finding))
        return parts

    def basis_enough(self, requirement: Requirement, finding: Finding) -> tuple[CheckOutcome, str | None]:
        name = finding.claim.value
        basis = finding.basis
        if basis is None:
            reason = f"`{name}` rests on what `recorded` rests on, and that is not shown"
            self.add(Check("policy.basis", "skipped", reason, name))
            return ("passed", None) if requirement.basis is Basis.ATTESTED else ("indeterminate", "GENERIC")
        if basis.at_least(requirement.basis):
            self.passed("policy.basis", f"`{name}` rests on {basis.value}, {requirement.basis.value} would do", name)
            return "passed", None
        self.unsettled(
            "policy.basis",
            "SIG_CONSTRAINTS_FAILURE",
            f"`{name}` rests on less than the policy asks for",
            name,
            expected=requirement.basis.value,
            found=basis.value,
            hint="This file cannot show more; --policy office asks for what the registry asks of the network.",
        )
        return "indeterminate", "SIG_CONSTRAINTS_FAILURE"

    def quorum_enough(self, requirement: Requirement, finding: Finding) -> tuple[CheckOutcome, str | None]:
        name = finding.claim.value
        signed = 0 if finding.quorum is None else finding.quorum.signed
        if signed >= requirement.signed:
            self.passed("policy.quorum", f"`{name}`: {signed} signed, {requirement.signed} would do", name)
            return "passed", None
        self.unsettled(
            "policy.quorum",
            "SIG_CONSTRAINTS_FAILURE",
            f"fewer stand behind `{name}` than the policy asks for",
            name,
            expected=str(requirement.signed),
            found=str(signed),
            hint="This file cannot show more.",
        )
        return "indeterminate", "SIG_CONSTRAINTS_FAILURE"


# ── rules in few words ──────────────────────────────────────────────────────────────────────────────────────────────


def _rank(outcome: CheckOutcome) -> int:
    return _RANKS[outcome]


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _why(proof: Proof | None, now: datetime) -> str:
    """The time that counts, and why that one."""
    if proof is None:
        return f"{_text(now)}: the time to judge at, for no earlier existence is proven"
    return f"{_text(proof.time)}: its existence by then is proven ({proof.check})"


def _interval(segment: Segment) -> str:
    return f"{_text(segment.since)} to {'now' if segment.until is None else _text(segment.until)}"


def _out_of_force(segment: Segment, proof: Proof | None, now: datetime) -> str | None:
    """Why a segment does not count: in force now, or proven to have been used while it was; else the sub-indication."""
    if segment.ended == "open" and _covers(segment, now):
        return None
    if proof is not None and _covers(segment, proof.time):
        return None
    return "REVOKED_NO_POE" if segment.ended in ("revoked", "compromised") else "OUT_OF_BOUNDS_NO_POE"


def _covers(segment: Segment, when: datetime) -> bool:
    return segment.since <= when and (segment.until is None or when <= segment.until)


def _ill_formed(report: Any) -> str | None:
    """What is wrong with a report that a verifier gave; None where it has its form. Verifiers are plugins."""
    if not isinstance(report, Report):
        return "it is none"
    ids = {check.id for check in report.checks}
    taken = next((name for name in sorted(ids) if name in CHECKS or name.startswith("credential.")), None)
    if taken is not None:
        return f"it has a check {taken!r}, which is not of evidence"
    claims = [finding.claim for finding in report.findings]
    if len(set(claims)) != len(claims) or not {Claim.RECORDED, Claim.VALID} <= set(claims) <= _OF_EVIDENCE:
        return "it does not tell of recorded and valid, each once, and of nothing that is not evidence's to tell"
    if any(not finding.checks or not set(finding.checks) <= ids for finding in report.findings):
        return "a finding names no check, or one that was not made"
    return None
