"""Named points at which a test ends the process at once, as a loss of power would.

`GATEWAY_CRASH_AT=name` ends it at the first passing of that point, `name:3` at the third. Without the variable
a point costs one comparison. Nothing is flushed, closed or told: `os._exit`.
"""

from __future__ import annotations

import os
from typing import Final

__all__ = ["CRASHED", "CRASH_POINTS", "crash_point"]

CRASHED: Final = 70
"""The exit code, so that a test knows this end from any other."""

CRASH_POINTS: Final = (
    "ingest.read",
    "ingest.sealed",
    "ingest.before-commit",
    "ingest.after-commit",
    "deliver.prepared",
    "deliver.before-store",
    "deliver.stored",
    "deliver.submitted",
    "deliver.outcome-known",
    "deliver.before-finish",
    "deliver.finished",
    "deliver.void",
    "park.before-commit",
    "park.after-commit",
    "order.before-commit",
    "order.after-commit",
    "stop.before-commit",
    "stop.after-commit",
    "reroute.before-commit",
    "reroute.after-commit",
)

_name, _, _count = os.environ.get("GATEWAY_CRASH_AT", "").partition(":")
_left = int(_count) if _count.isdigit() else 1


def crash_point(name: str) -> None:
    """Ends the process where the environment asks for it here."""
    if name == _name:
        global _left  # noqa: PLW0603  # counts passings of one process; tests fork, each with its own count
        _left -= 1
        if _left <= 0:
            os._exit(CRASHED)


def arm(point: str) -> None:
    """Set or (empty) unset the point for this process, as the variable would have: for children of a warm parent."""
    global _name, _left  # noqa: PLW0603
    _name, _, count = point.partition(":")
    _left = int(count) if count.isdigit() else 1
