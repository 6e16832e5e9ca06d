"""A good dossier, and for every check a file that fails only there.

What no honest ledger would give (two signers, a header about another chain) has to be put together by hand, so all
blocks here are: from the sandbox ledger's own documents, signed with keys that the test holds. `test_handing_out` does
the same with a real ledger file. For each case everything that hangs on what was changed is made anew: digests,
branch, record key, credential. So nothing but the one thing is wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.dossier import container
from gateway.dossier import dossier as files
from gateway.dossier.container import MEDIA_TYPE, Member
from gateway.dossier.dossier import Dossier
from gateway.dossier.existence import NOTHING_PROVEN, Known
from gateway.dossier.policy import COURT, INSPECT, OFFICE, Algorithm, Policy, Requirement
from gateway.dossier.verdict import Verdict
from gateway.dossier.verify import NO_ANCHORS, verify_file
from gateway.mapping import MappingLibrary, losses_document
from gateway.model import records
from gateway.model.context import CONTEXT_DIGEST
from gateway.proofs import merkle
from gateway.spi import (
    Basis,
    Claim,
    Evidence,
    Limits,
    NativeRecord,
    NetworkId,
    Proof,
    ProofsOfExistence,
    Report,
    TrustAnchors,
    VerificationContext,
    Verifier,
    record_key,
)
from gateway.trust import did, proof_jcs, strictjson
from gateway.trust.credential import Binding, Sealer
from gateway.trust.registry import RegistryWriter
from gateway.trust.signer import Ed25519Signer
from gateway.trust.statements import KeyOf
from gateway_sandbox import blocks
from gateway_sandbox.blocks import Block, Header, Leaf, ValidatorSet
from gateway_sandbox.evidence import NAME, Extraction, Own, evidence_of, locus
from gateway_sandbox.verifier import Anchor, SandboxVerifier

XA: Final = "did:web:register.xa.example"
XB: Final = "did:web:register.xb.example"
LONG_AGO: Final = datetime(2020, 1, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
BLOCK_TIME: Final = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
APPLICATION: Final = {
    "kd": "AP",
    "of": "XA",
    "no": {"o": "XA", "t": "xa-application", "n": "XA-2026-000417"},
    "rt": "P",
    "fd": 20260112,
    "ti": [{"tx": "Lamp with a shade", "lg": "en"}, {"tx": "傘付きランプ", "lg": "ja"}],
    "ap": [{"nm": [{"tx": "Aoi Sekkei KK", "lg": "en"}]}],
}


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def by_digest(*contents: bytes) -> dict[bytes, bytes]:
    return {sha(content): content for content in contents}


def native_of(**changed: Any) -> NativeRecord:
    """A record of office XA's register."""
    body = json.dumps({**APPLICATION, **changed}, separators=(",", ":"), ensure_ascii=False).encode()
    return NativeRecord("register-sandbox", body)


LIBRARY: Final = MappingLibrary.shipped()


# ── a ledger by hand ─────────────────────────────────────────────────────────────────────────────────────────────


def _key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha(b"validator %d" % number))


VALIDATORS: Final = {key.public_key().public_bytes_raw(): key for key in map(_key, range(4))}
OTHERS: Final = {key.public_key().public_bytes_raw(): key for key in map(_key, range(4, 8))}
SET: Final = ValidatorSet(tuple(sorted(VALIDATORS)))
GENESIS: Final = blocks.Genesis("xa-training", blocks.microseconds(LONG_AGO), SET.validators)
NETWORK: Final = NetworkId("sandbox", GENESIS.chain, GENESIS.digest)
ELSEWHERE: Final = NetworkId("sandbox", "another", sha(b"another genesis"))


@dataclass(frozen=True)
class Block1:
    """A block as its proofs show it: the documents, and what is one record's own."""

    header: Header
    block: Block
    leaf: Leaf
    branch: tuple[bytes, ...]
    index: int
    own: Own
    key: bytes

    @property
    def shared(self) -> dict[bytes, bytes]:
        return by_digest(self.block.encode(), SET.encode())

    @property
    def extraction(self) -> Extraction:
        return Extraction(self.block.block_digest, self.index, self.key)

    def evidence(self) -> Evidence:
        named = (sha(self.block.encode()), SET.digest)
        return evidence_of(NETWORK.digest, self.extraction, self.own, named)


