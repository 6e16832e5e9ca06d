from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from gateway.errors import InputError, LimitError, Misuse
from gateway.proofs import patricia, rlp
from gateway.proofs.keccak import keccak256

PAIRS = st.dictionaries(st.binary(max_size=5), st.binary(min_size=1, max_size=60), min_size=1, max_size=30)


def _oracle(pairs: dict[bytes, bytes]) -> HexaryTrie:
    made = HexaryTrie({})
    for key, value in pairs.items():
        made[key] = value
    return made


@given(PAIRS)
def test_root_and_branches_are_those_of_another_library(pairs: dict[bytes, bytes]) -> None:
    oracle = _oracle(pairs)
    made = patricia.build(pairs.items())
    assert made.root == oracle.root_hash
    for key, value in pairs.items():
        branch = made.branch(key)
        assert patricia.verify(made.root, key, branch) == value
        assert HexaryTrie.get_from_proof(made.root, key, [rlp.decode(node) for node in branch]) == value


@given(PAIRS, st.binary(max_size=5))
def test_absence_is_proven_by_another_librarys_branch(pairs: dict[bytes, bytes], key: bytes) -> None:
    oracle = _oracle(pairs)
    nodes = [rlp.encode(node) for node in oracle.get_proof(key)]
    # that library lists nodes below 32 bytes too, which stand inside their parents
    branch = [node for index, node in enumerate(nodes) if index == 0 or len(node) >= 32]
    assert patricia.verify(oracle.root_hash, key, branch) == pairs.get(key)


@settings(max_examples=300)
@given(PAIRS, st.data())
def test_no_changed_branch_proves_anything(pairs: dict[bytes, bytes], data: st.DataObject) -> None:
    made = patricia.build(pairs.items())
    key = data.draw(st.sampled_from(sorted(pairs)))
    branch = [bytearray(node) for node in made.branch(key)]
    node = data.draw(st.sampled_from(branch))
    node[data.draw(st.integers(0, len(node) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InputError):
        patricia.verify(made.root, key, [bytes(each) for each in branch])


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=3), st.lists(st.binary(max_size=80), max_size=4))
def test_any_nodes_are_refused(root: bytes, key: bytes, nodes: list[bytes]) -> None:
    with pytest.raises(InputError):
        patricia.verify(root, key, nodes)


@given(st.binary(max_size=3), st.binary(max_size=80))
def test_any_single_node_under_its_own_hash_is_read_or_refused(key: bytes, node: bytes) -> None:
    try:
        patricia.verify(keccak256(node), key, [node])
    except InputError:
        pass


@pytest.mark.parametrize("count", [1, 2, 16, 17, 127, 128, 129, 300])
def test_receipts_of_a_block_by_their_index(count: int) -> None:
    pairs = {patricia.index_key(index): b"receipt %d " % index * 9 for index in range(count)}
    made = patricia.build(pairs.items())
    assert made.root == _oracle(pairs).root_hash
    last = patricia.index_key(count - 1)
    assert patricia.verify(made.root, last, made.branch(last)) == pairs[last]
    assert patricia.verify(made.root, last, made.branch(last)) != pairs.get(patricia.index_key(count))


def test_keys_of_indices() -> None:
    keys = {0: "80", 1: "01", 127: "7f", 128: "8180", 255: "81ff", 256: "820100"}
    assert {index: patricia.index_key(index).hex() for index in keys} == keys


def test_an_empty_trie() -> None:
    empty = patricia.build([])
    assert empty.root == patricia.EMPTY_ROOT == HexaryTrie({}).root_hash
    assert patricia.verify(empty.root, b"key", []) is None
    assert patricia.verify(empty.root, b"key", [b"\x80"]) is None
    with pytest.raises(Misuse):
        empty.branch(b"key")


def _branch() -> tuple[bytes, bytes, tuple[bytes, ...]]:
    made = patricia.build((patricia.index_key(index), bytes([index]) * 40) for index in range(40))
    return made.root, patricia.index_key(20), made.branch(patricia.index_key(20))


def test_a_branch_must_be_whole_in_order_and_no_more() -> None:
    root, key, branch = _branch()
    assert len(branch) > 1
    for wrong in (branch[:-1], branch[1:], branch[::-1], (*branch, branch[-1]), (branch[0], *branch), ()):
        with pytest.raises(InputError) as caught:
            patricia.verify(root, key, wrong)
        assert caught.value.code == "patricia.broken"


@pytest.mark.parametrize(
    ("node", "why"),
    [
        ([b"", b"value"], "a leaf without a path"),
        ([b"\x40", b"value"], "a flag that does not exist"),
        ([b"\x21\x23", b"value", b"more"], "three items"),
        ([b"\x01", b"value"], "an even path with dirt in its pad"),
        ([b"\x00", b"h" * 32], "an extension by nothing"),
        ([b"\x16", b"short"], "a link that is no hash"),
        ([b"\x16", b""], "an extension to nothing"),
        ([b"\x20\x61", [b"list"]], "a list for a value"),
        ([[b"list"], b"value"], "a list for a path"),
        (b"bytes", "no node at all"),
    ],
)
def test_nodes_that_no_trie_holds_are_refused(node: rlp.Item, why: str) -> None:
    data = rlp.encode(node)
    with pytest.raises(InputError) as caught:
        patricia.verify(keccak256(data), b"\x61", [data])
    assert caught.value.code in {"patricia.malformed", "patricia.broken"}, why


def test_limits_come_before_work() -> None:
    root, key, branch = _branch()
    with pytest.raises(LimitError):
        patricia.verify(root, key, branch, most=1)
    with pytest.raises(LimitError):
        patricia.verify(root, key, branch, limit=10)


def test_an_empty_value_cannot_be_built_in() -> None:
    with pytest.raises(Misuse):
        patricia.build([(b"key", b"")])
