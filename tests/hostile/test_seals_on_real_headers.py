"""Everything that a liar with a real chain at hand may try on its blocks; each attempt fails for its own reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.proofs import cbor, evm, patricia, rlp, seals, state, validators
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.seals import SealForm, Vote
from gateway.proofs.secp256k1 import ORDER
from gateway.proofs.validators import Change, Consensus, Follower, ListedChange, ValidatorSet, VotedChange, judge
from tests.nodes.quorum import STRANGER, address, node_key
from tests.recordings.quorum.recorded import recording, trie_of

QBFT = SealForm.QBFT
MAIN, TWIN, EPOCHS, HELD = recording("main"), recording("twin"), recording("epochs"), recording("contract")
VALIDATORS = [node_key(index) for index in range(4)]
FIFTH = node_key(4)


def followed(name: str) -> tuple[tuple[ValidatorSet, ...], list[Change]]:
    made = recording(name)
    follower = Follower(made.rules)
    changes = [change for data in made.headers[1:] if (change := follower.take(data)[1]) is not None]
    return follower.path, changes


PATH, CHANGES = followed("main")
JOINED, LEFT = PATH[1].since, PATH[2].since
"""The first block of five validators, and the first of four again."""
LATER_ROUND = next(
    number for number in range(2, len(MAIN.headers)) if seals.read_extra(QBFT, MAIN.header(number)).round
)
PLAIN = 5


def refused(code: str, attempt: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as error:
        attempt()
    assert error.value.code == code, str(error.value)
    return error.value


def judged(header: Header, number: int | None = None) -> validators.Sealed:
    members = validators.in_force(PATH, header.number if number is None else number)
    assert members is not None
    return judge(QBFT, header, members)


def resealed(header: Header, made: list[bytes]) -> Header:
    return seals.with_seals(header, seals.read_extra(QBFT, header), made)


def seals_of(number: int) -> list[bytes]:
    return list(seals.read_extra(QBFT, MAIN.header(number)).seals)


def sign(key: PrivateKey, header: Header) -> bytes:
    return key.sign_recoverable(seals.seal_digest(header, seals.read_extra(QBFT, header)), hasher=None)


def test_every_recorded_header_is_good_to_begin_with() -> None:
    for number in range(1, len(MAIN.headers)):
        assert judged(MAIN.header(number)).hash == MAIN.hashes[number]


# ── Seals ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [PLAIN, LATER_ROUND, JOINED, LEFT])
def test_a_seal_of_no_validator(number: int) -> None:
    header = MAIN.header(number)
    made = seals_of(number)
    refused("validators.foreign-seal", lambda: judged(resealed(header, [*made[:-1], sign(STRANGER, header)])))


@pytest.mark.parametrize("number", [PLAIN, LATER_ROUND, JOINED, LEFT])
def test_one_seal_below_the_quorum(number: int) -> None:
    made, required = seals_of(number), validators.in_force(PATH, number).quorum
    error = refused("validators.below-quorum", lambda: judged(resealed(MAIN.header(number), made[: required - 1])))
    assert f"{required - 1} of" in error.detail


@pytest.mark.parametrize("number", [PLAIN, LATER_ROUND])
def test_a_seal_given_twice_and_a_second_seal_of_the_same_validator(number: int) -> None:
    header = MAIN.header(number)
    made = seals_of(number)[: validators.in_force(PATH, number).quorum - 1]
    refused("validators.below-quorum", lambda: judged(resealed(header, [*made, made[0]])))
    signers = seals.signers(resealed(header, made), seals.read_extra(QBFT, resealed(header, made)))
    again = next(key for key in [*VALIDATORS, FIFTH] if address(key) == signers[0])
    digest = seals.seal_digest(header, seals.read_extra(QBFT, header))
    second = other_signature(again, digest)
    assert second not in made
    refused("validators.below-quorum", lambda: judged(resealed(header, [*made, second])))


def other_signature(key: PrivateKey, digest: bytes) -> bytes:
    """A second good signature over the same digest, by another nonce."""
    secret = int.from_bytes(key.secret, "big")
    nonce = int.from_bytes(hashlib.sha256(b"another nonce").digest(), "big") % ORDER
    r, y = PrivateKey.from_int(nonce).public_key.point()
    s, v = pow(nonce, -1, ORDER) * (int.from_bytes(digest, "big") + r * secret) % ORDER, y & 1
    if s > ORDER // 2:
        s, v = ORDER - s, v ^ 1
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_malleated_seal(which: int) -> None:
    made = seals_of(PLAIN)
    seal = made[which]
    twin = ORDER - int.from_bytes(seal[32:64], "big")
    made[which] = seal[:32] + twin.to_bytes(32, "big") + bytes([seal[64] ^ 1])
    error = refused("seals.bad-seal", lambda: judged(resealed(MAIN.header(PLAIN), made)))
    assert "upper half" in error.detail
    assert error.where == f"seal {which}"


def test_a_seal_cut_lengthened_or_emptied() -> None:
    made = seals_of(PLAIN)
    for broken in (made[0][:-1], made[0] + b"\0", b""):
        header = resealed(MAIN.header(PLAIN), [broken, *made[1:]])
        refused("seals.bad-extra", lambda header=header: judged(header))
    refused("seals.bad-seal", lambda: judged(resealed(MAIN.header(PLAIN), [bytes(65), *made[1:]])))
    refused("validators.below-quorum", lambda: judged(resealed(MAIN.header(PLAIN), [])))


def with_round(header: Header, turn: int) -> Header:
    items = rlp.items(rlp.decode(header.extra_data))
    items[3] = rlp.integer_bytes(turn)
    return msgspec.structs.replace(header, extra_data=rlp.encode(items))


@pytest.mark.parametrize("number", [PLAIN, LATER_ROUND])
def test_seals_of_another_round(number: int) -> None:
    header = MAIN.header(number)
    turn = seals.read_extra(QBFT, header).round
    for other in {0, 1, 2, 3, 255} - {turn}:
        moved = with_round(header, other)
        assert seals.block_hash(moved, seals.read_extra(QBFT, moved)) == MAIN.hashes[number], "no hash tells it"
        refused("validators.foreign-seal", lambda moved=moved: judged(moved))


def test_seals_of_another_block() -> None:
    refused("validators.foreign-seal", lambda: judged(resealed(MAIN.header(PLAIN), seals_of(PLAIN + 1))))


# ── Sets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_set_after_a_change_for_a_block_before_it_and_the_reverse() -> None:
    for number, since in [(JOINED - 1, JOINED), (JOINED, 0), (LEFT - 1, LEFT), (LEFT, JOINED), (LEFT, 0)]:
        members = next(each for each in PATH if each.since == since)
        if since == 0 and number == LEFT:
            assert set(members.members) == set(PATH[2].members), "the same four again: nothing to refuse"
            continue
        refused(
            "validators.not-in-force", lambda number=number, members=members: judge(QBFT, MAIN.header(number), members)
        )


def invented(number: int, keys: list[PrivateKey], listed: list[PrivateKey], vote: Vote | None = None) -> Header:
    """The real block with a list, seals and author of the liar's own."""
    real = MAIN.header(number)
    items = rlp.items(rlp.decode(real.extra_data))
    choice = [] if vote is None else [vote.subject, b"\xff" if vote.add else b""]
    bare = [items[0], sorted(address(key) for key in listed), choice, b"", []]
    header = msgspec.structs.replace(real, extra_data=rlp.encode(bare), beneficiary=address(keys[0]))
    return resealed(header, [sign(key, header) for key in keys])


