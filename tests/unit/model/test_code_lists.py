"""The standards' code lists and the reading of event codes."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from gateway.errors import InputError, Misuse
from gateway.model import codes
from gateway.model.codes import EventCode, event_table, parse_event_code, unmapped


def test_every_list_says_where_it_comes_from() -> None:
    files = [
        file for file in resources.files("gateway.model").joinpath("codes").iterdir() if file.name.endswith(".json")
    ]
    assert {file.name for file in files} >= {"st3.json", "st16.json", "st27.json", "st61.json", "st87.json"}
    for file in files:
        assert json.loads(file.read_text("utf-8"))["source"]


def test_the_lists_are_as_long_as_the_standard() -> None:
    table = event_table("ST.27")
    assert len(codes.table("st3")["current"]) == 233
    assert len(table.categories) == 21
    assert len(table.key_events) == 42
    assert len(table.detailed_events) == 179
    assert len(table.indicators) == 25
    assert sorted(table.states) == ["A", "N", "T", "U"]
    assert sorted(table.stages) == list("0123456")


@pytest.mark.parametrize("standard", ["ST.27", "ST.61", "ST.87"])
def test_the_lists_fit_each_other(standard: codes.Standard) -> None:
    table = event_table(standard)
    for category in table.categories:
        assert unmapped(category, standard) in table.key_events
        assert unmapped(category, standard) in table.detailed_events
        assert f"{category}10" in table.key_events
    for code in [*table.key_events, *table.detailed_events]:
        assert code[0] in table.categories


@pytest.mark.parametrize(
    ("code", "standing"),
    [
        ("US", "current"),
        ("EP", "current"),
        ("BX", "current"),  # Benelux: no country of ISO 3166
        ("WO", "current"),
        ("XN", "current"),  # inside XA to XZ, and given
        ("SU", "former"),
        ("DD", "former"),
        ("XA", "private use"),
        ("XB", "private use"),
        ("XZ", "private use"),
        ("ZZ", None),
        ("us", None),
        ("", None),
        ("USA", None),
    ],
)
def test_what_a_code_is_in_st3(code: str, standing: str | None) -> None:
    assert codes.standing(code) == standing
    assert codes.is_office(code) == (standing in ("current", "private use"))
    assert codes.is_office(code, private=False) == (standing == "current")
    assert codes.is_office(code, former=True, private=False) == (standing in ("current", "former"))
    assert (code in codes.offices()) == (standing == "current")


def test_the_sandbox_offices_are_not_the_standards() -> None:
    assert not {"XA", "XB"} & set(codes.table("st3")["current"])
    assert {"XA", "XB"} <= set(codes.offices(private=True))


def test_kinds() -> None:
    assert codes.is_kind("A1")
    assert not codes.is_kind("A12")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A-1-2-D10-D15-EXM-E902", ("A", "1", "2", "D10", "D15", "EXM", "E902")),
        ("A12D10D15EXME902", ("A", "1", "2", "D10", "D15", "EXM", "E902")),
        ("a-0-1-a10-a12-nap-PA0109", ("A", "0", "1", "A10", "A12", "NAP", "PA0109")),
        ("N-2-6-B10-B11", ("N", "2", "6", "B10", "B11", None, None)),
        ("N26B10B11", ("N", "2", "6", "B10", "B11", None, None)),
        ("A-0-1-A10-A12-IEXX", ("A", "0", "1", "A10", "A12", None, "IEXX")),
        ("A-0-1-A10-A12-BIG.", ("A", "0", "1", "A10", "A12", None, "BIG.")),
        ("A-0-1-A10-A12-R-119", ("A", "0", "1", "A10", "A12", None, "R-119")),
        ("U-0-0-W00-W00-OTH-X 1", ("U", "0", "0", "W00", "W00", "OTH", "X 1")),
    ],
)
def test_the_parts_of_an_event_code(text: str, parts: tuple[str | None, ...]) -> None:
    made = parse_event_code(text)
    assert made == EventCode("ST.27", *parts)  # type: ignore[arg-type]  # the table above holds what the fields take
    assert parse_event_code(str(made)) == made


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "codes.event-shape"),
        ("A-1-2-D10", "codes.event-shape"),
        ("A-12D10D15", "codes.event-shape"),
        ("A-1-2-D10-D15-" + "x" * 65, "codes.event-shape"),
        ("A-1-2-D10-D15-é", "codes.event-shape"),
        ("A" * 200, "codes.event-shape"),
        ("X-1-2-D10-D15", "codes.unknown-event"),
        ("A-1-9-D10-D15", "codes.unknown-event"),
        ("A-1-2-D11-D15", "codes.unknown-event"),
        ("A-1-2-D10-D99", "codes.unknown-event"),
        ("A-1-2-D10-E11", "codes.unknown-event"),
        ("A-1-2-I10-I11", "codes.unknown-event"),
    ],
)
def test_what_is_no_event_code_of_st27(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_event_code(text)
    assert caught.value.code == code


def test_st61_and_st87_are_subsets_and_say_so() -> None:
    for standard in ("ST.61", "ST.87"):
        table = event_table(standard)
        assert not table.complete
        assert codes.table(standard.lower().replace(".", ""))["missing"]
        assert parse_event_code("A-1-2-E10-E17-OPP-R123", standard).detailed_event == "E17"
        with pytest.raises(InputError):
            parse_event_code("A-1-2-I10-I17", standard)


def test_there_are_no_other_lists() -> None:
    for wrong in ("st99", "../context/record-1", "", "ST3"):
        with pytest.raises(Misuse):
            codes.table(wrong)
    with pytest.raises(Misuse):
        event_table("ST.96")
    with pytest.raises(InputError):
        unmapped("I")
