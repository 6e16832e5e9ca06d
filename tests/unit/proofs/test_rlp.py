from __future__ import annotations

from typing import Any

import pytest
import rlp as oracle
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError, Misuse
from gateway.proofs import rlp

ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=6), max_leaves=40)


@given(ITEMS)
def test_encoding_is_that_of_another_library_and_comes_back(item: Any) -> None:
    data = rlp.encode(item)
    assert data == oracle.encode(item)
    assert rlp.decode(data) == item


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_integers_come_back(value: int) -> None:
    assert rlp.integer(rlp.integer_bytes(value)) == value
    assert rlp.encode(rlp.integer_bytes(value)) == oracle.encode(value)


@given(st.binary(max_size=120))
def test_what_is_read_is_what_would_be_written(data: bytes) -> None:
    try:
        item = rlp.decode(data)
    except InputError:
        return
    assert rlp.encode(item) == data
    assert oracle.decode(data) == item


@given(ITEMS, st.data())
def test_changed_bytes_are_refused_or_read_as_they_would_be_written(item: Any, data: st.DataObject) -> None:
    changed = bytearray(rlp.encode(item))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert rlp.encode(rlp.decode(bytes(changed))) == bytes(changed)
    except InputError:
        pass


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "nothing"),
        ("8100", "a small byte with a prefix"),
        ("817f", "a small byte with a prefix"),
        ("8261", "cut short"),
        ("b801ff", "a long length for one byte"),
        ("b80061", "a length with a leading zero"),
        ("b90038" + "61" * 56, "a length with a leading zero"),
        ("b837" + "61" * 55, "a long length for 55 bytes"),
        ("b8", "no length"),
        ("bfffffffffffffffff", "a length beyond all bytes"),
        ("ffffffffffffffffff", "a list's length beyond all bytes"),
        ("c2", "a list cut short"),
        ("c28261", "an item longer than its list"),
        ("c1c161", "a list longer than its list"),
        ("c18100", "a small byte with a prefix inside"),
        ("c3c28100", "a small byte with a prefix deeper inside"),
        ("f800", "a long length for an empty list"),
        ("6161", "bytes after the item"),
        ("c0c0", "bytes after the list"),
    ],
)
def test_other_forms_are_refused(data: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        rlp.decode(bytes.fromhex(data))
    assert caught.value.code == "rlp.not-canonical", why


def test_limits_come_before_decoding() -> None:
    with pytest.raises(LimitError):
        rlp.decode(b"\xc0" * 100, limit=99)
    deep: list[Any] = []
    for _ in range(39):
        deep = [deep]
    with pytest.raises(LimitError):
        rlp.decode(rlp.encode(deep), nesting=39)
    assert rlp.decode(rlp.encode(deep), nesting=40) == deep


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x01", b"\x01" * 33, [b"\x01"]])
def test_integers_of_another_form_are_refused(data: Any) -> None:
    with pytest.raises(InputError) as caught:
        rlp.integer(data)
    assert caught.value.code == "rlp.not-integer"


def test_what_has_no_form_is_a_mistake_of_the_caller() -> None:
    for wrong in (7, "text", [b"", None]):
        with pytest.raises(Misuse):
            rlp.encode(wrong)  # type: ignore[arg-type]
    with pytest.raises(Misuse):
        rlp.integer_bytes(-1)


def test_a_list_is_asked_for_by_name() -> None:
    assert rlp.items(rlp.decode(b"\xc0")) == []
    with pytest.raises(InputError):
        rlp.items(b"", where="logs")