def make_block(
    native: NativeRecord,
    *,
    time: datetime = BLOCK_TIME,
    signers: Mapping[bytes, Ed25519PrivateKey] | None = None,
    leaf: Mapping[str, Any] | None = None,
    header: Mapping[str, Any] | None = None,
    spoil: bool = False,
) -> Block1:
    """A block of three entries, ours in the middle, signed by the first three validators unless told otherwise."""
    mark, salt, subject, key = sha(b"mark"), sha(b"salt"), "XA/xa-application/XA-2026-000417", sha(b"entry")
    made = Leaf(
        key=key,
        subject=blocks.subject_hash(salt, subject),
        revision=1,
        hash=blocks.content_hash(mark, (), native.format, native.content),
        withdrawn=False,
        supersedes=None,
    )
    made = msgspec.structs.replace(made, **(leaf or {}))
    leaves = [merkle.leaf_hash(b"a neighbour"), made.tree_hash, merkle.leaf_hash(b"another")]
    top = Header(
        number=7,
        genesis=GENESIS.digest,
        parent=sha(b"parent"),
        time=blocks.microseconds(time),
        entries=merkle.root(leaves),
        size=3,
        validators=SET.digest,
        successors=SET.digest,
    )
    top = msgspec.structs.replace(top, **(header or {}))
    message = blocks.signed_bytes(top.encode())
    by = signers if signers is not None else dict(sorted(VALIDATORS.items())[:3])
    signatures = [[public, private.sign(message)] for public, private in sorted(by.items())]
    if spoil:
        signatures[0][1] = signatures[1][1]
    block = Block(top.encode(), tuple((public, signature) for public, signature in signatures))
    branch = tuple(merkle.branch(leaves, 1))
    return Block1(top, block, made, branch, 1, Own(made, branch, mark, (), salt, subject), key)


# ── an office, its keys and the registry ─────────────────────────────────────────────────────────────────────────

ROOT: Final = Ed25519Signer(sha(b"root"))
ISSUER: Final = Ed25519Signer(sha(b"issuer of xa"))
OTHER_ISSUER: Final = Ed25519Signer(sha(b"issuer of xb"))
UNLISTED: Final = Ed25519Signer(sha(b"a key that nobody lists"))


def writer(
    *,
    material: Mapping[str, Any] | None = None,
    basis: Basis = Basis.CONSENSUS,
    first: int | None = None,
    network: NetworkId = NETWORK,
) -> RegistryWriter:
    """A registry of two offices and XA's network."""
    made = RegistryWriter.new([ROOT], issued=LONG_AGO, name="Offices of the tests")
    for name, code, signer in ((XA, "XA", ISSUER), (XB, "XB", OTHER_ISSUER)):
        key = KeyOf(f"{name}#issuer", did.encode_key(signer.public), LONG_AGO)
        made.add_office([ROOT], did=name, codes=(code,), name=f"Office {code}", keys=(key,), issued=LONG_AGO)
    made.add_network(
        [ROOT],
        network=network,
        office="XA",
        material=dict(material or Anchor(GENESIS.chain, GENESIS.digest, SET, 0).material()),
        basis=basis,
        since=LONG_AGO,
        issued=LONG_AGO,
        first=first,
    )
    return made


REGISTRY: Final = writer().registry()


# ── a dossier, made from parts any of which may be another ───────────────────────────────────────────────────────


