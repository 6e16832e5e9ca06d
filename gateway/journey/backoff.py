"""How long to wait before trying again: doubled each time up to a limit, with jitter."""

from __future__ import annotations

import random

__all__ = ["Backoff"]


class Backoff:
    """Counts failures in a row. `next()` is the wait in seconds; `reset()` after a success.

    Half of each wait is chance, so that many who wait for one network do not all knock at once.
    """

    def __init__(self, first: float, most: float) -> None:
        self._first = first
        self._most = most
        self.failures = 0

    def next(self) -> float:
        self.failures += 1
        ceiling = min(self._most, self._first * 2.0 ** min(self.failures - 1, 30))
        return max(self._first / 2, random.uniform(ceiling / 2, ceiling))

    def reset(self) -> None:
        self.failures = 0
