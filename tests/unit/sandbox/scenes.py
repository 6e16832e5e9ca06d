"""Ledgers and evidence for tests: a real ledger in a file, and blocks made by hand, in which anything can be wrong."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.proofs import merkle
from gateway.spi import (
    Basis,
    Evidence,
    NativeRecord,
    NetworkId,
    Proof,
    Report,
    Segment,
    SourceRecord,
    VerificationContext,
)
from gateway_sandbox.blocks import (
    Block,
    Header,
    Leaf,
    ValidatorSet,
    content_hash,
    microseconds,
    signed_bytes,
    subject_hash,
)
from gateway_sandbox.evidence import TYPE
from gateway_sandbox.ledger import Entry
from gateway_sandbox.verifier import Anchor, SandboxVerifier

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CHAIN = "xa-register"


def entry(number: int, *, content: bytes | None = None, key: bytes | None = None, **fields: Any) -> Entry:
    """One entry; the same number gives the same entry."""
    seed = hashlib.sha256(b"entry %d" % number).digest()
    plain: dict[str, Any] = {
        "key": key or seed,
        "digest": hashlib.sha256(b"digest" + seed).digest(),
        "subject": f"XA/us-application/{number}",
        "withdrawn": False,
        "supersedes": None,
        "mark": hashlib.sha256(b"mark" + seed).digest(),
        "path": (),
        "format": "register-sandbox",
        "content": content if content is not None else b'{"number":%d}' % number,
    }
    return Entry(**(plain | fields))


class Anchors:
    """Anchors that were given: `gateway.spi.TrustAnchors`."""

    def __init__(self, *segments: Segment) -> None:
        self.segments = segments

    def at(self, use: str, subject: str, when: datetime | None = None, height: int | None = None) -> Segment | None:
        for segment in self.all(use, subject):
            first, last = segment.first or 0, segment.last if segment.last is not None else 2**62
            if height is None or first <= height <= last:
                return segment
        return None

    def all(self, use: str, subject: str) -> Sequence[Segment]:
        return [segment for segment in self.segments if (segment.use, segment.subject) == (use, subject)]


class Proofs:
    """Proofs of existence that were given: `gateway.spi.ProofsOfExistence`."""

    def __init__(self, times: Mapping[bytes, datetime] | None = None) -> None:
        self.times = times or {}

    def earliest(self, digest: bytes) -> Proof | None:
        time = self.times.get(digest)
        return None if time is None else Proof(digest, time, "timestamp", "timestamp.token")


def segment(network: bytes, material: Mapping[str, Any], **fields: Any) -> Segment:
    plain: dict[str, Any] = {
        "use": "network",
        "since": datetime(2020, 1, 1, tzinfo=UTC),
        "basis": Basis.CONSENSUS,
    }
    return Segment(subject=network.hex(), material=material, **(plain | fields))


def verify(record: SourceRecord, shared: Mapping[bytes, bytes], anchor: Segment) -> Report:
    """As a gateway does that reads its own office's ledger."""
    context = VerificationContext(datetime.now(UTC), Anchors(anchor), Proofs(), shared)
    return SandboxVerifier().verify(record.native, record.evidence, context)


def outcomes(report: Report) -> set[str]:
    return {finding.outcome for finding in report.findings}


def wrong(report: Report) -> dict[str, str | None]:
    """The checks that did not pass, with their sub-indications."""
    return {check.id: check.sub_indication for check in report.checks if check.outcome != "passed"}


class Keys:
    """A set of validators with their private keys."""

    def __init__(self, count: int = 4) -> None:
        made = [Ed25519PrivateKey.generate() for _ in range(count)]
        self.private = {key.public_key().public_bytes_raw(): key for key in made}
        self.set = ValidatorSet(tuple(sorted(self.private)))

    def sign(self, header: bytes, count: int | None = None) -> list[tuple[bytes, bytes]]:
        signers = sorted(self.private)[: self.set.required if count is None else count]
        return [(public, self.private[public].sign(signed_bytes(header))) for public in signers]


