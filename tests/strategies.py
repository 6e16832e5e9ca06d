"""Hypothesis strategies for common records: values as offices write them, in the scripts that occur, and at the edges.

    from tests import strategies

    @given(strategies.applications())
    def test_…(application: Application) -> None: …

Every identifier's `normalised` is what gateway.model.identifiers gives for it, every date is a day of the calendar,
every code is one of its table, so a mapping may refuse none of these records; it may have to say what it drops.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import strategies as st

from gateway.model.records import (
    Address,
    Application,
    Classification,
    CommonRecord,
    Identifier,
    LegalStatusEvent,
    OwnershipTransfer,
    Party,
    PriorityClaim,
    PriorityDocument,
    RelatedApplication,
    Text,
)

__all__ = [
    "addresses",
    "application_numbers",
    "applications",
    "classifications",
    "common_records",
    "days",
    "free_texts",
    "identifiers",
    "legal_status_events",
    "ownership_transfers",
    "parties",
    "priority_claims",
    "priority_documents",
    "related_applications",
    "texts",
]

# ── Texts ────────────────────────────────────────────────────────────────────────────────────────────────────────

SPOKEN = (
    ("Hinge for a folding door", "en", "Latn"),
    ("Vorrichtung zum Prüfen von Größen; Öl & Gas <nass>", "de", "Latn"),
    ("  TRAILING AND  DOUBLE BLANKS ", "en", "Latn"),
    ("折り畳み式扉用ヒンジ（１２）", "ja", "Jpan"),
    ("髙橋 﨑太郎・神谷", "ja", "Jpan"),  # U+9AD9, U+FA11, U+FA19: what NFC would rewrite
    ("ｶﾞｽ測定装置 ＡＢＣ", "ja", "Jpan"),
    ("一种用于门的铰链", "zh", "Hans"),
    ("摺疊門之鉸鏈裝置", "zh", "Hant"),
    ("접이식 문용 경첩", "ko", "Kore"),
    ("樂金電子 主 주", "ko", "Kore"),  # U+F914 樂, a compatibility ideograph
    ("مفصلة لباب قابل للطي", "ar", "Arab"),
    ("ציר לדלת מתקפלת", "he", "Hebr"),
    ("Шарнир для складной двери", "ru", "Cyrl"),
    ("บานพับประตู", "th", "Thai"),
    ("दरवाजे का कब्जा", "hi", "Deva"),
    ("e\u0301 and \u00e9, \u212b and \u00c5", "fr", "Latn"),  # equal under NFC, and to be kept apart
    ("𠮷野家 𝒳 🛞", "ja", "Jpan"),  # beyond the Basic Multilingual Plane
    ('line one\nline two\ttabbed \\ "quoted" \u2028 \u0085', "en", "Latn"),
)

COMPATIBILITY = "".join(chr(point) for point in (0xF900, 0xF914, 0xFA0E, 0xFA11, 0xFA19, 0xFA2D, 0xFA6A, 0xFAD9))

_characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("\u3000\uff10\uff19\uff21\u00a0\u200f\u202e\ufeff\u2028/|\"'\\<>&\u0000\u001f\u007f"),
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
    st.characters(min_codepoint=0xF900, max_codepoint=0xFAFF, categories=["Lo"]),
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.characters(min_codepoint=0x0600, max_codepoint=0x06FF, exclude_categories=["Cn"]),
)


@st.composite
def _long(draw: st.DrawFn) -> str:
    """10,000 characters out of a short draw, so that generating them costs nothing."""
    piece = draw(st.sampled_from([text for text, _, _ in SPOKEN] + [COMPATIBILITY]))
    return (piece * (10_000 // len(piece) + 1))[:10_000]


def free_texts(min_size: int = 1) -> st.SearchStrategy[str]:
    """Any text that Unicode can write: mostly like an office's, sometimes wild, seldom 10,000 characters long."""
    return st.one_of(
        st.sampled_from([text for text, _, _ in SPOKEN]),
        st.text(_characters, min_size=min_size, max_size=40),
        st.one_of(st.sampled_from([text for text, _, _ in SPOKEN]), _long()),
    )


@st.composite
def texts(draw: st.DrawFn) -> Text:
    if draw(st.booleans()):
        value, language, script = draw(st.sampled_from(SPOKEN))
        shown = draw(st.sampled_from(["both", "language", "none"]))
        return Text(value, language if shown != "none" else None, script if shown == "both" else None)
    return Text(draw(free_texts()))


# ── Numbers and dates ────────────────────────────────────────────────────────────────────────────────────────────


def days() -> st.SearchStrategy[str]:
    return st.dates(date(1890, 1, 1), date(2099, 12, 31)).map(date.isoformat)


def _year(low: int = 1995) -> st.SearchStrategy[int]:
    return st.integers(low, 2026)


