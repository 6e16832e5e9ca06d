"""The quick encoder gives the bytes of the general one: digests must not depend on what is installed."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proofs import cbor

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.integers() | texts | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner) | st.tuples(inner, inner),
    max_leaves=30,
)


@given(values)
def test_both_encoders_give_the_same_bytes(value: Any) -> None:
    assert cbor.encode(value) == cbor2.dumps(value, canonical=True)


def test_keys_are_in_the_order_of_the_standard() -> None:
    tree = {"b": 1, "aa": 2, "a": 3, "é": 4, "ba": 5, "z" * 30: 6, "y" * 24: 7}
    assert cbor.encode(tree) == cbor2.dumps(tree, canonical=True)
    assert cbor.decode(cbor.encode(tree)) == tree


def test_the_quick_one_is_here() -> None:
    """Else the tests above compare the general encoder with itself."""
    pytest.importorskip("cbrrr")
    assert cbor._quick is not None
