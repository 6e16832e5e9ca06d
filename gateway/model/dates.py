"""Plain dates and the terms that the treaties count in them. No date here ever meets a time zone.

Sources: Paris Convention, Art. 4C (the term of priority is 12 months for patents and utility models, 6 for designs and
trade marks; it runs from the filing of the first application, whose day does not count; if its last day is a holiday or
a day on which the office takes no filings, it ends on the next working day); PCT Rule 17.1(a) (the priority document is
due 16 months from the priority date) and Rule 80.2 (a term of months ends on the day of the same number, or on the
month's last day where there is none) and Rule 80.5 (closed days).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Literal

import orjson

from gateway.errors import InputError, fault

__all__ = [
    "Closures",
    "Deadline",
    "Right",
    "add_months",
    "closures",
    "forms",
    "parse_day",
    "priority_deadline",
    "priority_document_due",
    "read_closures",
    "write_day",
]

NO_DAY = fault(
    "date.no-day",
    "A date is not written as it should be, or is no day of the calendar.",
    "Look at how the office writes its dates (formats are listed by gateway.model.dates.forms) and correct the value.",
)
NO_FORM = fault(
    "date.no-form",
    "There is no such form of writing dates.",
    "Take one of gateway.model.dates.forms().",
)
NO_CLOSURES = fault(
    "date.no-closures",
    "It is not known on which days this office is closed.",
    "Give the list of its closed days: a deadline that ignores them may be told too early or too late.",
)
NOT_COVERED = fault(
    "date.closures-not-covered",
    "The list of the office's closed days does not reach the deadline.",
    "Extend the list by the year that is named.",
)

Right = Literal["patent", "utility-model", "design", "trade-mark"]

_TERM: dict[str, int] = {"patent": 12, "utility-model": 12, "design": 6, "trade-mark": 6}

# ── Reading and writing ──────────────────────────────────────────────────────────────────────────────────────────

_SEPARATED = {
    "YYYY-MM-DD": (r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})", "{y:04}-{m:02}-{d:02}"),
    "YYYY/MM/DD": (r"(?P<y>[0-9]{4})/(?P<m>[0-9]{2})/(?P<d>[0-9]{2})", "{y:04}/{m:02}/{d:02}"),
    "YYYY.MM.DD": (r"(?P<y>[0-9]{4})\.(?P<m>[0-9]{2})\.(?P<d>[0-9]{2})", "{y:04}.{m:02}.{d:02}"),
    "YYYYMMDD": (r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})", "{y:04}{m:02}{d:02}"),
    "DD/MM/YYYY": (r"(?P<d>[0-9]{2})/(?P<m>[0-9]{2})/(?P<y>[0-9]{4})", "{d:02}/{m:02}/{y:04}"),
    "DD.MM.YYYY": (r"(?P<d>[0-9]{2})\.(?P<m>[0-9]{2})\.(?P<y>[0-9]{4})", "{d:02}.{m:02}.{y:04}"),
    "MM/DD/YYYY": (r"(?P<m>[0-9]{2})/(?P<d>[0-9]{2})/(?P<y>[0-9]{4})", "{m:02}/{d:02}/{y:04}"),
    "MM-DD-YYYY": (r"(?P<m>[0-9]{2})-(?P<d>[0-9]{2})-(?P<y>[0-9]{4})", "{m:02}-{d:02}-{y:04}"),
}
_COMPILED = {form: re.compile(pattern + r"\Z") for form, (pattern, _) in _SEPARATED.items()}
_EPOCH = date(1970, 1, 1)
_COUNTED = {"epoch-days": 1, "epoch-seconds": 86_400, "epoch-milliseconds": 86_400_000}


def forms() -> tuple[str, ...]:
    """The forms that `parse_day` and `write_day` know."""
    return (*_SEPARATED, *_COUNTED)


def parse_day(text: str, form: str = "YYYY-MM-DD") -> str:
    """`text`, written in `form`, as `YYYY-MM-DD`; as `YYYY-MM` where its day is 00 (`19831100`: no day is known).

    The epoch forms take a count of days, seconds or milliseconds since 1970-01-01 in decimal digits; a count that is no
    whole day is refused, because which day it means depends on a time zone that nobody stated.
    Raises InputError.
    """
    pattern = _COMPILED.get(form)
    if pattern is None:
        return _from_count(text, form).isoformat()
    found = pattern.match(text)
    if found is None or not text.isascii():
        raise InputError(NO_DAY, f"{text[:40]!r} is not written {form}")
    year, month, day = int(found["y"]), int(found["m"]), int(found["d"])
    try:
        made = date(year, month, day or 1)
    except ValueError as error:
        raise InputError(NO_DAY, f"{text!r} is no day of the calendar") from error
    return made.isoformat() if day else made.isoformat()[:7]


def write_day(day: str, form: str) -> str:
    """`day` (`YYYY-MM-DD` or `YYYY-MM`) in `form`; a day that is not known is written 00.

    Raises InputError where `day` is none, or where a form that counts is asked for a day that is not known.
    """
    known = len(day) != 7
    made = _day(day if known else f"{day}-01")
    if form in _SEPARATED:
        return _SEPARATED[form][1].format(y=made.year, m=made.month, d=made.day if known else 0)
    unit = _COUNTED.get(form)
    if unit is None:
        raise InputError(NO_FORM, repr(form))
    if not known:
        raise InputError(NO_DAY, f"{day!r} has no day that could be counted as {form}")
    return str((made - _EPOCH).days * unit)


def _from_count(text: str, form: str) -> date:
    unit = _COUNTED.get(form)
    if unit is None:
        raise InputError(NO_FORM, repr(form))
    if not re.fullmatch(r"-?[0-9]{1,18}", text) or not text.isascii():
        raise InputError(NO_DAY, f"{text[:40]!r} is no count of {form}")
    days, rest = divmod(int(text), unit)
    if rest:
        raise InputError(NO_DAY, f"{text} {form} are no whole day: a moment needs a time zone to become a day")
    try:
        return _EPOCH + timedelta(days=days)
    except OverflowError as error:
        raise InputError(NO_DAY, f"{text} {form} lie outside the calendar") from error


def _day(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or not text.isascii():
        raise InputError(NO_DAY, f"{text[:40]!r} is not written YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(NO_DAY, f"{text!r} is no day of the calendar") from error


# ── Closed days ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Closures:
    """When an office takes no filings.

    weekend  the days of the week on which it is closed, Monday 0 to Sunday 6
    days     its other closed days, each with its name
    covers   the first and the last day for which `days` is complete
    source   who says so
    """

    office: str
    weekend: frozenset[int]
    days: dict[date, str]
    covers: tuple[date, date]
    source: str

    def closed(self, day: date) -> str | None:
        """Why the office is closed on `day`; None where it is open. Raises InputError outside of `covers`."""
        first, last = self.covers
        if not first <= day <= last:
            raise InputError(
                NOT_COVERED,
                f"{self.office}'s list covers {first} to {last}, not {day}",
                where=f"closures of {self.office}",
            )
        if day.weekday() in self.weekend:
            return "weekend"
        return self.days.get(day)

    def next_open(self, day: date) -> date:
        """`day`, or the first day after it on which the office is open."""
        while self.closed(day) is not None:
            day += timedelta(days=1)
        return day


@cache
def closures(office: str) -> Closures:
    """The closed days of `office`, XA or XB, out of `codes/`. Raises InputError where there is no list."""
    if not re.fullmatch(r"[A-Z]{2}", office):
        raise InputError(NO_CLOSURES, f"{office!r} is no ST.3 code")
    file = resources.files("gateway.model").joinpath("codes", f"closures-{office.lower()}.json")
    if not file.is_file():
        raise InputError(NO_CLOSURES, f"no list of {office}'s closed days is shipped")
    return read_closures(file.read_bytes())


def read_closures(data: bytes) -> Closures:
    """A list of closed days: a JSON object of office, source, weekend (`["Saturday", …]`), covers (first and last day)
    and days (each with its name).

    Raises InputError where it is anything else.
    """
    try:
        read = orjson.loads(data)  # refuses what is nested deeper than 1,024, whatever the recursion limit is
        return Closures(
            office=str(read["office"]),
            weekend=frozenset(_WEEKDAYS.index(name) for name in read["weekend"]),
            days={_day(day): str(name) for day, name in read["days"].items()},
            covers=(_day(read["covers"][0]), _day(read["covers"][1])),
            source=str(read["source"]),
        )
    except InputError:
        raise
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            NO_CLOSURES, f"the list of closed days cannot be read: {type(error).__name__} {error}"
        ) from error


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


# ── Terms ────────────────────────────────────────────────────────────────────────────────────────────────────────


def add_months(day: date, months: int) -> date:
    """The day of the same number `months` later, or that month's last day where there is none (PCT Rule 80.2)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for clamped in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, min(clamped, day.day))
        except ValueError:
            continue
    raise InputError(NO_DAY, f"{months} months after {day} lie outside the calendar")


