"""Merkle trees against RFC 9162's own definitions, and against proofs that are nearly right."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Misuse
from gateway.proofs import merkle

# The reference tree of Certificate Transparency: these entries, and the roots of its first 0 to 8 leaves.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree(size: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(size)]


# RFC 9162 §2.1.1, §2.1.3.1 and §2.1.4.1 word by word: slow, and easy to compare with the text.


def split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def mth(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_of_the_reference_tree(size: int) -> None:
    assert merkle.root([merkle.leaf_hash(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 100])
def test_roots_and_branches_are_those_of_the_rfc(size: int) -> None:
    leaves = tree(size)
    root, branches = merkle.branches(leaves)
    assert root == merkle.root(leaves) == mth(leaves)
    for index in range(size):
        assert list(branches[index]) == list(merkle.branch(leaves, index)) == path(index, leaves)
        assert merkle.verify_branch(root, leaves[index], index, size, branches[index])


@pytest.mark.parametrize("size", range(1, 20))
def test_consistency_proofs_are_those_of_the_rfc(size: int) -> None:
    leaves = tree(size)
    for first in range(1, size + 1):
        proof = merkle.consistency(leaves, first)
        assert list(proof) == subproof(first, leaves, True)
        assert merkle.verify_consistency(first, size, mth(leaves[:first]), mth(leaves), proof)


def test_every_tree_extends_the_empty_one() -> None:
    leaves = tree(5)
    assert merkle.consistency(leaves, 0) == ()
    assert merkle.verify_consistency(0, 5, merkle.EMPTY, merkle.root(leaves), ())
    assert not merkle.verify_consistency(0, 5, bytes(32), merkle.root(leaves), ())
    assert not merkle.verify_consistency(0, 5, merkle.EMPTY, merkle.root(leaves), (bytes(32),))


@pytest.mark.parametrize("size", range(1, 18))
def test_a_branch_holds_for_one_place_in_one_tree(size: int) -> None:
    leaves = tree(size)
    root, branches = merkle.branches(leaves)
    for index, branch in enumerate(branches):
        leaf = leaves[index]
        for other in {*range(size + 2), -1, index + (1 << 40)} - {index}:
            assert not merkle.verify_branch(root, leaf, other, size, branch)
        assert not merkle.verify_branch(root, leaf, index, 0, branch)
        assert not merkle.verify_branch(root, leaf, index, index, branch)
        assert not merkle.verify_branch(bytes(32), leaf, index, size, branch)
        assert not merkle.verify_branch(root, bytes(32), index, size, branch)
        assert not merkle.verify_branch(root, leaf, index, size, (*branch, bytes(32)))
        assert not merkle.verify_branch(root, leaf, index, size, (bytes(32), *branch))
        for place in range(len(branch)):
            without = (*branch[:place], *branch[place + 1 :])
            assert not merkle.verify_branch(root, leaf, index, size, without)
            for wrong in (bytes(32), branch[place][:31], branch[place] + b"\x00", b""):
                changed = (*branch[:place], wrong, *branch[place + 1 :])
                assert not merkle.verify_branch(root, leaf, index, size, changed)


def test_a_node_is_no_leaf() -> None:
    leaves = tree(4)
    root, branches = merkle.branches(leaves)
    node = merkle.node_hash(leaves[0], leaves[1])
    assert merkle.verify_branch(root, node, 0, 2, branches[0][1:]), "the hashes are right"
    assert not merkle.verify_branch(root, node, 0, 4, branches[0][1:]), "so the size must be part of the check"
    assert merkle.leaf_hash(leaves[0] + leaves[1]) != node


@pytest.mark.parametrize("size", range(2, 14))
def test_a_consistency_proof_holds_for_one_beginning(size: int) -> None:
    leaves = tree(size)
    new = merkle.root(leaves)
    for first in range(1, size):
        old, proof = merkle.root(leaves[:first]), merkle.consistency(leaves, first)
        # The new size cannot be told from the proof alone (a leaf's way up is as long in trees of 9 and of 16): roots
        # do not commit to sizes, so whoever signs a root must sign the size beside it.
        for other in {*range(1, size + 3)} - {first}:
            assert not merkle.verify_consistency(other, size, old, new, proof), (first, size, other)
        assert not merkle.verify_consistency(first, size, new, old, proof)
        assert not merkle.verify_consistency(first, size, old, new, (*proof, bytes(32)))
        assert not merkle.verify_consistency(first, size, old, new, proof[:-1])
        assert not merkle.verify_consistency(first, size, old, new, ())
        for place in range(len(proof)):
            changed = (*proof[:place], bytes(32), *proof[place + 1 :])
            assert not merkle.verify_consistency(first, size, old, new, changed)


@given(
    leaf=st.binary(max_size=40),
    index=st.integers(-3, 40),
    size=st.integers(-3, 40),
    branch=st.lists(st.binary(min_size=32, max_size=32) | st.binary(max_size=40), max_size=8),
)
def test_any_branch_is_judged(leaf: bytes, index: int, size: int, branch: list[bytes]) -> None:
    assert merkle.verify_branch(bytes(32), leaf, index, size, branch) is False
    assert merkle.verify_consistency(index, size, bytes(32), bytes(31), branch) is False


def test_proofs_of_places_that_a_tree_does_not_have() -> None:
    leaves = tree(3)
    for index in (-1, 3):
        with pytest.raises(Misuse):
            merkle.branch(leaves, index)
    for size in (-1, 4):
        with pytest.raises(Misuse):
            merkle.consistency(leaves, size)
    assert merkle.branches([]) == (merkle.EMPTY, ())


def test_a_large_index_is_no_long_work() -> None:
    assert not merkle.verify_branch(bytes(32), bytes(32), 2**4000, 2**4001, [bytes(32)] * 63)
