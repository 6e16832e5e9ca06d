"""Numbers: every writing of one number is equal, no number is guessed at, the original is never touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, InputError, LimitError
from gateway.model import identifiers
from gateway.model.identifiers import Scheme, foreign, identifier, kind_code, normalise
from gateway.model.records import Identifier
from tests import strategies

WRITINGS = [(scheme, writing) for scheme in identifiers.schemes() for writing in scheme.writings]


@pytest.mark.parametrize(("scheme", "writing"), WRITINGS, ids=[f"{s.name}: {w}" for s, w in WRITINGS])
def test_all_writings_of_a_number_are_one(scheme: Scheme, writing: str) -> None:
    assert normalise(scheme.name, writing) == scheme.normalised
    assert normalise(scheme.name, f"  {writing}\t") == scheme.normalised
    assert normalise(scheme.name, writing.lower()) == scheme.normalised
    wide = "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in writing).replace(" ", "\u3000")
    assert normalise(scheme.name, wide) == scheme.normalised


@pytest.mark.parametrize("scheme", identifiers.schemes(), ids=lambda scheme: scheme.name)
def test_a_normalised_number_is_a_writing_of_itself(scheme: Scheme) -> None:
    assert normalise(scheme.name, scheme.normalised) == scheme.normalised
    # what follows a number is never swallowed
    for more in ("7x?", "/../", "\x00"):
        with pytest.raises(InputError):
            normalise(scheme.name, scheme.normalised + more)


@given(strategies.identifiers())
def test_the_generated_numbers_are_what_their_schemes_give(number: Identifier) -> None:
    assert identifier(number.scheme, number.office, number.original) == number
    assert normalise(number.scheme, number.normalised) == number.normalised


@pytest.mark.parametrize(
    ("scheme", "original", "normalised"),
    [
        # as offices' records show them
        ("us-application", "29116510", "29116510"),
        ("us-application", "29/320,462", "29320462"),
        ("us-application", "US 98/012,357", "98012357"),
        ("us-application", "201816123456", "16123456"),
        ("us-patent", "D. 271298", "D271298"),
        ("us-patent", "US 9,123,456 B2", "9123456"),
        ("us-patent", "RE39,000", "RE39000"),
        ("us-publication", "US 2017-0071586 A1", "20170071586"),
        ("pct-application", "PCT/US15/27322", "PCT/US2015/027322"),
        ("pct-application", "PCT/GB02/04635", "PCT/GB2002/004635"),
        ("pct-application", "GB 0204635 W", "PCT/GB2002/004635"),
        ("pct-application", "GB2002004635", "PCT/GB2002/004635"),
        ("pct-application", "PCT/IB2021/057894", "PCT/IB2021/057894"),
        ("pct-application", "PCT/JP78/00001", "PCT/JP1978/000001"),
        ("wo-publication", "WO 2009/105044", "WO2009/105044"),
        ("wo-publication", "WO 98/12345", "WO1998/012345"),
        ("ep-application", "10197481.4", "10197481"),
        ("ep-application", "05255002.7", "05255002"),
        ("ep-application", "97115222.8", "97115222"),  # before 2002
        ("cn-application", "201510481495.9", "201510481495"),
        ("cn-application", "102015000481495", "201510481495"),
        ("de-application", "10027360.2", "10027360"),
        ("de-application", "000010027360", "10027360"),
        ("de-application", "M8800174.1", "M8800174"),
        ("de-application", "M8800174.1-0001", "M8800174-0001"),
        ("de-application", "G9413075.2U", "9413075"),
        ("de-application", "10 2007 004 488.9", "102007004488"),
        ("de-application", "11 2014 005 344.9", "112014005344"),
        ("de-application", "P 30 25 842.5", "3025842"),  # until 1980 the check digit was counted otherwise
        ("jp-publication", "503090037", "2021090037"),
        ("jp-publication", "413090037", "2001090037"),
        ("jp-publication", "419090037", "2007090037"),
        ("jp-application", "2017-187096", "2017187096"),
        ("jp-application", "特願昭60-12345", "1985012345"),
        ("jp-application", "特願平11-123456", "1999123456"),
        ("jp-application", "特願令元-123456", "2019123456"),
        ("jp-application", "特願２０２０－１２３４５６号", None),  # 号 belongs to the eras' writing alone
        ("jp-registration", "7533889", "7533889"),
        ("kr-application", "1020220161874", "1020220161874"),
        ("kr-registration", "4025487260000", "4025487260000"),
        ("tw-application", "06202104", "06202104"),
        ("em-mark", "018228538", "018228538"),
        ("em-design", "001063176-0001", "001063176-0001"),
        ("gb-mark", "UK00003289573", "UK00003289573"),
        ("ca-mark-application", "300000012345600", "123456-00"),
        ("br-application", "BR 10 2024 012345 6", "1020240123456"),
        ("st13-application", "CN102015000481495", "102015000481495"),
        ("reel-frame", "047305/0442", "047305/0442"),
        ("reel-frame", "47305/75", "047305/0075"),
        ("xa-application", "XA-2026-000123", "XA-2026-000123"),
        ("xa-application", "xa 2026/123", "XA-2026-000123"),
        ("xb-recordal", "XB T2026000007", "XB-T-2026-000007"),
        # opaque
        ("ro-application", "M 2012 00091", "m201200091"),
        ("ch-mark", "17249/2024", "17249/2024"),
        ("se-mark", "1900-62281", "1900-62281"),
        ("sg-mark", "40201711800X-01", "40201711800x-01"),
        ("eg-application", "٢٠٢٤/١٢٣", "2024/123"),
        ("eg-application", "\u200f2024/123\u200e", "2024/123"),
        ("jp-mark", "商標①", "商標①"),
    ],
)  # fmt: skip
def test_numbers_as_records_show_them(scheme: str, original: str, normalised: str | None) -> None:
    if normalised is None:
        with pytest.raises(InputError):
            normalise(scheme, original)
    else:
        assert normalise(scheme, original) == normalised


@pytest.mark.parametrize(
    ("scheme", "original", "code"),
    [
        ("ep-application", "10197481.5", "identifier.check-digit"),
        ("ep-application", "10197841.4", "identifier.check-digit"),
        ("cn-application", "201510481495.X", "identifier.check-digit"),
        ("de-application", "10027360.3", "identifier.check-digit"),
        ("de-application", "10 2007 004 489.9", "identifier.check-digit"),
        ("us-application", "151234567", "identifier.unreadable"),
        ("us-application", "15/123,45", "identifier.unreadable"),
        ("us-publication", "201700715861", "identifier.unreadable"),
        ("us-patent", "0", "identifier.unreadable"),
        ("pct-application", "PCT/ZZ2015/027322", "identifier.unreadable"),
        ("pct-application", "PCT/US1977/000001", "identifier.unreadable"),
        ("pct-application", "PCT/US2015/000000", "identifier.unreadable"),
        ("jp-publication", "300090037", "identifier.unreadable"),  # the eras begin with year 1
        ("jp-publication", "465090037", "identifier.unreadable"),  # Heisei had 31 years
        ("jp-application", "実願2020-000123", "identifier.unreadable"),  # another right's number
        ("jp-publication", "特公平5-12345", "identifier.unreadable"),
        ("st13-application", "ZZ102015000481495", "identifier.unreadable"),
        ("xa-application", "XB-2026-000123", "identifier.unreadable"),
        ("xa-application", "XA-2026-000000", "identifier.unreadable"),
        ("xa-application", "XA-R-2026-000123", "identifier.unreadable"),
        ("ro-application", " \u200f ", "identifier.unreadable"),
        ("ro-application", "M\x002012", "identifier.unreadable"),
        ("zz-application", "1", "identifier.unknown-scheme"),
        ("application", "1", "identifier.unknown-scheme"),
        ("RO-application", "1", "identifier.unknown-scheme"),
        ("ro-", "1", "identifier.unknown-scheme"),
        ("", "1", "identifier.unknown-scheme"),
    ],
)
def test_a_number_that_cannot_be_read_is_refused_with_a_cure(scheme: str, original: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        normalise(scheme, original)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_wrong_check_digit_tells_the_right_one() -> None:
    with pytest.raises(InputError, match="the check digit 4, not 5"):
        normalise("ep-application", "10197481.5")


@given(st.integers(0, 99_999_999), st.integers(0, 7), st.integers(1, 9))
def test_one_wrong_digit_of_a_european_number_is_always_found(number: int, place: int, change: int) -> None:
    digits = f"{number:08}"
    doubled = sum(sum(divmod(int(digit) * (1 + at % 2), 10)) for at, digit in enumerate(digits))
    check = -doubled % 10
    assert normalise("ep-application", f"{digits}.{check}") == digits
    wrong = digits[:place] + str((int(digits[place]) + change) % 10) + digits[place + 1 :]
    with pytest.raises(InputError):
        normalise("ep-application", f"{wrong}.{check}")


@given(st.text(max_size=30))
def test_an_opaque_number_that_is_normalised_twice_changes_no_more(text: str) -> None:
    try:
        once = normalise("opaque", text)
    except InputError:
        return
    assert normalise("opaque", once) == once


@st.composite
def _nearly_numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A writing of a number with a character or two put in, taken out or replaced."""
    scheme, writing = draw(st.sampled_from(WRITINGS))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(writing)))
        put = draw(
            st.sampled_from(["", "0", "9", " ", "-", "/", ".", "A", "X", "W", "\u0663", "\uff12", "\u3000", "平"])
        )
        writing = writing[:place] + put + writing[place + draw(st.integers(0, 1)) :]
    return scheme.name, writing


