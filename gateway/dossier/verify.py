"""One pure call: a file, what the verifier believes, what the policy asks, and out comes a verdict.

    container → digests → registry → existence → credential → binding → evidence → mapping run again → combine

No clock, no network, no globals. The file brings proofs, the verifier brings roots: what the file says about itself is
material, never an anchor. Nothing here raises because of what a file holds; `verify_file` alone does, where the bytes
are neither a dossier nor a credential.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
import orjson

from gateway.dossier import container, proven, translated
from gateway.dossier import dossier as files
from gateway.dossier.anchors import NO_ANCHORS, Believed, Watched, text_of, why
from gateway.dossier.asked import algorithm, asked
from gateway.dossier.checks import CHECKS
from gateway.dossier.dossier import Dossier, Opened
from gateway.dossier.evidence import read_evidence
from gateway.dossier.existence import NOTHING_PROVEN, WithinFile
from gateway.dossier.policy import Policy
from gateway.dossier.tally import Standing, Tally
from gateway.dossier.verdict import About, Anchors, Existence, Object, PolicyName, Verdict, combine, release
from gateway.errors import InputError, fault
from gateway.mapping import MappingLibrary
from gateway.model import records
from gateway.spi import (
    Basis,
    Check,
    Claim,
    Evidence,
    Finding,
    NativeRecord,
    Proof,
    Quorum,
    VerificationContext,
    Verifier,
)
from gateway.trust import credential as credentials
from gateway.trust.credential import Credential

__all__ = ["NO_ANCHORS", "verify", "verify_credential", "verify_file"]

NEITHER = fault(
    "verify.unrecognised",
    "The file is neither a dossier nor a credential.",
    "Give the file as it was handed out: a dossier (.dossier) or a credential (.json).",
)

_FILE: Final = tuple(kind.id for kind in CHECKS.values() if "file" in kind.bears)
_PROVEN_CLAIMS: Final = (Claim.RECORDED, Claim.VALID, Claim.TRANSLATED)
_BASIS_OF_PROOF: Final = {
    "timestamp": Basis.AUTHORITY,
    "cosigned": Basis.AUTHORITY,
    "consensus": Basis.CONSENSUS,
    "received": Basis.ATTESTED,
    "given": Basis.ATTESTED,
}


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
    return _Run(context, policy).dossier(files.put_together(dossier), verifiers, library)


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
            opened = files.opened(data, context.limits)
        except InputError as error:
            return _Run(context, policy).unreadable(data, error)
        return _Run(context, policy).dossier(opened, verifiers, library)
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
    """One verification, stage by stage, and what was found out on the way."""

    def __init__(self, context: VerificationContext, policy: Policy) -> None:
        self.context: Final = context
        self.policy: Final = policy
        self.tally: Final = Tally()
        self.believed: Final = Believed(context.anchors)
        self.about: About | None = None
        self.of_the_file: tuple[str, ...] = _FILE
        self.objects: list[tuple[bytes, str]] = []
        self.existence: WithinFile | None = None
        """None where nothing is known about times."""

    # ── the three kinds of input ────────────────────────────────────────────────────────────────────────────────

    def unreadable(self, data: bytes, error: InputError) -> Verdict:
        """The verdict about a file that says it is a dossier and cannot be read as one."""
        more = {"hint": error.hint, "found": error.where}
        if error.fault is files.NEWER:
            self.tally.unsettled(error.code, "GENERIC", error.detail, "manifest.json", **more)
        else:
            self.tally.failed(error.code, "FORMAT_FAILURE", error.detail, "file", **more)
        file = hashlib.sha256(data).digest()
        self.objects.append((file, "file"))
        self.believed.check(self.tally)
        self.times(file)
        return self.conclude(file, file, None)

    def credential(self, data: bytes) -> Verdict:
        digest = hashlib.sha256(data).digest()
        self.objects.append((digest, "credential.json"))
        self.believed.check(self.tally)
        self.times(digest)
        issued = self.issued(self.read_credential(data, canonical=False))
        note = "a credential alone does not show it; the dossier does"
        alone = [Finding(claim, "skipped", None, note=note) for claim in _PROVEN_CLAIMS]
        return self.conclude(digest, digest, [*alone, issued])

    def dossier(self, opened: Opened, verifiers: Mapping[str, Verifier], library: MappingLibrary) -> Verdict:
        tally = self.tally
        dossier, manifest, digests, file = opened
        tally.passed("container.form", "the file is the one byte form of its content", "file")
        self.objects = [(file, "file"), *[(bytes.fromhex(digest), name) for name, digest in digests.items()]]
        _digests(tally, manifest, digests)
        self.believed.check(tally)
        self.times(file)
        self.believed.compare(tally, dossier.registry, digests.get("registry.json", ""))
        sealed = bytes.fromhex(digests["credential.json"])

        credential = self.read_credential(dossier.credential, canonical=True)
        issued = self.issued(credential)
        evidence = self.evidence(dossier.evidence)
        if credential is None:
            return self.conclude(file, sealed, [*self.nothing_bound(), issued])
        native = NativeRecord(credential.binding.native_format, dossier.native)
        translated.bindings(tally, credential, evidence, digests)
        watched, report = Watched(self.context.anchors), None
        if evidence is not None:
            context = msgspec.structs.replace(
                self.context, anchors=watched, poe=NOTHING_PROVEN if self.existence is None else self.existence
            )
            at_hand = _at_hand(self.context, dossier, digests)
            context = msgspec.structs.replace(context, shared=at_hand)
            report = proven.report_of(tally, native, evidence, verifiers, context, self.for_want_of_anchors)
        translation = translated.translate(tally, credential, native, dossier.losses, library, self.believed.registry)
        translated.place(tally, credential, report, translation)
        if report is None or evidence is None:
            findings = proven.claims_without_report(tally)
        else:
            proof = self.known(bytes.fromhex(digests["evidence.cbor"]))
            findings = proven.claims(tally, report, watched, evidence, proof, self.context, issued)
        findings.append(translated.claim(tally, credential, findings))
        return self.conclude(file, sealed, [*findings, issued])

    # ── times ───────────────────────────────────────────────────────────────────────────────────────────────────

    def times(self, file: bytes) -> None:
        """What is known about times, before anything is judged by it."""
        given = self.context.poe
        if given is NOTHING_PROVEN:
            return
        self.existence = WithinFile(given, file, [digest for digest, _ in self.objects], self.context.now)
        future = self.existence.from_the_future()
        if future is not None:
            self.tally.unsettled(
                "existence.order",
                "TIMESTAMP_ORDER_FAILURE",
                "a proof of existence is of a later time than the one to judge at",
                future.digest.hex(),
                expected=f"not after {text_of(self.context.now)}",
                found=text_of(future.time),
                hint="Judge at a later time (--at), or leave that proof out.",
            )

    def known(self, digest: bytes) -> Proof | None:
        return None if self.existence is None else self.existence.earliest(digest)

    # ── the credential ──────────────────────────────────────────────────────────────────────────────────────────

    def read_credential(self, data: bytes, *, canonical: bool) -> Credential | None:
        """The credential where its form holds. Alone it may be spelt in any way, in a dossier only in one."""
        found = credentials.examine(data, self.context.limits, canonical=canonical)
        credential = found.credential
        if credential is None:
            self.tally.add_all(found.checks)
            self.of_the_file = (*_FILE, *(check.id for check in found.checks))
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
        tally = self.tally
        if credential is None:
            names = tally.among(credentials.CHECKS)
            return Finding(Claim.ISSUED, tally.worst(names)[0], None, checks=names)
        proof = self.known(credential.digest)
        names = ("network.office", "policy.algorithm")
        checks = credentials.check(credential, self.context.anchors, self.context.now, proof)
        tally.add_all([self.for_want_of_anchors(check) for check in checks])
        names = (*names, *[check.id for check in checks])
        self.office(credential)
        algorithm(tally, self.policy, credential, proof, self.context)
        outcome = tally.worst(names)[0]
        quorum = Quorum(1 if outcome == "passed" else 0, 1, (credential.issuer,))
        note = "the time is the issuer's word"
        return Finding(Claim.ISSUED, outcome, Basis.ATTESTED, quorum, credential.valid_from, names, note)

    def nothing_bound(self) -> list[Finding]:
        """Without a credential that can be read nothing says which record, network and mapping these are."""
        names = self.tally.among(credentials.CHECKS)
        outcome = self.tally.worst(names)[0]
        return [Finding(claim, outcome, None, checks=names) for claim in _PROVEN_CLAIMS]

    def for_want_of_anchors(self, check: Check) -> Check:
        """The check, which where no anchors were given is open for that reason alone."""
        if self.believed.given or check.sub_indication != "NO_CERTIFICATE_CHAIN_FOUND":
            return check
        return msgspec.structs.replace(check, parent="registry.given")

    def office(self, credential: Credential) -> None:
        """Whether the issuer speaks for the office whose network the record stands on."""
        name, anchors = "network.office", self.context.anchors
        networks = anchors.all("network", credential.binding.network.hex())
        keys = anchors.all("issuer", credential.issuer)
        if not networks or not keys:
            self.tally.skipped(
                name,
                "the anchors do not know the network or the issuer, so their offices cannot be compared",
                parent=None if self.believed.given else "registry.given",
            )
            return
        office = networks[-1].material.get("office")
        codes = {code for key in keys for code in key.material.get("codes", (key.material.get("office"),))}
        if office in codes:
            self.tally.passed(name, f"the issuer speaks for {office}, whose network it is", credential.issuer)
        else:
            self.tally.unsettled(
                name,
                "CHAIN_CONSTRAINTS_FAILURE",
                "the issuer speaks for another office than the one whose network it is",
                credential.issuer,
                expected=str(office),
                found=", ".join(sorted(map(str, codes))),
                hint="An office vouches for its own network alone: ask that office for the record.",
            )

    def evidence(self, data: bytes) -> Evidence | None:
        name, label = "evidence.form", "evidence.cbor"
        try:
            evidence = read_evidence(data, self.context.limits)
        except InputError as error:
            reason = f"{error.code}: {error.detail}"
            self.tally.failed(name, "FORMAT_FAILURE", reason, label, found=error.where, hint=error.hint)
            return None
        self.tally.passed(name, "the evidence has the form of evidence", label)
        return evidence

    # ── the outcome ─────────────────────────────────────────────────────────────────────────────────────────────

    def conclude(self, file: bytes, sealed: bytes, findings: Sequence[Finding] | None) -> Verdict:
        """The verdict. `findings` is None where the file could not even be opened; `sealed` is what existence is of."""
        tally, proof = self.tally, self.known(sealed)
        parts: list[Standing] = []
        if findings is not None:
            findings = self.with_existence(findings, proof)
            parts = asked(tally, self.policy, findings)
        parts.append(tally.worst(self.of_the_file))
        indication, sub = combine(parts)
        believed, registry = self.believed, self.believed.registry
        anchors = Anchors(believed.given)
        if registry is not None:
            anchors = Anchors(True, believed.digest, registry.fingerprint, registry.newest)
        return Verdict(
            indication=indication,
            sub_indication=sub,
            claims=tuple(findings or ()),
            checks=tuple(tally.checks),
            now=self.context.now,
            policy=PolicyName(self.policy.id, self.policy.digest.hex()),
            anchors=anchors,
            dossier=file.hex(),
            release=release(),
            about=self.about,
            best_time=None if proof is None else proof.time,
            objects=tuple([Object(digest.hex(), label, self.exists(digest)) for digest, label in self.objects]),
        )

    def exists(self, digest: bytes) -> Existence | None:
        proof = self.known(digest)
        return None if proof is None else Existence(proof.time, proof.kind, proof.check)

    def with_existence(self, findings: Sequence[Finding], proof: Proof | None) -> Sequence[Finding]:
        """The claim `existed_by`: what the evidence proved, else the proof of existence that the verifier holds."""
        if proof is None or any(one.claim is Claim.EXISTED_BY and one.outcome == "passed" for one in findings):
            return findings
        name = "existence.order"
        recorded = next((one.time for one in findings if one.claim is Claim.RECORDED and one.outcome == "passed"), None)
        if recorded is not None and proof.time + timedelta(seconds=proof.accuracy) + credentials.LEEWAY < recorded:
            self.tally.unsettled(
                name,
                "TIMESTAMP_ORDER_FAILURE",
                "a proof of existence is of an earlier time than the block that the record stands in",
                proof.digest.hex(),
                expected=f"not before {text_of(recorded)}",
                found=text_of(proof.time),
                hint="One of the two times is wrong: ask whoever gave the proof, and the office.",
            )
        elif not self.tally.made(name):
            self.tally.passed(name, "the proof of existence is of a possible time", at=why(proof, self.context.now))
        outcome, basis = self.tally.stands(name)[0], _BASIS_OF_PROOF[proof.kind]
        note = f"proven by {proof.check}"
        claim = Finding(Claim.EXISTED_BY, outcome, basis, Quorum(1, 1), proof.time, (name,), note)
        return [*(one for one in findings if one.claim is not Claim.EXISTED_BY), claim]


def _at_hand(context: VerificationContext, dossier: Dossier, digests: Mapping[str, str]) -> dict[bytes, bytes]:
    """What evidence may name: from the file and from the verifier, each only where it has the digest of its name."""
    made = {one: body for one, body in context.shared.items() if hashlib.sha256(body).digest() == one}
    for folder, content in (("trust/", dossier.trust), ("shared/", dossier.shared)):
        for digest, body in content.items():
            name = digest.hex()
            if digests[folder + name] == name:
                made[digest] = body
    return made


def _digests(tally: Tally, manifest: bytes, held: Mapping[str, str]) -> None:
    """Whether the manifest states what the members are, and what is named by its digest has it."""
    if manifest == files.manifest_of(held):
        tally.passed("manifest.digests", "the manifest holds the SHA-256 of every member", "manifest.json")
    else:
        stated = files.digests_in(manifest)
        for name in sorted({*held, *stated}):
            if held.get(name) != stated.get(name):
                tally.failed(
                    "manifest.digests",
                    "HASH_FAILURE",
                    f"`{name[:100]}` is not what the manifest states",
                    name[:100],
                    expected=stated.get(name, "no such member"),
                    found=held.get(name, "no such member"),
                    hint="The member was changed after the file was written: ask for it again as it was handed out.",
                )
    wrong = [name for name, digest in held.items() if "/" in name and not name.endswith(digest)]
    if not wrong:
        tally.passed("digest.names", "what is named by its digest has that digest")
    for name in wrong:
        tally.failed(
            "digest.names",
            "HASH_FAILURE",
            f"`{name}` does not hold what its name says",
            name,
            expected=name.partition("/")[2],
            found=held[name],
            hint="Ask for the file again as it was handed out.",
        )
