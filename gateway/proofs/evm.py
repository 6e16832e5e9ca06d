"""Blocks of Ethereum and its kin, as bytes: headers of every fork, receipts of every type, logs.

`Header.decode(data).encode() == data` and the same for receipts: what is read is canonical RLP with every field
of its proper size, and nothing else. A header's hash is Keccak-256 of its bytes, except under consensus rules
that leave seals out of it (QBFT, IBFT, Clique), which are not this module's concern.

Source: Ethereum Yellow Paper, 4.3; EIP-658 (status), EIP-1559 (base fee), EIP-2718 (typed receipts), EIP-4895
(withdrawals), EIP-4844 and EIP-4788 (Cancun), EIP-7685 (requests), EIP-7928 and EIP-7843 (Amsterdam).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import rlp
from gateway.proofs.keccak import keccak256

__all__ = ["HEADER_SIZES", "Header", "Log", "Receipt", "bloom_holds", "logs_bloom"]

BAD_HEADER = fault(
    "evm.bad-header",
    "The bytes are not a block header.",
    "A header is the RLP list of its 15 to 23 fields, as hashed into the block's hash.",
)
BAD_RECEIPT = fault(
    "evm.bad-receipt",
    "The bytes are not a transaction receipt.",
    "A receipt is RLP of status, cumulative gas, bloom and logs, behind its type byte where it has one.",
)

HEADER_SIZES: Final = (15, 16, 17, 20, 21, 22, 23)
"""Fields of a header: until London, London, Shanghai, Cancun, Prague, and the two of Amsterdam."""


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """A block's header. Fields after `nonce` are None before the fork that brought them."""

    parent_hash: bytes
    ommers_hash: bytes
    beneficiary: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    logs_bloom: bytes
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    mix_hash: bytes
    nonce: bytes
    base_fee: int | None = None
    withdrawals_root: bytes | None = None
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    parent_beacon_root: bytes | None = None
    requests_hash: bytes | None = None
    access_list_hash: bytes | None = None
    slot_number: int | None = None

    @property
    def time(self) -> datetime:
        """The block's own time, UTC. Raises InputError beyond the year 9999."""
        try:
            return datetime.fromtimestamp(self.timestamp, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise InputError(BAD_HEADER, "a timestamp beyond the year 9999", where="timestamp") from error

    @property
    def hash(self) -> bytes:
        """Keccak-256 of the header's bytes."""
        return keccak256(self.encode())

    def encode(self) -> bytes:
        """The header's RLP."""
        fields: list[bytes] = []
        for name, size in _FIELDS:
            value = getattr(self, name)
            if value is None:
                break
            fields.append(rlp.integer_bytes(value) if size is None else value)
        return rlp.encode(fields)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """The header that `data` is. Raises InputError or LimitError."""
        fields = rlp.items(rlp.decode(data, limit=_HEADER_LIMIT, nesting=1), where="header")
        if len(fields) not in HEADER_SIZES:
            raise InputError(BAD_HEADER, f"{len(fields)} fields")
        values: list[bytes | int] = []
        for (name, size), field in zip(_FIELDS, fields, strict=False):
            if not isinstance(field, bytes):
                raise InputError(BAD_HEADER, "a list where a value must be", where=name)
            if size is None:
                values.append(rlp.integer(field, size=32 if name in _WIDE else 8))
            elif size >= 0 and len(field) != size:
                raise InputError(BAD_HEADER, f"{len(field)} bytes, {size} belong there", where=name)
            else:
                values.append(field)
        return cls(*values)  # type: ignore[arg-type]  # kinds follow _FIELDS, which a test holds against the struct


_HEADER_LIMIT: Final = 64 * 1024
"""Bytes of a header; extra data holds validators on some networks."""
_ANY: Final = -1
_WIDE: Final = {"difficulty", "base_fee"}
_FIELDS: Final[tuple[tuple[str, int | None], ...]] = (
    ("parent_hash", 32),
    ("ommers_hash", 32),
    ("beneficiary", 20),
    ("state_root", 32),
    ("transactions_root", 32),
    ("receipts_root", 32),
    ("logs_bloom", 256),
    ("difficulty", None),
    ("number", None),
    ("gas_limit", None),
    ("gas_used", None),
    ("timestamp", None),
    ("extra_data", _ANY),
    ("mix_hash", 32),
    ("nonce", 8),
    ("base_fee", None),
    ("withdrawals_root", 32),
    ("blob_gas_used", None),
    ("excess_blob_gas", None),
    ("parent_beacon_root", 32),
    ("requests_hash", 32),
    ("access_list_hash", 32),
    ("slot_number", None),
)
"""Name and size of each field in order: bytes, any number of bytes, or None for an integer."""


class Log(msgspec.Struct, frozen=True):
    """What a contract told: `address` 20 bytes, up to four `topics` of 32 bytes, `data`."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


class Receipt(msgspec.Struct, frozen=True):
    """The outcome of a transaction.

    kind        the transaction's type, 0 for the untyped form
    outcome     b"\\x01" succeeded, b"" failed, or the 32-byte state root of before Byzantium
    gas         gas used in the block up to and with this transaction
    logs_bloom  256 bytes
    """

    kind: int
    outcome: bytes
    gas: int
    logs_bloom: bytes
    logs: tuple[Log, ...]

    @property
    def succeeded(self) -> bool | None:
        """Whether it did; None where a receipt of before Byzantium does not say."""
        return None if len(self.outcome) == 32 else self.outcome == b"\x01"

    def encode(self) -> bytes:
        """The receipt as it stands in the receipts trie."""
        logs = [[log.address, log.topics, log.data] for log in self.logs]
        body = rlp.encode([self.outcome, rlp.integer_bytes(self.gas), self.logs_bloom, logs])
        return bytes((self.kind,)) + body if self.kind else body

    @classmethod
    def decode(cls, data: bytes, *, limit: int = 2 * 1024 * 1024) -> Receipt:
        """The receipt that `data` is. Raises InputError or LimitError."""
        kind = 0
        if data and 0 < data[0] < 0x80:
            kind, data = data[0], data[1:]
        fields = rlp.items(rlp.decode(data, limit=limit, nesting=4), where="receipt")
        if len(fields) != 4:
            raise InputError(BAD_RECEIPT, f"{len(fields)} fields")
        outcome, gas, bloom, logs = fields
        if not isinstance(outcome, bytes) or (outcome not in (b"", b"\x01") and len(outcome) != 32):
            raise InputError(BAD_RECEIPT, "neither a status nor a state root", where="status")
        if not isinstance(bloom, bytes) or len(bloom) != 256:
            raise InputError(BAD_RECEIPT, "a bloom has 256 bytes", where="bloom")
        made = tuple([_log(log, index) for index, log in enumerate(rlp.items(logs, where="logs"))])
        return cls(kind, outcome, rlp.integer(gas, size=8), bloom, made)


def _log(item: rlp.Item, index: int) -> Log:
    if isinstance(item, list) and len(item) == 3:
        address, topics, data = item
        if isinstance(address, bytes) and len(address) == 20 and isinstance(topics, list) and isinstance(data, bytes):
            words = [topic for topic in topics if isinstance(topic, bytes) and len(topic) == 32]
            if len(words) == len(topics) <= 4:
                return Log(address, tuple(words), data)
    told = "a log has an address of 20 bytes, up to four topics of 32 bytes, and data"
    raise InputError(BAD_RECEIPT, told, where=f"log {index}")


def _bits(value: bytes) -> int:
    digest = keccak256(value)
    made = 0
    for at in (0, 2, 4):
        made |= 1 << (int.from_bytes(digest[at : at + 2], "big") & 2047)
    return made


def bloom_holds(bloom: bytes, value: bytes) -> bool:
    """Whether `value` (an address or topic) may be among what a 256-byte bloom was made of; False is certain.

    Source: Ethereum Yellow Paper, 4.3.1 (M3:2048).
    """
    wanted = _bits(value)
    return int.from_bytes(bloom, "big") & wanted == wanted


def logs_bloom(logs: tuple[Log, ...]) -> bytes:
    """The bloom of these logs: their addresses and topics."""
    made = 0
    for log in logs:
        made |= _bits(log.address)
        for topic in log.topics:
            made |= _bits(topic)
    return made.to_bytes(256, "big")
