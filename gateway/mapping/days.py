"""Days as offices write them, to and from `YYYY-MM-DD` (`YYYY-MM` where only the month is known).

A date without a time never passes through a time zone: all of it is arithmetic on the proleptic Gregorian calendar.
Sources: WIPO ST.2 (day forms); Japan's eras from the Cabinet orders on era names (元号を改める政令), read from
1873-01-01 on, when Japan took over the Gregorian calendar; the Republic of China's calendar counts from 1912.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

__all__ = ["FORMS", "Unfit", "epoch", "form"]


class Unfit(ValueError):
    """A value that a transform cannot take; the text says why, without the value where it may be long."""


Turn = Callable[[Any], Any]
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})(?:-([0-9]{2}))?")


def _join(year: int, month: int, day: int | None) -> str:
    try:
        date(year, month, 1 if day is None else day)
    except ValueError:
        raise Unfit("not a day of the calendar") from None
    return f"{year:04d}-{month:02d}" if day is None else f"{year:04d}-{month:02d}-{day:02d}"


def _split(iso: Any) -> tuple[int, int, int | None]:
    found = _ISO.fullmatch(iso) if type(iso) is str else None
    if found is None:
        raise Unfit("not a plain date YYYY-MM-DD")
    year, month, day = found.groups()
    made = int(year), int(month), int(day) if day else None
    _join(*made)
    return made


def _numeric(order: str, separator: str, months: bool) -> tuple[Turn, Turn]:
    """Forms of digits: `order` of Y, M and D; `months` where a day of 00 means that only the month is known."""
    group = {"Y": "(?P<Y>[0-9]{4})", "M": "(?P<M>[0-9]{2})", "D": "(?P<D>[0-9]{2})"}
    pattern = re.compile(re.escape(separator).join(group[part] for part in order))

    def read(text: Any) -> str:
        found = pattern.fullmatch(text) if type(text) is str else None
        if found is None:
            raise Unfit(f"not a date in the form {separator.join(part * (4 if part == 'Y' else 2) for part in order)}")
        day = int(found["D"])
        return _join(int(found["Y"]), int(found["M"]), None if months and day == 0 else day)

    def write(iso: Any) -> str:
        year, month, day = _split(iso)
        if day is None and not months:
            raise Unfit("only the month is known, and the form has no way to say so")
        parts = {"Y": f"{year:04d}", "M": f"{month:02d}", "D": f"{day or 0:02d}"}
        return separator.join(parts[part] for part in order)

    return read, write


def _iso_read(text: Any) -> str:
    _split(text)
    return str(text)


_ERAS: Final = (
    ("令和", "R", date(2019, 5, 1), date.max),
    ("平成", "H", date(1989, 1, 8), date(2019, 4, 30)),
    ("昭和", "S", date(1926, 12, 25), date(1989, 1, 7)),
    ("大正", "T", date(1912, 7, 30), date(1926, 12, 24)),
    ("明治", "M", date(1873, 1, 1), date(1912, 7, 29)),
)
_FIRST_YEAR: Final = {"令和": 2019, "平成": 1989, "昭和": 1926, "大正": 1912, "明治": 1868}
_ERA_LONG: Final = re.compile(r"(令和|平成|昭和|大正|明治)(元|[1-9][0-9]?)年([1-9]|1[0-2])月([1-9]|[12][0-9]|3[01])日")
_ERA_SHORT: Final = re.compile(r"([RHSTM])([1-9][0-9]?)\.([1-9]|1[0-2])\.([1-9]|[12][0-9]|3[01])")


def _of_era(name: str, year: int, month: int, day: int) -> str:
    iso = _join(_FIRST_YEAR[name] + year - 1, month, day)
    made = date.fromisoformat(iso)
    first, last = next((first, last) for era, _, first, last in _ERAS if era == name)
    if not first <= made <= last:
        raise Unfit("the day lies outside the era that it names")
    return iso


def _era_of(iso: Any) -> tuple[str, str, int, int, int]:
    year, month, day = _split(iso)
    if day is None:
        raise Unfit("only the month is known, and an era date has no way to say so")
    made = date(year, month, day)
    for name, letter, first, last in _ERAS:
        if first <= made <= last:
            return name, letter, year - _FIRST_YEAR[name] + 1, month, day
    raise Unfit("before 1873, when the Gregorian calendar was taken over")


def _era_long_read(text: Any) -> str:
    found = _ERA_LONG.fullmatch(text) if type(text) is str else None
    if found is None:
        raise Unfit("not an era date such as 令和5年3月14日")
    name, year, month, day = found.groups()
    return _of_era(name, 1 if year == "元" else int(year), int(month), int(day))


def _era_long_write(iso: Any) -> str:
    name, _, year, month, day = _era_of(iso)
    return f"{name}{'元' if year == 1 else year}年{month}月{day}日"


def _era_short_read(text: Any) -> str:
    found = _ERA_SHORT.fullmatch(text) if type(text) is str else None
    if found is None:
        raise Unfit("not an era date such as R5.3.14")
    letter, year, month, day = found.groups()
    name = next(era for era, short, *_ in _ERAS if short == letter)
    return _of_era(name, int(year), int(month), int(day))


def _era_short_write(iso: Any) -> str:
    _, letter, year, month, day = _era_of(iso)
    return f"{letter}{year}.{month}.{day}"


_REPUBLIC: Final = re.compile(r"([0-9]{2,3})/([0-9]{2})/([0-9]{2})")


def _republic_read(text: Any) -> str:
    found = _REPUBLIC.fullmatch(text) if type(text) is str else None
    if found is None:
        raise Unfit("not a date of the Republic's calendar such as 112/03/14")
    year, month, day = (int(part) for part in found.groups())
    if year == 0:
        raise Unfit("the Republic's calendar begins with the year 1")
    return _join(1911 + year, month, day)


def _republic_write(iso: Any) -> str:
    year, month, day = _split(iso)
    if day is None or not 1912 <= year <= 1911 + 999:
        raise Unfit("no day of the Republic's calendar")
    return f"{year - 1911:02d}/{month:02d}/{day:02d}"


FORMS: Final[dict[str, tuple[Turn, Turn]]] = {
    "YYYYMMDD": _numeric("YMD", "", months=True),
    "YYYY-MM-DD": (_iso_read, _iso_read),
    "YYYY/MM/DD": _numeric("YMD", "/", months=False),
    "YYYY.MM.DD": _numeric("YMD", ".", months=False),
    "DD/MM/YYYY": _numeric("DMY", "/", months=False),
    "DD.MM.YYYY": _numeric("DMY", ".", months=False),
    "MM/DD/YYYY": _numeric("MDY", "/", months=False),
    "era-jp": (_era_long_read, _era_long_write),
    "era-jp-short": (_era_short_read, _era_short_write),
    "roc": (_republic_read, _republic_write),
}
"""Every form a rule can name after `day`."""


def form(name: str) -> tuple[Turn, Turn]:
    """Reader to `YYYY-MM-DD` and writer from it, remembering the days that come again and again. Raises KeyError."""
    read, write = FORMS[name]
    return _remembered(read), _remembered(write)


def _remembered(turn: Turn) -> Turn:
    quick = lru_cache(maxsize=8192)(turn)

    def turned(value: Any) -> Any:
        # nothing but short texts is kept, and 1, 1.0 and True would be one key
        return quick(value) if type(value) is str and len(value) < 24 else turn(value)

    return turned


_DAY_ZERO: Final = date(1970, 1, 1)


def epoch(unit: str) -> tuple[Turn, Turn]:
    """Whole days, seconds or milliseconds since 1970-01-01, at midnight. Raises KeyError."""
    factor = {"days": 1, "seconds": 86_400, "milliseconds": 86_400_000}[unit]

    def read(count: Any) -> str:
        if type(count) is not int:
            raise Unfit(f"not a whole number of {unit}")
        days, rest = divmod(count, factor)
        if rest:
            raise Unfit("a time of the day, where a day is meant")
        return _day(days)

    def write(iso: Any) -> int:
        return _days(iso) * factor

    return read, write


@lru_cache(maxsize=8192)
def _day(days: int) -> str:
    try:
        return (_DAY_ZERO + timedelta(days=days)).isoformat()
    except OverflowError:
        raise Unfit("a day outside the years 1 to 9999") from None


def _days(iso: Any) -> int:
    year, month, day = _split(iso)
    if day is None:
        raise Unfit("only the month is known, and a count of days has no way to say so")
    return (date(year, month, day) - _DAY_ZERO).days