def _number(
    scheme: str, office: str, writings: Callable[[st.DrawFn], tuple[str, str]]
) -> st.SearchStrategy[Identifier]:
    @st.composite
    def make(draw: st.DrawFn) -> Identifier:
        original, normalised = writings(draw)
        return Identifier(scheme, office, original, normalised)

    return make()


def _us(draw: st.DrawFn) -> tuple[str, str]:
    series, serial = draw(st.sampled_from([13, 14, 15, 16, 17, 18, 29, 61, 63])), draw(st.integers(0, 999_999))
    plain = f"{series:02}{serial:06}"
    return draw(st.sampled_from([plain, f"{series:02}/{plain[2:5]},{plain[5:]}", f"US {series:02}/{plain[2:]}"])), plain


@st.composite
def _pct(draw: st.DrawFn) -> Identifier:
    office, year = draw(st.sampled_from(["US", "JP", "IB", "EP", "GB", "KR", "CN"])), draw(_year(1980))
    serial = draw(st.integers(1, 99_999))
    plain = f"PCT/{office}{year}/{serial:06}"
    return Identifier(
        "pct-application", office, draw(st.sampled_from([plain, f"PCT/{office}{year % 100:02}/{serial:05}"])), plain
    )


def _ep(draw: st.DrawFn) -> tuple[str, str]:
    plain = f"{draw(st.integers(0, 26)):02}{draw(st.integers(100_000, 999_999))}"
    double = [sum(divmod(int(digit) * 2, 10)) for digit in plain[-1::-2]]
    check = -(sum(double) + sum(int(digit) for digit in plain[-2::-2])) % 10
    return draw(st.sampled_from([plain, f"{plain}.{check}", f"EP {plain}.{check}", f"EP{plain}"])), plain


def _jp(draw: st.DrawFn) -> tuple[str, str]:
    year, serial = draw(_year(2000)), draw(st.integers(1, 599_999))
    plain = f"{year}{serial:06}"
    wide = plain.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    return draw(st.sampled_from([plain, f"{year}-{serial:06}", f"特願{year}-{serial:06}", wide])), plain


def _kr(draw: st.DrawFn) -> tuple[str, str]:
    plain = f"{draw(st.sampled_from(['10', '20', '30', '40']))}{draw(_year())}{draw(st.integers(0, 9_999_999)):07}"
    return draw(st.sampled_from([plain, f"{plain[:2]}-{plain[2:6]}-{plain[6:]}"])), plain


def _cn(draw: st.DrawFn) -> tuple[str, str]:
    plain = f"{draw(_year(2004))}{draw(st.sampled_from('123'))}{draw(st.integers(0, 9_999_999)):07}"
    weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
    check = sum(int(digit) * weight for digit, weight in zip(plain, weights, strict=True)) % 11
    full = f"{plain}.{'X' if check == 10 else check}"
    return draw(st.sampled_from([full, f"CN{full}", plain])), plain


def _sandbox(office: str, letter: str = "") -> Callable[[st.DrawFn], tuple[str, str]]:
    def make(draw: st.DrawFn) -> tuple[str, str]:
        year, serial = draw(_year(2020)), draw(st.integers(1, 999_999))
        plain = f"{office}-{letter + '-' if letter else ''}{year}-{serial:06}"
        return draw(st.sampled_from([plain, plain.replace("-", " "), plain.lower()])), plain

    return make


def _opaque(draw: st.DrawFn) -> tuple[str, str]:
    return draw(
        st.sampled_from([("M 2012 00091", "m201200091"), ("m 2015 7", "m20157"), ("Ｍ ２０１２ ００１", "m2012001")])
    )


def _reel(draw: st.DrawFn) -> tuple[str, str]:
    reel, frame = draw(st.integers(1, 99_999)), draw(st.integers(1, 9_999))
    plain = f"{reel:06}/{frame:04}"
    return draw(st.sampled_from([plain, f"{reel}/{frame}"])), plain


def application_numbers(office: str | None = None) -> st.SearchStrategy[Identifier]:
    """Application numbers of `office`; of many offices without it."""
    makers: dict[str, st.SearchStrategy[Identifier]] = {
        "XA": _number("xa-application", "XA", _sandbox("XA")),
        "XB": _number("xb-application", "XB", _sandbox("XB")),
        "US": _number("us-application", "US", _us),
        "EP": _number("ep-application", "EP", _ep),
        "JP": _number("jp-application", "JP", _jp),
        "KR": _number("kr-application", "KR", _kr),
        "CN": _number("cn-application", "CN", _cn),
        "RO": _number("ro-application", "RO", _opaque),
        "IB": _pct(),
    }
    return makers[office] if office else st.one_of(*makers.values())


def identifiers() -> st.SearchStrategy[Identifier]:
    return st.one_of(application_numbers(), _number("reel-frame", "US", _reel))