@dataclass(frozen=True)
class Draft:
    """All that a dossier is made of. What is None is derived from the rest."""

    native: NativeRecord
    evidence: Evidence
    shared: Mapping[bytes, bytes]
    source: str
    locus: Mapping[str, Any]
    issuer: str = XA
    signer: Ed25519Signer = ISSUER
    method: str | None = None
    valid_from: datetime = BLOCK_TIME
    record_json: bytes | None = None
    losses: bytes | None = None
    binding: Mapping[str, Any] = field(default_factory=dict)
    registry: bytes | None = None
    evidence_bytes: bytes | None = None
    receipts: Mapping[bytes, bytes] = field(default_factory=dict)
    credential: Callable[[bytes], bytes] = lambda sealed: sealed

    def sealed(self) -> tuple[bytes, bytes]:
        """The credential and the loss report."""
        record_json, losses = self.record_json, self.losses
        mapping = LIBRARY.by_format(self.native.format)
        if record_json is None or losses is None:
            translation = mapping.to_common(self.native)
            record_json = record_json or records.encode(translation.records[0].record)
            losses = losses if losses is not None else losses_document(translation.losses)
        evidence = self.evidence_bytes if self.evidence_bytes is not None else self.evidence.encode()
        index = 0 if self.native.format == "register-sandbox" else LIBRARY_INDEX(self.native)
        bound: dict[str, Any] = {
            "record_key": record_key(self.evidence.network, self.source, self.locus, index),  # type: ignore[arg-type]  # 32 bytes
            "revision": 1,
            "network": self.evidence.network,
            "native_format": self.native.format,
            "native_digest": self.native.digest,
            "evidence_type": self.evidence.type,
            "evidence_digest": sha(evidence),
            "mapping": (mapping.ref.name, mapping.ref.version, mapping.ref.digest),
            "context_digest": CONTEXT_DIGEST,
            "losses_digest": sha(losses),
        }
        bound.update(self.binding)
        sealer = Sealer(self.issuer, self.method or f"{self.issuer}#issuer", self.signer)
        return self.credential(sealer.seal(record_json, Binding(**bound), self.valid_from)), losses

    def dossier(self) -> Dossier:
        credential, losses = self.sealed()
        return Dossier(
            credential=credential,
            native=self.native.content,
            evidence=self.evidence_bytes if self.evidence_bytes is not None else self.evidence.encode(),
            losses=losses,
            shared=self.shared,
            receipts=self.receipts,
            registry=self.registry,
        )

    def file(self) -> bytes:
        return files.write(self.dossier())


def LIBRARY_INDEX(native: NativeRecord) -> int:  # noqa: N802
    return LIBRARY.by_format(native.format).to_common(native).records[0].index


def draft(block: Block1 | None = None, native: NativeRecord | None = None, **changed: Any) -> Draft:
    """The draft of a good dossier about `native` in `block`."""
    native = native or native_of()
    block = block or make_block(native)
    parts: dict[str, Any] = {
        "native": native,
        "evidence": block.evidence(),
        "shared": block.shared,
        "source": NAME,
        "locus": locus(block.block.block_digest, block.index),
        "registry": REGISTRY.encode(),
    }
    return Draft(**{**parts, **changed})


@dataclass(frozen=True)
class Case:
    """A file, and all that a verifier brings to it."""

    data: bytes
    anchors: TrustAnchors = REGISTRY
    policy: Policy = OFFICE
    now: datetime = NOW
    poe: ProofsOfExistence = NOTHING_PROVEN
    verifiers: Mapping[str, Verifier] = field(default_factory=lambda: {"sandbox/1": SandboxVerifier()})
    limits: Limits = field(default_factory=Limits)

    def verdict(self) -> Verdict:
        context = VerificationContext(self.now, self.anchors, self.poe, {}, self.limits)
        return verify_file(self.data, context, self.policy, self.verifiers, LIBRARY)


GOOD: Final = Case(draft().file())


# ── one case for every check ─────────────────────────────────────────────────────────────────────────────────────

Make = Callable[[], Case]
CASES: Final[dict[str, Make]] = {}
"""By the id of the check that fails."""


