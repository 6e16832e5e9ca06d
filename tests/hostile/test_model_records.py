"""Records and texts from outside: whatever the bytes, an answer or an InputError, in bounded time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, InputError, LimitError
from gateway.model import codes, context, dates, identifiers, records
from tests import strategies

LONGEST = 10_000


def refused(by: str, error: GatewayError) -> None:
    """Every refusal has a code of its part and a cure."""
    assert error.code.startswith(by)
    assert error.hint


def decoded(data: bytes) -> records.CommonRecord | None:
    """The record, or None where it was refused as it should be; any other exception fails the test."""
    try:
        record = records.decode(data)
    except InputError as error:
        refused("record.", error)
        return None
    # what was let in has one byte form, which is let in again
    assert records.decode(records.encode(record)) == record
    return record


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    decoded(data)


@settings(max_examples=300)
@given(st.text(max_size=100))
def test_any_text(text: str) -> None:
    decoded(text.encode("utf-8", "surrogatepass"))


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=8), inside, max_size=3),
    max_leaves=10,
)
_names = sorted(context.terms())


@settings(max_examples=500)
@given(
    st.sampled_from(["Application", "PriorityDocument", "LegalStatusEvent", "OwnershipTransfer", "", "Text"]),
    st.dictionaries(st.sampled_from([*_names, "type"]), _values, max_size=6),
)
def test_any_json_under_the_names_that_are_known(kind: str, members: dict[str, Any]) -> None:
    decoded(json.dumps({"type": kind, **members}).encode())


@settings(max_examples=200)
@given(strategies.common_records(), st.data())
def test_flipped_bits(record: records.CommonRecord, data: st.DataObject) -> None:
    encoded = bytearray(records.encode(record))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] ^= 1 << data.draw(st.integers(0, 7))
    changed = decoded(bytes(encoded))
    if changed is not None and changed == record:
        # blanks, or another writing of the same character: nothing else may pass unnoticed
        assert json.loads(bytes(encoded)) == json.loads(records.encode(record))


@settings(max_examples=100)
@given(strategies.common_records(), st.data())
def test_cut_and_doubled(record: records.CommonRecord, data: st.DataObject) -> None:
    encoded = records.encode(record)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    assert decoded(encoded[:cut]) is None
    assert decoded(encoded + encoded) is None
    assert decoded(encoded + b"x") is None
    assert decoded(b"\xef\xbb\xbf" + encoded) is None


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 2_000_000,
        b'{"a":' * 300_000,
        b'{"type":"Application","office":' + b"[" * 1_000_000,
        b'{"titleBag":' + b"[" * 500_000 + b'],"type":"Application"}',
        b'{"office":{"office":' * 50_000,
        b'"' + b"x" * 2_000_000,
        b"9" * 2_000_000,
        b'{"documentSize":' + b"9" * 1_000_000 + b',"type":"PriorityDocument"}',
        b'{"documentSize":1e999999999,"type":"PriorityDocument"}',
        b'{"type":"Application",' + b'"office":"XA",' * 100_000 + b'"right":"patent"}',
    ],
)
def test_deep_wide_and_endless(data: bytes) -> None:
    started = time.monotonic()
    assert decoded(data) is None
    assert time.monotonic() - started < 5


def test_more_than_the_limit_is_not_looked_at() -> None:
    with pytest.raises(LimitError):
        records.decode(b" " * (2 * 1024 * 1024 + 1))


@pytest.mark.parametrize("character", ["x", "漢", "\uf914", "\ufa19", "ل", "\U00020bb7", "\u202e", "\u0000", '"'])
def test_ten_thousand_characters_pass_unharmed(character: str) -> None:
    text = character * LONGEST
    number = records.Identifier("xa-application", "XA", "XA-2026-000001", "XA-2026-000001")
    record = records.Application("XA", number, "trade-mark", title_bag=(records.Text(text),), status_code=text)
    back = records.decode(records.encode(record))
    assert isinstance(back, records.Application)
    assert back.status_code == text
    assert back.title_bag[0].value == text
    assert context.undefined_terms(json.loads(records.encode(record))) == ()


@settings(max_examples=500)
@given(
    st.text(max_size=60),
    st.sampled_from([*(scheme.name for scheme in identifiers.schemes()), "opaque", "ro-application"])
    | st.text(max_size=20),
    st.sampled_from(["", "XA", "US", "zz"]),
)
def test_any_number_of_any_scheme(text: str, scheme: str, office: str) -> None:
    try:
        made = identifiers.identifier(scheme, office, text)
    except GatewayError as error:
        refused("identifier.", error)
        return
    assert made.original == text
    assert made.normalised
    assert codes.is_office(made.office, former=True) or made.office == office
    assert not any(sign.isspace() and sign != " " for sign in made.normalised)


@pytest.mark.parametrize("scheme", [*(scheme.name for scheme in identifiers.schemes()), "opaque"])
@pytest.mark.parametrize("unit", ["1", " ", "1 ", "1,", "A", "-", "平", "１", "0/", "PCT/", "FR ", "1."])
def test_no_number_makes_a_pattern_run_away(scheme: str, unit: str) -> None:
    started = time.monotonic()
    for length in (50, 500, 1000):
        try:
            identifiers.normalise(scheme, (unit * length)[:length] + "\u2603")
        except InputError:
            continue
    assert time.monotonic() - started < 1


@settings(max_examples=300)
@given(st.text(max_size=140), st.sampled_from(["ST.27", "ST.61", "ST.87"]))
def test_any_event_code(text: str, standard: codes.Standard) -> None:
    try:
        made = codes.parse_event_code(text, standard)
    except InputError as error:
        refused("codes.", error)
        return
    assert made.key_event[0] == made.detailed_event[0]


@settings(max_examples=300)
@given(st.from_regex(r"[ANTUx]-?[0-9]-?[0-9]-?[A-Z][0-9]{2}-?[A-Z][0-9]{2}(-?[A-Za-z0-9. -]{1,12})?", fullmatch=True))
def test_nearly_event_codes(text: str) -> None:
    try:
        made = codes.parse_event_code(text)
    except InputError:
        return
    assert codes.parse_event_code(str(made)) == made


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_any_list_of_closed_days(data: bytes) -> None:
    try:
        dates.read_closures(data)
    except InputError as error:
        refused("date.", error)


@settings(max_examples=300)
@given(_values)
def test_any_value_as_a_document(value: Any) -> None:
    found = context.undefined_terms(value)
    assert isinstance(found, tuple)
    assert all(type(line) is str for line in found)