def block(header: Header, signatures: Sequence[tuple[bytes, bytes]]) -> bytes:
    return Block(header.encode(), tuple(sorted(signatures))).encode()


class Scene:
    """One block of five entries and the evidence of the third, all sound. A test makes one thing wrong, then `verify`.

    What is set before `build` goes into what is hashed and signed; what is set after it does not.
    """

    def __init__(self) -> None:
        self.keys = Keys()
        self.genesis = os.urandom(32)
        self.network = NetworkId("sandbox", CHAIN, self.genesis).digest
        self.native = NativeRecord("register-sandbox", b'{"applicationNumber":"18/123,456"}')
        self.mark, self.path, self.salt, self.subject = os.urandom(32), (os.urandom(32),), os.urandom(32), "XA/us/18"
        self.leaf = Leaf(
            key=os.urandom(32),
            subject=subject_hash(self.salt, self.subject),
            revision=1,
            hash=content_hash(self.mark, self.path, self.native.format, self.native.content),
            withdrawn=False,
            supersedes=None,
        )
        self.index = 2
        self.header: dict[str, Any] = {}
        self.signatures: Callable[[bytes], list[tuple[bytes, bytes]]] = self.keys.sign
        self.changes: list[bytes] = []
        self.anchor = Anchor(CHAIN, self.genesis, self.keys.set, 0)
        self.standing: dict[str, Any] = {}
        self.now = NOW
        self.times: dict[bytes, datetime] = {}
        self.missing: set[bytes] = set()
        self.replaced: dict[bytes, bytes] = {}
        self.extra: dict[str, Any] = {}

    def build(self) -> Scene:
        leaves = [os.urandom(32) for _ in range(5)]
        leaves[self.index] = self.leaf.tree_hash
        root, branches = merkle.branches(leaves)
        fields: dict[str, Any] = {
            "number": 17,
            "genesis": self.genesis,
            "parent": os.urandom(32),
            "time": microseconds(NOW - timedelta(hours=1)),
            "entries": root,
            "size": len(leaves),
            "validators": self.keys.set.digest,
            "successors": self.keys.set.digest,
        }
        self.signed = Header(**(fields | self.header))
        encoded = self.signed.encode()
        self.documents = [block(self.signed, self.signatures(encoded)), self.keys.set.encode(), *self.changes]
        self.extraction: dict[str, Any] = {
            "block": hashlib.sha256(encoded).digest(),
            "index": self.index,
            "key": self.leaf.key,
        }
        self.own: dict[str, Any] = {
            "leaf": self.leaf.plain(),
            "branch": list(branches[self.index]),
            "mark": self.mark,
            "path": list(self.path),
            "salt": self.salt,
            "subject": self.subject,
        }
        return self

    @property
    def names(self) -> tuple[bytes, ...]:
        return tuple(hashlib.sha256(document).digest() for document in self.documents)

    @property
    def evidence(self) -> Evidence:
        return Evidence(TYPE, self.network, self.extraction, self.names, self.own | self.extra)

    @property
    def shared(self) -> dict[bytes, bytes]:
        shared = dict(zip(self.names, self.documents, strict=True)) | self.replaced
        return {digest: document for digest, document in shared.items() if digest not in self.missing}

    @property
    def context(self) -> VerificationContext:
        anchors = Anchors(segment(self.network, self.anchor.material(), **self.standing))
        return VerificationContext(self.now, anchors, Proofs(self.times), self.shared)

    def verify(self) -> Report:
        return SandboxVerifier().verify(self.native, self.evidence, self.context)


def change(scene: Scene, number: int, earlier: Keys, later: Keys, **fields: Any) -> Header:
    """The header by which `earlier` agrees to `later`."""
    plain: dict[str, Any] = {
        "number": number,
        "genesis": scene.genesis,
        "parent": os.urandom(32),
        "time": microseconds(NOW - timedelta(hours=2)),
        "entries": os.urandom(32),
        "size": 1,
        "validators": earlier.set.digest,
        "successors": later.set.digest,
    }
    return Header(**(plain | fields))


def replace(leaf: Leaf, **fields: Any) -> Leaf:
    return msgspec.structs.replace(leaf, **fields)
