"""Native bytes to trees and back: one reading, one writing, and limits before anything is built."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.mapping import MappingLibrary
from gateway.mapping.formats import LIMIT, NESTING
from gateway.mapping.formats import json as format_json
from gateway.mapping.formats.abi import AbiFormat
from gateway.proofs import abi
from tests.unit.mapping import natives

FORM = format_json.JsonFormat()


@given(natives.wild_json(12), st.sampled_from([None, 1]), st.booleans())
def test_any_json_comes_back_equal(tree: Any, indent: int | None, escaped: bool) -> None:
    given_bytes = json.dumps(tree, indent=indent, ensure_ascii=escaped).encode()
    written, again = FORM.encode(FORM.decode(given_bytes))
    assert json.loads(written) == json.loads(given_bytes)
    assert again == FORM.decode(written)
    try:
        expected = rfc8785.dumps(tree)
    except rfc8785.CanonicalizationError:
        return
    assert rfc8785.dumps(json.loads(written)) == expected


@pytest.mark.parametrize(
    "text, value",
    [
        ("9007199254740993", 9007199254740993),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("-0", 0),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("0.1", 0.1),
        ("0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        ("1.50", 1.5),
    ],
)
def test_numbers_are_kept_digit_by_digit(text: str, value: Any) -> None:
    made = FORM.decode(f"[{text}]".encode())
    assert made == [value]
    assert type(made[0]) is type(value)
    written = FORM.encode(made)[0].decode()[1:-1]
    assert Decimal(written) == Decimal(text)
    assert ("." in written or "e" in written.lower()) == isinstance(value, (float, Decimal))


@pytest.mark.parametrize(
    "content, code",
    [
        (b'{"a":1,"a":2}', "json.repeated-member"),
        (b'{"a":{"b":1,"b":1}}', "json.repeated-member"),
        (b'{"\\u0061":1,"a":2}', "json.repeated-member"),
        (b'["\\ud800"]', "json.lone-surrogate"),
        (b'{"\\udfff":1}', "json.lone-surrogate"),
        (b"[NaN]", "json.malformed"),
        (b"[Infinity]", "json.malformed"),
        (b"[1e400]", "json.number"),
        (b"[1e-400]", "json.number"),
        (b"[" + b"1" * 4001 + b"]", "json.number"),
        (b"[0." + b"1" * 4001 + b"]", "json.number"),
        (b"[01]", "json.malformed"),
        (b"[1,]", "json.malformed"),
        (b"[1] 2", "json.malformed"),
        (b"\xff", "json.malformed"),
        (b'["\xc3\x28"]', "json.malformed"),
        (b'["\xed\xa0\x80"]', "json.malformed"),
        (b"\xef\xbb\xbf{}", "json.malformed"),
        (b"", "json.malformed"),
        (b"'a'", "json.malformed"),
        (b'["\x01"]', "json.malformed"),
    ],
)
def test_what_has_two_readings_or_none_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        FORM.decode(content)
    assert caught.value.code == code


def test_limits_hold_before_anything_is_built() -> None:
    with pytest.raises(LimitError, match=r"native\.too-large"):
        FORM.decode(b'"' + b"x" * LIMIT + b'"')
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        deepest = opened * (NESTING - 1) + b"[]" + closed * (NESTING - 1)
        assert FORM.encode(FORM.decode(deepest))[0] == deepest
        with pytest.raises(LimitError, match=r"native\.too-deep"):
            FORM.decode(opened * NESTING + b"1" + closed * NESTING + b" " if opened == b"{" else opened * (NESTING + 1))
        with pytest.raises(LimitError, match=r"native\.too-deep"):
            FORM.decode(opened * 200_000)
    # brackets inside texts are no levels
    assert FORM.decode(b'["' + b"[" * 1000 + b'\\"["]') == ["[" * 1000 + '"[']
    with pytest.raises(LimitError, match=r"native\.too-large"):
        FORM.encode(["x" * LIMIT])


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        tree = FORM.decode(content)
    except InputError:
        return
    assert FORM.decode(FORM.encode(tree)[0]) == tree


EVM = MappingLibrary.shipped().by_format("register-evm")
SCHEMA = natives.load(natives.shipped_schema(EVM))


@given(natives.of_abi(EVM, SCHEMA))
def test_a_struct_comes_back_byte_by_byte(content: bytes) -> None:
    tree = EVM.form.decode(content)
    assert EVM.form.complete(tree) == tree
    assert EVM.form.encode(tree) == (content, tree)


def test_the_body_is_the_selector_of_the_struct_and_its_encoding() -> None:
    form = AbiFormat(
        [
            {
                "name": "Small",
                "type": "tuple",
                "components": [{"name": "a", "type": "bytes2"}, {"name": "b", "type": "string"}],
            }
        ]
    )
    content, tree = form.encode({"Small": {"a": "0x5841"}})
    assert content == abi.selector("Small(bytes2,string)") + abi.encode([abi.parse("(bytes2,string)")], [(b"XA", "")])
    assert tree == {"Small": {"a": "0x5841", "b": ""}}


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"Other": {}},
        {"Small": 1},
        {"Small": {"c": 1}},
        {"Small": {"a": "0x5"}},
        {"Small": {"a": "XA"}},
        {"Small": {"a": "0x58410"}},
        {"Small": {"a": "0xAB12"}},
        {"Small": {"a": "0x 12"}},
        {"Small": {"b": 1}},
        {"Small": {"d": "x"}},
        {"Small": {"d": [256]}},
        {"Small": {"d": [True]}},
        {"Small": {"b": "\ud800"}},
    ],
)
def test_what_is_no_struct_is_refused(tree: Any) -> None:
    components = [{"name": "a", "type": "bytes2"}, {"name": "b", "type": "string"}, {"name": "d", "type": "uint8[]"}]
    form = AbiFormat([{"name": "Small", "type": "tuple", "components": components}])
    with pytest.raises(InputError):
        form.encode(tree)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        [],
        {},
        [1],
        [{"name": "A"}],
        [{"name": "A", "type": "tuple"}],
        [{"name": "A", "type": "tuple", "components": []}],
        [{"name": "A b", "type": "tuple", "components": [{"name": "a", "type": "bool"}]}],
        [{"name": "A", "type": "tuple", "components": [{"name": "a", "type": "float"}]}],
        [{"name": "A", "type": "tuple", "components": [{"type": "bool"}]}],
        [{"name": "A", "type": "tuple", "components": [{"name": "a", "type": "bool"}] * 2}],
        [{"name": "A", "type": "tuple", "components": [{"name": "a", "type": "bool"}]}] * 2,
    ],
)
def test_a_schema_that_is_none_is_refused(schema: Any) -> None:
    with pytest.raises(InputError):
        AbiFormat(schema)
