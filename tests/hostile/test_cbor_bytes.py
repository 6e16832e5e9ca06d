"""CBOR from strangers: one byte form per value, no tags, and nothing that takes long."""

from __future__ import annotations

import time
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.proofs import cbor

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
    max_leaves=20,
)

REFUSED = {
    "nothing": b"",
    "a byte too many": b"\x00\x00",
    "an integer longer than needed": b"\x18\x17",
    "a length longer than needed": b"\x58\x01\x00",
    "keys out of order": b"\xa2\x61b\x00\x61a\x00",
    "a key twice": b"\xa2\x61a\x00\x61a\x00",
    "a key that is a number": b"\xa1\x01\x00",
    "a key that is bytes": b"\xa1\x41a\x00",
    "an array without length": b"\x9f\x00\xff",
    "a text without length": b"\x7f\x61a\xff",
    "bytes without length": b"\x5f\x41a\xff",
    "half a number": b"\x19\x00",
    "a float": b"\xf9\x3c\x00",
    "a large float": b"\xfb\x3f\xf8\x00\x00\x00\x00\x00\x00",
    "undefined": b"\xf7",
    "a simple value": b"\xf0",
    "a time": b"\xc1\x00",
    "a time as text": b"\xc0\x74" + b"2026-11-01T00:00:00Z",
    "a regular expression": b"\xd8\x23\x61a",
    "a UUID": b"\xd8\x25\x50" + bytes(16),
    "a set": b"\xd9\x01\x02\x80",
    "a shared value": b"\xd8\x1c\x80",
    "a reference to text": b"\xd9\x01\x00\x81\x61a",
    "the tag of CBOR itself": b"\xd9\xd9\xf7\x00",
    "an unknown tag": b"\xd9\x03\xe7\x00",
    "an integer as a large one": b"\xc2\x41\x01",
    "text that is not UTF-8": b"\x62\xc3\x28",
    "half a surrogate pair": b"\x63\xed\xa0\x80",
    "a break": b"\xff",
    "a reserved length": b"\x1c",
}


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    data = cbor.encode(value)
    assert cbor.decode(data) == value
    assert cbor.encode(cbor.decode(data)) == data


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_their_one_form_or_refused(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except InputError:
        return
    assert cbor.encode(value) == data


@given(VALUES, st.data())
def test_a_byte_changed_is_another_value_or_none(value: Any, draws: st.DataObject) -> None:
    data = bytearray(cbor.encode(value))
    data[draws.draw(st.integers(0, len(data) - 1))] ^= draws.draw(st.integers(1, 255))
    try:
        other = cbor.decode(bytes(data))
    except InputError:
        return
    assert cbor.encode(other) == data


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_refused(what: str) -> None:
    with pytest.raises(InputError):
        cbor.decode(REFUSED[what])


def test_integers_beyond_64_bits_are_tags_and_not_read() -> None:
    for number in (2**64 - 1, -(2**64)):
        assert cbor.decode(cbor.encode(number)) == number
    for number in (2**64, -(2**64) - 1, 2**255 - 19):
        with pytest.raises(InputError):
            cbor.decode(cbor2.dumps(number, canonical=True))


def test_text_keys_are_in_the_order_of_their_bytes() -> None:
    """RFC 8949 §4.2.1 sorts encoded keys bytewise: with the length in front, that is the shorter first."""
    keys = ["", "b", "aa", "a" * 23, "a" * 24, "z" * 24, "ä", "漢"]
    data = cbor.encode(dict.fromkeys(keys, 0))
    encoded = [cbor2.dumps(key) for key in keys]
    places = [data.index(key + b"\x00", 1) for key in sorted(encoded)]
    assert places == sorted(places)


def _shared_lists(levels: int) -> bytes:
    """Lists that hold the one below twice, by tags 28 and 29: so many levels name the lowest 2^levels times."""
    value = b"\xd8\x1c\x80"
    for level in range(levels, 0, -1):
        value = b"\xd8\x1c\x82" + value + b"\xd8\x1d" + cbor2.dumps(level)
    return value


def test_shared_values_cannot_keep_the_decoder_busy() -> None:
    start = time.monotonic()
    with pytest.raises(InputError):
        cbor.decode(_shared_lists(30))
    assert time.monotonic() - start < 1.0


@pytest.mark.parametrize("head", [b"\x9b", b"\xbb", b"\x5b", b"\x7b"])
def test_a_length_that_is_not_there_costs_nothing(head: bytes) -> None:
    for length in (2**32, 2**40, 2**63 - 1, 2**64 - 1):
        with pytest.raises(InputError):
            cbor.decode(head + length.to_bytes(8, "big"))


def test_limits_come_before_reading() -> None:
    assert cbor.decode(cbor.encode(bytes(100)), limit=102) == bytes(100)
    with pytest.raises(LimitError):
        cbor.decode(cbor.encode(bytes(100)), limit=101)


@pytest.mark.parametrize("nest", [b"\x81", b"\xa1\x61a"])
def test_nesting_is_bounded(nest: bytes) -> None:
    cbor.decode(nest * 32 + b"\x00", nesting=32)
    with pytest.raises(LimitError):
        cbor.decode(nest * 33 + b"\x00", nesting=32)
    with pytest.raises(InputError):
        cbor.decode(nest * 100_000 + b"\x00")
