"""Paths of rules: from the root of a record, one form for both sides.

applicationNumber.original        members, by name
inventorBag[].nameBag[0].value    every entry of a list; the first entry
"reelNumber/frameNumber"          a name with a dot, bracket or quote stands in double quotes
inventors["; "]                   a text that is a list, with its separator
applicant[?]                      a list, or one entry standing alone, or an object with the keys "0", "1", …
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["BadPath", "Each", "Path", "Segment", "first_each", "lists", "parse", "pointer", "show"]


@dataclass(frozen=True, slots=True)
class Each:
    """Every entry of a list. `separator` where the list is a text; `lone` where one entry may stand without a list."""

    separator: str | None = None
    lone: bool = False


Segment = str | int | Each
Path = tuple[Segment, ...]


class BadPath(ValueError):
    """The text is not a path."""


_NAME: Final = re.compile(r'[^.\[\]"\s][^.\[\]"]*')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STEP: Final = re.compile(r'\[(?:(0)|(\?)|"((?:[^"\\]|\\.)+)")?\]')
_ESCAPE: Final = re.compile(r"\\(.)")


def parse(text: str) -> Path:
    """The path that `text` writes; empty for the record itself. Raises BadPath."""
    if len(text) > 512:
        raise BadPath("a path of more than 512 characters")
    made: list[Segment] = []
    at = 0
    while at < len(text):
        if made:
            if text[at] != ".":
                raise BadPath(f"a dot is missing before {text[at:]!r}")
            at += 1
        if quoted := _QUOTED.match(text, at):
            made.append(_ESCAPE.sub(r"\1", quoted.group(1)))
            at = quoted.end()
        elif name := _NAME.match(text, at):
            made.append(name.group())
            at = name.end()
        else:
            raise BadPath(f"a name is missing before {text[at:]!r}")
        while step := _STEP.match(text, at):
            first, lone, separator = step.groups()
            if first:
                made.append(0)
            elif separator is not None:
                made.append(Each(_ESCAPE.sub(r"\1", separator)))
            else:
                made.append(Each(lone=bool(lone)))
            at = step.end()
    return tuple(made)


def show(path: Path) -> str:
    """The text of `path`, as `parse` reads it."""
    made = ""
    for segment in path:
        if isinstance(segment, str):
            name = segment if _NAME.fullmatch(segment) else '"' + re.sub(r'(["\\])', r"\\\1", segment) + '"'
            made += f".{name}" if made else name
        elif isinstance(segment, int):
            made += f"[{segment}]"
        elif segment.separator is not None:
            made += '["' + re.sub(r'(["\\])', r"\\\1", segment.separator) + '"]'
        else:
            made += "[?]" if segment.lone else "[]"
    return made


def first_each(path: Path) -> int | None:
    """Where the first list step stands."""
    for index, segment in enumerate(path):
        if isinstance(segment, Each):
            return index
    return None


def lists(path: Path) -> list[int]:
    """Where the list steps of a path stand."""
    return [index for index, segment in enumerate(path) if isinstance(segment, Each)]


def pointer(path: Sequence[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a place in a tree."""
    return "".join(
        f"/{segment.replace('~', '~0').replace('/', '~1') if isinstance(segment, str) else segment}" for segment in path
    )
