"""The shape of a common record, taken from its struct: which paths exist, which are lists, what is a default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import msgspec

from gateway.mapping.paths import Each, Path
from gateway.model import records

__all__ = ["KINDS", "Member", "Shape", "find", "leaves", "of"]

KINDS: Final[dict[str, type[msgspec.Struct]]] = {
    "Application": records.Application,
    "PriorityDocument": records.PriorityDocument,
    "LegalStatusEvent": records.LegalStatusEvent,
    "OwnershipTransfer": records.OwnershipTransfer,
}


@dataclass(frozen=True, slots=True)
class Member:
    """`default` is what the encoded record leaves out: None, an empty list, or a value that a reader supplies."""

    shape: Shape
    required: bool
    default: Any


@dataclass(frozen=True, slots=True)
class Shape:
    """`members` of an object, `item` of a list, neither of a value. `values` where only these are allowed."""

    members: Mapping[str, Member] | None = None
    item: Shape | None = None
    values: tuple[Any, ...] | None = None
    optional: bool = False


@cache
def of(record: str) -> Shape:
    """The shape of one of the kinds of common record. Raises KeyError."""
    return _struct(KINDS[record])


def _struct(kind: type[msgspec.Struct]) -> Shape:
    info = msgspec.inspect.type_info(kind)
    if not isinstance(info, msgspec.inspect.StructType):  # pragma: no cover - KINDS holds structs alone
        raise TypeError(kind)
    return _shape(info)


def _shape(info: msgspec.inspect.Type) -> Shape:
    inspect = msgspec.inspect
    if isinstance(info, inspect.Metadata):
        return _shape(info.type)
    if isinstance(info, inspect.UnionType):
        wanted = [each for each in info.types if not isinstance(each, inspect.NoneType)]
        made = _shape(wanted[0])
        return Shape(made.members, made.item, made.values, optional=True)
    if isinstance(info, inspect.StructType):
        members = {
            field.encode_name: Member(_shape(field.type), field.required, _default(field.default))
            for field in info.fields
        }
        return Shape(members=members)
    if isinstance(info, inspect.VarTupleType):
        return Shape(item=_shape(info.item_type))
    if isinstance(info, inspect.LiteralType):
        return Shape(values=tuple(info.values))
    if isinstance(info, inspect.BoolType):
        return Shape(values=(True, False))
    return Shape()


def _default(value: Any) -> Any:
    return None if value is msgspec.NODEFAULT or value == () else value


def find(shape: Shape, path: Path) -> Member | None:
    """What stands at `path`, or None where the record has no such place."""
    member = Member(shape, True, None)
    for segment in path:
        inside = member.shape
        if isinstance(segment, str):
            if inside.members is None or segment not in inside.members:
                return None
            member = inside.members[segment]
        elif inside.item is None:
            return None
        else:
            member = Member(inside.item, True, None)
    return member


def leaves(shape: Shape, at: Path = ()) -> Iterator[Path]:
    """Every place that holds a value, lists as `[]`."""
    if shape.members is not None:
        for name, member in shape.members.items():
            yield from leaves(member.shape, (*at, name))
    elif shape.item is not None:
        yield from leaves(shape.item, (*at, Each()))
    else:
        yield at
