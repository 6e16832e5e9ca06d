"""Which validators were in force at a block, followed from a set that is believed through every change.

A trust path is a list of changes, each proven by what the validators themselves sealed:

    ListedChange    the first header that lists the new set, alone: good where its sealers *out of the old set*
                    reach the old set's quorum
    VotedChange     headers of one epoch that carry the votes, each sealed by the old set's quorum, then the first
                    header that lists the new set, sealed by the new set's quorum
    ContractChange  where a contract holds the set: a header sealed by the old set's quorum, whose state root proves
                    the contract's array. The set it gives is in force from the next block

The list in a header is never believed by itself: a header that brings its own validators proves nothing.

Source: EIP-225 (votes by distinct authors, more than half); GoQuorum and Besu for when votes are cleared.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import patricia, rlp, seals
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.seals import Extra, SealForm

__all__ = [
    "GOQUORUM",
    "Change",
    "ContractChange",
    "Epoch",
    "ListedChange",
    "Listing",
    "Sealed",
    "ValidatorSet",
    "VotedChange",
    "follow",
    "in_force",
    "judge",
]

NOT_IN_FORCE = fault(
    "validators.not-in-force",
    "The header lists other validators than those in force.",
    "Bring the trust path over the change of validators before this block, or a segment that covers it.",
)
FOREIGN_SEAL = fault(
    "validators.foreign-seal", "A seal is of no validator in force.", "One foreign seal rejects the whole block."
)
BELOW_QUORUM = fault(
    "validators.below-quorum",
    "Fewer distinct validators sealed the block than must.",
    "Ask another node for the block; its seals may have been cut.",
)
BAD_CHANGE = fault(
    "validators.bad-change",
    "A change of validators is not proven by what it brings.",
    "Bring the header whose sealers reach the old quorum, or all votes of that epoch.",
)
MAX_VOTES: Final = 1024
"""Headers of one voted change."""


class Epoch(msgspec.Struct, frozen=True):
    """When votes are cleared. GoQuorum clears at multiples of `length` and counts that block's vote; Besu clears one
    block earlier and does not count it."""

    length: int = 30_000
    besu: bool = False

    def of(self, number: int) -> int | None:
        """The epoch in which a vote of block `number` counts; None where it counts in none."""
        if not self.besu:
            return number // self.length
        return None if (number + 1) % self.length == 0 else (number + 1) // self.length


GOQUORUM: Final = Epoch()
"""GoQuorum's default."""


class ValidatorSet(msgspec.Struct, frozen=True):
    """Validators in force from block `since` on."""

    since: int
    members: tuple[bytes, ...]

    @property
    def quorum(self) -> int:
        return seals.quorum(len(self.members))


class Listing(enum.Enum):
    """Where the set stands that a header is judged by."""

    HEADER = "header"
    CONTRACT = "contract"


class Sealed(msgspec.Struct, frozen=True):
    """A header that was judged: its hash, and who of the set in force sealed it, without repetition, sorted."""

    header: Header
    extra: Extra
    hash: bytes
    signers: tuple[bytes, ...]
    required: int


class ListedChange(msgspec.Struct, frozen=True, tag="listed"):
    """`header`: RLP of the first header that lists the new set."""

    header: bytes


class VotedChange(msgspec.Struct, frozen=True, tag="voted"):
    """`votes`: RLP of the headers that carry votes, ascending; `header`: RLP of the first that lists the new set."""

    votes: tuple[bytes, ...]
    header: bytes


class ContractChange(msgspec.Struct, frozen=True, tag="contract"):
    """`header`: RLP of a header; `account` and `slots`: branches to the contract's account and to its array's slots
    (the length's first, then one a validator)."""

    header: bytes
    account: tuple[bytes, ...]
    slots: tuple[tuple[bytes, ...], ...]


Change = ListedChange | VotedChange | ContractChange


