"""Numbers: as an office writes them, and in the form in which two writings of one number are equal.

A *scheme* says whose number it is and of what: `us-application`, `jp-registration`, `pct-application`. Its
normaliser reads every writing of the number that is known and gives one; a writing that it does not know is
refused, because a number that is guessed at is a wrong number. A scheme without a table of its own, named by an
office's ST.3 code in lower case and a word (`ro-application`), is *opaque*: any text, compared without blanks and
case.

Normalising is idempotent. It never touches `original`. For comparing only, digits of any script (full-width,
Arabic-Indic) become ASCII ones, full-width letters become ASCII ones, dashes become one dash, and format
characters (marks of direction) go; nothing else is folded, so `①` is no `1`.

Sources: the offices' own writings as they occur in their records; WIPO ST.13 (application numbers); how WIPO's
Digital Access Service normalises numbers (AT, AR, AU, CZ, EP, FR, PCT); check digits: EP by the EPO's rule (digits
weighted 1, 2, 1, 2 …, modulo 10), DE by Mitteilung Nr. 3/1983 of the president of the Deutsches Patentamt, CN by
weights 2 to 9, modulo 11.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from gateway.errors import InputError, LimitError, fault
from gateway.model import codes
from gateway.model.records import Identifier

__all__ = ["Scheme", "foreign", "identifier", "kind_code", "normalise", "schemes"]

UNREADABLE = fault(
    "identifier.unreadable",
    "A number is not written as its scheme writes numbers.",
    "Correct it at its source; else give it the scheme that fits, or an opaque one (the office's code and a word).",
)
CHECK_DIGIT = fault(
    "identifier.check-digit",
    "The check digit of a number does not fit its other digits.",
    "One of the digits is wrong: compare the number with the office's register.",
)
UNKNOWN_SCHEME = fault(
    "identifier.unknown-scheme",
    "No scheme of numbers has this name.",
    "Take one of gateway.model.identifiers.schemes(), or an ST.3 code in lower case, a hyphen and a word.",
)
OTHER_OFFICE = fault(
    "identifier.other-office",
    "A number belongs to another office than the one that is named.",
    "Name the office whose number it is.",
)
TOO_LONG = fault(
    "identifier.too-long",
    "A number is longer than any office's numbers are.",
    "A text of this length is no number: map it to a text.",
)

_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme: its name, the office that gives such numbers (None: the number names it), writings of one number."""

    name: str
    office: str | None
    writings: tuple[str, ...]
    normalised: str


def schemes() -> tuple[Scheme, ...]:
    """Every scheme that has a table of its own, by name."""
    return tuple(_SCHEMES[name][0] for name in sorted(_SCHEMES))


def normalise(scheme: str, original: str) -> str:
    """The form of `original` in which two writings of one number are equal.

    Raises InputError where the scheme is unknown, the number is not one of it, or its check digit is wrong;
    LimitError over 1,000 characters.
    """
    return _read(scheme, original)[0]


def identifier(scheme: str, office: str, original: str) -> Identifier:
    """`original` with its normalised form. Where the number names its office, that one is taken.

    `office` is an ST.3 code; "" where the scheme or the number says it. Raises what `normalise` raises, and
    InputError where `office` is another than the scheme's or the number's.
    """
    normalised, named = _read(scheme, original)
    known = _SCHEMES.get(scheme)
    if known is None and scheme != "opaque":
        owner: str | None = scheme[:2].upper()
    else:
        owner = known[0].office if known is not None else None
    owner = named or owner
    # whoever passes a PCT number on names himself or the International Bureau: the number knows better
    if owner is not None and office not in ("", owner) and scheme != "pct-application":
        raise InputError(OTHER_OFFICE, f"{original!r} ({scheme}) is a number of {owner}, not of {office}")
    if owner is None and not office:
        raise InputError(OTHER_OFFICE, f"nothing says whose number {original!r} ({scheme}) is")
    return Identifier(scheme, owner or office, original, normalised)