def test_a_header_that_lists_its_own_validators() -> None:
    liars = [PrivateKey(keccak256(b"liar %d" % index)) for index in range(4)]
    refused("validators.not-in-force", lambda: judged(invented(PLAIN, liars, liars)))
    for changes in ([ListedChange(invented(PLAIN, liars, liars).encode())],):
        error = refused("validators.bad-change", lambda changes=changes: validators.follow(MAIN.rules, changes))
        assert "0 of the old set sealed" in error.detail


def test_one_validator_out_of_four_with_three_of_its_own_making() -> None:
    liars = [VALIDATORS[0], *[PrivateKey(keccak256(b"liar %d" % index)) for index in range(3)]]
    lie = ListedChange(invented(PLAIN, liars, liars).encode())
    error = refused("validators.bad-change", lambda: validators.follow(MAIN.rules, [lie]))
    assert "1 of the old set sealed" in error.detail


def test_two_validators_and_the_one_that_they_want() -> None:
    wanted = [VALIDATORS[0], VALIDATORS[1], STRANGER]
    lie = invented(PLAIN, wanted, [*VALIDATORS, STRANGER])
    refused("validators.below-quorum", lambda: validators.follow(MAIN.rules, [ListedChange(lie.encode())]))
    smaller = invented(PLAIN, wanted[:2], wanted)
    error = refused("validators.bad-change", lambda: validators.follow(MAIN.rules, [ListedChange(smaller.encode())]))
    assert "2 of the old set sealed" in error.detail


