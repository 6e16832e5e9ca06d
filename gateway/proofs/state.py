"""What stands in an EVM network's state and blocks under a root: accounts, slots of storage, transactions.

    header.state_root ── account branch ─▶ Account(storage_root, code_hash) ── storage branch ─▶ word
    header.transactions_root ── branch ─▶ Transaction(chain, sender, …)

A branch proves a value, or that nothing stands there: an absent account is None, an absent slot is zeros, as the EVM
itself reads it. A root is worth what its header is worth (`gateway.proofs.validators`). A header names no chain: a
transaction signed under EIP-155 does.

Source: Ethereum Yellow Paper, 4.1 (state) and 4.2 (transactions); EIP-155, EIP-2718, EIP-2930, EIP-1559, EIP-4844,
EIP-7702; Solidity documentation, "Layout of State Variables in Storage".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import patricia, rlp
from gateway.proofs.keccak import EMPTY, keccak256
from gateway.proofs.secp256k1 import recover

__all__ = [
    "Account",
    "Transaction",
    "account",
    "array_slot",
    "mapping_slot",
    "storage",
    "transaction",
]

BAD_ACCOUNT = fault(
    "state.bad-account",
    "What stands under the address is not an account.",
    "The branch is of another trie than the state's.",
)
BAD_SLOT = fault(
    "state.bad-slot",
    "What stands in the slot is not a word of storage.",
    "The branch is of another trie than the account's storage.",
)
BAD_TRANSACTION = fault(
    "state.bad-transaction",
    "The bytes are not a signed transaction.",
    "A transaction is RLP of its fields, behind its type byte where it has one (types 1 to 4 are read).",
)

_WORD: Final = 32
_SMALL: Final = 8
"""Bytes of a nonce, a gas limit, a chain id."""


class Account(msgspec.Struct, frozen=True):
    """An account: `balance` in wei, `storage_root` and `code_hash` 32 bytes."""

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes

    @property
    def has_code(self) -> bool:
        """Whether it is a contract."""
        return self.code_hash != EMPTY


def account(state_root: bytes, address: bytes, nodes: Sequence[bytes]) -> Account | None:
    """The account at `address` (20 bytes), or None where `nodes` prove that there is none.

    Raises InputError where the branch does not hold or leads to something else, LimitError where it is too large.
    """
    _sized(address, 20, "address")
    value = patricia.verify(state_root, keccak256(address), nodes)
    if value is None:
        return None
    fields = rlp.items(rlp.decode(value, nesting=1), where="account")
    if len(fields) != 4:
        raise InputError(BAD_ACCOUNT, f"{len(fields)} fields, an account has four", where="account")
    nonce, balance, storage_root, code_hash = fields
    for name, field in (("storage root", storage_root), ("code hash", code_hash)):
        if not isinstance(field, bytes) or len(field) != _WORD:
            raise InputError(BAD_ACCOUNT, f"the {name} has 32 bytes", where="account")
    return Account(
        rlp.integer(nonce, size=_SMALL),
        rlp.integer(balance, size=_WORD),
        bytes(storage_root),  # type: ignore[arg-type]  # bytes, by the loop above
        bytes(code_hash),  # type: ignore[arg-type]  # bytes, by the loop above
    )


def storage(storage_root: bytes, slot: bytes, nodes: Sequence[bytes]) -> bytes:
    """The word (32 bytes) in `slot` (32 bytes); zeros where `nodes` prove that nothing stands there.

    Raises InputError where the branch does not hold or leads to something else, LimitError where it is too large.
    """
    _sized(slot, _WORD, "slot")
    value = patricia.verify(storage_root, keccak256(slot), nodes)
    if value is None:
        return bytes(_WORD)
    word = rlp.integer(rlp.decode(value, nesting=0), size=_WORD)
    if not word:
        raise InputError(BAD_SLOT, "a zero, which no storage keeps", where="slot")
    return word.to_bytes(_WORD, "big")


def _sized(value: bytes, size: int, name: str) -> None:
    if len(value) != size:
        raise InputError(BAD_SLOT, f"{name} of {len(value)} bytes, {size} belong there", where=name)


def mapping_slot(key: bytes, slot: int) -> bytes:
    """Where Solidity keeps the value under `key` (32 bytes: left-padded, bytes32 as it is) of the mapping in `slot`."""
    _sized(key, _WORD, "key")
    return keccak256(key + slot.to_bytes(_WORD, "big"))


def array_slot(slot: int, index: int) -> bytes:
    """Where Solidity keeps member `index` of the dynamic array in `slot`, whose length stands in `slot` itself; of
    members that fill a slot each."""
    base = int.from_bytes(keccak256(slot.to_bytes(_WORD, "big")), "big")
    return ((base + index) % 2**256).to_bytes(_WORD, "big")


# ── Transactions ─────────────────────────────────────────────────────────────────────────────────────────────────


class Transaction(msgspec.Struct, frozen=True):
    """A signed transaction.

    kind    its type, 0 for the untyped form
    chain   the chain id that its signature covers; None for an untyped one from before EIP-155, good on any chain
    to      20 bytes, or None for one that makes a contract
    value   in wei
    sender  20 bytes, recovered from the signature
    hash    Keccak-256 of the bytes
    """

    kind: int
    chain: int | None
    nonce: int
    gas: int
    to: bytes | None
    value: int
    data: bytes
    sender: bytes
    hash: bytes

    @classmethod
    def decode(cls, raw: bytes, *, limit: int = 2 * 1024 * 1024) -> Transaction:
        """The transaction that `raw` is, as it stands in the transactions trie. Raises InputError or LimitError."""
        kind = raw[0] if raw and raw[0] < 0x80 else 0
        if kind == 0 and raw[:1] == b"\x00":
            raise InputError(BAD_TRANSACTION, "the type 0 has no byte", where="type")
        if kind not in _SHAPES:
            raise InputError(BAD_TRANSACTION, f"type {kind} is not known", where="type")
        fields = rlp.items(rlp.decode(raw[1:] if kind else raw, limit=limit, nesting=4), where="transaction")
        shape = _SHAPES[kind]
        if len(fields) != len(shape):
            raise InputError(BAD_TRANSACTION, f"{len(fields)} fields, {len(shape)} belong there", where="transaction")
        numbers = {
            name: rlp.integer(field, size=_SIZES[name])
            for name, field in zip(shape, fields, strict=True)
            if name in _SIZES
        }
        held = dict(zip(shape, fields, strict=True))
        to, data = held["to"], held["data"]
        if not isinstance(to, bytes) or len(to) not in (0, 20) or (not to and kind in _NEVER_CREATES):
            raise InputError(BAD_TRANSACTION, "a receiver is an address of 20 bytes", where="to")
        if not isinstance(data, bytes):
            raise InputError(BAD_TRANSACTION, "a list where data must be", where="data")
        chain, parity, signed = _typed(kind, fields, numbers) if kind else _untyped(fields, numbers)
        signature = numbers["r"].to_bytes(_WORD, "big") + numbers["s"].to_bytes(_WORD, "big") + bytes((parity,))
        if kind:
            _check_lists(held)
        return cls(
            kind=kind,
            chain=chain,
            nonce=numbers["nonce"],
            gas=numbers["gas"],
            to=to or None,
            value=numbers["value"],
            data=data,
            sender=recover(keccak256(signed), signature),
            hash=keccak256(raw),
        )


_SIZES: Final = {
    "chain": _SMALL,
    "nonce": _SMALL,
    "price": _WORD,
    "tip": _WORD,
    "most": _WORD,
    "gas": _SMALL,
    "value": _WORD,
    "blob price": _WORD,
    "v": _SMALL + 1,
    "r": _WORD,
    "s": _WORD,
}
"""The most bytes of each field that is a number."""
_END: Final = ("v", "r", "s")
_SHAPES: Final[dict[int, tuple[str, ...]]] = {
    0: ("nonce", "price", "gas", "to", "value", "data", *_END),
    1: ("chain", "nonce", "price", "gas", "to", "value", "data", "access", *_END),
    2: ("chain", "nonce", "tip", "most", "gas", "to", "value", "data", "access", *_END),
    3: ("chain", "nonce", "tip", "most", "gas", "to", "value", "data", "access", "blob price", "blobs", *_END),
    4: ("chain", "nonce", "tip", "most", "gas", "to", "value", "data", "access", "authorizations", *_END),
}
_NEVER_CREATES: Final = (3, 4)


def _untyped(fields: list[rlp.Item], numbers: dict[str, int]) -> tuple[int | None, int, bytes]:
    """Chain, parity and what was signed. EIP-155: v is 35 + 2 chain + parity; before it, 27 + parity."""
    v = numbers["v"]
    if v in (27, 28):
        return None, v - 27, rlp.encode(fields[:6])
    if v < 37:  # chain 0 is none
        raise InputError(BAD_TRANSACTION, f"v is {v}", where="v")
    chain, parity = divmod(v - 35, 2)
    return chain, parity, rlp.encode([*fields[:6], rlp.integer_bytes(chain), b"", b""])


def _typed(kind: int, fields: list[rlp.Item], numbers: dict[str, int]) -> tuple[int, int, bytes]:
    parity = numbers["v"]
    if parity > 1:
        raise InputError(BAD_TRANSACTION, f"the parity is {parity}", where="v")
    return numbers["chain"], parity, bytes((kind,)) + rlp.encode(fields[:-3])


def _check_lists(held: dict[str, rlp.Item]) -> None:
    """Access list, blob hashes and authorisations have their form, so that no other bytes hide there."""
    for entry in rlp.items(held["access"], where="access list"):
        pair = rlp.items(entry, where="access list")
        if len(pair) != 2 or not isinstance(pair[0], bytes) or len(pair[0]) != 20:
            raise InputError(BAD_TRANSACTION, "an entry is an address and its slots", where="access list")
        if any(not isinstance(slot, bytes) or len(slot) != _WORD for slot in rlp.items(pair[1], where="access list")):
            raise InputError(BAD_TRANSACTION, "a slot has 32 bytes", where="access list")
    if "blobs" in held:
        blobs = rlp.items(held["blobs"], where="blob hashes")
        if not blobs or any(not isinstance(blob, bytes) or len(blob) != _WORD for blob in blobs):
            raise InputError(BAD_TRANSACTION, "a blob's hash has 32 bytes, and there is one", where="blob hashes")
    if "authorizations" in held:
        listed = rlp.items(held["authorizations"], where="authorizations")
        if not listed:
            raise InputError(BAD_TRANSACTION, "no authorization", where="authorizations")
        for entry in listed:
            six = rlp.items(entry, where="authorizations")
            if len(six) != 6 or not isinstance(six[1], bytes) or len(six[1]) != 20:
                raise InputError(BAD_TRANSACTION, "six fields, the second an address", where="authorizations")
            for field, size in zip([six[0], *six[2:]], (_WORD, _SMALL, 1, _WORD, _WORD), strict=True):
                rlp.integer(field, size=size)


def transaction(
    transactions_root: bytes, index: int, nodes: Sequence[bytes], *, limit: int = 2 * 1024 * 1024
) -> Transaction | None:
    """The `index`-th transaction of a block, or None where `nodes` prove that the block has not so many.

    Raises InputError where the branch does not hold or leads to something else, LimitError where it is too large.
    """
    raw = patricia.verify(transactions_root, patricia.index_key(index), nodes, limit=limit)
    return None if raw is None else Transaction.decode(raw, limit=limit)
