"""Seals: what validators of permissioned EVM networks write into a block's extra data, and what they sign.

Four forms are read. Of each this module says which validators the header lists, which bytes make the block's hash,
which bytes a seal signs, and how many distinct validators must have signed. *Which* set of validators is in force
is not in the header: the list that it carries is a statement to be proven, never an anchor.

    form       block hash leaves out        a seal signs                                 final with
    qbft       seals, and sets round to 0   keccak(header without seals, real round)     ceil(2N/3)
    ibft2      seals and round              keccak(header without seals)                 ceil(2N/3)
    istanbul   committed seals              keccak(block hash ‖ 02)                      ceil(2N/3)
    clique     nothing                      keccak(header without the seal), one signer  never: basis `authority`

Source: the QBFT and IBFT 2.0 specifications as Besu and GoQuorum run them, checked on blocks of a GoQuorum network
(qbft) or taken from their sources (the others); EIP-225 (Clique); EIP-650 (Istanbul).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.errors import InputError, Misuse, fault
from gateway.proofs import rlp
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.secp256k1 import recover

__all__ = [
    "BFT_MIX_HASH",
    "MAX_VALIDATORS",
    "Extra",
    "SealForm",
    "Vote",
    "block_hash",
    "digests",
    "proposer_of",
    "quorum",
    "read_extra",
    "seal_digest",
    "signers",
    "with_seals",
]

BAD_EXTRA = fault(
    "seals.bad-extra",
    "A block's extra data does not hold seals in the form that its network uses.",
    "Compare the form in the network's segment (qbft, ibft2, istanbul, clique) with what the network runs.",
)
BAD_FIELD = fault(
    "seals.bad-field",
    "A header field has a value that no block of this consensus has.",
    "The header is not of this network, or was changed.",
)
BAD_SEAL = fault("seals.bad-seal", "A seal recovers to no signer.", "The header's seals were changed or cut.")

BFT_MIX_HASH: Final = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""«ctical byzantine fault tolerance»: the mix hash of QBFT, IBFT 2.0 and Istanbul blocks."""
MAX_VALIDATORS: Final = 256
"""Read of one header, validators and seals alike."""
_EMPTY_OMMERS: Final = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
_VANITY: Final = 32
_SEAL: Final = 65
_ADD, _DROP = b"\xff", b"\x00"
_BYTES: Final = {bytes}
_FIXED: Final = 5 * 33 + 21 + 259
"""Bytes of a header's fields before its numbers: five hashes, the beneficiary, the bloom."""


class SealForm(enum.StrEnum):
    """How a network seals its blocks."""

    QBFT = "qbft"
    IBFT2 = "ibft2"
    ISTANBUL = "istanbul"
    CLIQUE = "clique"


class Vote(msgspec.Struct, frozen=True):
    """What a block's proposer wants of one address: in (`add`) or out."""

    subject: bytes
    add: bool


class Extra(msgspec.Struct, frozen=True):
    """A header's extra data, read.

    validators  20 bytes each, as the header lists them; empty where a contract holds them, or outside a Clique epoch
    vote        the proposer's vote; for Istanbul and Clique it stands in beneficiary and nonce, and is read from there
    round       the round in which the block was decided; None where the form has none
    proposer    Istanbul's proposer seal
    seals       65 bytes each
    head        the bytes of the extra data before what its form leaves out of hashes: the encoded items up to the vote
                (QBFT, IBFT 2.0), vanity and signers (Clique), the vanity alone (Istanbul)
    """

    form: SealForm
    vanity: bytes
    validators: tuple[bytes, ...]
    vote: Vote | None
    round: int | None
    seals: tuple[bytes, ...]
    head: bytes
    proposer: bytes = b""


