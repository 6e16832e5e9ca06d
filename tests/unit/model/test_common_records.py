"""The common records: one byte form, nothing lost, nothing read in two ways."""

from __future__ import annotations

import json

import msgspec
import pytest
import rfc8785
from hypothesis import given

from gateway.errors import InputError, LimitError
from gateway.model import records
from gateway.model.records import Application, Identifier, OwnershipTransfer, PriorityClaim, Text
from tests import strategies

NUMBER = Identifier("xa-application", "XA", "XA 2026/123", "XA-2026-000123")
PLAIN = Application("XA", NUMBER, "patent", filing_date="2026-02-28", title_bag=(Text("折り畳み", "ja", "Jpan"),))


@given(strategies.common_records())
def test_a_record_comes_back_equal_and_its_bytes_are_jcs(record: records.CommonRecord) -> None:
    encoded = records.encode(record)
    assert records.decode(encoded) == record
    assert rfc8785.dumps(json.loads(encoded)) == encoded


@given(strategies.common_records())
def test_every_text_comes_back_as_the_same_characters(record: records.CommonRecord) -> None:
    def texts(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, dict):
            return [text for item in value.values() for text in texts(item)]
        return [text for item in value for text in texts(item)] if isinstance(value, list | tuple) else []

    there = texts(msgspec.to_builtins(record))
    back = texts(msgspec.to_builtins(records.decode(records.encode(record))))
    assert [text.encode("utf-32") for text in there] == [text.encode("utf-32") for text in back]


def test_control_characters_are_written_as_jcs_writes_them() -> None:
    record = msgspec.structs.replace(
        PLAIN, title_bag=(Text("".join(map(chr, range(0x21))) + "\x7f\u2028\ufffe\U0001f600"),)
    )
    encoded = records.encode(record)
    assert rfc8785.dumps(json.loads(encoded)) == encoded
    assert records.decode(encoded) == record


def test_members_in_another_order_and_with_blanks_are_the_same_record() -> None:
    shuffled = json.dumps(dict(reversed(json.loads(records.encode(PLAIN)).items())), indent=3).encode()
    assert shuffled != records.encode(PLAIN)
    assert records.decode(shuffled) == PLAIN


@pytest.mark.parametrize(
    ("old", "new", "code", "where"),
    [
        (b'"office":"XA","right"', b'"office":"XB","office":"XA","right"', "record.repeated-member", "office"),
        (b'"script":"Jpan"', b'"script":"Latn","script":"Jpan"', "record.repeated-member", "script"),
        (b'"right":"patent"', b'"right":"patent","statusCode":null', "record.null", "statusCode"),
        (b'"right":"patent"', b'"right":"patent","surprise":1', "record.malformed", None),
        (b'"right":"patent"', b'"right":"copyright"', "record.malformed", "$.right"),
        (b'"office":"XA","right"', b'"office":"xa","right"', "record.malformed", "$.office"),
        (b"2026-02-28", b"2026-02-29", "record.no-date", "$.filingDate"),
        (b"2026-02-28", b"2026-13-01", "record.malformed", "$.filingDate"),
        (b"2026-02-28", b"2026-02-28T00:00:00Z", "record.malformed", "$.filingDate"),
        (b"2026-02-28", b"2026-02-28\\n", "record.malformed", "$.filingDate"),
        (b"2026-02-28", "２０２６-02-28".encode(), "record.malformed", "$.filingDate"),
        (b'"Application"', b'"Aplication"', "record.malformed", "$.type"),
        (b'"value":', b'"value":"\\ud800","was":', "record.malformed", None),
    ],
)
def test_a_record_that_is_not_quite_one_is_refused_with_its_place(
    old: bytes, new: bytes, code: str, where: str | None
) -> None:
    data = records.encode(PLAIN)
    assert data.count(old) == 1
    with pytest.raises(InputError) as caught:
        records.decode(data.replace(old, new))
    assert caught.value.code == code
    assert caught.value.hint
    if where is not None:
        assert caught.value.where == where


def test_a_date_in_a_claim_is_looked_at_too() -> None:
    claim = PriorityClaim(NUMBER, filing_date="2025-06-31")
    with pytest.raises(InputError, match="2025-06-31") as caught:
        records.check(msgspec.structs.replace(PLAIN, priority_claim_bag=(PriorityClaim(NUMBER), claim)))
    assert caught.value.where == "$.priorityClaimBag[1].filingDate"


def test_a_month_without_a_day_is_a_date() -> None:
    record = msgspec.structs.replace(PLAIN, filing_date="1983-11")
    assert records.decode(records.encode(record)) == record


def test_half_a_character_cannot_be_encoded() -> None:
    with pytest.raises(InputError) as caught:
        records.encode(msgspec.structs.replace(PLAIN, status_code="\ud800"))
    assert caught.value.code == "record.no-text"


def test_the_limit_is_asked_before_anything_is_decoded() -> None:
    with pytest.raises(LimitError):
        records.decode(b"[" * 1001, limit=1000)
    data = records.encode(PLAIN)
    assert records.decode(data, limit=len(data)) == PLAIN
    with pytest.raises(LimitError):
        records.decode(data, limit=len(data) - 1)


def test_subjects_are_named_once_and_in_order() -> None:
    other = Identifier("pct-application", "US", "PCT/US15/27322", "PCT/US2015/027322")
    transfer = OwnershipTransfer("XA", (other, NUMBER, NUMBER))
    assert records.subjects_of(transfer) == ("US/pct-application/PCT/US2015/027322", "XA/xa-application/XA-2026-000123")
    assert records.subjects_of(PLAIN) == ("XA/xa-application/XA-2026-000123",)


def test_a_transfer_of_nothing_is_refused() -> None:
    with pytest.raises(InputError):
        records.decode(b'{"applicationNumberBag":[],"office":"XA","type":"OwnershipTransfer"}')