def voted(change: Change) -> VotedChange:
    """The votes that brought the fifth in, with the header that shows it."""
    about = MAIN.bytes_of("fifth")
    found = []
    for number in range(1, Header.decode(change.header).number):
        vote = seals.read_extra(QBFT, MAIN.header(number)).vote
        if vote == Vote(about, True):
            found.append(MAIN.headers[number])
    return VotedChange(tuple(found), change.header)


def test_a_lone_vote_and_repeated_votes() -> None:
    change = voted(CHANGES[0])
    assert validators.follow(MAIN.rules, [change])[-1].since == JOINED
    for count in (1, 2):
        fewer = msgspec.structs.replace(change, votes=change.votes[:count])
        error = refused("validators.bad-change", lambda fewer=fewer: validators.follow(MAIN.rules, [fewer]))
        assert "no candidate has votes of more than half" in error.detail
    same = msgspec.structs.replace(change, votes=(change.votes[0],) * 3)
    assert (
        "after that of block" in refused("validators.bad-change", lambda: validators.follow(MAIN.rules, [same])).detail
    )
    mixed = msgspec.structs.replace(change, votes=change.votes[::-1])
    assert (
        "after that of block" in refused("validators.bad-change", lambda: validators.follow(MAIN.rules, [mixed])).detail
    )


def test_real_votes_of_one_author_in_several_blocks() -> None:
    """The node itself repeats a proposer's vote at each of its turns."""
    about = EPOCHS.bytes_of("fifth")
    found: dict[bytes, list[bytes]] = {}
    for data in EPOCHS.headers[1:]:
        header = Header.decode(data)
        if seals.read_extra(QBFT, header).vote == Vote(about, True):
            found.setdefault(header.beneficiary, []).append(data)
    repeated = next(votes for votes in found.values() if len(votes) > 2)
    rules = msgspec.structs.replace(EPOCHS.rules, epoch=validators.Epoch(1_000_000))
    after = EPOCHS.headers[Header.decode(repeated[-1]).number + 1]
    attempt = VotedChange(tuple(repeated), after)
    refused("validators.bad-change", lambda: validators.follow(rules, [attempt]))


def test_votes_put_into_the_mouth_of_others() -> None:
    """A validator seals what it likes, but a block counts with a quorum's seals alone."""
    made = [
        invented(number, [VALIDATORS[0]] * 3, VALIDATORS, Vote(address(STRANGER), True)).encode()
        for number in (3, 4, 5)
    ]
    for count in (1, 2, 3):
        change = VotedChange(tuple(made[:count]), MAIN.headers[6])
        refused("validators.below-quorum", lambda change=change: validators.follow(MAIN.rules, [change]))


def test_a_trust_path_with_a_hole() -> None:
    with pytest.raises(InputError):  # the votes are of five, or their seals are too few of the four
        validators.follow(MAIN.rules, CHANGES[1:])
    there = ValidatorSet(0, tuple(sorted(address(key) for key in VALIDATORS[:3])))
    hole = Consensus(QBFT, there)
    refused("validators.not-in-force", lambda: judge(QBFT, MAIN.header(LEFT), hole.start))
    for path in (CHANGES[::-1], [CHANGES[0], CHANGES[0], CHANGES[1]]):
        with pytest.raises(InputError):
            validators.follow(MAIN.rules, path)


def test_a_path_of_another_network() -> None:
    liars = [PrivateKey(keccak256(b"office of a far country %d" % index)) for index in range(5)]
    refused(
        "validators.bad-change",
        lambda: validators.follow(MAIN.rules, [ListedChange(invented(PLAIN, liars, liars).encode())]),
    )
    refused("validators.not-in-force", lambda: judge(QBFT, HELD.header(5), MAIN.start))
    refused("validators.not-in-force", lambda: judged(EPOCHS.header(len(EPOCHS.headers) - 1), PLAIN))


# ── Fields and forms ─────────────────────────────────────────────────────────────────────────────────────────────