def quorum(validators: int) -> int:
    """How many distinct validators out of `validators` decide: ceil(2N/3)."""
    return -(-2 * validators // 3)


def read_extra(form: SealForm, header: Header) -> Extra:
    """What `header`'s extra data holds. Raises InputError where it is not of that form to the last byte."""
    if form is SealForm.CLIQUE:
        return _clique(header)
    _bft_fields(header)
    if form is SealForm.ISTANBUL:
        return _istanbul(header)
    items = rlp.items(rlp.decode(header.extra_data, limit=64 * 1024, nesting=3), where="extraData")
    if len(items) != 5:
        raise InputError(BAD_EXTRA, f"{len(items)} items, five belong there", where="extraData")
    vanity, validators, vote, turn, seals = items
    if not isinstance(vanity, bytes) or len(vanity) != _VANITY:
        raise InputError(BAD_EXTRA, "the vanity has 32 bytes", where="extraData[0]")
    listed = _addresses(validators, where="extraData[1]")
    choice = _qbft_vote(vote) if form is SealForm.QBFT else _ibft2_vote(vote)
    decided = rlp.integer(turn, size=4) if form is SealForm.QBFT else _fixed_round(turn)
    made = _seals(seals, where="extraData[4]")
    # RLP was canonical, so what was read has the length that it would be written with
    payload = _list_size(len(header.extra_data))
    tail = len(_turn(form, decided)) + _list_prefix(67 * len(made)) + 67 * len(made)
    head = header.extra_data[len(header.extra_data) - payload : len(header.extra_data) - tail]
    return Extra(form, vanity, listed, choice, decided, made, head)


def _bft_fields(header: Header) -> None:
    if header.mix_hash != BFT_MIX_HASH:
        raise InputError(BAD_FIELD, "not the mix hash of a Byzantine fault tolerant block", where="mixHash")
    if header.difficulty != 1:
        raise InputError(BAD_FIELD, f"difficulty {header.difficulty}, it is always 1", where="difficulty")
    if header.ommers_hash != _EMPTY_OMMERS:
        raise InputError(BAD_FIELD, "uncles, which these networks do not have", where="sha3Uncles")


def _addresses(item: rlp.Item, *, where: str) -> tuple[bytes, ...]:
    made = _strings(item, 20, "an address has 20 bytes", where)
    if len(set(made)) != len(made):
        raise InputError(BAD_EXTRA, "a validator listed twice", where=where)
    return made


def _seals(item: rlp.Item, *, where: str) -> tuple[bytes, ...]:
    return _strings(item, _SEAL, "a seal has 65 bytes", where)


def _strings(item: rlp.Item, size: int, told: str, where: str) -> tuple[bytes, ...]:
    """A list of byte strings of one size."""
    members = rlp.items(item, where=where)
    if len(members) > MAX_VALIDATORS:
        raise InputError(BAD_EXTRA, f"{len(members)} members, at most {MAX_VALIDATORS} are read", where=where)
    if not set(map(type, members)) <= _BYTES or not set(map(len, members)) <= {size}:
        raise InputError(BAD_EXTRA, told, where=where)
    return tuple(members)  # type: ignore[arg-type]  # all bytes, as the line above has found


def _qbft_vote(item: rlp.Item) -> Vote | None:
    members = rlp.items(item, where="extraData[2]")
    return _pair(members, drop=b"") if members else None


def _ibft2_vote(item: rlp.Item) -> Vote | None:
    return None if item == b"" else _pair(rlp.items(item, where="extraData[2]"), drop=_DROP)


def _pair(members: list[rlp.Item], *, drop: bytes) -> Vote:
    if len(members) != 2:
        raise InputError(BAD_EXTRA, "a vote is an address and a choice", where="extraData[2]")
    subject, choice = members
    if not isinstance(subject, bytes) or len(subject) != 20:
        raise InputError(BAD_EXTRA, "a vote's address has 20 bytes", where="extraData[2]")
    if choice not in (_ADD, drop):
        raise InputError(BAD_EXTRA, "a vote neither adds nor drops", where="extraData[2]")
    return Vote(subject, choice == _ADD)


def _fixed_round(item: rlp.Item) -> int:
    if not isinstance(item, bytes) or len(item) != 4:
        raise InputError(BAD_EXTRA, "an IBFT 2.0 round has four bytes", where="extraData[3]")
    return int.from_bytes(item, "big")


def _nonce_vote(header: Header) -> Vote | None:
    if header.beneficiary == bytes(20):
        return None
    if header.nonce not in (_ADD * 8, _DROP * 8):
        raise InputError(BAD_FIELD, "a nonce that neither adds nor drops", where="nonce")
    return Vote(header.beneficiary, header.nonce == _ADD * 8)


def _istanbul(header: Header) -> Extra:
    data = header.extra_data
    if len(data) < _VANITY:
        raise InputError(BAD_EXTRA, "shorter than the vanity", where="extraData")
    items = rlp.items(rlp.decode(data[_VANITY:], limit=64 * 1024, nesting=2), where="extraData")
    if len(items) != 3:
        raise InputError(BAD_EXTRA, f"{len(items)} items, three belong there", where="extraData")
    proposer = items[1]
    if not isinstance(proposer, bytes) or len(proposer) not in (0, _SEAL):
        raise InputError(BAD_EXTRA, "a proposer's seal has 65 bytes", where="extraData[1]")
    return Extra(
        SealForm.ISTANBUL,
        data[:_VANITY],
        _addresses(items[0], where="extraData[0]"),
        _nonce_vote(header),
        None,
        _seals(items[2], where="extraData[2]"),
        data[:_VANITY],
        proposer,
    )


def _clique(header: Header) -> Extra:
    data = header.extra_data
    listed = len(data) - _VANITY - _SEAL
    if listed < 0 or listed % 20:
        raise InputError(BAD_EXTRA, f"{len(data)} bytes hold no whole number of signers", where="extraData")
    if header.mix_hash != bytes(32):
        raise InputError(BAD_FIELD, "a mix hash, which Clique leaves zero", where="mixHash")
    if header.difficulty not in (1, 2):
        raise InputError(BAD_FIELD, f"difficulty {header.difficulty}, Clique has 1 and 2", where="difficulty")
    if header.ommers_hash != _EMPTY_OMMERS:
        raise InputError(BAD_FIELD, "uncles, which Clique does not have", where="sha3Uncles")
    packed = data[_VANITY : _VANITY + listed]
    signers = [packed[at : at + 20] for at in range(0, listed, 20)]
    if len(signers) > MAX_VALIDATORS or len(set(signers)) != len(signers):
        raise InputError(BAD_EXTRA, "too many signers, or one listed twice", where="extraData")
    vote = None if signers else _nonce_vote(header)
    return Extra(SealForm.CLIQUE, data[:_VANITY], tuple(signers), vote, None, (data[-_SEAL:],), data[:-_SEAL])


# ── The byte forms that are hashed ───────────────────────────────────────────────────────────────────────────────


def _list_prefix(size: int) -> int:
    """Bytes before a list's payload of `size` bytes."""
    return 1 if size < 56 else 1 + (size.bit_length() + 7) // 8


def _list_size(whole: int) -> int:
    """Bytes of the payload of a list of `whole` bytes."""
    for prefix in range(1, 6):
        if _list_prefix(whole - prefix) == prefix:
            return whole - prefix
    raise AssertionError("longer than anything that is read")


def _list(payload: bytes) -> bytes:
    size = len(payload)
    if size < 56:
        return bytes((0xC0 + size,)) + payload
    length = rlp.integer_bytes(size)
    return bytes((0xF7 + len(length),)) + length + payload


def _turn(form: SealForm, turn: int) -> bytes:
    """The round, as the form encodes it."""
    return rlp.encode(rlp.integer_bytes(turn) if form is SealForm.QBFT else turn.to_bytes(4, "big"))


class _Frame:
    """A header's bytes on both sides of its extra data, so that it is hashed with another one in its place."""

    __slots__ = ("_after", "_before")

    def __init__(self, header: Header, data: bytes | None = None) -> None:
        data = header.encode() if data is None else data
        top = len(data) - _list_size(len(data))
        start = top + _FIXED
        for number in (header.difficulty, header.number, header.gas_limit, header.gas_used, header.timestamp):
            start += 1 if number < 0x80 else 1 + (number.bit_length() + 7) // 8
        size = len(header.extra_data)
        begin = start + (0 if size == 1 and header.extra_data[0] < 0x80 else _list_prefix(size))
        stop = begin + size
        if data[begin:stop] != header.extra_data:
            raise InputError(BAD_FIELD, "a field before the extra data has not its size", where="header")
        self._before, self._after = data[top:start], data[stop:]

    def hash(self, extra_data: bytes) -> bytes:
        return keccak256(_list(self._before + rlp.encode(extra_data) + self._after))


def digests(header: Header, extra: Extra, data: bytes | None = None) -> tuple[bytes, bytes]:
    """The hash by which the next block names this one, and the 32 bytes that a seal signs.

    A seal is a committed one; of Clique the only one. `extra` is what `read_extra` gave for this header, `data` the
    bytes that it was decoded from, where they are at hand.
    """
    form, frame = extra.form, _Frame(header, data)
    match form:
        case SealForm.QBFT:
            named = frame.hash(_list(extra.head + b"\x80\xc0"))
            if extra.round:
                return named, frame.hash(_list(extra.head + _turn(form, extra.round) + b"\xc0"))
            return named, named
        case SealForm.IBFT2:
            return frame.hash(_list(extra.head)), frame.hash(_list(extra.head + _turn(form, extra.round or 0)))
        case SealForm.ISTANBUL:
            named = frame.hash(extra.vanity + rlp.encode([extra.validators, extra.proposer, []]))
            return named, keccak256(named + b"\x02")
        case SealForm.CLIQUE:
            return frame.hash(header.extra_data), frame.hash(extra.head)


def block_hash(header: Header, extra: Extra) -> bytes:
    """The hash by which the next block names this one."""
    return digests(header, extra)[0]


def seal_digest(header: Header, extra: Extra) -> bytes:
    """The 32 bytes that a committed seal (Clique: the one seal) signs."""
    return digests(header, extra)[1]


def signers(header: Header, extra: Extra, digest: bytes | None = None) -> tuple[bytes, ...]:
    """The address behind each seal, in the seals' order, repetitions included. Raises InputError on a bad seal.

    `digest` is what the seals sign, where it is known already.
    """
    signed = seal_digest(header, extra) if digest is None else digest
    made: list[bytes] = []
    for index, seal in enumerate(extra.seals):
        try:
            made.append(recover(signed, seal))
        except InputError as error:
            raise InputError(BAD_SEAL, error.detail, where=f"seal {index}") from error
    return tuple(made)


def proposer_of(header: Header, extra: Extra) -> bytes:
    """The author of the block, whose vote it carries. Istanbul and Clique sign it; else it is the beneficiary.

    Raises InputError where a proposer's seal is missing or bad.
    """
    match extra.form:
        case SealForm.ISTANBUL:
            unsealed = _Frame(header).hash(extra.vanity + rlp.encode([extra.validators, b"", []]))
            try:
                return recover(keccak256(unsealed), extra.proposer)
            except InputError as error:
                raise InputError(BAD_SEAL, error.detail, where="proposer's seal") from error
        case SealForm.CLIQUE:
            return signers(header, extra)[0]
        case _:
            return header.beneficiary


def with_seals(header: Header, extra: Extra, keep: Sequence[bytes]) -> Header:
    """The same block with these seals in place of its own; its hash stays as it was.

    What names and proves a block leaves its seals out, so a node may give more of them than a proof needs, and a
    malicious validator may add one that is malformed: a source keeps those that count. Raises Misuse for Clique,
    whose one seal is part of the block.
    """
    match extra.form:
        case SealForm.QBFT | SealForm.IBFT2:
            made = _list(extra.head + _turn(extra.form, extra.round or 0) + rlp.encode(list(keep)))
        case SealForm.ISTANBUL:
            made = extra.vanity + rlp.encode([extra.validators, extra.proposer, list(keep)])
        case SealForm.CLIQUE:
            raise Misuse(BAD_EXTRA, "a Clique block's seal is part of its hash")
    return msgspec.structs.replace(header, extra_data=made)