@settings(max_examples=500)
@given(_nearly_numbers())
def test_what_is_nearly_a_number_is_read_for_good_or_refused(tried: tuple[str, str]) -> None:
    scheme, writing = tried
    try:
        once = normalise(scheme, writing)
    except GatewayError:
        return
    assert normalise(scheme, once) == once
    assert once.isascii()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Z"]), min_size=1, max_size=30))
def test_an_opaque_number_is_kept_and_compared_without_case_and_blanks(text: str) -> None:
    made = identifier("ro-application", "RO", text)
    assert made.original == text
    assert normalise("ro-application", f" {text} ") == made.normalised
    assert not any(sign.isspace() for sign in made.normalised)


def test_the_original_is_kept_to_the_letter() -> None:
    original = "特願２０２０－１２３４５６"
    assert identifier("jp-application", "JP", original).original == original


def test_the_number_knows_its_office_best() -> None:
    assert identifier("pct-application", "IB", "PCT/US15/27322").office == "US"
    assert identifier("pct-application", "", "PCT/KR2020/000001").office == "KR"
    assert identifier("us-application", "", "15123456").office == "US"
    assert identifier("ro-application", "", "7").office == "RO"
    assert identifier("st13-application", "", "CN102015000481495").office == "CN"
    assert identifier("st13-application", "CA", "300000012345600").office == "CA"


