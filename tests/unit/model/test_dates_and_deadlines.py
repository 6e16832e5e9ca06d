"""Plain dates as offices write them, and the terms of the Paris Convention and the PCT."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import GatewayError, InputError
from gateway.model import dates
from gateway.model.dates import (
    Closures,
    add_months,
    closures,
    parse_day,
    priority_deadline,
    priority_document_due,
    read_closures,
    write_day,
)

ALWAYS_OPEN = Closures("XA", frozenset(), {}, (date(1900, 1, 1), date(2200, 12, 31)), "this test")


@pytest.mark.parametrize(
    ("text", "form", "day"),
    [
        ("2016-09-02", "YYYY-MM-DD", "2016-09-02"),
        ("2016/09/02", "YYYY/MM/DD", "2016-09-02"),
        ("2016.09.02", "YYYY.MM.DD", "2016-09-02"),
        ("20160902", "YYYYMMDD", "2016-09-02"),
        ("02/09/2016", "DD/MM/YYYY", "2016-09-02"),
        ("02.09.2016", "DD.MM.YYYY", "2016-09-02"),
        ("09/02/2016", "MM/DD/YYYY", "2016-09-02"),
        ("09-02-2016", "MM-DD-YYYY", "2016-09-02"),
        ("17046", "epoch-days", "2016-09-02"),
        ("1472774400", "epoch-seconds", "2016-09-02"),
        ("1472774400000", "epoch-milliseconds", "2016-09-02"),
        ("-86400", "epoch-seconds", "1969-12-31"),
        ("20240229", "YYYYMMDD", "2024-02-29"),
        ("19831100", "YYYYMMDD", "1983-11"),
        ("1983-11-00", "YYYY-MM-DD", "1983-11"),
        ("00/11/1983", "DD/MM/YYYY", "1983-11"),
    ],
)
def test_a_day_is_read_and_written_back(text: str, form: str, day: str) -> None:
    assert parse_day(text, form) == day
    assert write_day(day, form) == text


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2016-09-31", "YYYY-MM-DD"),
        ("2023-02-29", "YYYY-MM-DD"),
        ("1900-02-29", "YYYY-MM-DD"),
        ("2016-00-01", "YYYY-MM-DD"),
        ("20160000", "YYYYMMDD"),
        ("0000-01-01", "YYYY-MM-DD"),
        ("2016-9-2", "YYYY-MM-DD"),
        ("2016-09-02 ", "YYYY-MM-DD"),
        ("2016-09-02\n", "YYYY-MM-DD"),
        ("２０１６-09-02", "YYYY-MM-DD"),
        ("2016-09-02T00:00:00Z", "YYYY-MM-DD"),
        ("", "YYYY-MM-DD"),
        ("99999999999", "YYYYMMDD"),
        ("1472774401", "epoch-seconds"),
        ("1472774400001", "epoch-milliseconds"),
        ("1e9", "epoch-seconds"),
        ("٨٦٤٠٠", "epoch-seconds"),
        ("999999999999999999", "epoch-days"),
        ("9" * 19, "epoch-seconds"),
        ("2016-09-02", "YYYY-DD-MM"),
    ],
)
def test_what_is_no_day_is_refused(text: str, form: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_day(text, form)
    assert caught.value.hint


def test_a_day_that_is_not_known_is_not_counted() -> None:
    with pytest.raises(InputError):
        write_day("1983-11", "epoch-seconds")
    with pytest.raises(InputError):
        write_day("1983", "YYYYMMDD")
    with pytest.raises(InputError):
        write_day("2016-09-02", "long ago")


@given(st.dates(), st.sampled_from(dates.forms()))
def test_every_day_goes_through_every_form(day: date, form: str) -> None:
    assert parse_day(write_day(day.isoformat(), form), form) == day.isoformat()


@given(
    st.text(max_size=24) | st.from_regex(r"[0-9]{4}[-/.]?[0-9]{2}[-/.]?[0-9]{2}", fullmatch=True),
    st.sampled_from(dates.forms()),
)
def test_no_text_makes_more_than_a_day_or_a_refusal(text: str, form: str) -> None:
    try:
        day = parse_day(text, form)
    except GatewayError:
        return
    assert write_day(day, form) == text or form.startswith("epoch")  # "-0" and "007" are counts, too


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2024-02-29", 12, "2025-02-28"),
        ("2023-02-28", 12, "2024-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2022-08-31", 6, "2023-02-28"),
        ("2023-08-30", 6, "2024-02-29"),
        ("2023-12-31", 6, "2024-06-30"),
        ("2023-12-15", 1, "2024-01-15"),
        ("2023-01-31", 16, "2024-05-31"),
        ("2022-10-31", 16, "2024-02-29"),
    ],
)
def test_months_end_on_the_same_number_or_the_months_last_day(day: str, months: int, later: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(later)


@given(st.dates(date(1900, 1, 1), date(2180, 1, 1)), st.integers(0, 24))
def test_months_never_skip_into_the_next_one(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
    assert later.day == day.day or (later + timedelta(days=1)).day == 1


@pytest.mark.parametrize(
    ("right", "last"),
    [("patent", "2025-03-14"), ("utility-model", "2025-03-14"), ("design", "2024-09-14"), ("trade-mark", "2024-09-14")],
)
def test_the_terms_of_article_4c(right: dates.Right, last: str) -> None:
    deadline = priority_deadline("2024-03-14", right, ALWAYS_OPEN)
    assert deadline.last_day == date.fromisoformat(last)  # the day of filing does not count: the same number is in time
    assert deadline.met(deadline.last_day)
    assert not deadline.met(deadline.last_day + timedelta(days=1))
    assert "4C" in deadline.rule


def test_a_closed_last_day_moves_to_the_next_open_one() -> None:
    # 2026-12-25 is Friday and Christmas Day, then comes Boxing Day on a Saturday, then Sunday
    deadline = priority_deadline("2025-12-25", "patent", closures("XA"))
    assert deadline.term_ends == date(2026, 12, 25)
    assert deadline.last_day == date(2026, 12, 28)
    assert [day.isoformat() for day, _ in deadline.moved_for] == ["2026-12-25", "2026-12-26", "2026-12-27"]
    assert deadline.moved_for[0][1] == "Christmas Day"
    assert deadline.moved_for[1][1] == "weekend"


def test_each_office_has_its_own_closed_days() -> None:
    # Friday 2026-12-25: closed at XA, open at XB. Thursday 2026-12-31: the other way round
    assert priority_deadline("2025-12-25", "patent", closures("XB")).last_day == date(2026, 12, 25)
    assert priority_deadline("2025-12-31", "patent", closures("XA")).last_day == date(2026, 12, 31)
    assert priority_deadline("2025-12-31", "patent", closures("XB")).last_day == date(2027, 1, 4)


def test_a_closed_day_within_the_term_moves_nothing() -> None:
    deadline = priority_deadline("2025-11-02", "design", closures("XB"))
    assert deadline.term_ends == date(2026, 5, 2)  # a Saturday, then the days of May from Sunday to Tuesday
    assert deadline.last_day == date(2026, 5, 6)
    assert not priority_deadline("2025-06-03", "patent", closures("XB")).moved_for


def test_the_priority_document_is_due_after_sixteen_months() -> None:
    assert priority_document_due("2024-10-31", ALWAYS_OPEN).last_day == date(2026, 2, 28)
    assert priority_document_due(date(2024, 3, 14), closures("XA")).last_day == date(2025, 7, 14)


@given(
    st.dates(date(1996, 1, 1), date(2038, 1, 1)), st.sampled_from(["patent", "design"]), st.sampled_from(["XA", "XB"])
)
def test_a_deadline_is_open_and_no_open_day_lies_before_it(day: date, right: dates.Right, office: str) -> None:
    of = closures(office)
    deadline = priority_deadline(day, right, of)
    assert of.closed(deadline.last_day) is None
    assert of.next_open(deadline.term_ends) == deadline.last_day
    passed = deadline.term_ends
    while passed < deadline.last_day:
        assert of.closed(passed)
        passed += timedelta(days=1)


def test_a_list_that_does_not_reach_the_deadline_is_no_answer() -> None:
    with pytest.raises(InputError) as caught:
        priority_deadline("2040-06-01", "patent", closures("XA"))
    assert caught.value.code == "date.closures-not-covered"
    with pytest.raises(InputError):
        closures("US")
    with pytest.raises(InputError):
        closures("../x")
    with pytest.raises(InputError):
        priority_deadline("2024-02-30", "patent", ALWAYS_OPEN)
    with pytest.raises(InputError):
        priority_deadline("9999-06-01", "patent", ALWAYS_OPEN)


@pytest.mark.parametrize("office", ["XA", "XB"])
def test_the_lists_are_whole(office: str) -> None:
    of = closures(office)
    assert of.office == office
    assert of.source
    assert of.weekend == {5, 6}
    first, last = of.covers
    assert all(first <= day <= last for day in of.days)
    assert {day.year for day in of.days} == set(range(first.year, last.year + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"office":"XA","source":"","weekend":["Caturday"],"covers":["2020-01-01","2020-12-31"],"days":{}}',
        b'{"office":"XA","source":"","weekend":[],"covers":["2020-01-01"],"days":{}}',
        b'{"office":"XA","source":"","weekend":[],"covers":["2020-01-01","2020-12-31"],"days":{"2020-02-30":"x"}}',
        b"[" * 100_000,
    ],
)
def test_a_list_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        read_closures(data)


def test_an_office_may_bring_its_own_list() -> None:
    own = {
        "office": "EG",
        "source": "a decree",
        "weekend": ["Friday", "Saturday"],
        "covers": ["2026-01-01", "2027-12-31"],
        "days": {},
    }
    office = read_closures(json.dumps(own).encode())
    assert priority_deadline("2026-01-01", "patent", office).last_day == date(
        2027, 1, 3
    )  # Friday, Saturday, open on Sunday