def judge(form: SealForm, header: Header, members: ValidatorSet, *, listing: Listing = Listing.HEADER) -> Sealed:
    """Judge a header by the set in force.

    Raises InputError: the extra data or a seal is malformed, the header lists another set, a seal is foreign, or the
    distinct signers are fewer than the quorum. A Clique block needs its one signer; what that is worth is `authority`.
    """
    extra = seals.read_extra(form, header)
    listed = extra.validators
    if listing is Listing.HEADER and (listed or form is not SealForm.CLIQUE) and set(listed) != set(members.members):
        raise InputError(NOT_IN_FORCE, f"block {header.number} lists {_names(listed)}", where="extraData")
    if listing is Listing.CONTRACT and listed:
        raise InputError(NOT_IN_FORCE, "a list in the header, where a contract holds the set", where="extraData")
    found = seals.signers(header, extra)
    distinct = set(found)
    foreign = distinct - set(members.members)
    if foreign:
        raise InputError(FOREIGN_SEAL, f"block {header.number} is sealed by {_names(sorted(foreign))}", where="seals")
    required = 1 if form is SealForm.CLIQUE else members.quorum
    if len(distinct) < required:
        raise InputError(BELOW_QUORUM, f"{len(distinct)} of {len(members.members)} sealed, {required} must")
    return Sealed(header, extra, seals.block_hash(header, extra), tuple(sorted(distinct)), required)


def in_force(path: Sequence[ValidatorSet], number: int) -> ValidatorSet | None:
    """The set of `path` (ascending) that was in force at block `number`; None before the first."""
    found = None
    for members in path:
        if members.since > number:
            break
        found = members
    return found


def follow(
    form: SealForm,
    start: ValidatorSet,
    changes: Sequence[Change],
    *,
    epoch: Epoch = GOQUORUM,
    contract: bytes | None = None,
    slot: int = 0,
) -> tuple[ValidatorSet, ...]:
    """`start` and the sets that the changes lead to, in order.

    `contract` (20 bytes) and `slot` name the array of addresses that holds the set, where a contract does.
    Raises InputError at the first change that is not proven.
    """
    path = [start]
    for change in changes:
        current = path[-1]
        match change:
            case ListedChange():
                following = _listed(form, current, change)
            case VotedChange():
                following = _voted(form, current, change, epoch)
            case ContractChange():
                if contract is None:
                    raise InputError(BAD_CHANGE, "a contract's change, but the segment names no contract")
                following = _contract(form, current, change, contract, slot)
        if following.since <= current.since:
            raise InputError(BAD_CHANGE, f"a change at block {following.since} after one at {current.since}")
        path.append(following)
    return tuple(path)


def _listed(form: SealForm, old: ValidatorSet, change: ListedChange) -> ValidatorSet:
    if form is SealForm.CLIQUE:
        raise InputError(BAD_CHANGE, "one signer cannot show a new set: bring the votes")
    header = Header.decode(change.header)
    new = _listed_set(form, header, old)
    sealed = judge(form, header, new)
    kept = set(sealed.signers) & set(old.members)
    if len(kept) < old.quorum:
        raise InputError(
            BAD_CHANGE, f"{len(kept)} of the old set sealed block {header.number}, {old.quorum} must: bring the votes"
        )
    return new


def _listed_set(form: SealForm, header: Header, old: ValidatorSet) -> ValidatorSet:
    listed = seals.read_extra(form, header).validators
    if not listed or set(listed) == set(old.members):
        raise InputError(BAD_CHANGE, f"block {header.number} lists no new set")
    return ValidatorSet(header.number, listed)