FIELDS = [name for name in Header.__struct_fields__ if getattr(MAIN.header(PLAIN), name) is not None]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("number", [PLAIN, LATER_ROUND])
def test_every_field_of_a_real_header_changed(number: int, name: str) -> None:
    header = MAIN.header(number)
    value = getattr(header, name)
    changed = value + 1 if isinstance(value, int) else bytes([value[0] ^ 1]) + value[1:]
    with pytest.raises(InputError):
        judge(QBFT, msgspec.structs.replace(header, **{name: changed}), validators.in_force(PATH, number))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_every_part_of_the_extra_data_that_is_signed_changed(which: int) -> None:
    items: list[Any] = rlp.items(rlp.decode(MAIN.header(PLAIN).extra_data))
    items[which] = [b"\1" * 32, items[1][:-1], [address(STRANGER), b"\xff"]][which]
    header = msgspec.structs.replace(MAIN.header(PLAIN), extra_data=rlp.encode(items))
    refused("validators.not-in-force" if which == 1 else "validators.foreign-seal", lambda: judged(header))


@given(at=st.integers(0, 1 << 20), bit=st.integers(0, 7), number=st.integers(1, len(MAIN.headers) - 1))
def test_no_flip_in_a_real_header_passes(at: int, bit: int, number: int) -> None:
    data = bytearray(MAIN.headers[number])
    data[at % len(data)] ^= 1 << bit
    with pytest.raises(InputError):
        judge(QBFT, Header.decode(bytes(data)), validators.in_force(PATH, number))


@given(data=st.data(), number=st.integers(1, len(MAIN.headers) - 1))
def test_no_splice_of_real_headers_passes(data: st.DataObject, number: int) -> None:
    """Any fields of one block in another, sealed as either was."""
    other = data.draw(st.integers(1, len(MAIN.headers) - 1))
    names = data.draw(st.sets(st.sampled_from(FIELDS), min_size=1))
    mine, theirs = MAIN.header(number), MAIN.header(other)
    mixed = msgspec.structs.replace(mine, **{name: getattr(theirs, name) for name in names})
    members = validators.in_force(PATH, mixed.number)
    assert members is not None
    if mixed in (mine, theirs):
        return
    with pytest.raises(InputError):
        judge(QBFT, mixed, members)


def test_other_forms_of_the_same_rlp() -> None:
    data = MAIN.headers[PLAIN]
    header = MAIN.header(PLAIN)
    fields = rlp.items(rlp.decode(data))
    longer = rlp.encode([*fields[:7], b"\0" + bytes(fields[7]), *fields[8:]])  # a number with a leading zero
    prefixed = b"\xfa\0" + data[1:]  # a length with a leading zero
    for other in (longer, prefixed, data + b"\0", data[:-1], data + data, rlp.encode([data]), rlp.encode(data), b""):
        with pytest.raises(InputError):
            Header.decode(other)
    extra = header.extra_data
    items = rlp.items(rlp.decode(extra))
    for other in (
        extra + b"\0",
        rlp.encode([*items, b""]),
        rlp.encode(items[:4]),
        rlp.encode([*items[:3], b"\0", items[4]]),
        rlp.encode([*items[:3], b"\0\1", items[4]]),
        rlp.encode([*items[:3], b"\1" * 5, items[4]]),
        rlp.encode([*items[:2], b"", *items[3:]]),
        rlp.encode([*items[:2], [address(STRANGER)], *items[3:]]),
        rlp.encode([*items[:2], [address(STRANGER), b"\0"], *items[3:]]),
        rlp.encode([items[0], [*items[1], items[1][0]], *items[2:]]),  # type: ignore[index]  # a list, as every block has
        rlp.encode([items[0][:-1], *items[1:]]),
    ):
        with pytest.raises(InputError):
            judged(msgspec.structs.replace(header, extra_data=other))


@pytest.mark.parametrize("form", [SealForm.IBFT2, SealForm.ISTANBUL, SealForm.CLIQUE])
def test_a_real_block_under_another_rule(form: SealForm) -> None:
    with pytest.raises(InputError):
        judge(form, MAIN.header(PLAIN), PATH[0])


@given(data=st.binary(max_size=2000))
def test_whatever_comes_as_a_header_or_a_change_is_refused(data: bytes) -> None:
    for change in (ListedChange(data), VotedChange((data,), data)):
        with pytest.raises(InputError):
            validators.follow(MAIN.rules, [change])
    with pytest.raises(InputError):
        Follower(MAIN.rules).take(data)
    assert validators.read_change(data, b"n" * 32) is None


