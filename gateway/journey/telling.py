"""How a fault of the program is told: its kind and where it passed, never what it says or what was in hand there."""

from __future__ import annotations

import traceback

from gateway.errors import GatewayError

__all__ = ["frames_of", "trouble_of"]


def frames_of(error: BaseException) -> list[str]:
    """The last places of ours that the error passed, and where it began; never messages, which may hold a record."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames[:-1] if "gateway" in frame.filename]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in (*ours[-5:], *frames[-1:])]


def trouble_of(error: BaseException) -> str:
    """An error for health and logs: code and detail where it is one of ours, else its kind alone."""
    return str(error) if isinstance(error, GatewayError) else type(error).__name__
