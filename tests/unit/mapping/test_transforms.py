"""Every transform there and back; every form of a day; tables open and closed."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.mapping import days, transforms
from gateway.mapping.days import Unfit
from gateway.mapping.tables import Table, Unknown, Unmapped, load
from gateway.mapping.transforms import BadTransform, Transform
from tests import strategies as common

RIGHTS = load(
    "rights",
    {
        "source": "invented",
        "open": False,
        "codes": {"P": "patent", "Q": "patent", "D": "design"},
        "write": {"patent": "P"},
    },
)
EVENTS = load("events", {"source": "invented", "open": True, "unmapped": "W00", "codes": {"FIL": "A10"}})
TABLES: dict[str, Table] = {"rights": RIGHTS, "events": EVENTS}


def made(text: str) -> Transform:
    return transforms.build(text, TABLES)


@pytest.mark.parametrize(
    "text, native, common_value",
    [
        ("day YYYYMMDD", "20260314", "2026-03-14"),
        ("day YYYYMMDD", "19831100", "1983-11"),
        ("day YYYY-MM-DD", "2026-03-14", "2026-03-14"),
        ("day YYYY-MM-DD", "2026-03", "2026-03"),
        ("day YYYY/MM/DD", "2026/03/14", "2026-03-14"),
        ("day YYYY.MM.DD", "2026.03.14", "2026-03-14"),
        ("day DD/MM/YYYY", "14/03/2026", "2026-03-14"),
        ("day DD.MM.YYYY", "14.03.2026", "2026-03-14"),
        ("day MM/DD/YYYY", "03/14/2026", "2026-03-14"),
        ("day era-jp", "令和8年3月14日", "2026-03-14"),
        ("day era-jp", "令和元年5月1日", "2019-05-01"),
        ("day era-jp", "平成31年4月30日", "2019-04-30"),
        ("day era-jp", "昭和64年1月7日", "1989-01-07"),
        ("day era-jp", "大正元年7月30日", "1912-07-30"),
        ("day era-jp", "明治6年1月1日", "1873-01-01"),
        ("day era-jp-short", "R8.3.14", "2026-03-14"),
        ("day era-jp-short", "S1.12.25", "1926-12-25"),
        ("day roc", "115/03/14", "2026-03-14"),
        ("day roc", "01/01/01", "1912-01-01"),
        ("epoch days", 20526, "2026-03-14"),
        ("epoch days", -1, "1969-12-31"),
        ("epoch seconds", 1773446400, "2026-03-14"),
        ("epoch milliseconds", 1773446400000, "2026-03-14"),
        ("number-text", 161, "161"),
        ("number-text", 0, "0"),
        ("text-number", "42", 42),
        ("prefix 0x", "0xab", "ab"),
        ("hex upper", "AB01", "ab01"),
        ("ascii 2", "0x5841", "XA"),
        ("ascii 3", "0x410000", "A"),
        ("at-most 255", 255, 255),
        ("table rights", "P", "patent"),
        ("surname-first", "BERG, Jan van der", "Jan van der BERG"),
        ("surname-first", "Sony", "Sony"),
        (
            "identifier us-application",
            "15/123,456",
            {"scheme": "us-application", "office": "US", "original": "15/123,456", "normalised": "15123456"},
        ),
    ],
)
def test_there_and_back(text: str, native: Any, common_value: Any) -> None:
    turn = made(text)
    assert turn.read(native) == common_value
    assert turn.write(common_value) == native


@pytest.mark.parametrize(
    "text, native, common_value, written",
    [
        ("trim", " a b\u3000", "a b", "a b"),
        ("collapse", " a \t b ", "a b", "a b"),
        ("upper", "ab", "AB", "AB"),
        ("lower", "AB", "ab", "ab"),
        ("narrow-digits", "特願２０２６－１", "特願2026－1", "特願2026－1"),
        ("as-text", 75, "75", "75"),
        ("number-or-text", "20260314", "20260314", 20260314),
        ("number-or-text", 20260314, "20260314", 20260314),
        ("hex", "AB", "ab", "ab"),
        ("table rights", "Q", "patent", "P"),
        ("surname-first", "van der BERG, Jan", "Jan van der BERG", "BERG, Jan van der"),
        ("clip 3", "abcdef", "abcdef", "abc"),
    ],
)
def test_several_writings_are_read_as_one(text: str, native: Any, common_value: Any, written: Any) -> None:
    turn = made(text)
    assert turn.read(native) == common_value
    assert turn.write(common_value) == written


@pytest.mark.parametrize(
    "text, native",
    [
        ("day YYYYMMDD", "20260230"),
        ("day YYYYMMDD", "2026031"),
        ("day YYYYMMDD", 20260314),
        ("day YYYYMMDD", "２０２６０３１４"),
        ("day YYYYMMDD", "20260314\n"),
        ("day DD/MM/YYYY", "03/14/2026"),
        ("day DD/MM/YYYY", "00/03/2026"),
        ("day era-jp", "令和元年4月30日"),
        ("day era-jp", "平成31年5月1日"),
        ("day era-jp", "明治5年12月3日"),
        ("day era-jp", "2026年3月14日"),
        ("day era-jp-short", "R0.1.1"),
        ("day roc", "00/01/01"),
        ("day roc", "115/13/01"),
        ("day YYYY-MM-DD", "2026-3-14"),
        ("epoch seconds", 1773446401),
        ("epoch days", 10**12),
        ("epoch days", True),
        ("epoch days", 1.0),
        ("epoch days", "1"),
        ("number-text", "1"),
        ("number-text", True),
        ("text-number", "1" * 19),
        ("text-number", "-1"),
        ("text-number", "１"),
        ("prefix 0x", "ab"),
        ("hex", "abc"),
        ("hex", "0xab"),
        ("ascii 2", "0x58"),
        ("ascii 2", "0x00ff"),
        ("ascii 2", "0x0a41"),
        ("ascii 2", 1),
        ("at-most 255", 256),
        ("at-most 255", "1"),
        ("table rights", "Z"),
        ("table rights", 1),
        ("table rights", ["P"]),
        ("trim", 1),
        ("upper", None),
        ("identifier us-application", "nonsense"),
        ("identifier us-application", 15123456),
    ],
)
def test_what_does_not_fit_is_refused(text: str, native: Any) -> None:
    with pytest.raises(Unfit):
        made(text).read(native)


@pytest.mark.parametrize(
    "text, common_value",
    [
        ("day DD/MM/YYYY", "1983-11"),
        ("day era-jp", "1983-11"),
        ("day era-jp", "1872-12-31"),
        ("day roc", "1911-12-31"),
        ("epoch days", "1983-11"),
        ("day YYYYMMDD", "2026-02-30"),
        ("day YYYYMMDD", None),
        ("number-text", "161a"),
        ("number-text", "007"),
        ("number-or-text", "x"),
        ("ascii 2", "XAB"),
        ("ascii 2", "é"),
        ("ascii 2", "\n"),
        ("hex", "AB"),
        ("at-most 9", 10),
        ("table rights", "trade-mark"),
        ("table rights", ["x"]),
        ("identifier us-application", {"scheme": "jp-application", "original": "1"}),
        ("identifier us-application", "15123456"),
        ("kind-code", "A1"),
    ],
)
def test_what_has_no_native_writing_is_refused(text: str, common_value: Any) -> None:
    with pytest.raises(Unfit):
        made(text).write(common_value)


@pytest.mark.parametrize(
    "text",
    [
        "shout",
        "trim hard",
        "day",
        "day YYMMDD",
        "epoch weeks",
        "ascii 0",
        "ascii 33",
        "clip",
        "clip -1",
        "at-most x",
        "prefix",
        "hex lower",
        "table missing",
        "identifier",
        "kind-code A1",
    ],
)
def test_a_transform_that_does_not_exist_is_named(text: str) -> None:
    with pytest.raises(BadTransform):
        made(text)


@given(st.dates(date(1873, 1, 1)), st.sampled_from(sorted(days.FORMS)))
def test_every_form_holds_every_day(day: date, form: str) -> None:
    read, write = days.form(form)
    if form == "roc" and day.year < 1912:
        with pytest.raises(Unfit):
            write(day.isoformat())
        return
    if form == "roc" and day.year > 1911 + 999:
        return
    if form.startswith("era") and day.year > 2019 + 98:
        return
    assert read(write(day.isoformat())) == day.isoformat()


@given(common.free_texts(0))
def test_any_name_survives_being_turned_round(name: str) -> None:
    turn = made("surname-first")
    assert turn.read(turn.write(name)) == name


@given(st.from_type(object) | st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers()))
def test_no_transform_fails_in_another_way(value: Any) -> None:
    for name, argument in (
        ("trim", ""),
        ("collapse", ""),
        ("upper", ""),
        ("lower", ""),
        ("narrow-digits", ""),
        ("as-text", ""),
        ("number-text", ""),
        ("text-number", ""),
        ("number-or-text", ""),
        ("surname-first", ""),
        ("clip", "3"),
        ("at-most", "9"),
        ("prefix", "a"),
        ("hex", ""),
        ("ascii", "2"),
        ("day", "YYYYMMDD"),
        ("day", "era-jp"),
        ("day", "roc"),
        ("epoch", "days"),
        ("table", "rights"),
        ("table", "events"),
        ("identifier", "us-application opaque"),
        ("kind-code", ""),
    ):
        turn = made(f"{name} {argument}".strip())
        for step in (turn.read, turn.write):
            try:
                step(value)
            except Unfit:
                pass


def test_an_open_table_falls_back_and_a_closed_one_refuses_by_name() -> None:
    assert EVENTS.read("FIL") == "A10"
    fallen = EVENTS.read("QQQ")
    assert fallen == "W00"
    assert type(fallen) is Unmapped
    with pytest.raises(Unknown, match="'QQQ' is not in the closed table 'rights'"):
        RIGHTS.read("QQQ")
    with pytest.raises(Unknown, match="no code for 'B10'"):
        EVENTS.write("B10")


@pytest.mark.parametrize(
    "data, says",
    [
        ([], "members of a table"),
        ({"source": "x", "open": False, "codes": {}}, "codes must map"),
        ({"source": "", "open": False, "codes": {"a": "b"}}, "where its codes come from"),
        ({"source": "x", "open": True, "codes": {"a": "b"}}, "open is true exactly"),
        ({"source": "x", "open": False, "unmapped": "b", "codes": {"a": "b"}}, "open is true exactly"),
        ({"source": "x", "open": True, "unmapped": 1, "codes": {"a": "b"}}, "unmapped must be"),
        ({"source": "x", "open": False, "codes": {"a": "c", "b": "c"}}, "say in write"),
        ({"source": "x", "open": False, "codes": {"a": "c"}, "write": {"c": "b"}}, "does not read so"),
        ({"source": "x", "open": False, "codes": {"a": 1}}, "codes must map"),
        ({"source": "x", "open": False, "codes": {"a": "c"}, "write": {"c": 1}}, "write must map"),
        ({"source": "x", "open": False, "codes": {"a": "c"}, "extra": 1}, "members of a table"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(data: Any, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        load("broken", data)
    assert caught.value.where == "tables/broken.json"
