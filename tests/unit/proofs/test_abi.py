from __future__ import annotations

from typing import Any

import eth_abi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError, Misuse
from gateway.proofs import abi


def _values(kind: str) -> st.SearchStrategy[Any]:
    if kind == "bool":
        return st.booleans()
    if kind == "address":
        return st.binary(min_size=20, max_size=20)
    if kind == "string":
        return st.text(max_size=70)
    if kind == "bytes":
        return st.binary(max_size=70)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    if kind.startswith("uint"):
        return st.integers(0, 2 ** int(kind[4:]) - 1)
    bits = int(kind[3:])
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


ELEMENTARY = ["bool", "address", "string", "bytes", "bytes1", "bytes32", "uint8", "uint256", "int16", "int256"]


@st.composite
def typed(draw: st.DrawFn, depth: int = 3) -> tuple[str, Any]:
    """A type's text, and a value of it."""
    shape = draw(st.sampled_from(["one", "one", "array", "fixed", "tuple"])) if depth else "one"
    if shape == "one":
        kind = draw(st.sampled_from(ELEMENTARY))
        return kind, draw(_values(kind))
    if shape == "tuple":
        members = draw(st.lists(typed(depth=depth - 1), min_size=1, max_size=4))
        return f"({','.join(kind for kind, _ in members)})", tuple(value for _, value in members)
    kind, value = draw(typed(depth=depth - 1))
    count = draw(st.integers(1 if shape == "fixed" else 0, 3))
    return kind + (f"[{count}]" if shape == "fixed" else "[]"), [value] * count


def _for_oracle(kind: abi.Type, value: Any) -> Any:
    """eth-abi takes addresses as text."""
    if kind.text == "address":
        return "0x" + value.hex()
    if isinstance(value, list):
        return [_for_oracle(kind.item, each) for each in value]  # type: ignore[attr-defined]
    if isinstance(value, tuple):
        return tuple(_for_oracle(member, each) for member, each in zip(kind.members, value, strict=True))  # type: ignore[attr-defined]
    return value


@given(st.lists(typed(), min_size=1, max_size=4))
def test_encoding_is_that_of_another_library_and_comes_back(some: list[tuple[str, Any]]) -> None:
    types = [kind for kind, _ in some]
    values = [value for _, value in some]
    data = abi.encode(types, values)
    parsed = [abi.parse(kind) for kind in types]
    assert data == eth_abi.encode(types, [_for_oracle(k, v) for k, v in zip(parsed, values, strict=True)])
    assert abi.decode(types, data) == tuple(values)


@settings(max_examples=300)
@given(st.lists(typed(), min_size=1, max_size=3), st.data())
def test_changed_bytes_are_refused_or_read_as_they_would_be_written(
    some: list[tuple[str, Any]], data: st.DataObject
) -> None:
    types = [kind for kind, _ in some]
    changed = bytearray(abi.encode(types, [value for _, value in some]))
    if changed:
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        values = abi.decode(types, bytes(changed))
    except InputError:
        return
    assert abi.encode(types, values) == bytes(changed)


