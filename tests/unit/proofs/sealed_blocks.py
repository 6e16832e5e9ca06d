"""Chains of sealed headers, built by the rules of each form: vectors of our own making, not taken from a network.

What real nodes made stands in `tests/recordings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from coincurve import PrivateKey

from gateway.proofs import rlp, seals
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.seals import BFT_MIX_HASH, SealForm, Vote
from gateway.proofs.secp256k1 import address_of

EMPTY_OMMERS = keccak256(rlp.encode([]))
VANITY = b"an office's validator".ljust(32, b"\0")


def key_of(name: str) -> PrivateKey:
    return PrivateKey(keccak256(b"for tests alone: " + name.encode()))


def address(key: PrivateKey) -> bytes:
    return address_of(key.public_key.format(compressed=False))


def keys(count: int) -> list[PrivateKey]:
    return sorted((key_of(f"validator {index}") for index in range(count)), key=address)


def plain_header(number: int, form: SealForm, **changes: Any) -> Header:
    header = Header(
        parent_hash=keccak256(b"parent %d" % number),
        ommers_hash=EMPTY_OMMERS,
        beneficiary=bytes(20),
        state_root=keccak256(b"state"),
        transactions_root=keccak256(b"transactions"),
        receipts_root=keccak256(b"receipts"),
        logs_bloom=bytes(256),
        difficulty=2 if form is SealForm.CLIQUE else 1,
        number=number,
        gas_limit=30_000_000,
        gas_used=21_000,
        timestamp=1_780_000_000 + number,
        extra_data=b"",
        mix_hash=bytes(32) if form is SealForm.CLIQUE else BFT_MIX_HASH,
        nonce=bytes(8),
    )
    return msgspec.structs.replace(header, **changes)


def _with_extra(header: Header, extra: bytes) -> Header:
    return msgspec.structs.replace(header, extra_data=extra)


def _vote_item(form: SealForm, vote: Vote | None) -> object:
    if vote is None:
        return [] if form is SealForm.QBFT else b""
    drop = b"" if form is SealForm.QBFT else b"\x00"
    return [vote.subject, b"\xff" if vote.add else drop]


def sealed(
    form: SealForm,
    number: int,
    listed: Sequence[bytes],
    sealers: Sequence[PrivateKey],
    *,
    turn: int = 0,
    vote: Vote | None = None,
    author: PrivateKey | None = None,
    **changes: Any,
) -> Header:
    """A header of block `number` that lists `listed` and is sealed by `sealers`, the first of them its author."""
    author = author or sealers[0]
    header = plain_header(number, form, **changes)
    if form in (SealForm.QBFT, SealForm.IBFT2):
        header = msgspec.structs.replace(header, beneficiary=address(author))
        round_item = rlp.integer_bytes(turn) if form is SealForm.QBFT else turn.to_bytes(4, "big")
        items: list[object] = [VANITY, list(listed), _vote_item(form, vote), round_item]
        unsealed = [*items, []] if form is SealForm.QBFT else items
        digest = keccak256(_with_extra(header, rlp.encode(unsealed)).encode())
        made = [key.sign_recoverable(digest, hasher=None) for key in sealers]
        return _with_extra(header, rlp.encode([*items, made]))
    if vote is not None:
        header = msgspec.structs.replace(header, beneficiary=vote.subject, nonce=(b"\xff" if vote.add else b"\0") * 8)
    if form is SealForm.CLIQUE:
        extra = VANITY + b"".join(listed)
        digest = keccak256(_with_extra(header, extra).encode())
        return _with_extra(header, extra + author.sign_recoverable(digest, hasher=None))
    bare = keccak256(_with_extra(header, VANITY + rlp.encode([list(listed), b"", []])).encode())
    proposer = author.sign_recoverable(keccak256(bare), hasher=None)
    named = keccak256(_with_extra(header, VANITY + rlp.encode([list(listed), proposer, []])).encode())
    commits = [key.sign_recoverable(keccak256(named + b"\x02"), hasher=None) for key in sealers]
    return _with_extra(header, VANITY + rlp.encode([list(listed), proposer, commits]))


def with_seals(header: Header, form: SealForm, made: Sequence[bytes]) -> Header:
    """The header with other seals in place of its own."""
    if form is SealForm.CLIQUE:
        return _with_extra(header, header.extra_data[:-65] + made[0])
    if form is SealForm.ISTANBUL:
        items = rlp.items(rlp.decode(header.extra_data[32:]))
        return _with_extra(header, header.extra_data[:32] + rlp.encode([*items[:2], list(made)]))
    items = rlp.items(rlp.decode(header.extra_data))
    return _with_extra(header, rlp.encode([*items[:4], list(made)]))


def seals_of(header: Header, form: SealForm) -> list[bytes]:
    return list(seals.read_extra(form, header).seals)
