"""The closed set of named transforms. Each turns one native value into a common one, and back.

A transform is named in a rule's `as`, with its argument after a blank: `as = ["trim", "day YYYYMMDD"]`. Reading applies
them from left to right, writing from right to left. `nature` says what a way there and back keeps:

    exact      every value that it reads comes back as it was
    canonical  several writings are read as one, and one of them is written: the rule must be `canonical`
    narrow     some common values have no native writing: they are refused, or, in a `lossy` rule, dropped and named
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from gateway.errors import InputError
from gateway.mapping import days
from gateway.mapping.days import Unfit
from gateway.mapping.tables import Table
from gateway.model import identifiers

__all__ = ["BadTransform", "Nature", "Transform", "Unfit", "build", "foreign", "names", "number"]

Turn = Callable[[Any], Any]
Nature = Literal["exact", "canonical", "narrow"]


class BadTransform(ValueError):
    """A rule names a transform that does not exist, or gives it an argument that it does not take."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One step. `table` is set where it looks up codes. Both functions raise Unfit."""

    name: str
    argument: str
    read: Turn
    write: Turn
    nature: Nature
    table: Table | None = None


_Maker = Callable[[str, Mapping[str, Table]], Transform]
_makers: Final[dict[str, tuple[_Maker, str, str]]] = {}


def names() -> Mapping[str, tuple[str, str]]:
    """Every transform: what its argument is, and what it does. The reference page is checked against it."""
    return {name: (argument, told) for name, (_, argument, told) in _makers.items()}


def build(text: str, tables: Mapping[str, Table]) -> Transform:
    """The transform that a rule's `as` names. Raises BadTransform."""
    name, _, argument = text.partition(" ")
    if name not in _makers:
        raise BadTransform(f"no transform is called {name!r}; there are {', '.join(sorted(_makers))}")
    return _makers[name][0](argument, tables)


def _transform(name: str, argument: str, told: str) -> Callable[[_Maker], _Maker]:
    def note(maker: _Maker) -> _Maker:
        _makers[name] = (maker, argument, told)
        return maker

    return note


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Unfit("not a text")
    return value


def _plain(name: str, read: Turn, write: Turn, nature: Nature) -> _Maker:
    def maker(argument: str, _tables: Mapping[str, Table]) -> Transform:
        if argument:
            raise BadTransform(f"{name} takes no argument")
        return Transform(name, "", read, write, nature)

    return maker


# ── Texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

_BLANKS: Final = " \t\r\n\v\f\u00a0\u3000"


def _trim(value: Any) -> str:
    return _text(value).strip(_BLANKS)


_RUN: Final = re.compile(f"[{_BLANKS}]+")


def _collapse(value: Any) -> str:
    return _RUN.sub(" ", _text(value)).strip(" ")


def _narrow_digits(value: Any) -> str:
    return "".join(
        unicodedata.normalize("NFKC", sign) if "\uff10" <= sign <= "\uff19" else sign for sign in _text(value)
    )


def _as_text(value: Any) -> str:
    if type(value) is int:
        return str(value)
    return _text(value)


_WHOLE: Final = re.compile(r"-?[1-9][0-9]{0,17}|0")


def _number_to_text(value: Any) -> str:
    if type(value) is not int:
        raise Unfit("not a whole number")
    return str(value)


def _text_to_number(value: Any) -> int:
    if not _WHOLE.fullmatch(_text(value)):
        raise Unfit("not a whole number in digits")
    return int(value)


_DIGITS: Final = re.compile(r"[0-9]{1,18}")


def _digits_to_number(value: Any) -> int:
    if not _DIGITS.fullmatch(_text(value)):
        raise Unfit("not up to 18 digits")
    return int(value)


def _lower(value: Any) -> str:
    return _text(value).lower()


def _upper(value: Any) -> str:
    return _text(value).upper()


def _invert_name(value: Any) -> str:
    surname, comma, given = _text(value).partition(", ")
    return f"{given} {surname}" if comma else surname


def _revert_name(value: Any) -> str:
    given, blank, surname = _text(value).rpartition(" ")
    return f"{surname}, {given}" if blank else surname


def _same(value: Any) -> Any:
    return value


