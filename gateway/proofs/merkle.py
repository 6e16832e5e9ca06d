"""Merkle trees of RFC 9162 §2.1: roots, inclusion branches, consistency proofs.

A leaf's hash is SHA-256(00 ‖ entry), a node's SHA-256(01 ‖ left ‖ right), so that neither can be taken for the other.
Everywhere below `leaves` are leaf *hashes* (`leaf_hash`), 32 bytes each. All sizes and lengths are part of a check:
a branch that is one hash too long, or an index beyond the size, verifies as False and never raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from gateway.errors import Misuse, fault

__all__ = [
    "EMPTY",
    "branch",
    "branches",
    "consistency",
    "leaf_hash",
    "node_hash",
    "root",
    "verify_branch",
    "verify_consistency",
]

EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

_HASH: Final = 32

OUT_OF_TREE = fault(
    "merkle.out-of-tree",
    "A proof was asked for a place that the tree does not have.",
    "Ask for an index below the number of leaves, or a size of at most that number.",
)


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The tree's root (RFC 9162 §2.1.1) out of its leaf hashes; `EMPTY` without any."""
    if not leaves:
        return EMPTY
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def branch(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The inclusion proof of one leaf (RFC 9162 §2.1.3.1), lowest hash first. Raises Misuse beyond the last leaf."""
    if not 0 <= index < len(leaves):
        raise Misuse(OUT_OF_TREE, f"leaf {index} of {len(leaves)}")
    return _branch(_levels(leaves), index)


def branches(leaves: Sequence[bytes]) -> tuple[bytes, tuple[tuple[bytes, ...], ...]]:
    """The root and the inclusion proof of every leaf, each node hashed once: O(n log n) in all."""
    if not leaves:
        return EMPTY, ()
    levels = _levels(leaves)
    return levels[-1][0], tuple(_branch(levels, index) for index in range(len(leaves)))


def verify_branch(root: bytes, leaf: bytes, index: int, size: int, branch: Sequence[bytes]) -> bool:
    """Whether `branch` leads from the leaf hash at `index` to the root of a tree of `size` leaves (§2.1.3.2)."""
    if not 0 <= index < size or len(leaf) != _HASH:
        return False
    sha256 = hashlib.sha256
    climbed, place, last = leaf, index, size - 1
    for sibling in branch:
        if len(sibling) != _HASH:
            return False
        # The last node of a level that has no sibling is its own parent: it rises without a hash.
        while last and not place & 1 and place == last:
            place >>= 1
            last >>= 1
        if not last:
            return False
        climbed = sha256(b"\x01" + (sibling + climbed if place & 1 else climbed + sibling)).digest()
        place >>= 1
        last >>= 1
    return not last and climbed == root


def consistency(leaves: Sequence[bytes], first: int) -> tuple[bytes, ...]:
    """The proof that the tree of `leaves` extends the tree of its `first` ones (RFC 9162 §2.1.4.1).

    Empty for 0 (every tree extends the empty one) and for the whole tree. Raises Misuse beyond its size.
    """
    size = len(leaves)
    if not 0 <= first <= size:
        raise Misuse(OUT_OF_TREE, f"size {first} of {size}")
    if first in (0, size):
        return ()
    levels = _levels(leaves)
    # The largest subtree that ends exactly at `first`: where it is the whole old tree, the verifier has its hash.
    height = (first & -first).bit_length() - 1
    place = (first >> height) - 1
    path = _branch(levels, place, height)
    return path if first & (first - 1) == 0 else (levels[height][place], *path)


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of size `second` begins with the tree of size `first` (RFC 9162 §2.1.4.2).

    For size 0 the old root must be `EMPTY` and the proof empty: the RFC leaves that case out.
    """
    if not 0 <= first <= second or any(len(each) != _HASH for each in (first_root, second_root, *proof)):
        return False
    if first == 0:
        return not proof and first_root == EMPTY
    if first == second:
        return not proof and first_root == second_root
    given = iter(proof if first & (first - 1) else (first_root, *proof))
    place, last = first - 1, second - 1
    while place & 1:
        place >>= 1
        last >>= 1
    old = new = next(given, b"")
    if not old:
        return False
    while last:
        if place & 1 or place < last:
            sibling = next(given, b"")
            if not sibling:
                return False
            if place & 1:
                old, new = node_hash(sibling, old), node_hash(sibling, new)
            else:
                new = node_hash(new, sibling)
        place >>= 1
        last >>= 1
    return next(given, None) is None and old == first_root and new == second_root


def _above(level: Sequence[bytes]) -> list[bytes]:
    sha256 = hashlib.sha256
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    levels: list[Sequence[bytes]] = [leaves]
    while len(levels[-1]) > 1:
        levels.append(_above(levels[-1]))
    return levels


def _branch(levels: Sequence[Sequence[bytes]], index: int, height: int = 0) -> tuple[bytes, ...]:
    path = []
    for level in levels[height:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        index >>= 1
    return tuple(path)
