"""Taking values out of trees and putting them in, by paths that were compiled once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.errors import Fault, fault
from gateway.mapping.paths import Each, Path, first_each

__all__ = ["ITEM", "MISSING", "SHAPE", "Place", "Put", "Refusal", "Take", "place", "putter", "same", "taker"]

SHAPE = fault(
    "mapping.shape",
    "A list, an object or a value stands where the rule expects another of the three.",
    "Compare the record with the schema beside the mapping.",
)


class _Missing:
    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""What a path gives where nothing stands. JSON's null is read as nothing, too, wherever a rule looks."""

ITEM: Final = "\0item"
"""Where a list's entry is itself a value, the dict that stands for it while it is built holds it under this name."""

Place = tuple[str | int, ...]
Take = Callable[[Any], Any]
Put = Callable[[dict[str, Any], Any], None]


class Refusal(Exception):
    """A record cannot be translated at `place`; lists put their own steps before it on its way up."""

    def __init__(self, kind: Fault, detail: str, place: Place) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.place = kind, detail, place

    def under(self, *before: str | int) -> Refusal:
        self.place = (*before, *self.place)
        return self


def place(path: Path) -> Place:
    """The fixed steps of a path, up to its first list."""
    at = first_each(path)
    return tuple(segment for segment in (path if at is None else path[:at]) if not isinstance(segment, Each))


def same(found: Any, wanted: Any) -> bool:
    """Equal and of one type: 1, True and 1.0 are three values."""
    return type(found) is type(wanted) and bool(found == wanted)


def taker(path: Path) -> Take:
    """Takes what stands at a path without lists; MISSING where nothing does. Raises Refusal on another shape."""
    if not path:
        return lambda scope: scope
    if len(path) == 1 and isinstance(path[0], str):
        name = path[0]

        def take_one(scope: Any) -> Any:
            if type(scope) is not dict:
                raise Refusal(SHAPE, "an object is expected", ())
            return scope.get(name, MISSING)

        return take_one
    steps = place(path)

    def take(scope: Any) -> Any:
        value = scope
        for index, step in enumerate(steps):
            if type(step) is str:
                if type(value) is not dict:
                    raise Refusal(SHAPE, "an object is expected", steps[:index])
                value = value.get(step, MISSING)
            else:
                if type(value) is not list and type(value) is not tuple:
                    raise Refusal(SHAPE, "a list is expected", steps[:index])
                value = value[0] if value else MISSING
            if value is MISSING or value is None:
                return MISSING
        return value

    return take


def putter(path: Path, kind: type[list[Any] | tuple[Any, ...]]) -> Put:
    """Puts a value at a path without lists, making what is missing on the way; `kind` is what `[0]` makes.

    An empty path puts it under ITEM. The caller has seen to it that no path leads through a value.
    """
    steps: list[tuple[str, bool]] = []
    for segment in place(path):
        if isinstance(segment, str):
            steps.append((segment, False))
        else:
            steps[-1] = (steps[-1][0], True)
    if not steps:

        def put_item(scope: dict[str, Any], value: Any) -> None:
            scope[ITEM] = value

        return put_item
    last, last_wraps = steps.pop()
    if not steps and not last_wraps:

        def put_one(scope: dict[str, Any], value: Any) -> None:
            scope[last] = value

        return put_one

    if len(steps) == 1 and not steps[0][1] and not last_wraps:
        first = steps[0][0]

        def put_two(scope: dict[str, Any], value: Any) -> None:
            held = scope.get(first)
            if held is None:
                scope[first] = {last: value}
            else:
                held[last] = value

        return put_two

    def put(scope: dict[str, Any], value: Any) -> None:
        holder = scope
        for name, wraps in steps:
            held = holder.get(name)
            if held is None:
                inner: dict[str, Any] = {}
                holder[name] = kind([inner]) if wraps else inner
                holder = inner
            elif not wraps:
                holder = held
            elif held:
                holder = held[0]
            else:
                inner = {}
                holder[name] = kind([inner])
                holder = inner
        holder[last] = kind([value]) if last_wraps else value

    return put
