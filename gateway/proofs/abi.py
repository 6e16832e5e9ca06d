"""Solidity's contract ABI: types, encoding, strict decoding, selectors and event topics.

One value has one encoding here, the one that Solidity's own encoder gives: heads in order, each dynamic part
directly after the one before, padding of zeros. `decode` reads that form alone, so encoding what was read gives
the same bytes again; offsets that overlap, leave gaps or point backwards are refused.

Python values: `uint*`, `int*` int; `bool` bool; `address` 20 bytes; `bytesN` N bytes; `bytes` bytes; `string` str;
arrays lists; tuples tuples, or, by `named` and `unnamed`, dicts by component name.

    >>> kind = parse("(uint64,string)[]")
    >>> decode([kind], encode([kind], [[(7, "ab")]]))
    ([(7, 'ab')],)

Source: Solidity documentation, "Contract ABI Specification" (formal specification of the encoding, strict mode).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.errors import InputError, LimitError, Misuse, fault
from gateway.proofs.keccak import keccak256

__all__ = ["Type", "decode", "encode", "from_components", "named", "parse", "selector", "topic", "unnamed"]

BAD_TYPE = fault(
    "abi.bad-type",
    "This is not an ABI type.",
    "Write elementary types, `T[]`, `T[n]` with n > 0, and tuples `(T,T)`; fixed-point numbers are not taken.",
)
BAD_VALUE = fault(
    "abi.bad-value", "The value does not fit its ABI type.", "Give a value of the type and range that the type names."
)
NOT_CANONICAL = fault(
    "abi.not-canonical",
    "The bytes are not the canonical ABI encoding of these types.",
    "Encode as Solidity's abi.encode does: dynamic parts in order without gaps, padding of zeros.",
)
TOO_LARGE = fault("abi.too-large", "The ABI data or type is larger than allowed.", "Split it, or raise the limit.")

LIMIT: Final = 2 * 1024 * 1024
"""Bytes that are read at most unless another limit is given."""
NESTING: Final = 16
"""Levels of arrays and tuples that a type may have."""
TYPE_TEXT: Final = 4096
"""Characters that the text of a type may have."""

_ZEROS: Final = bytes(32)


class Type(ABC):
    """One ABI type. `text` is its canonical name; `dynamic` says whether it is reached through an offset;
    `head` is how many bytes it takes in the head of what holds it; `names` are a tuple's component names."""

    text: str
    dynamic: bool
    head: int
    names: tuple[str, ...] | None = None

    @abstractmethod
    def encode(self, value: Any) -> bytes:
        """The encoding of `value`, without an offset. Raises InputError where it does not fit."""

    @abstractmethod
    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        """The value whose encoding starts at `at`, and where it ends. Raises InputError."""

    def __repr__(self) -> str:
        return f"parse({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and other.text == self.text and other.names == self.names

    def __hash__(self) -> int:
        return hash((self.text, self.names))


class _Word(Type):
    """A type of one word."""

    dynamic = False
    head = 32


class _Integer(_Word):
    def __init__(self, text: str, low: int, high: int) -> None:
        self.text, self._low, self._high = text, low, high

    def encode(self, value: Any) -> bytes:
        if type(value) is not int:
            raise InputError(BAD_VALUE, f"{type(value).__name__} for {self.text}")
        if not self._low <= value <= self._high:
            raise InputError(BAD_VALUE, f"out of the range of {self.text}")
        return (value & _ALL).to_bytes(32, "big")

    def decode(self, data: bytes, at: int) -> tuple[int, int]:
        value = int.from_bytes(_word(data, at), "big", signed=self._low < 0)
        if not self._low <= value <= self._high:
            raise InputError(NOT_CANONICAL, f"out of the range of {self.text}", where=f"byte {at}")
        return value, at + 32


_ALL: Final = (1 << 256) - 1


class _Bool(_Word):
    text = "bool"

    def encode(self, value: Any) -> bytes:
        if type(value) is not bool:
            raise InputError(BAD_VALUE, f"{type(value).__name__} for bool")
        return _TRUE if value else _ZEROS

    def decode(self, data: bytes, at: int) -> tuple[bool, int]:
        word = _word(data, at)
        if word == _ZEROS:
            return False, at + 32
        if word == _TRUE:
            return True, at + 32
        raise InputError(NOT_CANONICAL, "neither 0 nor 1 for bool", where=f"byte {at}")


_TRUE: Final = bytes(31) + b"\x01"


