"""Recursive Length Prefix, Ethereum's byte form for nested lists of byte strings: strict in both directions.

Every item has one encoding and only that one is read: a single byte below 0x80 stands for itself, lengths are
as short as they can be and without leading zeros, and nothing follows the item.

Source: Ethereum Yellow Paper, appendix B; https://ethereum.org/developers/docs/data-structures-and-encoding/rlp
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.errors import InputError, LimitError, Misuse, fault

__all__ = ["Item", "decode", "encode", "integer", "integer_bytes", "items"]

Item = bytes | list["Item"]
"""What `decode` gives: a byte string, or a list of items. `encode` takes any sequence for a list."""

NOT_CANONICAL = fault(
    "rlp.not-canonical",
    "The bytes are not canonical RLP.",
    "Encode with the shortest length prefix, and put nothing after the item.",
)
TOO_LARGE = fault(
    "rlp.too-large", "The RLP item is larger or deeper than allowed.", "Ask for less, or raise the limit."
)
NOT_ENCODABLE = fault("rlp.not-encodable", "Only bytes, and lists of them, have an RLP form.", "Encode numbers first.")
NOT_INTEGER = fault(
    "rlp.not-integer",
    "The bytes are not a canonical integer.",
    "Write integers big-endian without leading zeros; zero is the empty string.",
)


_SHORT = tuple(bytes((0x80 + size,)) for size in range(56))


def encode(item: bytes | Sequence[object]) -> bytes:
    """The RLP of bytes or of a (nested) list or tuple of them. Raises Misuse for anything else."""
    if type(item) is bytes:
        size = len(item)
        if size < 56:
            return item if size == 1 and item[0] < 0x80 else _SHORT[size] + item
        return _prefix(size, 0x80) + item
    if isinstance(item, (list, tuple)):
        body = b"".join([encode(member) for member in item])
        return _prefix(len(body), 0xC0) + body
    if isinstance(item, (bytearray, memoryview)):
        return encode(bytes(item))
    raise Misuse(NOT_ENCODABLE, f"found {type(item).__name__}")


def _prefix(size: int, base: int) -> bytes:
    if size < 56:
        return bytes((base + size,))
    length = integer_bytes(size)
    return bytes((base + 55 + len(length),)) + length


def integer_bytes(value: int) -> bytes:
    """A non-negative integer as RLP wants it: big-endian, no leading zeros, zero is empty. Raises Misuse below zero."""
    if value < 0:
        raise Misuse(NOT_ENCODABLE, "a negative integer")
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def integer(data: Item, *, size: int = 32) -> int:
    """The integer in `data`, of at most `size` bytes. Raises InputError for a list, leading zeros or more bytes."""
    if not isinstance(data, bytes):
        raise InputError(NOT_INTEGER, "a list where an integer must be")
    if len(data) > size:
        raise InputError(NOT_INTEGER, f"{len(data)} bytes, at most {size}")
    if data[:1] == b"\x00":
        raise InputError(NOT_INTEGER, "a leading zero")
    return int.from_bytes(data, "big")


def items(item: Item, *, where: str = "item") -> list[Item]:
    """`item` as a list. Raises InputError where it is a byte string."""
    if not isinstance(item, list):
        raise InputError(NOT_CANONICAL, "a byte string where a list must be", where=where)
    return item


def decode(data: bytes, *, limit: int = 2 * 1024 * 1024, nesting: int = 32) -> Item:
    """The one item that `data` is, to its last byte.

    Raises LimitError over `limit` bytes or `nesting` levels of lists, InputError on anything `encode` would not give.
    """
    if len(data) > limit:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are read")
    item, end = _item(data, 0, len(data), nesting)
    if end != len(data):
        raise InputError(NOT_CANONICAL, f"{len(data) - end} bytes follow the item", where=f"byte {end}")
    return item


def _item(data: bytes, at: int, end: int, depth: int) -> tuple[Item, int]:
    if at >= end:
        raise InputError(NOT_CANONICAL, "an item is missing", where=f"byte {at}")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    if first < 0xC0:
        start, stop = _span(data, at, end, first - 0x80)
        if stop - start == 1 and data[start] < 0x80:
            raise InputError(NOT_CANONICAL, "a single small byte with a prefix", where=f"byte {at}")
        return data[start:stop], stop
    if depth <= 0:
        raise LimitError(TOO_LARGE, "nested too deeply", where=f"byte {at}")
    start, stop = _span(data, at, end, first - 0xC0)
    return _members(data, start, stop, depth - 1), stop


def _members(data: bytes, at: int, end: int, depth: int) -> list[Item]:
    members: list[Item] = []
    add = members.append
    while at < end:
        first = data[at]
        if first < 0x80:
            add(data[at : at + 1])
            at += 1
        elif 0x82 <= first < 0xB8:  # a short string, which most items are, without a call
            stop = at + first - 0x7F
            if stop > end:
                raise InputError(NOT_CANONICAL, "the item is longer than what holds it", where=f"byte {at}")
            add(data[at + 1 : stop])
            at = stop
        elif 0xC0 <= first < 0xF8 and depth > 0:  # a short list, the same way
            stop = at + first - 0xBF
            if stop > end:
                raise InputError(NOT_CANONICAL, "the item is longer than what holds it", where=f"byte {at}")
            add(_members(data, at + 1, stop, depth - 1))
            at = stop
        else:
            member, at = _item(data, at, end, depth)
            add(member)
    return members


def _span(data: bytes, at: int, end: int, code: int) -> tuple[int, int]:
    """Where the payload of the item at `at` starts and stops; `code` is its first byte less the base."""
    if code < 56:
        start, size = at + 1, code
    else:
        start = at + 1 + code - 55
        if start > end:
            raise InputError(NOT_CANONICAL, "the length is cut short", where=f"byte {at}")
        if data[at + 1] == 0:
            raise InputError(NOT_CANONICAL, "a length with leading zeros", where=f"byte {at}")
        size = int.from_bytes(data[at + 1 : start], "big")
        if size < 56:
            raise InputError(NOT_CANONICAL, "a long length where a short one does", where=f"byte {at}")
    if size > end - start:
        raise InputError(NOT_CANONICAL, "the item is longer than what holds it", where=f"byte {at}")
    return start, start + size