def foreign(office: str, original: str, kind: str = "application") -> Identifier:
    """A number of `office` as somebody else wrote it: by the office's scheme where it fits, else as it stands.

    A priority number that an applicant mistyped is no reason to refuse the record that quotes it; its scheme is then
    `xx-unread`, and it equals no number that was read. Raises InputError where `office` is no ST.3 code.
    """
    scheme = "pct-application" if kind == "application" and _PCT_SIGN.match(original) else f"{office.lower()}-{kind}"
    try:
        return identifier(scheme, office, original)
    except LimitError:
        raise
    except InputError as error:
        if error.fault not in (UNREADABLE, CHECK_DIGIT):
            raise
        return identifier(f"{office.lower()}-unread", office, original)


def kind_code(original: str) -> str | None:
    """The ST.16 kind code at the end of a publication's number, `A1` of `US 2017-0071586 A1`; None without one."""
    found = _KIND.search(_plain(original).upper())
    return found.group(1) if found else None


def _read(scheme: str, original: str) -> tuple[str, str | None]:
    if len(original) > _LIMIT:
        raise LimitError(TOO_LONG, f"{len(original)} characters, at most {_LIMIT} are read", where=scheme)
    known = _SCHEMES.get(scheme)
    if known is None:
        if scheme != "opaque" and not (_OPAQUE.match(scheme) and codes.is_office(scheme[:2].upper(), former=True)):
            raise InputError(UNKNOWN_SCHEME, f"{scheme!r} is no scheme")
        return _opaque(scheme, original), None
    found = known[1](_plain(original).upper())
    if found is None:
        example = " or ".join(known[0].writings[:2])
        raise InputError(
            UNREADABLE,
            f"{original!r} is no {scheme} number",
            hint=f"Such numbers are written {example}. {UNREADABLE.hint}",
        )
    if isinstance(found, str):
        return found, None
    return found


# ── Characters ───────────────────────────────────────────────────────────────────────────────────────────────────

_FULL_WIDTH = {point: point - 0xFEE0 for point in range(0xFF01, 0xFF5F)}
_DASHES = dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212, 0x30FC, 0xFF70), 0x2D)
_ONE_FORM = _FULL_WIDTH | _DASHES


def _plain(text: str) -> str:
    """`text` for comparing: one form per digit, dash and blank. Raises InputError on control characters."""
    if not text.isascii():
        text = text.translate(_ONE_FORM)
        text = "".join(_one_form(sign) for sign in text if unicodedata.category(sign) != "Cf")
    text = " ".join(text.split())
    if not text.isprintable() and any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise InputError(UNREADABLE, f"{text!r} holds control characters")
    return text


def _one_form(sign: str) -> str:
    digit = unicodedata.decimal(sign, None)
    return str(digit) if digit is not None else sign


def _opaque(scheme: str, original: str) -> str:
    # folding may bring forth characters that fold again (a combining mark out of a letter): until nothing changes
    text, before = original, None
    while text != before:
        before, text = text, "".join(_plain(text).casefold().split())
    if not text:
        raise InputError(UNREADABLE, f"{original!r} holds no number", where=scheme)
    return text


# ── Check digits ─────────────────────────────────────────────────────────────────────────────────────────────────


def _check(number: str, given: str | None, right: str) -> None:
    if given is not None and given != right:
        raise InputError(CHECK_DIGIT, f"{number} has the check digit {right}, not {given}")