def publication_numbers(office: str) -> st.SearchStrategy[Identifier]:
    if office in {"XA", "XB"}:
        return _number(f"{office.lower()}-publication", office, _sandbox(office, "P"))
    return st.builds(
        lambda number: Identifier(f"{office.lower()}-journal", office, f"No. {number}", f"no.{number}"),
        st.integers(1, 9_999_999),
    )


def registration_numbers(office: str) -> st.SearchStrategy[Identifier]:
    if office in {"XA", "XB"}:
        return _number(f"{office.lower()}-registration", office, _sandbox(office, "R"))
    return st.builds(
        lambda number: Identifier(f"{office.lower()}-register", office, f"R {number}", f"r{number}"),
        st.integers(1, 9_999_999),
    )


def recordal_numbers(office: str) -> st.SearchStrategy[Identifier]:
    if office in {"XA", "XB"}:
        return _number(f"{office.lower()}-recordal", office, _sandbox(office, "T"))
    return _number("reel-frame", "US", _reel)


# ── Parts of a record ────────────────────────────────────────────────────────────────────────────────────────────

_OFFICES = ("XA", "XB", "US", "EP", "JP", "KR", "CN")
_COUNTRIES = ("US", "JP", "KR", "CN", "DE", "GB", "FR", "BR", "SA", "EG", "BX", "XA", "XB")


