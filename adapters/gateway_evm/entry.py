"""An entry of `RecordRegister`, in the one ABI form whose hash the contract's event carries.

The layout is written out by hand because it is on the way of every record: ten words of head, then subject, path,
format and body, each behind its length. `gateway.proofs.abi` gives the same bytes for ENTRY_TYPE (a test compares).

    hash of an entry    SHA-256 of abi.encode(entry): the word 0x20, then `pack(entry)`
    hash of a subject   SHA-256 of salt ‖ subject
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Final

import msgspec

from gateway.errors import InputError, LimitError, fault
from gateway.proofs import abi

__all__ = [
    "CONFLICT",
    "ENTRY_TYPE",
    "RECORD",
    "RECORDED",
    "WITHDRAWN",
    "Entry",
    "calldata",
    "entries_of",
    "hash_of",
    "pack",
    "subject_hash",
    "unpack",
]

ENTRY_TYPE: Final = "(bytes32,bytes32,bytes32,bytes32,bytes32,bool,string,bytes32[],string,bytes)"
RECORD: Final = abi.selector(f"record(uint64,{ENTRY_TYPE}[])")
RECORDED: Final = abi.topic("Recorded(bytes32,bytes32,uint256,bytes32)")
WITHDRAWN: Final = abi.topic("Withdrawn(bytes32,bytes32,uint256,bytes32)")
CONFLICT: Final = abi.topic("Conflict(bytes32,bytes32)")

PATH: Final = 64
"""Networks that a path may name at most; a gateway sends nothing beyond four."""
TEXT: Final = 4096
"""Bytes of a subject's or format's name."""

BAD_ENTRY = fault(
    "evm.bad-entry",
    "The calldata is not an entry of the register in its canonical form.",
    "Write through the contract's ABI, as any Ethereum library encodes it; the entry's neighbours are not affected.",
)

ZERO: Final = bytes(32)
_ONE: Final = bytes(31) + b"\x01"
_HEAD: Final = 320
_LEAD: Final = (32).to_bytes(32, "big")
_ENTRIES: Final = (64).to_bytes(32, "big")
_SUBJECT_AT: Final = _HEAD.to_bytes(32, "big")


class Entry(msgspec.Struct, frozen=True):
    """One entry. `key`, `digest`, `mark`, `salt` and each of `path` have 32 bytes; `supersedes` 32 or None."""

    key: bytes
    digest: bytes
    mark: bytes
    salt: bytes
    subject: str
    format: str
    body: bytes
    path: tuple[bytes, ...] = ()
    withdrawn: bool = False
    supersedes: bytes | None = None


def pack(entry: Entry) -> bytes:
    """The entry as a tuple of the ABI, without the offset to it. Lengths must be as `Entry` says."""
    subject = entry.subject.encode()
    name = entry.format.encode()
    body = entry.body
    path = b"".join(entry.path)
    subject_size, name_size, body_size, path_size = len(subject), len(name), len(body), len(path)
    path_at = _HEAD + 32 + subject_size + -subject_size % 32
    name_at = path_at + 32 + path_size
    body_at = name_at + 32 + name_size + -name_size % 32
    return b"".join(
        (
            entry.key,
            entry.digest,
            entry.supersedes or ZERO,
            entry.mark,
            entry.salt,
            _ONE if entry.withdrawn else ZERO,
            _SUBJECT_AT,
            path_at.to_bytes(32, "big"),
            name_at.to_bytes(32, "big"),
            body_at.to_bytes(32, "big"),
            subject_size.to_bytes(32, "big"),
            subject,
            ZERO[: -subject_size % 32],
            (path_size // 32).to_bytes(32, "big"),
            path,
            name_size.to_bytes(32, "big"),
            name,
            ZERO[: -name_size % 32],
            body_size.to_bytes(32, "big"),
            body,
            ZERO[: -body_size % 32],
        )
    )


def unpack(data: bytes) -> Entry:
    """The entry that `pack` gives `data` for. Raises InputError for any other bytes."""
    if len(data) < _HEAD + 128:
        raise InputError(BAD_ENTRY, f"{len(data)} bytes are fewer than an entry has")
    if data[192:224] != _SUBJECT_AT:
        raise InputError(BAD_ENTRY, "the subject is not where it belongs")
    subject, at = _bytes(data, _HEAD, TEXT)
    _expect(data, 224, at)
    count = int.from_bytes(data[at : at + 32], "big")
    if count > PATH:
        raise LimitError(BAD_ENTRY, f"a path of {count} networks, at most {PATH} are read")
    at += 32
    path = tuple([data[each : each + 32] for each in range(at, at + 32 * count, 32)])
    at += 32 * count
    _expect(data, 256, at)
    name, at = _bytes(data, at, TEXT)
    _expect(data, 288, at)
    body, at = _bytes(data, at, len(data))
    if at != len(data):
        raise InputError(BAD_ENTRY, "bytes follow the body, or are missing")
    flag = data[160:192]
    if flag not in (ZERO, _ONE):
        raise InputError(BAD_ENTRY, "withdrawn is neither 0 nor 1")
    supersedes = data[64:96]
    try:
        return Entry(
            key=data[:32],
            digest=data[32:64],
            mark=data[96:128],
            salt=data[128:160],
            subject=subject.decode(),
            format=name.decode(),
            body=body,
            path=path,
            withdrawn=flag == _ONE,
            supersedes=None if supersedes == ZERO else supersedes,
        )
    except UnicodeDecodeError as error:
        raise InputError(BAD_ENTRY, "the subject or the format's name is not UTF-8") from error


def _expect(data: bytes, at: int, target: int) -> None:
    if int.from_bytes(data[at : at + 32], "big") != target:
        raise InputError(BAD_ENTRY, "an offset that does not point behind the part before", where=f"byte {at}")


def _bytes(data: bytes, at: int, most: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[at : at + 32], "big")
    start = at + 32
    stop = start + size
    end = stop + -size % 32
    if size > most or end > len(data) or any(data[stop:end]):
        raise InputError(BAD_ENTRY, "a length that is too long, or padding that is not zero", where=f"byte {at}")
    return data[start:stop], end


def hash_of(packed: bytes) -> bytes:
    """The hash that the contract gives the entry with these packed bytes."""
    return hashlib.sha256(_LEAD + packed).digest()


def subject_hash(salt: bytes, subject: str) -> bytes:
    """The hash under which the contract keeps a subject."""
    return hashlib.sha256(salt + subject.encode()).digest()


def calldata(fence: int, packed: list[bytes]) -> bytes:
    """The call ``record(fence, entries)``."""
    offsets: list[bytes] = []
    at = 32 * len(packed)
    for each in packed:
        offsets.append(at.to_bytes(32, "big"))
        at += len(each)
    count = len(packed).to_bytes(32, "big")
    return b"".join([RECORD, fence.to_bytes(32, "big"), _ENTRIES, count, *offsets, *packed])


def entries_of(data: bytes) -> list[bytes]:
    """The packed entries in a call's data, cut at the offsets that its list gives, not yet unpacked.

    Raises InputError where it is not a call of `record` whose entries stand one behind the other.
    """
    if data[:4] != RECORD:
        raise InputError(BAD_ENTRY, "the transaction calls something else than `record`")
    if data[36:68] != _ENTRIES or len(data) < 100:
        raise InputError(BAD_ENTRY, "the list of entries is not where it belongs")
    count = int.from_bytes(data[68:100], "big")
    if count * (32 + _HEAD + 128) > len(data) - 100:
        raise InputError(BAD_ENTRY, f"{count} entries announced, fewer bytes follow")
    if count == 0:
        return []
    base = 100
    cuts = [base + int.from_bytes(data[at : at + 32], "big") for at in range(base, base + 32 * count, 32)]
    cuts.append(len(data))
    if cuts[0] != base + 32 * count:
        raise InputError(BAD_ENTRY, "the first entry is not behind the offsets")
    if any(later <= earlier for earlier, later in itertools.pairwise(cuts)):
        raise InputError(BAD_ENTRY, "entries that overlap")
    return [data[earlier:later] for earlier, later in itertools.pairwise(cuts)]
