"""Merkle-Patricia tries, as Ethereum keeps transactions, receipts and state in them: branches built and checked.

A *branch* is the list of the trie's nodes, as RLP, from the root down to where the key ends; a node of less
than 32 bytes stands inside its parent and not in the list. A branch proves what stands under a key, or that
nothing does.

Source: Ethereum Yellow Paper, appendix D (and C for the hex-prefix form of paths).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from gateway.errors import InputError, LimitError, Misuse, fault
from gateway.proofs import rlp
from gateway.proofs.keccak import keccak256

__all__ = ["EMPTY_ROOT", "Trie", "build", "index_key", "verify"]

EMPTY_ROOT: Final = keccak256(rlp.encode(b""))
"""The root of a trie that holds nothing."""

MALFORMED = fault(
    "patricia.malformed",
    "A node of the branch is not one that a trie can hold.",
    "Take the nodes as the node gave them, each as its RLP, from the root down.",
)
BROKEN = fault(
    "patricia.broken",
    "A node of the branch is not the one that its parent, or the root, names.",
    "The branch belongs to another root, or was changed: read it again from the network.",
)
TOO_LARGE = fault("patricia.too-large", "The branch is longer or larger than allowed.", "No honest branch is.")
NOT_HELD = fault("patricia.not-held", "The trie holds no such key.", "Ask for a key that was built in.")

Nibbles = tuple[int, ...]


def index_key(index: int) -> bytes:
    """The key of the `index`-th transaction or receipt of a block: its RLP (0 → 80, 127 → 7f, 128 → 8180)."""
    return rlp.encode(rlp.integer_bytes(index))


def verify(
    root: bytes, key: bytes, nodes: Sequence[bytes], *, limit: int = 2 * 1024 * 1024, most: int = 64
) -> bytes | None:
    """What `root`'s trie holds under `key`, or None where `nodes` prove that it holds nothing.

    Raises InputError where the nodes do not lead from the root to such an answer, or where one of them is not
    needed for it; LimitError over `most` nodes or `limit` bytes in all.
    """
    if len(nodes) > most or sum(len(node) for node in nodes) > limit:
        raise LimitError(TOO_LARGE, f"{len(nodes)} nodes")
    value, used = _walk(root, _nibbles(key), nodes, limit)
    if used != len(nodes):
        raise InputError(BROKEN, f"{len(nodes) - used} nodes that nothing names", where=f"node {used}")
    return value


def _walk(root: bytes, path: Nibbles, nodes: Sequence[bytes], limit: int) -> tuple[bytes | None, int]:
    if not nodes:
        if root == EMPTY_ROOT:
            return None, 0
        raise InputError(BROKEN, "no nodes, and the root is not that of an empty trie")
    link: rlp.Item = root
    used = 0
    while True:
        if isinstance(link, bytes):
            if link == b"":
                return None, used
            if len(link) != 32:
                raise InputError(MALFORMED, "a link that is no hash", where=f"node {used}")
            if used == len(nodes):
                raise InputError(BROKEN, "the branch ends early", where=f"node {used}")
            if keccak256(nodes[used]) != link:
                raise InputError(BROKEN, where=f"node {used}")
            node = rlp.decode(nodes[used], limit=limit, nesting=16)
            used += 1
        else:
            node = link  # it stood inside its parent, whose hash covers it
        if not isinstance(node, list):
            if node == b"" and used == 1:
                return None, used
            raise InputError(MALFORMED, "a byte string where a node must be", where=f"node {used}")
        if len(node) == 17:
            if not path:
                return _value(node[16], used) or None, used
            link, path = node[path[0]], path[1:]
        elif len(node) == 2:
            here, leaf = _hex_prefix(node[0], used)
            if leaf:
                return (_value(node[1], used) if here == path else None), used
            if not here:
                raise InputError(MALFORMED, "an extension by nothing", where=f"node {used}")
            if path[: len(here)] != here:
                return None, used
            link, path = node[1], path[len(here) :]
            if link == b"":
                raise InputError(MALFORMED, "an extension to nothing", where=f"node {used}")
        else:
            raise InputError(MALFORMED, f"a node of {len(node)} items", where=f"node {used}")


def _value(item: rlp.Item, used: int) -> bytes:
    if not isinstance(item, bytes):
        raise InputError(MALFORMED, "a list where a value must be", where=f"node {used}")
    return item


def _nibbles(data: bytes) -> Nibbles:
    return tuple([nibble for byte in data for nibble in (byte >> 4, byte & 15)])


def _hex_prefix(item: rlp.Item, used: int) -> tuple[Nibbles, bool]:
    """The path in a leaf or extension, and whether it is a leaf."""
    if not isinstance(item, bytes) or not item:
        raise InputError(MALFORMED, "no path", where=f"node {used}")
    flag = item[0] >> 4
    if flag > 3 or (not flag & 1 and item[0] & 15):
        raise InputError(MALFORMED, "a path with a wrong prefix", where=f"node {used}")
    path = _nibbles(item)
    return (path[1:] if flag & 1 else path[2:]), flag >= 2


def _prefixed(path: Nibbles, *, leaf: bool) -> bytes:
    flag = 2 if leaf else 0
    full = (flag + 1, *path) if len(path) & 1 else (flag, 0, *path)
    return bytes([full[at] << 4 | full[at + 1] for at in range(0, len(full), 2)])


class Trie:
    """A trie that was built whole: its `root`, and a branch for each key. Made by `build`."""

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        held = {_nibbles(key): value for key, value in pairs}
        if any(not value for value in held.values()):
            raise Misuse(MALFORMED, "a trie holds no empty values")
        self._held = held
        self._encoded: dict[bytes, bytes] = {}
        """Nodes of 32 bytes and more, by hash."""
        if held:
            top = rlp.encode(self._node(sorted(held), 0))
            self.root = keccak256(top)
            self._encoded[self.root] = top
        else:
            self.root = EMPTY_ROOT

    def _node(self, keys: list[Nibbles], depth: int) -> list[rlp.Item]:
        """The node over `keys` (sorted), whose first `depth` nibbles are behind us."""
        first = keys[0]
        if len(keys) == 1:
            return [_prefixed(first[depth:], leaf=True), self._held[first]]
        last = keys[-1]
        shared = depth
        while shared < len(first) and first[shared] == last[shared]:  # sorted, so what these two share all share
            shared += 1
        if shared > depth:
            return [_prefixed(first[depth:shared], leaf=False), self._link(self._node(keys, shared))]
        members: list[rlp.Item] = [b""] * 17
        if len(first) == depth:
            members[16] = self._held[first]
            keys = keys[1:]
        start = 0
        while start < len(keys):
            nibble = keys[start][depth]
            stop = start + 1
            while stop < len(keys) and keys[stop][depth] == nibble:
                stop += 1
            members[nibble] = self._link(self._node(keys[start:stop], depth + 1))
            start = stop
        return members

    def _link(self, node: list[rlp.Item]) -> rlp.Item:
        data = rlp.encode(node)
        if len(data) < 32:
            return node
        digest = keccak256(data)
        self._encoded[digest] = data
        return digest

    def branch(self, key: bytes) -> tuple[bytes, ...]:
        """The nodes that prove what stands under `key`. Raises Misuse where nothing does."""
        path = _nibbles(key)
        if path not in self._held:
            raise Misuse(NOT_HELD, f"no key {key.hex()}")
        nodes: list[bytes] = []
        link: rlp.Item = self.root
        while True:
            if isinstance(link, bytes):
                nodes.append(self._encoded[link])
                link = rlp.decode(nodes[-1])
            node = rlp.items(link)
            if len(node) == 17:
                if not path:
                    break
                link, path = node[path[0]], path[1:]
                continue
            here, leaf = _hex_prefix(node[0], len(nodes))
            if leaf:
                break
            link, path = node[1], path[len(here) :]
        return tuple(nodes)


def build(pairs: Iterable[tuple[bytes, bytes]]) -> Trie:
    """The trie of these keys and values; of a key given twice the last counts. Raises Misuse on an empty value."""
    return Trie(pairs)