def _voted(form: SealForm, old: ValidatorSet, change: VotedChange, epoch: Epoch) -> ValidatorSet:
    if not 0 < len(change.votes) <= MAX_VOTES:
        raise InputError(BAD_CHANGE, f"{len(change.votes)} votes, from 1 to {MAX_VOTES} are read")
    choices: dict[tuple[bytes, bool], set[bytes]] = {}
    spent: set[int | None] = set()
    last = old.since - 1
    decided: tuple[bytes, bool] | None = None
    for data in change.votes:
        header = Header.decode(data)
        if header.number <= last:
            raise InputError(BAD_CHANGE, "votes out of order, or before the set was in force")
        if decided is not None:
            raise InputError(BAD_CHANGE, f"a vote in block {header.number}, after the votes had decided")
        last = header.number
        sealed = judge(form, header, old)
        vote = sealed.extra.vote
        if vote is None:
            raise InputError(BAD_CHANGE, f"block {header.number} carries no vote")
        spent.add(epoch.of(header.number))
        if len(spent) > 1 or None in spent:
            raise InputError(BAD_CHANGE, f"the vote of block {header.number} is of another epoch")
        author = seals.proposer_of(header, sealed.extra)
        if author not in old.members:
            raise InputError(BAD_CHANGE, f"the vote of block {header.number} is by no validator")
        if (vote.subject in old.members) == vote.add:
            raise InputError(BAD_CHANGE, f"the vote of block {header.number} would change nothing")
        authors = choices.setdefault((vote.subject, vote.add), set())
        authors.add(author)
        if 2 * len(authors) > len(old.members):
            decided = (vote.subject, vote.add)
    if decided is None:
        raise InputError(BAD_CHANGE, f"no candidate has votes of more than half of {len(old.members)} validators")
    subject, add = decided
    members = {*old.members, subject} if add else set(old.members) - {subject}
    first = Header.decode(change.header)
    if first.number <= last:
        raise InputError(BAD_CHANGE, "the header with the new set comes before the votes for it")
    new = ValidatorSet(last + 1, tuple(sorted(members)))
    if form is not SealForm.CLIQUE:
        judge(form, first, new)
    return new


def _contract(form: SealForm, old: ValidatorSet, change: ContractChange, contract: bytes, slot: int) -> ValidatorSet:
    header = Header.decode(change.header)
    judge(form, header, old, listing=Listing.CONTRACT)
    storage_root = _storage_root(header, contract, change.account)
    if not change.slots:
        raise InputError(BAD_CHANGE, "no branch to the array's length")
    count = _slot_value(storage_root, slot.to_bytes(32, "big"), change.slots[0])
    if not 0 < count <= seals.MAX_VALIDATORS or len(change.slots) != count + 1:
        raise InputError(BAD_CHANGE, f"{len(change.slots) - 1} branches for an array of {count}")
    base = int.from_bytes(keccak256(slot.to_bytes(32, "big")), "big")
    members: list[bytes] = []
    for index, nodes in enumerate(change.slots[1:]):
        key = ((base + index) % 2**256).to_bytes(32, "big")
        members.append((_slot_value(storage_root, key, nodes) % 2**160).to_bytes(20, "big"))
    if len(set(members)) != count:
        raise InputError(BAD_CHANGE, "the contract lists a validator twice")
    return ValidatorSet(header.number + 1, tuple(sorted(members)))


def _storage_root(header: Header, contract: bytes, nodes: Sequence[bytes]) -> bytes:
    account = patricia.verify(header.state_root, keccak256(contract), nodes)
    fields = rlp.items(rlp.decode(account)) if account is not None else []
    root = fields[2] if len(fields) == 4 else None
    if not isinstance(root, bytes):
        raise InputError(BAD_CHANGE, "the state root proves no such contract", where="account")
    return root


def _slot_value(root: bytes, key: bytes, nodes: Sequence[bytes]) -> int:
    value = patricia.verify(root, keccak256(key), nodes)
    return 0 if value is None else rlp.integer(rlp.decode(value))


def _names(addresses: Sequence[bytes]) -> str:
    shown = ", ".join("0x" + address.hex() for address in addresses[:4])
    return f"{shown} and {len(addresses) - 4} more" if len(addresses) > 4 else shown or "nobody"