def _check_ep(digits: str) -> str:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(digits))
    return str(-sum(product // 10 + product % 10 for product in doubled) % 10)


def _check_de(digits: str) -> str:
    if len(digits) == 7 and digits < "31":  # filed before 1981
        return str(sum(int(digit) * weight for weight, digit in enumerate(reversed(digits), 1)) % 10)
    rest = sum(int(digit) * weight for weight, digit in enumerate(reversed(digits), 2)) % 11
    return str(11 - rest) if rest > 1 else "0"


def _check_cn(digits: str) -> str:
    rest = sum(int(digit) * (2 + place % 8) for place, digit in enumerate(digits)) % 11
    return "X" if rest == 10 else str(rest)


# ── Readers: upper-case ASCII-digit text to the normalised number, with the office that it names; None: not readable ──

_Reader = Callable[[str], "str | tuple[str, str] | None"]
_OPAQUE = re.compile(r"[a-z]{2}(-[a-z0-9]+)+\Z")
_KIND = re.compile(r"(?<=[0-9 ])([A-Z][0-9]?)\Z")
_PCT_SIGN = re.compile(r"\s*PCT", re.IGNORECASE)
_K = r"(?: ?[A-Z][0-9]?)?"  # a kind code that is written along


def _pattern(pattern: str, form: Callable[[re.Match[str]], str | tuple[str, str] | None]) -> _Reader:
    compiled: re.Pattern[str] | None = None

    def read(text: str) -> str | tuple[str, str] | None:
        nonlocal compiled
        if compiled is None:  # compiling a hundred patterns would be felt at every start of the command line
            compiled = re.compile(pattern + r"\Z")
        found = compiled.match(text)
        return form(found) if found else None

    return read


def _first(*readers: _Reader) -> _Reader:
    def read(text: str) -> str | tuple[str, str] | None:
        return next((found for reader in readers if (found := reader(text)) is not None), None)

    return read


def _joined(found: re.Match[str]) -> str:
    return "".join(part for part in found.groups() if part)


def _us_patent(found: re.Match[str]) -> str | None:
    serial = found["serial"].replace(",", "").lstrip("0")
    return (found["prefix"] or "") + serial if serial and len(serial) <= 8 else None


def _pct_year(text: str) -> str:
    """The first international applications are of 1978."""
    return text if len(text) == 4 else ("19" if text >= "78" else "20") + text


def _pct(found: re.Match[str]) -> tuple[str, str] | None:
    office, year, serial = found["office"], _pct_year(found["year"]), int(found["serial"])
    if not codes.is_office(office, former=True) or year < "1978" or not serial:
        return None
    return f"PCT/{office}{year}/{serial:06}", office


def _wo(found: re.Match[str]) -> str | None:
    year, serial = _pct_year(found["year"]), int(found["serial"])
    return f"WO{year}/{serial:06}" if year >= "1978" and serial else None


def _ep_docdb(found: re.Match[str]) -> str:
    return found[1] + found[2]


def _ep(found: re.Match[str]) -> str:
    _check(found[1], found[2], _check_ep(found[1]))
    return found[1]


def _cn(found: re.Match[str]) -> str:
    _check(found[1], found[2], _check_cn(found[1]))
    return found[1]


def _de(found: re.Match[str]) -> str:
    digits = found["number"].replace(" ", "")
    _check(digits, found["check"], _check_de(digits))
    letter = "M" if found["letter"] == "M" else ""
    return f"{letter}{digits}" + (f"-{found['part']}" if found["part"] else "")


_ERAS = {"昭": 1925, "S": 1925, "3": 1925, "平": 1988, "H": 1988, "4": 1988, "令": 2018, "R": 2018, "5": 2018}
_LAST = {1925: 64, 1988: 31, 2018: 99}


def _jp_era(found: re.Match[str]) -> str | None:
    before = _ERAS[found["era"]]
    year = 1 if found["year"] == "元" else int(found["year"])
    return f"{before + year}{int(found['serial']):06}" if 1 <= year <= _LAST[before] else None


def _jp_year(found: re.Match[str]) -> str | None:
    return f"{found['year']}{int(found['serial']):06}" if "1900" <= found["year"] < "2100" else None


def _jp(words: str) -> _Reader:
    """Numbers of one kind of right or document: `words` are the kanji that may stand before it."""
    start = rf"(?:JP ?)?(?:(?:{words}) ?)?"
    return _first(
        _pattern(start + r"(?P<year>[0-9]{4})[-/ ]?(?P<serial>[0-9]{6})" + _K, _jp_year),
        _pattern(start + r"(?P<year>[0-9]{4})[-/](?P<serial>[0-9]{1,6})" + _K, _jp_year),
        _pattern(
            start + r"(?P<era>[昭平令SHR]) ?(?P<year>[0-9]{1,2}|元)(?:年)?[-/ ](?P<serial>[0-9]{1,6})号?" + _K, _jp_era
        ),
        _pattern(start + r"(?P<era>[345])(?P<year>[0-9]{2})(?P<serial>[0-9]{6})" + _K, _jp_era),
    )


def _sandbox(office: str, letter: str) -> _Reader:
    sign = f"{letter}-" if letter else ""
    part = f"{letter}[-/ ]?" if letter else ""

    def form(found: re.Match[str]) -> str | None:
        return f"{office}-{sign}{found[1]}-{int(found[2]):06}" if int(found[2]) else None

    return _first(
        _pattern(rf"{office}[-/ ]?{part}([0-9]{{4}})[-/ ]([0-9]{{1,6}})", form),
        _pattern(rf"{office}[-/ ]?{part}([0-9]{{4}})([0-9]{{6}})", form),
    )


def _padded(width: int) -> Callable[[re.Match[str]], str | None]:
    return lambda found: found[1].zfill(width) if found[1].strip("0") else None


def _unpadded(found: re.Match[str]) -> str | None:
    return found[1].lstrip("0") or None


_DE_TAIL = r"(?:\.(?P<check>[0-9]))?(?P<part>)" + _K
_SCHEMES: dict[str, tuple[Scheme, _Reader]] = {}


def _scheme(name: str, office: str | None, reader: _Reader, normalised: str, *writings: str) -> None:
    _SCHEMES[name] = (Scheme(name, office, writings, normalised), reader)


_US_APPLICATION = _first(
    _pattern(r"(?:US ?)?(?:(?:19|20)[0-9]{2})([0-9]{8}) ?[AEFPR]?", _joined),  # DOCDB puts the filing year before it
    _pattern(r"(?:US ?)?([0-9]{2})/?([0-9]{3}),?([0-9]{3}) ?[AEFPR]?", _joined),
)
_scheme(
    "us-application",
    "US",
    _US_APPLICATION,
    "15123456",
    "15/123,456",
    "15123456",
    "US 15/123,456",
    "US15123456",
    "201615123456",
)
_scheme("us-mark-application", "US", _US_APPLICATION, "97123456", "97/123,456", "97123456", "US 97123456")
_scheme(
    "us-publication",
    "US",
    _pattern(r"(?:US ?)?((?:19|20)[0-9]{2})[-/ ]?([0-9]{6,7})" + _K, lambda m: f"{m[1]}{int(m[2]):07}"),
    "20170071586",
    "US 2017-0071586 A1",
    "US20170071586A1",
    "US 2017/0071586",
    "US2017071586A1",
)
_scheme(
    "us-patent",
    "US",
    _pattern(
        r"(?:US ?)?(?P<prefix>D|RE|PP|H|T|X|AI)?[. ]? ?(?P<serial>[0-9](?:,?[0-9]){0,8})(?: ?[A-Z][0-9]?)?", _us_patent
    ),
    "D435854",
    "D0435854",
    "D. 435,854",
    "US D435854 S",
    "USD435854S1",
)
_scheme(
    "us-mark-registration",
    "US",
    _pattern(r"(?:US ?)?([0-9](?:,?[0-9]){0,7})", lambda m: m[1].replace(",", "").lstrip("0") or None),
    "1234567",
    "1,234,567",
    "1234567",
    "US 1234567",
)
_scheme(
    "reel-frame",
    "US",
    _pattern(r"([0-9]{1,6}) ?[-/] ?([0-9]{1,4})", lambda m: f"{int(m[1]):06}/{int(m[2]):04}"),
    "047305/0442",
    "047305/0442",
    "47305/442",
    "047305-0442",
)

_scheme(
    "pct-application",
    None,
    _first(
        _pattern(r"PCT ?/? ?(?P<office>[A-Z]{2}) ?(?P<year>[0-9]{4}) ?/? ?(?P<serial>[0-9]{6})", _pct),
        _pattern(r"PCT ?/? ?(?P<office>[A-Z]{2}) ?(?P<year>(?:19|20)[0-9]{2}) ?/ ?(?P<serial>[0-9]{1,6})", _pct),
        _pattern(r"PCT ?/? ?(?P<office>[A-Z]{2}) ?(?P<year>[0-9]{2}) ?/ ?(?P<serial>[0-9]{1,6})", _pct),
        _pattern(r"(?P<office>[A-Z]{2}) ?(?P<year>(?:19|20)[0-9]{2})(?P<serial>[0-9]{6}) ?W?", _pct),
        _pattern(r"(?P<office>[A-Z]{2}) ?(?P<year>[0-9]{2})(?P<serial>[0-9]{5}) ?W", _pct),  # DOCDB
    ),
    "PCT/US2015/027322",
    "PCT/US2015/027322",
    "PCT/US15/27322",
    "PCT/US2015/27322",
    "PCTUS2015027322",
    "US2015027322",
    "US 1527322 W",
)
_scheme(
    "wo-publication",
    "WO",
    _first(
        _pattern(r"WO ?(?P<year>[0-9]{4})[-/ ]?(?P<serial>[0-9]{6})" + _K, _wo),
        _pattern(r"WO ?(?P<year>[0-9]{2})[-/ ]?(?P<serial>[0-9]{5})" + _K, _wo),
    ),
    "WO2009/105044",
    "WO 2009/105044",
    "WO2009105044A1",
)
_scheme(
    "st13-application",
    None,
    _first(
        _pattern(
            r"([A-Z]{2}) ?([0-9]{2}[0-9]{4}[0-9]{9})",
            lambda m: (m[2], m[1]) if codes.is_office(m[1], former=True) else None,
        ),
        _pattern(r"([0-9]{15})", _joined),
    ),
    "102015000481495",
    "CN102015000481495",
    "102015000481495",
)

_scheme(
    "ep-application",
    "EP",
    _first(
        _pattern(r"(?:EP ?)?([0-9]{8})(?:\.?([0-9]))? ?A?", _ep),
        _pattern(r"EP ?(?:19|20)([0-9]{2})0([0-9]{6}) ?A?", _ep_docdb),
    ),
    "10197481",
    "10197481.4",
    "10197481",
    "EP10197481",
    "EP 10197481.4",
    "EP101974814",
    "EP20100197481",
)
_scheme(
    "ep-publication", "EP", _pattern(r"(?:EP ?)?([0-9]{1,7})" + _K, _padded(7)), "0839463", "EP 0839463 A1", "EP839463"
)
_scheme(
    "em-mark",
    "EM",
    _first(
        _pattern(r"(?:E[MU](?:TM)? ?)?([0-9]{1,9})", _padded(9)),
        _pattern(r"(?:E[MU](?:TM)? ?)?W ?([0-9]{1,8})", lambda m: f"W{m[1].zfill(8)}"),
    ),
    "018228538",
    "018228538",
    "18228538",
    "EM018228538",
    "EUTM 018228538",
)
_scheme(
    "em-design",
    "EM",
    _pattern(r"(?:E[MU] ?)?([0-9]{1,9})[-/ ]([0-9]{1,4})", lambda m: f"{m[1].zfill(9)}-{m[2].zfill(4)}"),
    "001063176-0001",
    "001063176-0001",
    "1063176-1",
    "EM 001063176-0001",
)

_CN_STANDARD = _pattern(r"(?:CN ?)?10([0-9]{4})00([0-9]{7})", lambda m: f"{m[1]}1{m[2]}")
_scheme(
    "cn-application",
    "CN",
    _first(
        _pattern(r"(?:CN ?|ZL ?)?((?:19|20)[0-9]{2}[1-9][0-9]{7})(?:\.?([0-9X]))?(?: ?[ASUY])?", _cn),
        _CN_STANDARD,
        # before October 2003 the year had two digits
        _pattern(r"(?:CN ?|ZL ?)?([0-9]{8})(?:\.([0-9X]))?(?: ?[ASUY])?", _cn),
    ),
    "201510481495",
    "201510481495.9",
    "CN201510481495.9",
    "2015104814959",
    "201510481495",
    "102015000481495",
)
_scheme(
    "cn-publication", "CN", _pattern(r"(?:CN ?)?([0-9]{7,9})" + _K, _joined), "115212463", "CN 115212463 A", "115212463"
)

_scheme(
    "jp-application",
    "JP",
    _jp("特願"),
    "2020123456",
    "2020-123456",
    "2020123456",
    "特願2020-123456",
    "特願令2-123456",
    "502123456",
    "２０２０１２３４５６",
    "JP2020123456",
)
_scheme("jp-utility-model-application", "JP", _jp("実願"), "2020000123", "実願2020-000123", "2020-123", "2020000123")
_scheme("jp-design-application", "JP", _jp("意願"), "2020012345", "意願2020-012345", "2020012345")
_scheme("jp-mark-application", "JP", _jp("商願"), "2020012345", "商願2020-012345", "2020012345")
_scheme(
    "jp-publication",
    "JP",
    _jp("特開|特表"),
    "2021090037",
    "2021-090037",
    "2021090037",
    "503090037",
    "特開2021-090037",
    "特開令3-90037",
    "JP2021090037A",
)
_scheme(
    "jp-registration",
    "JP",
    _pattern(r"(?:JP ?)?(?:第|特許第|登録第|特許)? ?([0-9]{1,7})号?" + _K, _unpadded),
    "7533889",
    "7533889",
    "特許第7533889号",
    "JP7533889B2",
)

_KR = _pattern(r"(?:KR ?)?([0-9]{2})[- ]?([0-9]{4})[- ]?([0-9]{7}) ?[A-Z]?", _joined)
_scheme("kr-application", "KR", _KR, "1020220161874", "10-2022-0161874", "1020220161874", "KR1020220161874A")
_scheme("kr-publication", "KR", _KR, "1020220161874", "10-2022-0161874", "1020220161874")
_scheme(
    "kr-registration",
    "KR",
    _pattern(
        r"(?:KR ?)?([0-9]{2})[- ]?([0-9]{7})(?:[- ]?([0-9]{4}))?(?: ?[A-Z][0-9]?)?",
        lambda m: f"{m[1]}{m[2]}{m[3] or '0000'}",
    ),
    "4025487260000",
    "40-2548726",
    "4025487260000",
    "402548726",
    "40-2548726-0000",
)

_scheme(
    "de-application",
    "DE",
    _first(
        _pattern(r"(?:DE ?)?0{4,}(?P<number>[0-9]{7,8})(?P<letter>)" + _DE_TAIL, _de),
        _pattern(r"(?:DE ?)?(?P<letter>)(?P<number>[1-9][0-9] ?(?:19|20)[0-9]{2} ?[0-9]{3} ?[0-9]{3})" + _DE_TAIL, _de),
        _pattern(r"(?:DE ?)?(?P<letter>)(?P<number>[1-9][0-9]{2} ?[0-9]{2} ?[0-9]{3})" + _DE_TAIL, _de),
        _pattern(r"(?:DE ?)?(?P<letter>[GP]) ?(?P<number>[0-9]{2} ?[0-9]{2} ?[0-9]{3})" + _DE_TAIL, _de),
        _pattern(r"(?:DE ?)?(?P<letter>)(?P<number>[0-9]{2} ?[0-9]{2} ?[0-9]{3})" + _DE_TAIL, _de),
        _pattern(
            r"(?:DE ?)?(?P<letter>M) ?(?P<number>[0-9]{2} ?[0-9]{2} ?[0-9]{3})"
            r"(?:\.(?P<check>[0-9]))?(?:-(?P<part>[0-9]{4}))?",
            _de,
        ),
    ),
    "102007004488",
    "10 2007 004 488.9",
    "102007004488.9",
    "DE102007004488",
    "102007004488",
)
_scheme(
    "de-publication",
    "DE",
    _pattern(r"(?:DE ?)?([0-9]{5,12})" + _K, _unpadded),
    "10027360",
    "DE 10027360 A1",
    "000010027360",
)

_scheme(
    "gb-application",
    "GB",
    _pattern(r"(?:GB ?)?([0-9]{7})(?:\.[0-9])?(?: ?[A-D])?", _joined),
    "2001234",
    "GB2001234.5",
    "2001234",
)
_scheme(
    "gb-mark",
    "GB",
    _pattern(r"(?:GB ?)?UK ?([0-9]{1,11})", lambda m: f"UK{m[1].zfill(11)}"),
    "UK00003289573",
    "UK00003289573",
    "UK3289573",
)
_scheme(
    "tw-application",
    "TW",
    _pattern(r"(?:TW ?)?([0-9]{8,9}(?:[A-Z][0-9]{2})?)", _joined),
    "110123456",
    "110123456",
    "TW 110123456",
)
_scheme(
    "fr-application",
    "FR",
    _pattern(r"(?:FR ?){0,2}([0-9]{7})", _joined),
    "9612279",
    "FR 9612279",
    "9612279",
    "FR FR 9612279",
)
_scheme(
    "at-application",
    "AT",
    _pattern(r"(?:AT ?)?A ?([0-9]{1,5})/?([0-9]{4})", lambda m: f"A{int(m[1])}/{m[2]}"),
    "A123/2004",
    "AT A 123/2004",
    "A 123/2004",
    "ATA1232004",
)
_scheme("au-application", "AU", _pattern(r"(?:AU ?)?([0-9]{10})", _joined), "2004901234", "AU 2004901234", "2004901234")
_scheme(
    "ar-application",
    "AR",
    _pattern(r"(?:AR ?)?P ?([0-9]{11})", lambda m: f"P{m[1]}"),
    "P20040101234",
    "AR P20040101234",
    "P20040101234",
)
_scheme(
    "cz-application",
    "CZ",
    _pattern(r"(?:CZ ?)?((?:19|20)[0-9]{2})-([0-9]{1,4})", lambda m: f"{m[1]}-{int(m[2])}"),
    "2004-123",
    "CZ 2004-123",
    "2004-0123",
)
_scheme(
    "ca-mark-application",
    "CA",
    _first(
        _pattern(r"(?:CA ?)?300000([0-9]{7})([0-9]{2})", lambda m: f"{int(m[1])}-{m[2]}"),
        _pattern(r"(?:CA ?)?([0-9]{1,7})(?:-([0-9]{2}))?", lambda m: f"{int(m[1])}-{m[2] or '00'}"),
    ),
    "123456-00",
    "300000012345600",
    "123456",
    "123456-00",
)
_scheme(
    "br-application",
    "BR",
    _pattern(r"(?:BR ?)?([0-9]{2}) ?([0-9]{4}) ?([0-9]{6})[- ]?([0-9])", _joined),
    "1020240123456",
    "BR 10 2024 012345 6",
    "BR102024012345-6",
    "1020240123456",
)
_scheme("br-mark", "BR", _pattern(r"(?:BR ?)?([0-9]{9})", _joined), "920493416", "920493416", "BR 920493416")

for _office in ("XA", "XB"):
    for _letter, _word in (("", "application"), ("P", "publication"), ("R", "registration"), ("T", "recordal")):
        _sign = f"{_letter}-" if _letter else ""
        _scheme(
            f"{_office.lower()}-{_word}",
            _office,
            _sandbox(_office, _letter),
            f"{_office}-{_sign}2026-000123",
            f"{_office}-{_sign}2026-000123",
            f"{_office} {_sign}2026/123",
            f"{_office}{_letter}2026000123",
        )