@given(
    document=st.recursive(
        st.binary(max_size=30) | st.integers(-(2**63), 2**63) | st.sampled_from(["listed", "voted", "contract"]),
        st.lists,
        max_leaves=12,
    )
)
def test_whatever_comes_as_a_document_is_read_or_refused(document: object) -> None:
    rest = document if isinstance(document, list) else [document]
    try:
        found = validators.read_change(cbor.encode(["evm-validators/1", b"n" * 32, *rest]), b"n" * 32)
    except InputError:
        return
    if found is not None:
        with pytest.raises(InputError):
            validators.follow(MAIN.rules, [found])


# ── Another network, another block, another place ────────────────────────────────────────────────────────────────


def test_a_test_network_with_the_same_validators_shows_in_its_transactions_alone() -> None:
    """Its blocks carry the same validators' seals, and its genesis is the same: only a transaction names the chain."""
    assert TWIN.hashes[0] == MAIN.hashes[0]
    for number in range(1, len(TWIN.headers)):
        assert judge(QBFT, TWIN.header(number), MAIN.start).hash == TWIN.hashes[number]
        assert TWIN.hashes[number] != MAIN.hashes[number]
    for number in TWIN.bodies:
        trie = trie_of(TWIN.transactions(number))
        assert trie.root == TWIN.header(number).transactions_root
        found = state.transaction(trie.root, 0, trie.branch(patricia.index_key(0)))
        assert found is not None
        assert found.chain == TWIN.chain != MAIN.chain


def test_validators_that_seal_two_networks_with_one_key_can_change_either() -> None:
    """What no verifier can help: a header names no chain, so a change on one is a proven change on the other. The
    reason why validators' keys belong to one network (see docs/explanation/consensus-evm.md)."""
    change = ListedChange(EPOCHS.headers[-1])
    assert EPOCHS.bytes_of("sixth") in validators.follow(MAIN.rules, [change])[-1].members


def test_a_receipt_or_log_of_another_block() -> None:
    first, second = MAIN.bodies[1], MAIN.bodies[2]
    tries = {number: trie_of(MAIN.receipts(number)) for number in (first, second)}
    for number, trie in tries.items():
        assert trie.root == MAIN.header(number).receipts_root
    nodes = tries[first].branch(patricia.index_key(0))
    assert patricia.verify(MAIN.header(first).receipts_root, patricia.index_key(0), nodes) == MAIN.receipts(first)[0]
    with pytest.raises(InputError):
        patricia.verify(MAIN.header(second).receipts_root, patricia.index_key(0), nodes)
    with pytest.raises(InputError):
        patricia.verify(MAIN.header(first).transactions_root, patricia.index_key(0), nodes)
    two = tries[second].branch(patricia.index_key(1))
    assert patricia.verify(tries[second].root, patricia.index_key(1), two) != MAIN.receipts(second)[0]
    with pytest.raises(InputError):
        patricia.verify(tries[second].root, patricia.index_key(0), two)


def test_the_reverted_transaction_left_no_log_and_says_so() -> None:
    said = MAIN.said["reverted"]
    receipt = evm.Receipt.decode(MAIN.receipts(said["block"])[said["transaction"]])
    assert receipt.succeeded is False
    assert not receipt.logs
    sent = state.Transaction.decode(MAIN.transactions(said["block"])[said["transaction"]])
    assert (sent.sender.hex(), sent.chain) == (said["sender"], MAIN.chain)


def test_another_contract_with_the_same_array() -> None:
    _, joined, left = HELD.proofs()
    change = HELD.contract_change(joined)
    other = validators.Contract(MAIN.bytes_of("register"))
    rules = msgspec.structs.replace(HELD.rules, contract=other)
    with pytest.raises(InputError):
        validators.follow(rules, [change])
    with pytest.raises(InputError):
        validators.follow(HELD.rules, [msgspec.structs.replace(change, slots=HELD.contract_change(left).slots)])


def test_a_contracts_state_under_a_header_that_too_few_sealed() -> None:
    _, joined, _ = HELD.proofs()
    change = HELD.contract_change(joined)
    header = HELD.header(joined.block)
    extra = seals.read_extra(QBFT, header)
    cut = seals.with_seals(header, extra, extra.seals[:2])
    refused(
        "validators.below-quorum",
        lambda: validators.follow(HELD.rules, [msgspec.structs.replace(change, header=cut.encode())]),
    )


def test_a_header_full_of_seals_costs_nothing() -> None:
    header = MAIN.header(PLAIN)
    made = seals_of(PLAIN)
    refused("validators.too-many-seals", lambda: judged(resealed(header, made * 50)))
    refused("seals.bad-extra", lambda: judged(resealed(header, made * 100)))
