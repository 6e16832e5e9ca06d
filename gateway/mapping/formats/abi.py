"""Records as ABI-encoded structs: four bytes that name the struct, then ``abi.encode(struct)``.

The four bytes are the first of keccak-256 over ``Name(type,type,…)``, the struct's name with the canonical types of
its members, as Solidity forms selectors. The schema is a JSON ABI list of structs: ``[{"name": "Application", "type":
"tuple", "components": […]}, …]``. The tree is ``{"Application": {member: value}}``: integers as int, ``bytesN`` and
``bytes`` as text ``0x…`` in lower case, structs as objects, arrays as lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors import InputError, LimitError, fault
from gateway.mapping.formats import LIMIT, TOO_LARGE
from gateway.proofs import abi
from gateway.proofs.keccak import keccak256

__all__ = ["AbiFormat"]

UNKNOWN = fault(
    "abi-record.unknown-struct",
    "The record is none of the structs that the schema names.",
    "The first four bytes name the struct; compare them with the selectors that `gateway mapping lint` prints.",
)
SCHEMA = fault(
    "abi-record.schema",
    "The schema is not a list of structs.",
    'Write a list of {"name", "type": "tuple", "components"} as solc\'s JSON ABI has them.',
)
VALUE = fault("abi-record.value", "A value does not fit the struct.", "The member and its type are named.")

Convert = Callable[[Any], Any]
_Converters = tuple[Convert, Convert, Convert, Any]


Absent = Mapping[tuple[str, ...], Any]
"""What stands for nothing, by the names that lead to a member; zero, empty and false where nothing is named."""


class _Struct:
    def __init__(self, entry: Mapping[str, Any], absent: Absent) -> None:
        self.name: str = entry["name"]
        self.kind = abi.from_components(entry)
        # what abi.encode and abi.decode make of one argument, made once
        self.argument = abi.from_components({"type": "tuple", "components": [entry]})
        self.selector = keccak256(f"{self.name}{self.kind.text}".encode("ascii"))[:4]
        self.to_tree, self.from_tree, self.fill, _ = _converters(entry, (self.name,), absent)


class AbiFormat:
    """One set of structs. Raises InputError where the schema is not one."""

    syntax = "abi"

    def __init__(self, schema: Any, absent: Absent | None = None) -> None:
        if not isinstance(schema, list) or not schema:
            raise InputError(SCHEMA)
        for entry in schema:
            if (
                not isinstance(entry, dict)
                or not isinstance(entry.get("name"), str)
                or not re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", entry["name"])
                or entry.get("type") != "tuple"
            ):
                raise InputError(SCHEMA, "each entry is a named tuple")
        self.structs = {entry["name"]: _Struct(entry, absent or {}) for entry in schema}
        self._by_selector = {struct.selector: struct for struct in self.structs.values()}
        if len(self._by_selector) != len(schema):
            raise InputError(SCHEMA, "two structs have one name or one selector")

    def decode(self, content: bytes) -> Any:
        if len(content) > LIMIT:
            raise LimitError(TOO_LARGE, f"{len(content)} bytes, at most {LIMIT} are read")
        struct = self._by_selector.get(content[:4])
        if struct is None:
            raise InputError(UNKNOWN, f"it begins with 0x{content[:4].hex()}")
        (value,), end = struct.argument.decode(content[4:], 0)
        if end != len(content) - 4:
            raise InputError(
                abi.NOT_CANONICAL, f"{len(content) - 4 - end} bytes follow the values", where=f"byte {end + 4}"
            )
        return {struct.name: struct.to_tree(value)}

    def complete(self, tree: Any) -> Any:
        struct = self._struct(tree)
        return {struct.name: struct.fill(tree[struct.name])}

    def encode(self, tree: Any) -> tuple[bytes, Any]:
        struct = self._struct(tree)
        value = struct.from_tree(tree[struct.name])
        content = struct.selector + struct.argument.encode((value,))
        if len(content) > LIMIT:
            raise LimitError(TOO_LARGE, f"{len(content)} bytes, at most {LIMIT} are written")
        return content, {struct.name: struct.to_tree(value)}

    def _struct(self, tree: Any) -> _Struct:
        if not isinstance(tree, dict) or len(tree) != 1 or (name := next(iter(tree))) not in self.structs:
            raise InputError(UNKNOWN, "the tree must hold one struct by its name")
        return self.structs[name]


def _converters(entry: Mapping[str, Any], names: tuple[str, ...], absent: Absent) -> _Converters:
    """To the tree, from the tree, a tree with its missing members, and the value that stands for nothing."""
    kind = entry.get("type")
    where = ".".join(names)
    if not isinstance(kind, str):
        raise InputError(SCHEMA, "a member without a type", where=where)
    if kind.endswith("]"):
        base, _, count = kind[:-1].rpartition("[")
        to_item, from_item, fill_item, nothing = _converters({**entry, "type": base}, names, absent)
        return _list_converters(to_item, from_item, fill_item, nothing, int(count) if count else None, where)
    if kind == "tuple":
        return _struct_converters(entry, names, absent)
    if kind.startswith("bytes") or kind == "address":
        size = 20 if kind == "address" else int(kind[5:] or 0)
        return _hex, _from_hex(where, size), _same, absent.get(names, "0x" + "00" * size)
    zero: Any = {"string": "", "bool": False}.get(kind, 0)
    return _same, _same, _same, absent.get(names, zero)


_MISSING: Final = object()


def _same(value: Any) -> Any:
    return value


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _from_hex(where: str, size: int) -> Convert:
    def from_tree(value: Any) -> bytes:
        if type(value) is not str or value[:2] != "0x" or value != value.lower():
            raise InputError(VALUE, "not 0x and hexadecimal digits in lower case", where=where)
        try:
            made = bytes.fromhex(value[2:])
        except ValueError as error:
            raise InputError(VALUE, "not hexadecimal", where=where) from error
        if (size and len(made) != size) or len(value) != 2 + 2 * len(made):
            raise InputError(VALUE, f"{len(made)} bytes for {size}", where=where)
        return made

    return from_tree


def _list_converters(
    to_item: Convert, from_item: Convert, fill_item: Convert, nothing: Any, size: int | None, where: str
) -> _Converters:
    def to_tree(value: Any) -> Any:
        return [to_item(item) for item in value]

    def from_tree(value: Any) -> Any:
        if type(value) is not list:
            raise InputError(VALUE, "not a list", where=where)
        return [from_item(item) for item in value]

    def fill(value: Any) -> Any:
        return [fill_item(item) for item in value]

    return (
        list if to_item is _same else to_tree,
        from_tree,
        _same if fill_item is _same else fill,
        [nothing] * (size or 0),
    )


def _struct_converters(entry: Mapping[str, Any], names: tuple[str, ...], absent: Absent) -> _Converters:
    where = ".".join(names)
    components = entry.get("components")
    if not isinstance(components, list) or not components:
        raise InputError(SCHEMA, "a tuple without components", where=where)
    members: list[tuple[str, Convert, Convert, Convert, Any]] = []
    for component in components:
        name = component.get("name") if isinstance(component, dict) else None
        if not isinstance(name, str) or not name:
            raise InputError(SCHEMA, "a component without a name", where=where)
        members.append((name, *_converters(component, (*names, name), absent)))
    known = frozenset(name for name, *_ in members)
    if len(known) != len(members):
        raise InputError(SCHEMA, "one name twice", where=where)
    readers = tuple((name, None if to is _same else to) for name, to, *_ in members)

    def to_tree(value: Any) -> Any:
        return {name: item if to is None else to(item) for (name, to), item in zip(readers, value, strict=True)}

    writers = tuple((name, back, nothing) for name, _, back, _, nothing in members)
    fillers = tuple((name, None if fill is _same else fill, nothing) for name, _, _, fill, nothing in members)

    def from_tree(value: Any) -> Any:
        if type(value) is not dict or not known.issuperset(value):
            raise InputError(VALUE, "not an object with the struct's members", where=where)
        return tuple([back(value.get(name, nothing)) for name, back, nothing in writers])

    def fill(value: Any) -> Any:
        made = {}
        for name, fill_member, nothing in fillers:
            found = value.get(name, _MISSING)
            made[name] = nothing if found is _MISSING else found if fill_member is None else fill_member(found)
        return made

    return to_tree, from_tree, fill, {name: nothing for name, *_, nothing in members}