class _Fixed(_Word):
    """`bytesN`: to the left of its word, zeros after it."""

    def __init__(self, text: str, size: int) -> None:
        self.text, self._size, self._pad = text, size, bytes(32 - size)

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for {self.text}")
        if len(value) != self._size:
            raise InputError(BAD_VALUE, f"{len(value)} bytes for {self.text}")
        return value + self._pad

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        word = _word(data, at)
        if word[self._size :] != self._pad:
            raise InputError(NOT_CANONICAL, f"padding of {self.text} is not zero", where=f"byte {at}")
        return word[: self._size], at + 32


class _Address(_Word):
    text = "address"

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes) or len(value) != 20:
            raise InputError(BAD_VALUE, "an address is 20 bytes")
        return _ADDRESS_PAD + value

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        word = _word(data, at)
        if word[:12] != _ADDRESS_PAD:
            raise InputError(NOT_CANONICAL, "padding of address is not zero", where=f"byte {at}")
        return word[12:], at + 32


_ADDRESS_PAD: Final = bytes(12)


class _Bytes(Type):
    text = "bytes"
    dynamic = True
    head = 32

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, bytes):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for bytes")
        return len(value).to_bytes(32, "big") + value + _ZEROS[: -len(value) % 32]

    def decode(self, data: bytes, at: int) -> tuple[bytes, int]:
        size = int.from_bytes(_word(data, at), "big")
        start = at + 32
        stop = start + size
        end = stop + -size % 32
        if end > len(data):
            raise InputError(NOT_CANONICAL, f"{size} bytes announced, fewer follow", where=f"byte {at}")
        if any(data[stop:end]):
            raise InputError(NOT_CANONICAL, "padding is not zero", where=f"byte {stop}")
        return data[start:stop], end


class _String(Type):
    text = "string"
    dynamic = True
    head = 32

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, str):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for string")
        try:
            return _BYTES.encode(value.encode())
        except UnicodeEncodeError as error:
            raise InputError(BAD_VALUE, "text with a lone surrogate has no UTF-8 form") from error

    def decode(self, data: bytes, at: int) -> tuple[str, int]:
        raw, end = _BYTES.decode(data, at)
        try:
            return raw.decode(), end
        except UnicodeDecodeError as error:
            raise InputError(NOT_CANONICAL, "a string that is not UTF-8", where=f"byte {at + 32}") from error


_BYTES: Final = _Bytes()


