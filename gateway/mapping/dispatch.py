"""Dispatch by member: a tree is walked once, and each member that stands there is handed to the rule that wants it.

Most rules of a record find nothing in most records; so the cost is by the members that are there, not by the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from gateway.mapping.access import SHAPE, Place, Refusal, place
from gateway.mapping.paths import Path

__all__ = ["Note", "Reader", "Switch", "Writer", "read_switch", "write_switch"]

Note = tuple[Place, str, str]
"""Where in the native record, the effect, the reason."""
Reader = Callable[[Any, dict[str, Any], list[Note]], None]
"""Takes a native value, fills a common dict, and notes what the loss report must say."""
Writer = Callable[[Any, dict[str, Any]], None]
"""Takes a common value and fills a native dict."""

Leaf = TypeVar("Leaf")


@dataclass(slots=True)
class Switch(Generic[Leaf]):
    """The members of an object, and what is done with each: leaves at this very place, or members further down.

    `first` stands for `[0]`: the first entry of the list at this place.
    """

    names: dict[str, Switch[Leaf]] = field(default_factory=dict)
    first: Switch[Leaf] | None = None
    leaves: list[Leaf] = field(default_factory=list)

    def add(self, path: Path, leaf: Leaf) -> None:
        node = self
        for segment in place(path):
            if isinstance(segment, str):
                node = node.names.setdefault(segment, Switch())
            else:
                node.first = node.first or Switch()
                node = node.first
        node.leaves.append(leaf)

    def __bool__(self) -> bool:
        return bool(self.names or self.leaves or self.first)


def read_switch(switch: Switch[Reader], where: Place = ()) -> Reader:
    """One reader for all members of the object at `where`. Raises Refusal where no object stands there."""
    handlers: Mapping[str, Reader] = {name: _reader_of(inside, (*where, name)) for name, inside in switch.names.items()}
    find = handlers.get

    def read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
        if type(scope) is not dict:
            raise Refusal(SHAPE, "an object is expected", where)
        for name, value in scope.items():
            if value is not None:
                handler = find(name)
                if handler is not None:
                    handler(value, out, notes)

    return read


def _reader_of(switch: Switch[Reader], where: Place) -> Reader:
    every: list[Reader] = list(switch.leaves)
    if switch.names:
        every.append(read_switch(switch, where))
    if switch.first is not None:
        every.append(_first_reader(_reader_of(switch.first, (*where, 0)), where))
    if len(every) == 1:
        return every[0]
    readers = tuple(every)

    def read(value: Any, out: dict[str, Any], notes: list[Note]) -> None:
        for each in readers:
            each(value, out, notes)

    return read


def _first_reader(inside: Reader, where: Place) -> Reader:
    def read(value: Any, out: dict[str, Any], notes: list[Note]) -> None:
        if type(value) is not list:
            raise Refusal(SHAPE, "a list is expected", where)
        if value and value[0] is not None:
            inside(value[0], out, notes)

    return read


def write_switch(switch: Switch[Writer]) -> Writer:
    """One writer for all members of a common object; they have the shape of its struct, so nothing is asked."""
    handlers: Mapping[str, Writer] = {name: _writer_of(inside) for name, inside in switch.names.items()}
    find = handlers.get

    def write(record: Any, native: dict[str, Any]) -> None:
        for name, value in record.items():
            handler = find(name)
            if handler is not None:
                handler(value, native)

    return write


def _writer_of(switch: Switch[Writer]) -> Writer:
    every: list[Writer] = list(switch.leaves)
    if switch.names:
        every.append(write_switch(switch))
    if switch.first is not None:
        every.append(_first_writer(_writer_of(switch.first)))
    if len(every) == 1:
        return every[0]
    writers = tuple(every)

    def write(value: Any, native: dict[str, Any]) -> None:
        for each in writers:
            each(value, native)

    return write


def _first_writer(inside: Writer) -> Writer:
    def write(value: Any, native: dict[str, Any]) -> None:
        if value:
            inside(value[0], native)

    return write
