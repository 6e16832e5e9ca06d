"""Which validators were in force at a block, followed from a set that is believed through every change.

A trust path is a list of changes, each proven by what the validators themselves sealed:

    ListedChange    the first header that lists the new set, alone: good where its sealers *out of the old set*
                    reach the old set's quorum
    VotedChange     headers of one epoch that carry the votes, each sealed by the quorum in force at it, then the
                    next header, which lists the new set and is sealed by the new set's quorum
    ContractChange  where a contract holds the set: a header sealed by the old set's quorum, whose state root proves
                    the contract's array. The set it gives is in force from the next block

The list in a header is never believed by itself: a header that brings its own validators proves nothing. What makes a
set believed at first is a registry's segment (`Consensus.read`) or the genesis block whose hash the segment names
(`founders`).

`Follower` watches a chain header by header and yields the changes that a path needs. As documents they travel in the
byte form of `encode_change`.

Source: EIP-225 (votes by distinct authors, more than half); GoQuorum's and Besu's vote tallies for when votes are
cleared, replaced and discarded.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import cbor, seals, state
from gateway.proofs.evm import Header
from gateway.proofs.seals import Extra, SealForm

__all__ = [
    "GOQUORUM",
    "Change",
    "Consensus",
    "Contract",
    "ContractChange",
    "Epoch",
    "Follower",
    "ListedChange",
    "Listing",
    "Sealed",
    "ValidatorSet",
    "VotedChange",
    "encode_change",
    "follow",
    "founders",
    "height_of",
    "in_force",
    "judge",
    "read_change",
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
TOO_MANY_SEALS = fault(
    "validators.too-many-seals",
    "The block has more seals than there are validators in force.",
    "Ask another node for the block; keep one seal of each validator.",
)
BAD_CHANGE = fault(
    "validators.bad-change",
    "A change of validators is not proven by what it brings.",
    "Bring the header whose sealers reach the old quorum, or all votes of that epoch.",
)
BAD_CONSENSUS = fault(
    "validators.bad-consensus",
    "The network's segment does not say how its blocks are sealed in a way that this release knows.",
    "Compare `consensus` in the segment's material with docs/explanation/consensus-evm.md, or use a newer release.",
)
BAD_GENESIS = fault(
    "validators.bad-genesis",
    "The header is not the genesis block that the network is named by.",
    "Take block 0 from a node of this network.",
)
NOT_A_CHILD = fault(
    "validators.not-a-child",
    "A header does not follow the one before it.",
    "Give every header of the chain, in order; after a reorganisation begin again at a block that stayed.",
)
MAX_VOTES: Final = 1024
"""Headers of one voted change."""


class Epoch(msgspec.Struct, frozen=True):
    """When votes are cleared. GoQuorum (and Clique) clears at multiples of `length` and counts that block's vote; Besu
    clears one block earlier and does not count it."""

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


class Contract(msgspec.Struct, frozen=True):
    """The contract that holds the validators: its address (20 bytes), and the slot of its array of addresses."""

    address: bytes
    slot: int = 0


class Consensus(msgspec.Struct, frozen=True):
    """How a network's blocks are sealed, and whom to believe at first: what its segment says."""

    form: SealForm
    start: ValidatorSet
    epoch: Epoch = GOQUORUM
    contract: Contract | None = None

    @property
    def listing(self) -> Listing:
        return Listing.HEADER if self.contract is None else Listing.CONTRACT

    @classmethod
    def read(cls, said: object) -> Consensus:
        """What `consensus` in a segment's material says; plain JSON values, bytes as lower hex:

        {"form": "qbft", "since": 0, "validators": ["…", …], "epoch": {"length": 30000, "rule": "goquorum"},
         "contract": {"address": "…", "slot": 0}}

        `epoch` (rule: goquorum or besu) and `contract` may be left out. Raises InputError.
        """
        held = _members(said, {"form", "since", "validators"}, {"epoch", "contract"}, "consensus")
        try:
            form = SealForm(held["form"])
        except ValueError as error:
            raise InputError(
                BAD_CONSENSUS, f"the form {str(held['form'])[:40]!r} is not known", where="form"
            ) from error
        listed = held["validators"]
        if not isinstance(listed, (list, tuple)) or not 0 < len(listed) <= seals.MAX_VALIDATORS:
            raise InputError(BAD_CONSENSUS, f"from 1 to {seals.MAX_VALIDATORS} validators", where="validators")
        members = tuple([_address(each, "validators") for each in listed])
        if len(set(members)) != len(members):
            raise InputError(BAD_CONSENSUS, "a validator listed twice", where="validators")
        start = ValidatorSet(_number(held["since"], "since"), members)
        epoch, contract = GOQUORUM, None
        if "epoch" in held:
            told = _members(held["epoch"], {"length"}, {"rule"}, "epoch")
            rule = told.get("rule", "goquorum")
            length = _number(told["length"], "epoch.length")
            if not length or rule not in ("goquorum", "besu"):
                raise InputError(BAD_CONSENSUS, "a length above zero, and goquorum or besu as the rule", where="epoch")
            epoch = Epoch(length, rule == "besu")
        if "contract" in held:
            if form is SealForm.CLIQUE:
                raise InputError(BAD_CONSENSUS, "Clique holds its signers in no contract", where="contract")
            told = _members(held["contract"], {"address", "slot"}, set(), "contract")
            contract = Contract(_address(told["address"], "contract"), _number(told["slot"], "contract.slot"))
        return cls(form, start, epoch, contract)

    def material(self) -> dict[str, Any]:
        """The same as `read` takes."""
        rule = "besu" if self.epoch.besu else "goquorum"
        made: dict[str, Any] = {
            "form": self.form.value,
            "since": self.start.since,
            "validators": [each.hex() for each in self.start.members],
            "epoch": {"length": self.epoch.length, "rule": rule},
        }
        if self.contract is not None:
            made["contract"] = {"address": self.contract.address.hex(), "slot": self.contract.slot}
        return made