@pytest.mark.parametrize(
    ("scheme", "office", "original"),
    [
        ("us-application", "JP", "15123456"),
        ("ro-application", "BG", "7"),
        ("st13-application", "CA", "CN102015000481495"),
        ("st13-application", "", "102015000481495"),
        ("opaque", "", "7"),
    ],
)
def test_another_offices_number_is_refused(scheme: str, office: str, original: str) -> None:
    with pytest.raises(InputError) as caught:
        identifier(scheme, office, original)
    assert caught.value.code == "identifier.other-office"


def test_a_foreign_number_that_was_mistyped_stays_what_it_is() -> None:
    assert foreign("JP", "2017-187096") == Identifier("jp-application", "JP", "2017-187096", "2017187096")
    assert foreign("DE", "10 2007 004 489.9") == Identifier("de-unread", "DE", "10 2007 004 489.9", "102007004489.9")
    assert foreign("WO", "PCT/US15/27322").scheme == "pct-application"
    assert foreign("RO", "M 2012 00091").scheme == "ro-application"
    with pytest.raises(InputError):
        foreign("ZZ", "1")


@pytest.mark.parametrize(
    ("original", "kind"),
    [
        ("US 2017-0071586 A1", "A1"),
        ("US20170071586A1", "A1"),
        ("DE 10027360 C", "C"),
        ("EP1234567", None),
        ("ＵＳ１２３Ｂ２", "B2"),
    ],
)
def test_the_kind_at_the_end_of_a_publication(original: str, kind: str | None) -> None:
    assert kind_code(original) == kind


def test_a_text_is_no_number() -> None:
    with pytest.raises(LimitError):
        normalise("ro-application", "1" * 1001)
    assert len(normalise("ro-application", "1" * 1000)) == 1000


def test_different_numbers_stay_different() -> None:
    assert normalise("us-application", "29116510") != normalise("us-application", "16116510")
    assert normalise("jp-application", "2020-123") != normalise("jp-application", "2021-123")
    assert normalise("em-design", "001063176-0001") != normalise("em-design", "001063176-0002")
    assert normalise("kr-application", "10-2022-0161874") != normalise("kr-application", "20-2022-0161874")
    assert normalise("ro-application", "①") != normalise("ro-application", "1")
