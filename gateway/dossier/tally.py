"""The checks of one verification, in the order in which they were made, and how each id stands by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from gateway.dossier.verdict import combine
from gateway.spi import Check, CheckOutcome

__all__ = ["Standing", "Tally", "rank"]

Standing = tuple[CheckOutcome, str | None]
"""An outcome and, where it is not passed, its sub-indication."""

_RANKS: Final[Mapping[CheckOutcome, int]] = {"failed": 0, "indeterminate": 1, "skipped": 2, "passed": 3}
_PASSED: Final[Standing] = ("passed", None)


def rank(outcome: CheckOutcome) -> int:
    """The worse, the lower."""
    return _RANKS[outcome]


class Tally:
    """What was checked so far. Several checks of one id, about several objects, stand as the worst of them."""

    __slots__ = ("_held", "_open", "_wrong", "checks")

    def __init__(self) -> None:
        self.checks: Final[list[Check]] = []
        self._held: Final[set[str]] = set()
        self._open: Final[set[str]] = set()
        self._wrong: Final[dict[str, Standing]] = {}

    # ── noting ──────────────────────────────────────────────────────────────────────────────────────────────────

    def passed(
        self, name: str, reason: str, label: str = "", inputs: tuple[str, ...] = (), at: str | None = None
    ) -> None:
        self.checks.append(Check(name, "passed", reason, label, None, None, None, at, inputs))
        self._held.add(name)

    def failed(self, name: str, sub: str, reason: str, label: str = "", **more: Any) -> None:
        self.add(Check(name, "failed", reason, label, sub, **more))

    def unsettled(self, name: str, sub: str, reason: str, label: str = "", **more: Any) -> None:
        self.add(Check(name, "indeterminate", reason, label, sub, **more))

    def skipped(self, name: str, reason: str, label: str = "", **more: Any) -> None:
        self.add(Check(name, "skipped", reason, label, **more))

    def add(self, check: Check) -> None:
        name, outcome = check.id, check.outcome
        self.checks.append(check)
        if outcome == "passed":
            self._held.add(name)
        elif outcome == "skipped":
            self._open.add(name)
        else:
            held = self._wrong.get(name)
            if held is None or _RANKS[outcome] < _RANKS[held[0]]:
                self._wrong[name] = (outcome, check.sub_indication)

    def add_all(self, checks: Sequence[Check]) -> None:
        if all(check.outcome == "passed" for check in checks):
            self.checks.extend(checks)
            self._held.update([check.id for check in checks])
        else:
            for check in checks:
                self.add(check)

    # ── asking ──────────────────────────────────────────────────────────────────────────────────────────────────

    def made(self, name: str) -> bool:
        """Whether there is a check of this id, however it ended."""
        return name in self._held or name in self._wrong or name in self._open

    def holds(self, name: str) -> bool:
        """Whether the checks of this id passed; not where all of them were skipped."""
        return name in self._held and name not in self._wrong

    def stands(self, name: str) -> Standing:
        return self._wrong.get(name, _PASSED)

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that were made."""
        if not self._wrong and not self._open:
            held = self._held
            return tuple([name for name in names if name in held])
        return tuple([name for name in names if self.made(name)])

    def first_wrong(self, names: Iterable[str]) -> str | None:
        """The first of `names` that was made and did not pass."""
        return next((name for name in names if self.made(name) and not self.holds(name)), None)

    def worst(self, names: Iterable[str]) -> Standing:
        """The worst of `names`. What was skipped, or never asked, does not count."""
        wrong = self._wrong
        if not wrong:
            return _PASSED
        parts = [wrong[name] for name in names if name in wrong]
        failed = [part for part in parts if part[0] == "failed"]
        if failed:
            return "failed", combine(failed)[1]
        return ("indeterminate", combine(parts)[1]) if parts else _PASSED