def _maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def _bag(strategy: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def addresses() -> st.SearchStrategy[Address]:
    return st.builds(
        Address,
        address_line_bag=_bag(free_texts()),
        city_name=_maybe(st.sampled_from(["Boston", "München", "東京都港区", "서울특별시", "القاهرة", "BOSTON "])),
        region_code=_maybe(st.sampled_from(["MA", "BY", "13"])),
        region_name=_maybe(st.sampled_from(["MASSACHUSETTS", "Bayern", "경기도"])),
        postal_code=_maybe(st.sampled_from(["02114", "80331", "105-0001", "〒１０５−０００１"])),
        country_code=_maybe(st.sampled_from(_COUNTRIES)),
        country_name=_maybe(st.sampled_from(["JAPAN", "Deutschland", "대한민국"])),
        postal_address_category=_maybe(st.sampled_from(["residence", "postal", "mailing"])),
    )


def parties() -> st.SearchStrategy[Party]:
    """A name, or an identifier alone, or both."""
    by_identifier = st.builds(
        lambda number: Identifier("em-party", "EM", f"Applicant {number}", f"applicant{number}"), st.integers(1, 99_999)
    )
    addressed = _bag(addresses(), most=2)
    return st.one_of(
        st.builds(Party, name_bag=_bag(texts(), least=1, most=2), address_bag=addressed),
        st.builds(Party, name_bag=_bag(texts(), least=1, most=2), identifier=by_identifier, address_bag=addressed),
        st.builds(Party, identifier=by_identifier),
    )


def classifications() -> st.SearchStrategy[Classification]:
    return st.sampled_from(
        [
            Classification("CPC", "A61B13/00"),
            Classification("CPC", "A61B2017/320052"),
            Classification("IPC", "H01J17/38", "2006.01"),
            Classification("IPC", "C07K   16/18"),
            Classification("Nice", "09", "11"),
            Classification("Locarno", "26.05", "14"),
            Classification("Vienna", "05.01.05"),
            Classification("TW-national", "032"),
            Classification("JP-similar-group", "09G53"),
        ]
    )


_CONTINUITY = ("paris", "domestic", "national-stage", "continuation", "continuation-in-part", "division", "provisional")


def priority_claims() -> st.SearchStrategy[PriorityClaim]:
    return st.builds(
        PriorityClaim,
        application_number=application_numbers(),
        kind=st.sampled_from([*_CONTINUITY, "reissue", "other"]),
        filing_date=_maybe(days()),
        status=_maybe(
            st.sampled_from(["Claimed", "Accepted", "Refused", "Partially refused", "Abandoned", "Undefined"])
        ),
        claimed_by=_maybe(application_numbers()),
        das_access_code_held=st.booleans(),
    )


def related_applications() -> st.SearchStrategy[RelatedApplication]:
    return st.builds(
        RelatedApplication,
        application_number=application_numbers(),
        kind=st.sampled_from(["continuation", "continuation-in-part", "division", "other"]),
        filing_date=_maybe(days()),
    )


# ── Records ──────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def applications(draw: st.DrawFn, office: str | None = None) -> Application:
    home = office or draw(st.sampled_from(_OFFICES))
    return Application(
        office=home,
        application_number=draw(application_numbers(home)),
        right=draw(st.sampled_from(["patent", "utility-model", "design", "trade-mark"])),
        filing_date=draw(_maybe(days())),
        title_bag=draw(_bag(texts(), most=2)),
        applicant_bag=draw(_bag(parties(), most=2)),
        inventor_bag=draw(_bag(parties(), most=2)),
        representative_bag=draw(_bag(parties(), most=1)),
        correspondence_bag=draw(_bag(parties(), most=1)),
        applicant_file_reference=draw(_maybe(st.sampled_from(["29539-0122US1", "P 12/34", "整理番号１"]))),
        classification_bag=draw(_bag(classifications())),
        priority_claim_bag=draw(_bag(priority_claims(), most=2)),
        related_application_bag=draw(_bag(related_applications(), most=2)),
        publication_number=draw(_maybe(publication_numbers(home))),
        publication_kind=draw(_maybe(st.sampled_from(["A1", "A2", "B1", "U", "S"]))),
        publication_date=draw(_maybe(days())),
        registration_number=draw(_maybe(registration_numbers(home))),
        registration_date=draw(_maybe(days())),
        status_text=draw(_maybe(texts())),
        status_code=draw(_maybe(st.sampled_from(["161", "등록", "00"]))),
        status_date=draw(_maybe(days())),
        confidential=draw(st.booleans()),
    )


@st.composite
def priority_documents(draw: st.DrawFn, office: str | None = None) -> PriorityDocument:
    home = office or draw(st.sampled_from(_OFFICES))
    return PriorityDocument(
        office=home,
        application_number=draw(application_numbers(home)),
        document_digest=draw(st.binary(min_size=32, max_size=32)).hex(),
        document_format=draw(st.sampled_from(["application/pdf", "application/zip", "application/xml"])),
        document_size=draw(st.integers(0, 2**32) | st.sampled_from([0, 2**53 - 1])),
        filing_date=draw(_maybe(days())),
        certified_date=draw(_maybe(days())),
        page_count=draw(_maybe(st.integers(0, 5000))),
        available_to=tuple(draw(st.lists(st.sampled_from(_COUNTRIES), max_size=4, unique=True))),
        confidential=draw(st.booleans()),
    )


_EVENTS = (
    ("ST.27", "A10", "A12"),
    ("ST.27", "A00", None),
    ("ST.27", "D10", "D11"),
    ("ST.27", "F10", "F11"),
    ("ST.27", "Q10", "Q12"),
    ("ST.27", "R10", "R13"),
    ("ST.27", "U10", "U11"),
    ("ST.27", "W00", None),
    ("ST.61", "A10", None),
    ("ST.87", "A10", None),
)


@st.composite
def legal_status_events(draw: st.DrawFn, office: str | None = None) -> LegalStatusEvent:
    home = office or draw(st.sampled_from(_OFFICES))
    standard, event, detailed = draw(st.sampled_from(_EVENTS))
    staged = draw(st.booleans())
    return LegalStatusEvent(
        office=home,
        application_number=draw(application_numbers(home)),
        standard=standard,  # type: ignore[arg-type]  # the table above holds the three names only
        event_code=event,
        event_date=draw(_maybe(days())),
        effective_date=draw(_maybe(days())),
        state=draw(st.sampled_from("ANTU")) if staged else None,
        previous_stage=draw(st.sampled_from("0123456")) if staged else None,
        current_stage=draw(st.sampled_from("0123456")) if staged else None,
        detailed_code=detailed if draw(st.booleans()) else None,
        indicator=draw(_maybe(st.sampled_from(["EXM", "OPP", "LIC", "UNS"]))),
        national_code=draw(_maybe(st.sampled_from(["IEXX", "BIG.", "R079", "A523", "등록", "M844 "]))),
        description_text=draw(_maybe(texts())),
    )


@st.composite
def ownership_transfers(draw: st.DrawFn, office: str | None = None) -> OwnershipTransfer:
    home = office or draw(st.sampled_from(_OFFICES))
    return OwnershipTransfer(
        office=home,
        application_number_bag=draw(_bag(application_numbers(home), least=1)),
        recordal_number=draw(_maybe(recordal_numbers(home))),
        conveyance=draw(
            st.sampled_from(["assignment", "merger", "change-of-name", "security-interest", "licence", "other"])
        ),
        conveyance_text=draw(_maybe(texts())),
        assignor_bag=draw(_bag(parties(), most=2)),
        assignee_bag=draw(_bag(parties(), most=2)),
        executed_date=draw(_maybe(days())),
        received_date=draw(_maybe(days())),
        recorded_date=draw(_maybe(days())),
        mailed_date=draw(_maybe(days())),
        page_count=draw(_maybe(st.integers(0, 5000))),
    )


def common_records(office: str | None = None) -> st.SearchStrategy[CommonRecord]:
    """Any of the four types; of `office` where it is given."""
    return st.one_of(
        applications(office), priority_documents(office), legal_status_events(office), ownership_transfers(office)
    )