def case(name: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        assert name not in CASES, name
        CASES[name] = make
        return make

    return add


def members_of(data: bytes) -> list[Member]:
    return list(container.read(data, Limits()))


def packed(members: list[Member], manifest: bytes | None = None) -> bytes:
    """A file of these members, well formed but for what they are, with a manifest of its own unless one is given."""
    rest = members[2:]
    made = manifest if manifest is not None else files.manifest_of(files.digests_of(rest))
    return container._encode([Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", made), *rest])


@case("container.limits")
def _() -> Case:
    return replace(GOOD, limits=Limits(members=4))


@case("container.names")
def _() -> Case:
    members = members_of(GOOD.data)
    return replace(GOOD, data=packed([*members, Member("../outside", b"")]))


@case("container.crc")
def _() -> Case:
    data = bytearray(GOOD.data)
    name = b"native" + native_of().content[:8]
    local = data.index(name) - 30
    data[local + 14] ^= 1
    central = data.rindex(b"native") - 46
    data[central + 16] ^= 1
    return replace(GOOD, data=bytes(data))


@case("container.form")
def _() -> Case:
    return replace(GOOD, data=GOOD.data + b"\0")


@case("container.members")
def _() -> Case:
    return replace(GOOD, data=packed([*members_of(GOOD.data), Member("zz", b"")]))


@case("manifest.version")
def _() -> Case:
    members = members_of(GOOD.data)
    return replace(GOOD, data=packed(members, members[1].content.replace(b"ip-dossier/1", b"ip-dossier/2")))


@case("manifest.form")
def _() -> Case:
    members = members_of(GOOD.data)
    return replace(GOOD, data=packed(members, members[1].content + b"\n"))


@case("manifest.digests")
def _() -> Case:
    members = members_of(GOOD.data)
    digest = native_of().digest.hex().encode()
    return replace(GOOD, data=packed(members, members[1].content.replace(digest, digest[::-1])))


@case("digest.names")
def _() -> Case:
    return replace(GOOD, data=draft(receipts={sha(b"one"): b"another"}).file())


@case("registry.given")
def _() -> Case:
    return replace(GOOD, anchors=NO_ANCHORS)


@case("registry.copy")
def _() -> Case:
    return replace(GOOD, data=draft(registry=writer(basis=Basis.ATTESTED).encode()).file())


@case("existence.order")
def _() -> Case:
    early = Proof(sha(GOOD.data), BLOCK_TIME - timedelta(days=1), "given", "the test's word")
    return replace(GOOD, poe=Known([early]))


def resigned(sealed: bytes, change: Callable[[dict[str, Any]], None], **options: Any) -> bytes:
    """The credential with a change, signed anew."""
    document = json.loads(sealed)
    proof = document.pop("proof")
    change(document)
    signer, method = options.pop("signer", ISSUER), options.pop("method", f"{XA}#issuer")
    purpose = options.pop("purpose", "assertionMethod")
    made = proof_jcs.prove(document, signer, method, created=proof["created"], purpose=purpose)
    return strictjson.canonical({**document, "proof": made})


def with_credential(change: Callable[[bytes], bytes]) -> Case:
    return replace(GOOD, data=draft(credential=change).file())


def changed(change: Callable[[dict[str, Any]], None], **options: Any) -> Case:
    return with_credential(lambda sealed: resigned(sealed, change, **options))


@case("credential.limits")
def _() -> Case:
    return with_credential(lambda sealed: b"[" * 40 + b"]" * 40)


@case("credential.json")
def _() -> Case:
    return with_credential(lambda sealed: b'{"a":1,"a":1}')


@case("credential.canonical")
def _() -> Case:
    return with_credential(lambda sealed: sealed + b"\n")


@case("credential.context")
def _() -> Case:
    def change(document: dict[str, Any]) -> None:
        document["@context"].append("https://elsewhere.example/context")

    return changed(change)


@case("credential.terms")
def _() -> Case:
    return changed(lambda document: document["credentialSubject"].update(hidden="a claim that JSON-LD drops"))


@case("credential.numbers")
def _() -> Case:
    return changed(lambda document: document["recordBinding"].update(revision=1.5))


@case("credential.ids")
def _() -> Case:
    return changed(lambda document: document.update(id="urn:uuid:with a blank"))


@case("credential.shape")
def _() -> Case:
    return changed(
        lambda document: document["recordBinding"].pop("losses_digest", document["recordBinding"].pop("lossesDigest"))
    )


@case("credential.proof.form")
def _() -> Case:
    def change(sealed: bytes) -> bytes:
        document = json.loads(sealed)
        document["proof"]["nonce"] = "a member that proofs of this suite do not have"
        return strictjson.canonical(document)

    return with_credential(change)


@case("credential.proof.suite")
def _() -> Case:
    return with_credential(lambda sealed: sealed.replace(b"eddsa-jcs-2022", b"eddsa-jcs-2099"))


@case("credential.proof.purpose")
def _() -> Case:
    return changed(lambda document: None, purpose="authentication")


@case("credential.issuer.method")
def _() -> Case:
    return changed(lambda document: None, signer=OTHER_ISSUER, method=f"{XB}#issuer")


@case("credential.issuer.segment")
def _() -> Case:
    return replace(GOOD, data=draft(signer=UNLISTED, method=f"{XA}#unlisted").file())


@case("credential.signature")
def _() -> Case:
    return replace(GOOD, data=draft(signer=UNLISTED).file())


@case("credential.issuer.standing")
def _() -> Case:
    made = writer()
    made.end([ROOT], subject=f"{XA}#issuer", how="rotated", at=NOW - timedelta(days=1), issued=NOW - timedelta(days=1))
    return replace(GOOD, anchors=made.registry(), data=draft(registry=None).file())


def foreign_record() -> NativeRecord:
    """A record of office XB that stands on XA's ledger."""
    return native_of(of="XB", no={"o": "XB", "t": "xb-application", "n": "XB-2026-000417"})


@case("credential.issuer.office")
def _() -> Case:
    return replace(GOOD, data=draft(native=foreign_record()).file())


@case("credential.validity")
def _() -> Case:
    return changed(lambda document: document.update(validUntil="2026-05-31T00:00:00Z"))


@case("network.office")
def _() -> Case:
    return replace(GOOD, data=draft(native=foreign_record(), issuer=XB, signer=OTHER_ISSUER).file())


def bound(**binding: Any) -> Case:
    return replace(GOOD, data=draft(binding=binding).file())


@case("binding.native")
def _() -> Case:
    return bound(native_digest=sha(b"another record"))


@case("binding.evidence")
def _() -> Case:
    return bound(evidence_digest=sha(b"other evidence"))


@case("binding.losses")
def _() -> Case:
    return bound(losses_digest=sha(b"another loss report"))


@case("binding.type")
def _() -> Case:
    return bound(evidence_type="sandbox/2")


@case("binding.network")
def _() -> Case:
    block = make_block(native_of())
    place = locus(block.block.block_digest, block.index)
    return bound(network=ELSEWHERE.digest, record_key=record_key(ELSEWHERE.digest, NAME, place, 0))


@case("binding.record-key")
def _() -> Case:
    return bound(record_key=sha(b"the key of another record"))


@case("evidence.form")
def _() -> Case:
    good = draft()
    return replace(GOOD, data=replace(good, evidence_bytes=good.evidence.encode() + b"\0").file())


@case("evidence.shared")
def _() -> Case:
    return replace(GOOD, data=draft(shared=by_digest(SET.encode())).file())


@case("evidence.verifier")
def _() -> Case:
    return replace(GOOD, verifiers={})


class BreaksDown:
    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        raise RuntimeError("a fault of the program")


@case("evidence.report")
def _() -> Case:
    return replace(GOOD, verifiers={"sandbox/1": BreaksDown()})


class TakesAnyWord:
    """A verifier that asks no anchor."""

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        from gateway.dossier.verify import NO_ANCHORS

        report = SandboxVerifier().verify(native, evidence, msgspec.structs.replace(context, anchors=NO_ANCHORS))
        checks = tuple(check for check in report.checks if check.outcome == "passed")
        findings = tuple(
            msgspec.structs.replace(one, outcome="passed", checks=tuple(check.id for check in checks))
            for one in report.findings
        )
        return msgspec.structs.replace(report, checks=checks, findings=findings)


@case("network.segment")
def _() -> Case:
    return replace(GOOD, verifiers={"sandbox/1": TakesAnyWord()})


@case("network.standing")
def _() -> Case:
    """Validators who gave way in peace, at a height above the block's: the ledger's rules still believe them."""
    made = writer()
    made.end(
        [ROOT],
        subject=NETWORK.digest.hex(),
        how="rotated",
        at=NOW - timedelta(days=1),
        issued=NOW - timedelta(days=1),
        last=100,
    )
    return replace(GOOD, anchors=made.registry(), data=draft(registry=None).file())


class OffersLess:
    """A verifier whose proofs rest on the office's word."""

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        report = SandboxVerifier().verify(native, evidence, context)
        findings = tuple(msgspec.structs.replace(one, basis=Basis.ATTESTED, quorum=None) for one in report.findings)
        return msgspec.structs.replace(report, findings=findings)


@case("network.basis")
def _() -> Case:
    return replace(GOOD, verifiers={"sandbox/1": OffersLess()})


@case("translation.mapping")
def _() -> Case:
    return bound(mapping=("register-sandbox", "9.0.0", sha(b"a mapping of the future")))


@case("translation.format")
def _() -> Case:
    other = LIBRARY.by_format("register-evm").ref
    return bound(mapping=(other.name, other.version, other.digest))


@case("translation.run")
def _() -> Case:
    """The register holds a record that the mapping refuses; the office seals one that it made up."""
    native = native_of(rt="not a right")
    good = LIBRARY.by_format("register-sandbox").to_common(native_of())
    record = records.encode(good.records[0].record)
    return replace(GOOD, data=draft(native=native, record_json=record, losses=losses_document(good.losses)).file())


@case("translation.record")
def _() -> Case:
    record = LIBRARY.by_format("register-sandbox").to_common(native_of(fd=20250112)).records[0].record
    return replace(GOOD, data=draft(record_json=records.encode(record)).file())


@case("translation.losses")
def _() -> Case:
    return replace(GOOD, data=draft(losses=b'[{"effect":"dropped","path":"/x","reason":"made up"}]').file())


@case("policy.claims")
def _() -> Case:
    return replace(GOOD, policy=INSPECT)


@case("policy.asked")
def _() -> Case:
    return replace(GOOD, policy=COURT)


@case("policy.basis")
def _() -> Case:
    today = Proof(sha(GOOD.data), NOW, "given", "the test's word")
    return replace(GOOD, policy=COURT, poe=Known([today]))


@case("policy.quorum")
def _() -> Case:
    return replace(GOOD, policy=Policy("all-of-four", "", (Requirement(Claim.RECORDED, Basis.CONSENSUS, 4),)))


@case("policy.algorithm")
def _() -> Case:
    ended = (Algorithm("eddsa-jcs-2022", NOW - timedelta(days=1)),)
    return replace(GOOD, policy=msgspec.structs.replace(OFFICE, algorithms=ended))


# ── the sandbox ledger's own ─────────────────────────────────────────────────────────────────────────────────────


def about(block: Block1, **more: Any) -> Case:
    return replace(GOOD, data=draft(block, **more).file())


@case("sandbox.evidence")
def _() -> Case:
    good = draft()
    evidence = msgspec.structs.replace(good.evidence, own={**good.evidence.own, "more": 1})
    return replace(GOOD, data=replace(good, evidence=evidence).file())


@case("sandbox.leaf")
def _() -> Case:
    return about(replace(make_block(native_of()), key=sha(b"another entry")))


@case("sandbox.native")
def _() -> Case:
    return about(make_block(native_of(fd=20250112)))


@case("sandbox.subject")
def _() -> Case:
    block = make_block(native_of())
    return about(replace(block, own=msgspec.structs.replace(block.own, subject="XA/xa-application/XA-2026-000418")))


@case("binding.withdrawn")
def _() -> Case:
    return about(make_block(native_of(), leaf={"withdrawn": True, "supersedes": sha(b"the entry before")}))


@case("sandbox.withdrawn")
def _() -> Case:
    return about(make_block(native_of(), leaf={"withdrawn": True}), binding={"revision": 2, "withdrawn": True})


@case("sandbox.documents")
def _() -> Case:
    block = make_block(native_of())
    junk = b"not a block"
    evidence = msgspec.structs.replace(block.evidence(), shared=(sha(junk), SET.digest))
    return about(block, evidence=evidence, shared=by_digest(junk, SET.encode()))


@case("sandbox.header")
def _() -> Case:
    block, elsewhere = make_block(native_of()), sha(b"another block")
    extraction = {**block.evidence().extraction, "block": elsewhere}
    evidence = msgspec.structs.replace(block.evidence(), extraction=extraction)
    return about(block, evidence=evidence, locus=locus(elsewhere, block.index))


@case("sandbox.branch")
def _() -> Case:
    block = replace(make_block(native_of()), index=0)
    return about(block)


@case("sandbox.segment")
def _() -> Case:
    return replace(GOOD, anchors=writer(first=8).registry(), data=draft(registry=None).file())


@case("sandbox.chain")
def _() -> Case:
    return about(make_block(native_of(), header={"genesis": sha(b"another genesis")}))


@case("sandbox.validators")
def _() -> Case:
    return about(make_block(native_of(), header={"validators": sha(b"another set")}))


@case("sandbox.path")
def _() -> Case:
    other = Anchor(GENESIS.chain, GENESIS.digest, ValidatorSet(tuple(sorted(OTHERS))), 0).material()
    return replace(GOOD, anchors=writer(material=other).registry(), data=draft(registry=None).file())


@case("sandbox.signers")
def _() -> Case:
    stranger = dict([next(iter(OTHERS.items()))])
    return about(make_block(native_of(), signers={**VALIDATORS, **stranger}))


@case("sandbox.signatures")
def _() -> Case:
    return about(make_block(native_of(), signers=VALIDATORS, spoil=True))


@case("sandbox.quorum")
def _() -> Case:
    return about(make_block(native_of(), signers=dict(sorted(VALIDATORS.items())[:2])))


@case("sandbox.time")
def _() -> Case:
    return about(make_block(native_of(), time=NOW + timedelta(hours=1)))