class _Tuple(Type):
    def __init__(self, members: Sequence[Type], names: tuple[str, ...] | None = None) -> None:
        self.members = tuple(members)
        self.names = names
        self.text = f"({','.join(member.text for member in self.members)})"
        self.dynamic = any(member.dynamic for member in self.members)
        self._inside = sum(member.head for member in self.members)
        self.head = 32 if self.dynamic else self._inside

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, (tuple, list)):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for {self.text[:80]}")
        if len(value) != len(self.members):
            raise InputError(BAD_VALUE, f"{len(value)} values for {len(self.members)} components")
        return _join(self.members, value, self._inside)

    def decode(self, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        values: list[Any] = []
        head, tail = at, at + self._inside
        for member in self.members:
            if member.dynamic:
                _offset(data, head, tail - at)
                value, tail = member.decode(data, tail)
                head += 32
            else:
                value, head = member.decode(data, head)
            values.append(value)
        return tuple(values), tail


class _Array(Type):
    """`T[]` (size None) and `T[n]`."""

    def __init__(self, item: Type, size: int | None) -> None:
        self.item, self.size = item, size
        self.text = f"{item.text}[{'' if size is None else size}]"
        self.dynamic = size is None or item.dynamic
        self.head = 32 if self.dynamic or size is None else item.head * size

    def encode(self, value: Any) -> bytes:
        if not isinstance(value, (list, tuple)):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for {self.text[:80]}")
        if self.size is not None and len(value) != self.size:
            raise InputError(BAD_VALUE, f"{len(value)} items for {self.size}")
        body = _join([self.item] * len(value), value, self.item.head * len(value))
        return body if self.size is not None else len(value).to_bytes(32, "big") + body

    def decode(self, data: bytes, at: int) -> tuple[list[Any], int]:
        if self.size is None:
            count = int.from_bytes(_word(data, at), "big")
            at += 32
        else:
            count = self.size
        item = self.item
        # before any work: each item takes its head at the least
        if count * item.head > len(data) - at:
            raise InputError(NOT_CANONICAL, f"{count} items announced, fewer bytes follow", where=f"byte {at}")
        values: list[Any] = []
        if not item.dynamic:
            for _ in range(count):
                value, at = item.decode(data, at)
                values.append(value)
            return values, at
        tail = at + 32 * count
        for index in range(count):
            _offset(data, at + 32 * index, tail - at)
            value, tail = item.decode(data, tail)
            values.append(value)
        return values, tail


def _word(data: bytes, at: int) -> bytes:
    word = data[at : at + 32]
    if len(word) != 32:
        raise InputError(NOT_CANONICAL, "a word is cut short or missing", where=f"byte {at}")
    return word


def _offset(data: bytes, at: int, expected: int) -> None:
    found = int.from_bytes(_word(data, at), "big")
    if found != expected:
        raise InputError(NOT_CANONICAL, "an offset that does not point behind the part before", where=f"byte {at}")


def _join(members: Sequence[Type], values: Sequence[Any], inside: int) -> bytes:
    heads: list[bytes] = []
    tails: list[bytes] = []
    tail = inside
    for member, value in zip(members, values, strict=True):
        data = member.encode(value)
        if member.dynamic:
            heads.append(tail.to_bytes(32, "big"))
            tails.append(data)
            tail += len(data)
        else:
            heads.append(data)
    return b"".join(heads + tails)


# ── Types by text and by JSON ────────────────────────────────────────────────────────────────────────────────────

_NAME: Final = re.compile(r"[a-z]+[0-9]*")
_SUFFIX: Final = re.compile(r"\[([1-9][0-9]{0,8})?\]")


def parse(text: str) -> Type:
    """The type that `text` names, e.g. ``(bytes32,string)[]``; `uint` and `int` mean 256 bits. Raises InputError."""
    if len(text) > TYPE_TEXT:
        raise LimitError(TOO_LARGE, f"a type of {len(text)} characters")
    made, end = _type(text, 0, NESTING)
    if end != len(text):
        raise InputError(BAD_TYPE, f"{text[end : end + 20]!r} follows the type", where=f"character {end}")
    return made


def _type(text: str, at: int, depth: int) -> tuple[Type, int]:
    if depth <= 0:
        raise LimitError(TOO_LARGE, "a type nested too deeply")
    if text[at : at + 1] == "(":
        members: list[Type] = []
        at += 1
        while True:
            member, at = _type(text, at, depth - 1)
            members.append(member)
            if text[at : at + 1] not in (",", ")"):
                raise InputError(BAD_TYPE, "a tuple that is not closed", where=f"character {at}")
            at += 1
            if text[at - 1] == ")":
                break
        made: Type = _Tuple(members)
    else:
        name = _NAME.match(text, at)
        if name is None:
            raise InputError(BAD_TYPE, f"{text[at : at + 20]!r}", where=f"character {at}")
        made, at = _elementary(name.group()), name.end()
    return _arrays(made, text, at, depth)


def _arrays(made: Type, text: str, at: int, depth: int) -> tuple[Type, int]:
    while suffix := _SUFFIX.match(text, at):
        depth -= 1
        if depth <= 0:
            raise LimitError(TOO_LARGE, "a type nested too deeply")
        made = _Array(made, int(suffix.group(1)) if suffix.group(1) else None)
        if made.head > LIMIT:
            raise LimitError(TOO_LARGE, "a fixed array larger than what is read")
        at = suffix.end()
    return made, at


def _elementary(name: str) -> Type:
    made = _ELEMENTARY.get(name)
    if made is None:
        raise InputError(BAD_TYPE, f"{name[:40]!r}")
    return made


def _elementary_types() -> dict[str, Type]:
    made: dict[str, Type] = {"bool": _Bool(), "address": _Address(), "bytes": _BYTES, "string": _String()}
    for bits in range(8, 257, 8):
        made[f"uint{bits}"] = _Integer(f"uint{bits}", 0, (1 << bits) - 1)
        made[f"int{bits}"] = _Integer(f"int{bits}", -(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    for size in range(1, 33):
        made[f"bytes{size}"] = _Fixed(f"bytes{size}", size)
    made["uint"], made["int"] = made["uint256"], made["int256"]
    return made


_ELEMENTARY: Final = _elementary_types()


def from_components(component: Any) -> Type:
    """The type of one entry of a contract's JSON ABI (`{"type": "tuple[]", "components": […], …}`), with the names
    of tuples' components, for `named` and `unnamed`. Raises InputError."""
    return _component(component, NESTING)


def _component(component: Any, depth: int) -> Type:
    if depth <= 0:
        raise LimitError(TOO_LARGE, "a type nested too deeply")
    text = component.get("type") if isinstance(component, Mapping) else None
    if not isinstance(text, str) or len(text) > TYPE_TEXT:
        raise InputError(BAD_TYPE, "a component without a type")
    if not text.startswith("tuple"):
        return parse(text)
    components = component.get("components")
    if not isinstance(components, Sequence) or isinstance(components, str) or not components:
        raise InputError(BAD_TYPE, "a tuple without components")
    members = [_component(member, depth - 1) for member in components]
    names = tuple(member.get("name") for member in components)
    if not all(isinstance(name, str) and name for name in names) or len(set(names)) != len(names):
        raise InputError(BAD_TYPE, "a tuple whose components have no names, or one name twice")
    made, end = _arrays(_Tuple(members, names), text, 5, depth)
    if end != len(text):
        raise InputError(BAD_TYPE, f"{text[:40]!r}")
    return made


def named(kind: Type, value: Any) -> Any:
    """`value` of `kind` with every tuple that has names as a dict in the order of its components."""
    if isinstance(kind, _Array):
        return [named(kind.item, item) for item in value]
    if isinstance(kind, _Tuple):
        members = [named(member, item) for member, item in zip(kind.members, value, strict=True)]
        return dict(zip(kind.names, members, strict=True)) if kind.names is not None else tuple(members)
    return value


def unnamed(kind: Type, value: Any) -> Any:
    """The way back from `named`. Raises InputError where a component is missing or unknown."""
    if isinstance(kind, _Array):
        if not isinstance(value, (list, tuple)):
            raise InputError(BAD_VALUE, f"{type(value).__name__} for {kind.text[:80]}")
        return [unnamed(kind.item, item) for item in value]
    if isinstance(kind, _Tuple):
        if kind.names is None:
            if not isinstance(value, (list, tuple)) or len(value) != len(kind.members):
                raise InputError(BAD_VALUE, f"not the components of {kind.text[:80]}")
            return tuple(unnamed(member, item) for member, item in zip(kind.members, value, strict=True))
        if not isinstance(value, Mapping) or len(value) != len(kind.names) or any(n not in value for n in kind.names):
            raise InputError(BAD_VALUE, f"the components must be {', '.join(kind.names)}")
        return tuple(unnamed(member, value[name]) for member, name in zip(kind.members, kind.names, strict=True))
    return value


# ── The public calls ─────────────────────────────────────────────────────────────────────────────────────────────


def _types(types: Sequence[Type | str]) -> _Tuple:
    return _Tuple([parse(each) if isinstance(each, str) else each for each in types])


def encode(types: Sequence[Type | str], values: Sequence[Any]) -> bytes:
    """What Solidity's ``abi.encode`` gives for these values. Raises InputError where one does not fit its type,
    Misuse where their counts differ."""
    if len(types) != len(values):
        raise Misuse(BAD_VALUE, f"{len(values)} values for {len(types)} types")
    return _types(types).encode(values)


def decode(types: Sequence[Type | str], data: bytes, *, limit: int = LIMIT) -> tuple[Any, ...]:
    """The values of `types` that `data` is the canonical encoding of, to its last byte.

    Raises LimitError over `limit` bytes, InputError on anything that `encode` would not give.
    """
    if len(data) > limit:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are read")
    values, end = _types(types).decode(data, 0)
    if end != len(data):
        raise InputError(NOT_CANONICAL, f"{len(data) - end} bytes follow the values", where=f"byte {end}")
    return values


def selector(signature: str) -> bytes:
    """The four bytes that call the function ``name(types)``; types in canonical form. Raises InputError."""
    return keccak256(_signature(signature))[:4]


def topic(signature: str) -> bytes:
    """The first topic of the event ``Name(types)``. Raises InputError."""
    return keccak256(_signature(signature))


_SIGNATURE: Final = re.compile(r"([A-Za-z_$][A-Za-z0-9_$]*)(\(.*\))")


def _signature(text: str) -> bytes:
    found = _SIGNATURE.fullmatch(text) if len(text) <= TYPE_TEXT else None
    if found is None:
        raise InputError(BAD_TYPE, "a signature is a name and its types in parentheses")
    types = "()" if found.group(2) == "()" else parse(found.group(2)).text
    return (found.group(1) + types).encode()
