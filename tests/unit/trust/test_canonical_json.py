"""One meaning and one byte form of JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.trust import strictjson

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_the_quick_way_gives_what_rfc_8785_gives(value: Any) -> None:
    try:
        expected = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(InputError):
            strictjson.canonical(value)
        return
    assert strictjson.canonical(value) == expected
    assert strictjson.canonical(strictjson.parse(expected, limit=10**6)) == expected


def test_names_outside_the_basic_plane_are_sorted_by_utf_16() -> None:
    assert strictjson.canonical({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), float("nan"), float("inf"), "\ud800", {"\udc00": 1}, {1: 2}, object()]
)
def test_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(InputError):
        strictjson.canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"a":1,"a":1}',
        b'{"x":{"a":1,"\\u0061":1}}',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e999",
        b"\xef\xbb\xbf{}",
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b"{} {}",
        b"'a'",
        b"[1,]",
        b"9" * 5000,
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_is_not_strict_json(data: bytes) -> None:
    with pytest.raises(InputError):
        strictjson.parse(data, limit=10_000)


def test_limits_come_before_decoding() -> None:
    with pytest.raises(LimitError):
        strictjson.parse(b"[" * 33 + b"]" * 33, limit=1000)
    assert strictjson.parse(b"[" * 32 + b"]" * 32, limit=1000) is not None
    with pytest.raises(LimitError):
        strictjson.parse(b"x" * 1001, limit=1000)
    assert strictjson.parse(json.dumps("[" * 500 + '\\"' * 20).encode(), limit=1000) is not None


@given(values)
def test_depth_is_that_of_the_tree(value: Any) -> None:
    def deep(one: Any) -> int:
        if isinstance(one, dict):
            return 1 + max(map(deep, one.values()), default=0)
        if isinstance(one, list):
            return 1 + max(map(deep, one), default=0)
        return 0

    assert strictjson.depth(json.dumps(value).encode()) == deep(value)
    assert strictjson.depth(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")) == deep(value)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_an_input_error(data: bytes) -> None:
    try:
        strictjson.parse(data, limit=1000)
    except InputError:
        pass


def test_depth_is_linear_in_unclosed_strings() -> None:
    # Quadratic would be some minutes here.
    assert strictjson.depth(b'"' + b'\\"' * 500_000) == 0
    assert strictjson.depth(b"[" + b'"\\' * 500_000) == 1


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, {"b": 1.0}]}, "$.a[1].b"),
        (2**53, "$"),
        ([-(2**53)], "$[0]"),
        ({"a": 2**53 - 1, "b": True, "c": "1.5"}, None),
    ],
)
def test_where_a_number_is_not_exact(value: Any, place: str | None) -> None:
    assert strictjson.inexact(value) == place