for _name, _read, _write, _nature, _told in (
    ("trim", _trim, _text, "canonical", "Takes blanks off both ends."),
    ("collapse", _collapse, _text, "canonical", "Takes blanks off both ends and makes every run of blanks one."),
    ("lower", _lower, _text, "canonical", "Reads capitals as small letters."),
    ("upper", _upper, _text, "canonical", "Reads small letters as capitals."),
    ("narrow-digits", _narrow_digits, _text, "canonical", "Reads full-width digits (０-９) as ASCII ones."),
    ("as-text", _as_text, _text, "canonical", "Reads a number or a text as text; writes text."),
    ("number-text", _number_to_text, _text_to_number, "narrow", "A native number is a common text of its digits."),
    ("text-number", _digits_to_number, _number_to_text, "canonical", "A native text of digits is a common number."),
    ("number-or-text", _as_text, _text_to_number, "canonical", "Reads a number or a text of digits; writes a number."),
    (
        "surname-first", _invert_name, _revert_name, "canonical",
        "`SURNAME, Given` is `Given SURNAME`; the last word of a name is written as the surname.",
    ),
):  # fmt: skip
    _transform(_name, "", _told)(_plain(_name, _read, _write, _nature))  # type: ignore[arg-type]  # the literals above


@_transform("clip", "characters", "Writes at most so many characters; what is cut is lost.")
def _clip(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", argument):
        raise BadTransform("clip takes a count of characters")
    most = int(argument)
    return Transform("clip", argument, _same, lambda value: _text(value)[:most], "narrow")


@_transform("at-most", "number", "A whole number that the format holds up to this one.")
def _at_most(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if not re.fullmatch(r"[1-9][0-9]{0,18}", argument):
        raise BadTransform("at-most takes a whole number")
    most = int(argument)

    def turn(value: Any) -> int:
        if type(value) is not int:
            raise Unfit("not a whole number")
        if value > most:
            raise Unfit(f"more than {most}")
        return value

    return Transform("at-most", argument, turn, turn, "narrow")


@_transform("prefix", "text", "The native value has this text before the common one.")
def _prefix(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if not argument:
        raise BadTransform("prefix takes the text that stands before")

    def read(value: Any) -> str:
        if not _text(value).startswith(argument):
            raise Unfit(f"it does not begin with {argument!r}")
        return str(value[len(argument) :])

    return Transform("prefix", argument, read, lambda value: argument + _text(value), "exact")


@_transform("hex", "`upper`, or nothing", "Hexadecimal digits: the common form is in lower case.")
def _hexadecimal(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if argument not in ("", "upper"):
        raise BadTransform("hex takes `upper`, or nothing")
    pattern = re.compile("(?:[0-9a-fA-F]{2})*")

    def read(value: Any) -> str:
        if not pattern.fullmatch(_text(value)):
            raise Unfit("not hexadecimal digits")
        return str(value.lower())

    def write(value: Any) -> str:
        if read(value) != value:
            raise Unfit("not hexadecimal digits in lower case")
        return str(value.upper() if argument else value)

    return Transform("hex", argument, read, write, "canonical")


@_transform("ascii", "bytes", "ASCII text in so many bytes, written `0x…`, filled with zeros at its end.")
def _ascii(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if not re.fullmatch(r"[1-9]|[12][0-9]|3[0-2]", argument):
        raise BadTransform("ascii takes a count of 1 to 32 bytes")
    size = int(argument)

    @lru_cache(maxsize=1024)
    def unpack(value: str) -> str:
        try:
            data = bytes.fromhex(value[2:]).rstrip(b"\0")
            text = data.decode("ascii")
        except ValueError:
            raise Unfit("not ASCII") from None
        if not text.isprintable():
            raise Unfit("not printable ASCII filled with zeros at its end")
        return text

    def read(value: Any) -> str:
        if len(_text(value)) != 2 + 2 * size:
            raise Unfit(f"not {size} bytes")
        return str(unpack(value))

    @lru_cache(maxsize=1024)
    def pack(value: str) -> str:
        return "0x" + value.encode("ascii").ljust(size, b"\0").hex()

    def write(value: Any) -> str:
        if len(_text(value)) > size or not value.isascii() or not value.isprintable():
            raise Unfit(f"not up to {size} printable ASCII characters")
        return str(pack(value))

    return Transform("ascii", argument, read, write, "narrow")


# ── Days ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@_transform("day", "form", "A date in the form " + ", ".join(f"`{name}`" for name in days.FORMS) + ".")
def _day(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if argument not in days.FORMS:
        raise BadTransform(f"day takes one of {', '.join(days.FORMS)}")
    read, write = days.form(argument)
    nature: Nature = "exact" if argument in ("YYYYMMDD", "YYYY-MM-DD") else "narrow"
    if argument in ("era-jp", "roc"):
        nature = "canonical"
    return Transform("day", argument, read, write, nature)


@_transform("epoch", "`days`, `seconds` or `milliseconds`", "Counted from 1970-01-01, at midnight without a zone.")
def _epoch(argument: str, _tables: Mapping[str, Table]) -> Transform:
    try:
        read, write = days.epoch(argument)
    except KeyError:
        raise BadTransform("epoch takes days, seconds or milliseconds") from None
    return Transform("epoch", argument, read, write, "narrow")


# ── Codes ────────────────────────────────────────────────────────────────────────────────────────────────────────


@_transform("table", "name", "Looks the code up in tables/NAME.json; a closed table refuses what it does not know.")
def _table(argument: str, tables: Mapping[str, Table]) -> Transform:
    table = tables.get(argument)
    if table is None:
        raise BadTransform(f"there is no tables/{argument}.json")
    several = len(set(table.codes.values())) < len(table.codes)
    return Transform("table", argument, table.read, table.write, "canonical" if several else "narrow", table)


# ── Numbers of rights ────────────────────────────────────────────────────────────────────────────────────────────


def number(scheme: str, office: str, original: Any) -> dict[str, str]:
    """The identifier as a tree. Raises Unfit."""
    if type(original) is not str or type(scheme) is not str or type(office) is not str:
        raise Unfit("a number needs its scheme, its office and its writing, as texts")
    return dict(_number(scheme, office, original) if len(original) < 64 else _make(scheme, office, original))


def _make(scheme: str, office: str, original: str) -> tuple[tuple[str, str], ...]:
    try:
        made = identifiers.identifier(scheme, office, original)
    except InputError as error:
        raise Unfit(error.detail) from error
    return (
        ("scheme", made.scheme),
        ("office", made.office),
        ("original", made.original),
        ("normalised", made.normalised),
    )


_number = lru_cache(maxsize=16384)(_make)


@_transform("kind-code", "", "Reads the ST.16 kind code at the end of a publication's number; writes nothing.")
def _kind_code(argument: str, _tables: Mapping[str, Table]) -> Transform:
    if argument:
        raise BadTransform("kind-code takes no argument")

    def write(_value: Any) -> str:
        raise Unfit("a kind code alone is no number")

    def read(value: Any) -> str | None:
        try:
            return identifiers.kind_code(_text(value))
        except InputError as error:
            raise Unfit(error.detail) from error

    return Transform("kind-code", "", read, write, "narrow")


def _original(value: Any) -> str:
    if type(value) is not dict or "original" not in value:
        raise Unfit("not an identifier")
    return str(value["original"])


@_transform(
    "identifier",
    "schemes, `scheme` or `scheme/OFFICE`",
    "A number as the office writes it; of several schemes the first that reads it. Its original is written.",
)
def _identifier(argument: str, _tables: Mapping[str, Table]) -> Transform:
    choices: list[tuple[str, str]] = []
    for choice in argument.split():
        scheme, _, office = choice.partition("/")
        choices.append((scheme, office))
    if not choices:
        raise BadTransform("identifier takes at least one scheme")
    schemes = frozenset(scheme for scheme, _ in choices)

    def read(value: Any) -> dict[str, str]:
        for scheme, office in choices[:-1]:
            try:
                return number(scheme, office, value)
            except Unfit:
                continue
        scheme, office = choices[-1]
        return number(scheme, office, value)

    def write(value: Any) -> str:
        original = _original(value)
        if value.get("scheme") not in schemes:
            raise Unfit(f"a number of the scheme {str(value.get('scheme'))[:64]!r}")
        return original

    return Transform("identifier", argument, read, write, "narrow")


def foreign(office: str, original: Any, kind: str) -> dict[str, str]:
    """The identifier of a number as somebody other than its office wrote it, as a tree. Raises Unfit."""
    if type(original) is not str or type(office) is not str:
        raise Unfit("not a text")
    return dict(_foreign(office, original, kind) if len(original) < 64 else _make_foreign(office, original, kind))


def _make_foreign(office: str, original: str, kind: str) -> tuple[tuple[str, str], ...]:
    try:
        made = identifiers.foreign(office, original, kind)
    except InputError as error:
        raise Unfit(error.detail) from error
    return (
        ("scheme", made.scheme),
        ("office", made.office),
        ("original", made.original),
        ("normalised", made.normalised),
    )


_foreign = lru_cache(maxsize=16384)(_make_foreign)