@dataclass(frozen=True, slots=True)
class Deadline:
    """The last day of a term, and how it was found.

    last_day  the last day on which the act is in time
    term_ends the day on which the months end, before closed days are looked at
    moved_for the closed days in between, each with its reason
    rule      the rule that it was counted by
    """

    last_day: date
    term_ends: date
    moved_for: tuple[tuple[date, str], ...]
    rule: str

    def met(self, day: date) -> bool:
        """Whether an act on `day` is in time."""
        return day <= self.last_day


def _deadline(start: date, months: int, office: Closures, rule: str) -> Deadline:
    ends = last = add_months(start, months)
    moved: list[tuple[date, str]] = []
    while (reason := office.closed(last)) is not None:
        moved.append((last, reason))
        last += timedelta(days=1)
    return Deadline(last, ends, tuple(moved), rule)


def priority_deadline(first_filing: date | str, right: Right, office: Closures) -> Deadline:
    """The last day on which a later application at `office` may claim the priority of one filed on `first_filing`.

    `right` names the term: 12 months for patents and utility models, 6 for designs and trade marks. Where a design
    claims the priority of a utility model, the design's term counts (Art. 4E(1)): pass `design`.
    Raises InputError on a date that is none, or beyond the list of closed days.
    """
    start = _day(first_filing) if isinstance(first_filing, str) else first_filing
    return _deadline(start, _TERM[right], office, "Paris Convention, Art. 4C")


def priority_document_due(priority_date: date | str, office: Closures) -> Deadline:
    """The last day for the priority document under PCT Rule 17.1(a): 16 months from the priority date.

    A document that reaches the International Bureau later counts as received on that last day if it is there before the
    international publication. Raises InputError on a date that is none, or beyond the list of closed days.
    """
    start = _day(priority_date) if isinstance(priority_date, str) else priority_date
    return _deadline(start, 16, office, "PCT Rule 17.1(a)")
