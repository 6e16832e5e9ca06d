"""What is on the chain, byte for byte. Every document is deterministic CBOR, every digest SHA-256 over its bytes.

    genesis ◀─parent─ block 1 ◀─parent─ block 2 …      a header names the Merkle root of its entries, the set of
       │                 │                             validators that signs it, and the set that signs the next
       └─ validators ────┘

A set has 3f + 1 validators, and a block is final when 2f + 1 of them signed its header: then any two final blocks
of one height would share f + 1 signers, one honest one among them at least, as long as no more than f are not.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import cbor, ed25519, merkle

__all__ = [
    "CHANGE_FORMAT",
    "FORM",
    "MOST_ENTRIES",
    "MOST_HOPS",
    "Block",
    "Document",
    "Genesis",
    "Hash",
    "Header",
    "Leaf",
    "Text",
    "ValidatorSet",
    "content_hash",
    "fingerprint",
    "instant",
    "microseconds",
    "read",
    "shape",
    "signed_bytes",
    "subject_hash",
]

MOST_ENTRIES: Final = 2000
"""Entries in one block."""
MOST_HOPS: Final = 8
"""Networks in the path of one entry."""
CHANGE_FORMAT: Final = "sandbox-validators"
"""The format of the entry by which the validators in force agree to a new set. It is no record of an office."""

_DOCUMENT_BYTES: Final = 16 * 1024
_SIGNED: Final = b"sandbox/1 block\x00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MICROSECOND: Final = 253_402_300_799_999_999  # of the year 9999

FORM = fault(
    "sandbox.form",
    "A document of a sandbox ledger does not have its form.",
    "Take the document as the ledger holds it; docs/reference/evidence-sandbox-1.md has its fields.",
)

Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=_LAST_MICROSECOND)]
Natural = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A struct with one byte form."""

    def plain(self) -> dict[str, Any]:
        """As the values that CBOR knows."""
        plain: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return plain

    def encode(self) -> bytes:
        return cbor.encode(self.plain())

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.encode()).digest()

    def check(self) -> None:
        """Raises ValueError on what the types alone do not say."""


AnyDocument = TypeVar("AnyDocument", bound=Document)


def read(kind: type[AnyDocument], data: bytes) -> AnyDocument:
    """The document in `data`. Raises InputError unless `data` is the one form of a sound one."""
    return shape(kind, cbor.decode(data, limit=_DOCUMENT_BYTES, nesting=4))


def shape(kind: type[AnyDocument], value: object) -> AnyDocument:
    """The document that a decoded value is. Nothing is converted: bytes are bytes, integers integers."""
    try:
        document = msgspec.convert(value, kind, strict=True, builtin_types=(bytes,))
        document.check()
    except ValueError as error:  # msgspec's ValidationError is one
        raise InputError(FORM, f"{kind.__name__}: {error}") from error
    return document


class ValidatorSet(Document, frozen=True):
    """3f + 1 public keys (Ed25519), ascending, so that one set has one digest and no key counts twice."""

    validators: Annotated[tuple[Hash, ...], msgspec.Meta(min_length=4, max_length=31)]

    def check(self) -> None:
        if len(self.validators) % 3 != 1:
            raise ValueError(f"{len(self.validators)} validators are not 3f + 1")
        if list(self.validators) != sorted(set(self.validators)):
            raise ValueError("validators do not ascend, or one stands there twice")
        if not all(map(ed25519.sound, self.validators)):
            raise ValueError("a validator's key is not canonical, or of small order")

    @property
    def required(self) -> int:
        """2f + 1."""
        return 2 * (len(self.validators) // 3) + 1

    def signers(self, number: int) -> list[bytes]:
        """Whose turn it is at this height: 2f + 1 of them, others each time."""
        return [self.validators[(number + turn) % len(self.validators)] for turn in range(self.required)]


class Genesis(Document, frozen=True):
    """Block 0. Its digest, with the chain's name, is who the network is."""

    chain: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    time: Microseconds
    validators: tuple[Hash, ...]

    def check(self) -> None:
        shape(ValidatorSet, {"validators": self.validators})

    @property
    def set(self) -> ValidatorSet:
        return ValidatorSet(self.validators)


class Header(Document, frozen=True):
    """What validators sign.

    number      height; the genesis is 0
    genesis     digest of the genesis: a header belongs to one chain
    parent      digest of the header before (of the genesis, for block 1)
    time        microseconds since 1970 in UTC, never before the parent's
    entries     Merkle root over its entries' leaves
    size        how many entries there are
    validators  digest of the set that signs this header
    successors  digest of the set that signs the next one
    """

    number: Natural
    genesis: Hash
    parent: Hash
    time: Microseconds
    entries: Hash
    size: Annotated[int, msgspec.Meta(ge=1, le=MOST_ENTRIES)]
    validators: Hash
    successors: Hash


class Block(Document, frozen=True):
    """A header's bytes with the signatures over them, ascending by key: [[public key, signature], …]."""

    header: Annotated[bytes, msgspec.Meta(max_length=1024)]
    signatures: Annotated[tuple[tuple[Hash, Signature], ...], msgspec.Meta(min_length=1, max_length=31)]

    def check(self) -> None:
        signers = [key for key, _ in self.signatures]
        if signers != sorted(set(signers)):
            raise ValueError("signatures do not ascend by key, or a key signed twice")

    @property
    def block_digest(self) -> bytes:
        """The block's digest: that of its header. Signatures play no part, for other validators may sign the same."""
        return hashlib.sha256(self.header).digest()


class Leaf(Document, frozen=True):
    """What the Merkle tree commits to for one entry: nothing that can be guessed, for neighbours hash to it.

    key         under which the ledger holds it; it takes no key twice
    subject     `subject_hash`
    revision    counts the subject's entries on this ledger from 1
    hash        `content_hash`
    withdrawn   this entry declares void the one that it supersedes
    supersedes  key of the entry that this one replaces, or None
    """

    key: Hash
    subject: Hash
    revision: Natural
    hash: Hash
    withdrawn: bool
    supersedes: Hash | None

    @property
    def tree_hash(self) -> bytes:
        return merkle.leaf_hash(self.encode())


def content_hash(mark: bytes, path: tuple[bytes, ...], format: str, content: bytes) -> bytes:  # noqa: A002
    """SHA-256 over CBOR [mark, path, format, content]. The mark is the salt: without it no content can be tried."""
    return hashlib.sha256(cbor.encode([mark, path, format, content])).digest()


def subject_hash(salt: bytes, subject: str) -> bytes:
    """SHA-256(salt ‖ subject). Numbers of applications are few; a bare hash of one could be found by trying."""
    return hashlib.sha256(salt + subject.encode()).digest()


def signed_bytes(header: bytes) -> bytes:
    """What a validator signs: the header's bytes under a name, so that no other signature is one of these."""
    return _SIGNED + header


def fingerprint(public: bytes) -> str:
    """How a validator is named to a person: SHA-256 of its public key, hexadecimal."""
    return hashlib.sha256(public).hexdigest()


def instant(time: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time)


def microseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1)
