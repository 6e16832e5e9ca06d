"""Formats: pure pairs of decoder and encoder between native bytes and a tree.

A tree is made of dict, list, str, int, float, Decimal, bool and None. `decode` refuses what has two readings or
exceeds a limit; `complete` fills in what the bytes always hold (an ABI struct has every member), so that a tree that
was built can be compared with one that was read.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from gateway.errors import fault

__all__ = ["LIMIT", "NESTING", "TOO_DEEP", "TOO_LARGE", "Format"]

LIMIT: Final = 1024 * 1024
"""Bytes of one native record, at most."""
NESTING: Final = 32
"""Levels of lists and objects in a tree, at most."""

TOO_LARGE = fault(
    "native.too-large",
    "The native record is larger than allowed.",
    "Documents travel by digest, not inside a record; the record is quarantined, its neighbours pass.",
)
TOO_DEEP = fault(
    "native.too-deep",
    "The native record is nested more deeply than allowed.",
    "No office's record needs it; the record is quarantined, its neighbours pass.",
)


class Format(Protocol):
    """A format as a mapping uses it. Pure: no state, no clock, no network."""

    syntax: str

    def decode(self, content: bytes) -> Any:
        """The tree of `content`. Raises LimitError before anything large or deep is built, InputError otherwise."""
        ...

    def complete(self, tree: Any) -> Any:
        """`tree` as it would be read after it was written."""
        ...

    def encode(self, tree: Any) -> tuple[bytes, Any]:
        """The one byte form of `tree`, and what `decode` would make of it.

        Raises InputError where it cannot be written, LimitError where it is too large.
        """
        ...