@given(st.sampled_from(["(bytes32,string,bytes)[]", "string", "uint8[][]", "(bool,int8)[3]"]), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(kind: str, data: bytes) -> None:
    try:
        assert abi.encode([kind], abi.decode([kind], data)) == data
    except InputError:
        pass


@given(st.text(alphabet="(),[]0123456789abintuesrgd ", max_size=30))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    try:
        kind = abi.parse(text)
    except InputError:
        return
    assert abi.parse(kind.text) == kind


WORD = (32).to_bytes(32, "big")
ONE = (1).to_bytes(32, "big")


@pytest.mark.parametrize(
    ("types", "data", "why"),
    [
        (["uint8"], (256).to_bytes(32, "big"), "beyond the type"),
        (["int8"], (128).to_bytes(32, "big"), "not sign-extended"),
        (["bool"], (2).to_bytes(32, "big"), "neither 0 nor 1"),
        (["address"], b"\x01" + bytes(31), "dirt before an address"),
        (["bytes4"], bytes(31) + b"\x01", "dirt after bytes"),
        (["uint256"], bytes(31), "cut short"),
        (["uint256"], bytes(33), "bytes after"),
        (["string"], WORD + ONE + b"a" + bytes(30) + b"\x01", "dirt after text"),
        (["string"], WORD + ONE + b"\xff" + bytes(31), "no UTF-8"),
        (["bytes"], (64).to_bytes(32, "big") + bytes(32) + bytes(32), "a gap before the tail"),
        (["bytes", "bytes"], (64).to_bytes(32, "big") * 2 + bytes(32), "two offsets to one tail"),
        (["bytes"], bytes(32), "an offset to itself"),
        (["bytes"], WORD + b"\xff" * 32, "a length beyond all bytes"),
        (["uint8[]"], WORD + (2).to_bytes(32, "big") + ONE, "more items than bytes"),
        (["(bytes)[]"], WORD + b"\xff" * 32, "a count beyond all bytes"),
    ],
)
def test_other_forms_are_refused(types: list[str], data: bytes, why: str) -> None:
    with pytest.raises(InputError) as caught:
        abi.decode(types, data)
    assert caught.value.code == "abi.not-canonical", why


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256), ("uint8", -1), ("uint8", True), ("uint8", "7"), ("int8", 128), ("bool", 1), ("address", b""),
        ("address", "0x" + "00" * 20), ("bytes4", b"abc"), ("bytes4", "abcd"), ("bytes", "text"), ("string", b"text"),
        ("string", "\ud800"), ("uint8[]", 7), ("uint8[2]", [1]), ("(uint8,bool)", (1,)), ("(uint8)", 1),
    ],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(kind: str, value: Any) -> None:
    with pytest.raises(InputError) as caught:
        abi.encode([kind], [value])
    assert caught.value.code == "abi.bad-value"


@pytest.mark.parametrize(
    "text",
    [
        "", "uint7", "uint264", "bytes0", "bytes33", "fixed128x18", "uint8[0]", "uint8[-1]", "uint8[01]", "uint8[",
        "()", "(uint8", "(uint8,)", "uint8)", "uint8 ", " uint8", "tuple", "Uint8", "uint8[]x", "(,)",
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        abi.parse(text)
    assert caught.value.code == "abi.bad-type"


def test_limits_come_before_work() -> None:
    for text in ("(" * 20 + "uint8" + ")" * 20, "uint8" + "[]" * 20, "uint8[999999999]", "u" * 5000):
        with pytest.raises(LimitError):
            abi.parse(text)
    with pytest.raises(LimitError):
        abi.decode(["bytes"], bytes(100), limit=99)


def test_selectors_and_topics_of_well_known_signatures() -> None:
    assert abi.selector("transfer(address,uint256)").hex() == "a9059cbb"
    assert abi.selector("transfer(address,uint)").hex() == "a9059cbb", "uint is short for uint256"
    assert abi.selector("owner()").hex() == "8da5cb5b"
    transfer = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
    assert abi.topic("Transfer(address,address,uint256)").hex() == transfer
    with pytest.raises(InputError):
        abi.selector("transfer address")
    with pytest.raises(Misuse):
        abi.encode(["uint8"], [])


COMPONENT = {
    "name": "party",
    "type": "tuple[]",
    "components": [
        {"name": "office", "type": "bytes2"},
        {"name": "names", "type": "tuple", "components": [{"name": "first", "type": "string"}]},
    ],
}


def test_a_json_abi_gives_names() -> None:
    kind = abi.from_components(COMPONENT)
    assert kind.text == "(bytes2,(string))[]"
    tree = [{"office": b"XA", "names": {"first": "Ada"}}]
    value = abi.unnamed(kind, tree)
    assert value == [(b"XA", ("Ada",))]
    (back,) = abi.decode([kind], abi.encode([kind], [value]))
    assert abi.named(kind, back) == tree


@pytest.mark.parametrize("tree", [7, [7], [{"office": b"XA"}], [{"office": b"XA", "names": {"first": "A"}, "more": 1}]])
def test_a_tree_of_another_shape_is_refused(tree: Any) -> None:
    with pytest.raises(InputError):
        abi.unnamed(abi.from_components(COMPONENT), tree)


@pytest.mark.parametrize(
    "component",
    [
        None, {}, {"type": 7}, {"type": "tuple"}, {"type": "tuple", "components": []},
        {"type": "tuple", "components": [{"type": "uint8"}]},
        {"type": "tuplex", "components": [{"name": "a", "type": "bool"}]},
        {"type": "tuple", "components": [{"name": "a", "type": "bool"}, {"name": "a", "type": "bool"}]},
    ],
)  # fmt: skip
def test_a_json_abi_of_another_shape_is_refused(component: Any) -> None:
    with pytest.raises(InputError):
        abi.from_components(component)