def _members(said: object, needed: set[str], allowed: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(said, Mapping):
        raise InputError(BAD_CONSENSUS, "not an object", where=where)
    if not needed <= set(said) <= needed | allowed:
        raise InputError(BAD_CONSENSUS, f"it has {', '.join(sorted(needed))} and nothing unknown", where=where)
    return said


def _address(said: object, where: str) -> bytes:
    if isinstance(said, str) and len(said) == 40 and not set(said) - set("0123456789abcdef"):
        return bytes.fromhex(said)
    raise InputError(BAD_CONSENSUS, "an address is 40 lower hex digits", where=where)


def _number(said: object, where: str) -> int:
    if type(said) is int and 0 <= said < 1 << 63:
        return said
    raise InputError(BAD_CONSENSUS, "not a number from zero on", where=where)


def founders(form: SealForm, header: bytes, genesis: bytes) -> ValidatorSet:
    """The validators that block 0 lists, where its hash is `genesis`.

    Raises InputError where it is another block, or lists none (a contract or the nodes' configuration holds them).
    """
    block = Header.decode(header)
    if block.number != 0:
        raise InputError(BAD_GENESIS, f"it is block {block.number}", where="number")
    extra = _genesis_extra(form, block)
    if seals.block_hash(block, extra) != genesis:
        raise InputError(BAD_GENESIS, "its hash is another")
    if not extra.validators:
        raise InputError(BAD_GENESIS, "it lists no validators", where="extraData")
    return ValidatorSet(0, extra.validators)


def _genesis_extra(form: SealForm, block: Header) -> Extra:
    # a genesis is written by people: Clique's may state another difficulty, and none has seals
    if form is SealForm.CLIQUE and block.difficulty not in (1, 2):
        plain = msgspec.structs.replace(block, difficulty=1)
        return seals.read_extra(form, plain)
    return seals.read_extra(form, block)


# ── Judging one header ───────────────────────────────────────────────────────────────────────────────────────────


class Sealed(msgspec.Struct, frozen=True):
    """A header that was judged: its hash, and who of the set in force sealed it, without repetition, sorted."""

    header: Header
    extra: Extra
    hash: bytes
    signers: tuple[bytes, ...]
    required: int


def judge(form: SealForm, given: Header | bytes, members: ValidatorSet, *, listing: Listing = Listing.HEADER) -> Sealed:
    """Judge a header (its RLP, or decoded) by the set in force.

    Raises InputError: the extra data or a seal is malformed, the set is of later blocks, the header lists another set,
    a seal is foreign, or the distinct signers are fewer than the quorum. A Clique block needs its one signer; what
    that is worth is `authority`.
    """
    header, data = (Header.decode(given), given) if isinstance(given, bytes) else (given, None)
    extra = seals.read_extra(form, header)
    in_charge = frozenset(members.members)
    number = header.number
    if number < members.since:
        raise InputError(NOT_IN_FORCE, f"block {number}, and the set is in force from block {members.since} on")
    listed = extra.validators
    if listing is Listing.HEADER and (listed or form is not SealForm.CLIQUE) and frozenset(listed) != in_charge:
        raise InputError(NOT_IN_FORCE, f"block {number} lists {_names(listed)}", where="extraData")
    if listing is Listing.CONTRACT and listed:
        raise InputError(NOT_IN_FORCE, "a list in the header, where a contract holds the set", where="extraData")
    required = 1 if form is SealForm.CLIQUE else members.quorum
    count = len(extra.seals)
    if count > len(in_charge):
        raise InputError(TOO_MANY_SEALS, f"block {number} has {count} seals of {len(in_charge)} validators")
    if count < required:
        raise InputError(BELOW_QUORUM, f"{count} of {len(in_charge)} sealed, {required} must")
    named, signed = seals.digests(header, extra, data)
    distinct = set(seals.signers(header, extra, signed))
    foreign = distinct - in_charge
    if foreign:
        raise InputError(FOREIGN_SEAL, f"block {number} is sealed by {_names(sorted(foreign))}", where="seals")
    if len(distinct) < required:
        raise InputError(BELOW_QUORUM, f"{len(distinct)} of {len(in_charge)} sealed, {required} must")
    return Sealed(header, extra, named, tuple(sorted(distinct)), required)


def in_force(path: Sequence[ValidatorSet], number: int) -> ValidatorSet | None:
    """The set of `path` (ascending) that was in force at block `number`; None before the first."""
    found = None
    for members in path:
        if members.since > number:
            break
        found = members
    return found


# ── Changes ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ListedChange(msgspec.Struct, frozen=True, tag="listed"):
    """`header`: RLP of the first header that lists the new set."""

    header: bytes


class VotedChange(msgspec.Struct, frozen=True, tag="voted"):
    """`votes`: RLP of the headers that carry votes, ascending; `header`: RLP of the next one after the last of them,
    the first that lists the new set."""

    votes: tuple[bytes, ...]
    header: bytes


class ContractChange(msgspec.Struct, frozen=True, tag="contract"):
    """`header`: RLP of a header; `account` and `slots`: branches to the contract's account and to its array's slots
    (the length's first, then one a validator)."""

    header: bytes
    account: tuple[bytes, ...]
    slots: tuple[tuple[bytes, ...], ...]


Change = ListedChange | VotedChange | ContractChange

_DOCUMENT: Final = "evm-validators/1"
_OPENINGS: Final = tuple([bytes((0x80 + size, 0x60 + len(_DOCUMENT))) + _DOCUMENT.encode() for size in (4, 5, 6)])
"""How such documents begin in CBOR."""


def height_of(change: Change) -> int:
    """The number of the header that a change comes with: the order of a path. Raises InputError."""
    return Header.decode(change.header).number


def encode_change(network: bytes, change: Change) -> bytes:
    """A change of the network with this digest (32 bytes) as a document: deterministic CBOR of a list,

    ["evm-validators/1", network, "listed", header]
    ["evm-validators/1", network, "voted", header, votes]
    ["evm-validators/1", network, "contract", header, account, slots]
    """
    match change:
        case ListedChange():
            rest: list[Any] = ["listed", change.header]
        case VotedChange():
            rest = ["voted", change.header, list(change.votes)]
        case ContractChange():
            rest = ["contract", change.header, list(change.account), [list(nodes) for nodes in change.slots]]
    return cbor.encode([_DOCUMENT, network, *rest])


def read_change(data: bytes, network: bytes, *, limit: int = 2 * 1024 * 1024) -> Change | None:
    """The change that a document holds; None where it is another document, or another network's.

    Raises InputError where it is one and malformed, LimitError over `limit` bytes.
    """
    if not data.startswith(_OPENINGS):
        return None
    held = cbor.decode(data, limit=limit, nesting=3)
    if held[1] != network:
        return None
    kind, rest = held[2], held[3:]
    if kind == "listed" and len(rest) == 1 and type(rest[0]) is bytes:
        return ListedChange(rest[0])
    if kind == "voted" and len(rest) == 2 and type(rest[0]) is bytes:
        return VotedChange(_branch(rest[1]), rest[0])
    if kind == "contract" and len(rest) == 3 and type(rest[0]) is bytes and type(rest[2]) is list:
        return ContractChange(rest[0], _branch(rest[1]), tuple([_branch(each) for each in rest[2]]))
    raise InputError(BAD_CHANGE, f"{str(kind)[:20]!r} is no kind of change, or not of this form")


def _branch(item: object) -> tuple[bytes, ...]:
    if isinstance(item, list) and all(type(each) is bytes for each in item):
        return tuple(item)
    raise InputError(BAD_CHANGE, "a list of byte strings belongs there")


def follow(rules: Consensus, changes: Sequence[Change]) -> tuple[ValidatorSet, ...]:
    """The segment's set and those that the changes lead to, in order. Raises InputError at the first that is not
    proven."""
    path = [rules.start]
    for change in changes:
        _append(rules, path, change)
    return tuple(path)


def _append(rules: Consensus, path: list[ValidatorSet], change: Change) -> ValidatorSet:
    current = path[-1]
    if isinstance(change, ContractChange) != (rules.contract is not None):
        raise InputError(BAD_CHANGE, "headers and contract both name validators: the segment says which counts")
    match change:
        case ListedChange():
            following = _listed(rules, current, change)
        case VotedChange():
            following = _voted(rules, path, change)
        case ContractChange():
            following = _contract(rules, current, change)
    if following.since <= current.since:
        raise InputError(BAD_CHANGE, f"a change at block {following.since} after one at {current.since}")
    path.append(following)
    return following


def _listed(rules: Consensus, old: ValidatorSet, change: ListedChange) -> ValidatorSet:
    if rules.form is SealForm.CLIQUE:
        raise InputError(BAD_CHANGE, "one signer cannot show a new set: bring the votes")
    header = Header.decode(change.header)
    listed = seals.read_extra(rules.form, header).validators
    if not listed or set(listed) == set(old.members):
        raise InputError(BAD_CHANGE, f"block {header.number} lists no new set")
    new = ValidatorSet(header.number, listed)
    sealed = judge(rules.form, header, new)
    kept = set(sealed.signers) & set(old.members)
    if len(kept) < old.quorum:
        raise InputError(
            BAD_CHANGE, f"{len(kept)} of the old set sealed block {header.number}, {old.quorum} must: bring the votes"
        )
    return new


def _voted(rules: Consensus, path: Sequence[ValidatorSet], change: VotedChange) -> ValidatorSet:
    old = path[-1]
    if not 0 < len(change.votes) <= MAX_VOTES:
        raise InputError(BAD_CHANGE, f"{len(change.votes)} votes, from 1 to {MAX_VOTES} are read")
    tally = _Tally(rules, path)
    for data in change.votes:
        tally.add(data)
    if tally.decided is None:
        raise InputError(BAD_CHANGE, f"no candidate has votes of more than half of {len(old.members)} validators")
    subject, add = tally.decided
    members = {*old.members, subject} if add else set(old.members) - {subject}
    if not members:
        raise InputError(BAD_CHANGE, "the last validator voted out")
    first = Header.decode(change.header)
    if first.number != tally.last + 1:
        raise InputError(
            BAD_CHANGE, f"the header with the new set is block {first.number}, the votes decide in block {tally.last}"
        )
    new = ValidatorSet(first.number, tuple(sorted(members)))
    judge(rules.form, first, new)
    return new


class _Tally:
    """Votes of one epoch, each proven, until one decides. A vote from before an earlier change of the same epoch
    counts on where neither its author nor its subject was changed by that."""

    def __init__(self, rules: Consensus, path: Sequence[ValidatorSet]) -> None:
        self._rules, self._path = rules, path
        self._authors: dict[tuple[bytes, bool], set[bytes]] = {}
        self._epoch: int | None = None
        self.last = -1
        self.decided: tuple[bytes, bool] | None = None

    def add(self, data: bytes) -> None:
        header = Header.decode(data)
        number = header.number
        if number <= self.last:
            raise InputError(BAD_CHANGE, f"the vote of block {number} after that of block {self.last}")
        if self.decided is not None:
            raise InputError(BAD_CHANGE, f"a vote in block {number}, after the votes had decided")
        self.last = number
        there = in_force(self._path, number)
        if there is None:
            raise InputError(BAD_CHANGE, f"the vote of block {number} is from before the segment's set was in force")
        sealed = judge(self._rules.form, header, there)
        vote = sealed.extra.vote
        if vote is None:
            raise InputError(BAD_CHANGE, f"block {number} carries no vote")
        epoch = self._rules.epoch.of(number)
        if epoch is None or self._epoch not in (None, epoch):
            raise InputError(BAD_CHANGE, f"the vote of block {number} is of another epoch")
        self._epoch = epoch
        author = seals.proposer_of(header, sealed.extra)
        since = [there.members, *[each.members for each in self._path if each.since > number]]
        if any(author not in members for members in since):
            raise InputError(BAD_CHANGE, f"the vote of block {number} is by no validator")
        if any((vote.subject in members) == vote.add for members in since):
            raise InputError(BAD_CHANGE, f"the vote of block {number} would change nothing")
        authors = self._authors.setdefault((vote.subject, vote.add), set())
        authors.add(author)
        # a vote is counted when it is cast: what an earlier change left above half waits for the next one
        if there is self._path[-1] and 2 * len(authors) > len(there.members):
            self.decided = (vote.subject, vote.add)


def _contract(rules: Consensus, old: ValidatorSet, change: ContractChange) -> ValidatorSet:
    contract = rules.contract
    assert contract is not None  # follow() has looked
    header = Header.decode(change.header)
    judge(rules.form, header, old, listing=Listing.CONTRACT)
    account = state.account(header.state_root, contract.address, change.account)
    if account is None or not account.has_code:
        raise InputError(BAD_CHANGE, "the state root proves no such contract", where="account")
    if not change.slots:
        raise InputError(BAD_CHANGE, "no branch to the array's length", where="slots")
    length = state.storage(account.storage_root, contract.slot.to_bytes(32, "big"), change.slots[0])
    count = int.from_bytes(length, "big")
    if not 0 < count <= seals.MAX_VALIDATORS or len(change.slots) != count + 1:
        raise InputError(BAD_CHANGE, f"{len(change.slots) - 1} branches for an array of {count}", where="slots")
    members: list[bytes] = []
    for index, nodes in enumerate(change.slots[1:]):
        word = state.storage(account.storage_root, state.array_slot(contract.slot, index), nodes)
        if any(word[:12]) or not any(word):
            raise InputError(BAD_CHANGE, f"member {index} of the array is no address", where="slots")
        members.append(word[12:])
    if len(set(members)) != count:
        raise InputError(BAD_CHANGE, "the contract lists a validator twice", where="slots")
    return ValidatorSet(header.number + 1, tuple(sorted(members)))


# ── Following a chain ────────────────────────────────────────────────────────────────────────────────────────────


class _Vote(msgspec.Struct, frozen=True):
    number: int
    add: bool
    header: bytes


class Follower:
    """Follows a chain header by header, and yields the changes that a path needs; keeps no header but votes that are
    still open.

    rules    what the segment says
    changes  those that are known already
    votes    `pending` of the follower that stopped where this one begins
    last     number and hash of the block that it stopped at; None to begin anywhere
    """

    def __init__(
        self,
        rules: Consensus,
        changes: Sequence[Change] = (),
        *,
        votes: Sequence[bytes] = (),
        last: tuple[int, bytes] | None = None,
    ) -> None:
        self._rules = rules
        self._path = list(follow(rules, changes))
        self._last = last
        self._votes: dict[tuple[bytes, bytes], _Vote] = {}
        """The newest vote of each author about each subject, as a tally keeps them."""
        for data in votes:
            header = Header.decode(data)
            self._note(header, seals.read_extra(rules.form, header), data)

    @property
    def path(self) -> tuple[ValidatorSet, ...]:
        """The sets so far, the newest last."""
        return tuple(self._path)

    @property
    def pending(self) -> tuple[bytes, ...]:
        """The headers of open votes, ascending: what must be kept over a restart."""
        return tuple([vote.header for vote in sorted(self._votes.values(), key=lambda vote: vote.number)])

    def take(self, data: bytes) -> tuple[Sealed, Change | None]:
        """The next header (RLP), judged, and the change that it completes, if any.

        Raises InputError where it is not the child of the last, or not sealed by the validators in force; the
        follower stays where it was.
        """
        rules, header = self._rules, Header.decode(data)
        if self._last is not None and (header.number, header.parent_hash) != (self._last[0] + 1, self._last[1]):
            raise InputError(NOT_A_CHILD, f"block {header.number} after block {self._last[0]}")
        change = None
        if rules.contract is None and rules.form is not SealForm.CLIQUE:
            listed = seals.read_extra(rules.form, header).validators
            if frozenset(listed) != frozenset(self._path[-1].members):
                change = self._changed(data, listed)
        elif rules.form is SealForm.CLIQUE:
            change = self._clique_changed(data)
        members = self._path[-1]
        try:
            sealed = judge(rules.form, header, members, listing=rules.listing)
        except InputError:
            if change is not None:
                self._path.pop()
            raise
        if change is not None:
            self._settle(self._path[-2], members)
        self._last = (header.number, sealed.hash)
        self._note(header, sealed.extra, data)
        return sealed, change

    def learn(self, change: ContractChange) -> ValidatorSet:
        """A contract's change, which headers do not show. Raises InputError where it is not proven."""
        return _append(self._rules, self._path, change)

    def _changed(self, data: bytes, listed: Sequence[bytes]) -> Change:
        """The proof of the new set that a header lists."""
        plain = ListedChange(data)
        try:
            _append(self._rules, self._path, plain)
        except InputError as error:
            moved = frozenset(listed) ^ frozenset(self._path[-1].members)
            if error.code != BAD_CHANGE.code or len(moved) != 1:
                raise
            (subject,) = moved
            return self._by_votes(data, subject, error)
        return plain

    def _by_votes(self, data: bytes, subject: bytes, error: InputError) -> VotedChange:
        add = subject not in self._path[-1].members
        found = [vote for (_, about), vote in self._votes.items() if about == subject and vote.add == add]
        found.sort(key=lambda vote: vote.number)
        if not found:
            raise error
        voted = VotedChange(tuple([vote.header for vote in found]), data)
        _append(self._rules, self._path, voted)
        return voted

    def _clique_changed(self, data: bytes) -> VotedChange | None:
        """Clique lists its signers at epochs alone: a change shows in the votes."""
        members = self._path[-1].members
        counts: dict[tuple[bytes, bool], int] = {}
        for (_, subject), vote in self._votes.items():
            counts[subject, vote.add] = counts.get((subject, vote.add), 0) + 1
        for (subject, add), count in counts.items():
            if 2 * count > len(members) and (subject in members) != add:
                found = [vote for (_, about), vote in self._votes.items() if about == subject and vote.add == add]
                found.sort(key=lambda vote: vote.number)
                if found[-1].number != Header.decode(data).number - 1:
                    continue  # counted when it is next voted on
                voted = VotedChange(tuple([vote.header for vote in found]), data)
                _append(self._rules, self._path, voted)
                return voted
        return None

    def _settle(self, old: ValidatorSet, new: ValidatorSet) -> None:
        """Drops the votes that a change has spent: those about who came or went, and by who went."""
        moved = set(old.members) ^ set(new.members)
        gone = set(old.members) - set(new.members)
        self._votes = {
            (author, subject): vote
            for (author, subject), vote in self._votes.items()
            if subject not in moved and author not in gone
        }

    def _note(self, header: Header, extra: Extra, data: bytes) -> None:
        epoch = self._rules.epoch.of(header.number)
        self._votes = {key: vote for key, vote in self._votes.items() if self._rules.epoch.of(vote.number) == epoch}
        if extra.vote is None or epoch is None:
            return
        author, subject = seals.proposer_of(header, extra), extra.vote.subject
        self._votes.pop((author, subject), None)
        members = self._path[-1].members
        if author in members and (subject in members) != extra.vote.add and len(self._votes) < MAX_VOTES:
            self._votes[author, subject] = _Vote(header.number, extra.vote.add, data)


def _names(addresses: Sequence[bytes]) -> str:
    shown = ", ".join("0x" + address.hex() for address in addresses[:4])
    return f"{shown} and {len(addresses) - 4} more" if len(addresses) > 4 else shown or "nobody"
