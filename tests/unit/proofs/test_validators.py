"""Following the validators in force: every honest path is taken, every other one refused with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import pytest
from coincurve import PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.proofs import cbor, seals, validators
from gateway.proofs.evm import Header
from gateway.proofs.seals import SealForm, Vote
from gateway.proofs.validators import (
    Change,
    Consensus,
    Contract,
    ContractChange,
    Epoch,
    Follower,
    ListedChange,
    Listing,
    ValidatorSet,
    VotedChange,
    in_force,
    judge,
)
from tests.recordings.quorum.recorded import recording
from tests.unit.proofs.sealed_blocks import address, keys, sealed

ALL = keys(6)
FOUR, FIFTH = ALL[:4], ALL[4]
FORMS = [SealForm.QBFT, SealForm.IBFT2, SealForm.ISTANBUL]


def members(of: Sequence[PrivateKey], since: int = 0) -> ValidatorSet:
    return ValidatorSet(since, tuple(sorted(address(key) for key in of)))


def follow(
    form: SealForm, start: ValidatorSet, changes: Sequence[Change], epoch: Epoch = validators.GOQUORUM
) -> tuple[ValidatorSet, ...]:
    return validators.follow(Consensus(form, start, epoch), changes)


def listing(number: int, of: Sequence[PrivateKey], by: Sequence[PrivateKey], form: SealForm = SealForm.QBFT) -> bytes:
    return sealed(form, number, members(of).members, by).encode()


def vote(
    number: int,
    author: PrivateKey,
    subject: PrivateKey,
    *,
    add: bool = True,
    of: Sequence[PrivateKey] = FOUR,
    by: Sequence[PrivateKey] | None = None,
    form: SealForm = SealForm.QBFT,
) -> bytes:
    choice = Vote(address(subject), add)
    return sealed(form, number, members(of).members, by or of, vote=choice, author=author).encode()


@pytest.mark.parametrize("form", FORMS)
def test_a_new_set_sealed_by_the_old_quorum_is_believed(form: SealForm) -> None:
    path = follow(form, members(FOUR), [ListedChange(listing(20, ALL[:5], ALL[:4], form))])
    assert path[-1] == members(ALL[:5], since=20)
    assert in_force(path, 19) == members(FOUR)
    assert in_force(path, 20) == members(ALL[:5], since=20)


def test_a_new_set_that_the_old_quorum_did_not_seal_needs_the_votes() -> None:
    with pytest.raises(InputError, match="bring the votes"):
        follow(SealForm.QBFT, members(ALL[:4]), [ListedChange(listing(20, ALL[2:6], ALL[2:6]))])


@pytest.mark.parametrize("form", FORMS)
def test_votes_of_more_than_half_bring_a_validator_in(form: SealForm) -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH, form=form) for index in range(3))
    path = follow(form, members(FOUR), [VotedChange(votes, listing(13, ALL[:5], ALL[1:5], form))])
    assert path[-1] == members(ALL[:5], since=13)


def test_votes_bring_a_validator_out() -> None:
    five = ALL[:5]
    votes = tuple(vote(10 + index, five[index], FIFTH, add=False, of=five) for index in range(3))
    path = follow(SealForm.QBFT, members(five), [VotedChange(votes, listing(13, FOUR, FOUR[:3]))])
    assert path[-1] == members(FOUR, since=13)


def test_clique_signers_follow_their_votes() -> None:
    choice = Vote(address(FIFTH), True)
    votes = tuple(sealed(SealForm.CLIQUE, 10 + i, [], [FOUR[i]], vote=choice).encode() for i in range(3))
    after = sealed(SealForm.CLIQUE, 13, [], [FIFTH])
    path = follow(SealForm.CLIQUE, members(FOUR), [VotedChange(votes, after.encode())])
    assert judge(SealForm.CLIQUE, after, path[-1]).signers == (address(FIFTH),)


def test_a_lone_vote_does_not_count() -> None:
    change = VotedChange((vote(10, FOUR[0], FIFTH),), listing(11, ALL[:5], ALL[:4]))
    with pytest.raises(InputError, match="no candidate"):
        follow(SealForm.QBFT, members(FOUR), [change])


def test_repeated_votes_of_one_author_count_once() -> None:
    votes = tuple(vote(10 + index, FOUR[0], FIFTH) for index in range(4))
    with pytest.raises(InputError, match="no candidate"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(13, ALL[:5], ALL[:4]))])


def test_votes_of_two_epochs_do_not_add_up() -> None:
    votes = tuple(vote(9 + index, FOUR[index], FIFTH) for index in range(3))
    change = VotedChange(votes, listing(12, ALL[:5], ALL[:4]))
    with pytest.raises(InputError, match="another epoch"):
        follow(SealForm.QBFT, members(FOUR), [change], epoch=Epoch(10))


@pytest.mark.parametrize(
    ("number", "goquorum", "besu"), [(8, 0, 0), (9, 0, None), (10, 1, 1), (18, 1, 1), (19, 1, None), (20, 2, 2)]
)
def test_epochs_as_each_client_counts_them(number: int, goquorum: int, besu: int | None) -> None:
    assert Epoch(10).of(number) == goquorum
    assert Epoch(10, besu=True).of(number) == besu


def test_a_vote_by_a_stranger_does_not_count() -> None:
    votes = (vote(10, ALL[5], FIFTH, by=FOUR),)
    with pytest.raises(InputError, match="by no validator"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(11, ALL[:5], ALL[:4]))])


def test_a_vote_header_must_itself_be_sealed_by_the_set_in_force() -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH, by=FOUR[:2]) for index in range(3))
    with pytest.raises(InputError, match="2 of 4 sealed"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(13, ALL[:5], ALL[:4]))])


def test_the_listed_set_must_be_what_the_votes_give() -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH) for index in range(3))
    with pytest.raises(InputError) as error:
        follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(13, ALL, ALL))])
    assert error.value.code == "validators.not-in-force"


def test_a_hole_in_the_path_is_noticed() -> None:
    second = ListedChange(listing(30, ALL[2:6], ALL[2:6]))
    with pytest.raises(InputError, match="bring the votes"):
        follow(SealForm.QBFT, members(FOUR), [second])
    first = ListedChange(listing(20, ALL[1:5], ALL[1:4]))
    path = follow(SealForm.QBFT, members(FOUR), [first, ListedChange(listing(30, ALL[2:6], ALL[2:5]))])
    assert [there.since for there in path] == [0, 20, 30]


def test_changes_out_of_order_are_refused() -> None:
    later, earlier = ListedChange(listing(30, ALL[1:5], ALL[1:4])), ListedChange(listing(20, ALL[:5], ALL[1:5]))
    with pytest.raises(InputError, match="after one at"):
        follow(SealForm.QBFT, members(FOUR), [later, earlier])


def test_the_set_after_a_change_does_not_judge_a_block_before_it_nor_the_reverse() -> None:
    path = follow(SealForm.QBFT, members(FOUR), [ListedChange(listing(20, ALL[:5], ALL[:4]))])
    before, after = (
        sealed(SealForm.QBFT, 19, path[1].members, ALL[:5]),
        sealed(SealForm.QBFT, 20, path[0].members, FOUR),
    )
    for header in (before, after):
        there = in_force(path, header.number)
        assert there is not None
        with pytest.raises(InputError) as error:
            judge(SealForm.QBFT, header, there)
        assert error.value.code == "validators.not-in-force"


# ── Votes around an earlier change ───────────────────────────────────────────────────────────────────────────────


def test_a_vote_from_before_an_earlier_change_of_the_epoch_still_counts() -> None:
    five, sixth = ALL[:5], ALL[5]
    early = vote(9, FOUR[0], sixth)
    fifth_in = VotedChange(tuple(vote(10 + i, FOUR[i], FIFTH) for i in range(3)), listing(13, five, five))
    late = tuple(vote(14 + i, FOUR[1 + i], sixth, of=five) for i in range(2))
    change = VotedChange((early, *late), listing(16, ALL, ALL))
    path = follow(SealForm.QBFT, members(FOUR), [fifth_in, change])
    assert path[-1] == members(ALL, since=16)
    with pytest.raises(InputError, match="no candidate"):
        follow(SealForm.QBFT, members(FOUR), [fifth_in, VotedChange(late, listing(16, ALL, ALL))])


def test_the_vote_of_a_validator_that_went_since_counts_no_more() -> None:
    five, sixth = ALL[:5], ALL[5]
    early = vote(9, FIFTH, sixth, of=five)
    out = VotedChange(
        tuple(vote(10 + i, five[i], FIFTH, add=False, of=five) for i in range(3)), listing(13, FOUR, FOUR)
    )
    late = tuple(vote(14 + i, FOUR[i], sixth) for i in range(2))
    change = VotedChange((early, *late), listing(16, [*FOUR, sixth], [*FOUR, sixth]))
    with pytest.raises(InputError, match="by no validator"):
        follow(SealForm.QBFT, members(five), [out, change])


def test_a_vote_about_one_who_came_and_went_since_counts_no_more() -> None:
    five = ALL[:5]
    early = vote(9, FOUR[3], FIFTH)
    came = VotedChange(tuple(vote(10 + i, FOUR[i], FIFTH) for i in range(3)), listing(13, five, five))
    out = VotedChange(
        tuple(vote(13 + i, five[i], FIFTH, add=False, of=five) for i in range(3)), listing(16, FOUR, FOUR)
    )
    again = VotedChange((early, *[vote(17 + i, FOUR[i], FIFTH) for i in range(2)]), listing(19, five, five))
    with pytest.raises(InputError, match="would change nothing"):
        follow(SealForm.QBFT, members(FOUR), [came, out, again])


def test_votes_that_a_smaller_set_makes_enough_wait_for_the_next_one() -> None:
    # two of five were not enough; of the four that are left they are no majority either, and the third decides
    five, sixth = ALL[:5], ALL[5]
    early = tuple(vote(8 + i, five[i], sixth, of=five) for i in range(2))
    out = VotedChange(
        tuple(vote(10 + i, five[i], FIFTH, add=False, of=five) for i in range(3)), listing(13, FOUR, FOUR)
    )
    joined = [*FOUR, sixth]
    with pytest.raises(InputError, match="no candidate"):
        follow(SealForm.QBFT, members(five), [out, VotedChange(early, listing(13, joined, joined))])
    decided = VotedChange((*early, vote(14, FOUR[2], sixth)), listing(15, joined, joined))
    assert follow(SealForm.QBFT, members(five), [out, decided])[-1] == members(joined, since=15)


def test_the_new_set_is_in_force_from_the_block_after_the_vote_that_decides() -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH) for index in range(3))
    for number in (12, 14, 20):
        with pytest.raises(InputError, match="the votes decide in block 12"):
            follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(number, ALL[:5], ALL[:5]))])


def test_more_votes_than_decide_are_refused() -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH) for index in range(4))
    with pytest.raises(InputError, match="after the votes had decided"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange(votes, listing(14, ALL[:5], ALL[:5]))])


@pytest.mark.parametrize("many", [0, validators.MAX_VOTES + 1])
def test_a_change_has_votes_and_not_without_end(many: int) -> None:
    change = VotedChange((vote(10, FOUR[0], FIFTH),) * many, listing(11, ALL[:5], ALL[:5]))
    with pytest.raises(InputError, match="are read"):
        follow(SealForm.QBFT, members(FOUR), [change])


def test_the_last_validator_is_not_voted_out() -> None:
    alone = ALL[:1]
    change = VotedChange((vote(10, alone[0], alone[0], add=False, of=alone),), listing(11, [], alone))
    with pytest.raises(InputError, match="last validator"):
        follow(SealForm.QBFT, members(alone), [change])


def test_a_vote_from_before_the_segments_set_is_refused() -> None:
    votes = tuple(vote(10 + index, FOUR[index], FIFTH) for index in range(3))
    with pytest.raises(InputError, match="before the segment"):
        follow(SealForm.QBFT, members(FOUR, since=11), [VotedChange(votes, listing(13, ALL[:5], ALL[:5]))])


def test_a_vote_without_a_vote_and_one_for_a_member_count_for_nothing() -> None:
    plain = listing(10, FOUR, FOUR)
    with pytest.raises(InputError, match="carries no vote"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange((plain,), listing(11, ALL[:5], ALL[:5]))])
    for_member = vote(10, FOUR[0], FOUR[1])
    with pytest.raises(InputError, match="would change nothing"):
        follow(SealForm.QBFT, members(FOUR), [VotedChange((for_member,), listing(11, ALL[:5], ALL[:5]))])


def test_a_header_and_a_contract_do_not_both_name_validators() -> None:
    held = Consensus(SealForm.QBFT, members(FOUR), contract=Contract(bytes(20)))
    with pytest.raises(InputError, match="segment says which"):
        validators.follow(held, [ListedChange(listing(20, ALL[:5], ALL[:4]))])
    listed = Consensus(SealForm.QBFT, members(FOUR))
    with pytest.raises(InputError, match="segment says which"):
        validators.follow(listed, [ContractChange(listing(20, ALL[:5], ALL[:4]), (), ())])


def test_one_header_does_not_change_cliques_signers() -> None:
    with pytest.raises(InputError, match="bring the votes"):
        header = sealed(SealForm.CLIQUE, 20, members(ALL[:5]).members, FOUR[:1])
        follow(SealForm.CLIQUE, members(FOUR), [ListedChange(header.encode())])


def test_a_header_that_lists_the_same_set_is_no_change() -> None:
    with pytest.raises(InputError, match="no new set"):
        follow(SealForm.QBFT, members(FOUR), [ListedChange(listing(20, FOUR, FOUR))])


def test_a_set_judges_nothing_from_before_it() -> None:
    header = Header.decode(listing(19, FOUR, FOUR))
    assert judge(SealForm.QBFT, header, members(FOUR, since=19)).required == 3
    with pytest.raises(InputError, match="from block 20 on") as error:
        judge(SealForm.QBFT, header, members(FOUR, since=20))
    assert error.value.code == "validators.not-in-force"


# ── On real networks ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["main", "twin", "epochs", "contract"])
def test_a_real_chain_is_followed_from_its_genesis(name: str) -> None:
    made = recording(name)
    follower = Follower(made.rules)
    learnt = {proof.block: made.contract_change(proof) for proof in made.proofs()[1:]} if made.rules.contract else {}
    changes: list[Change] = []
    for number in range(1, len(made.headers)):
        found, change = follower.take(made.headers[number])
        assert found.hash == made.hashes[number]
        assert sorted(follower.path[-1].members) == sorted(made.members[number - 1])
        assert [each.hex() for each in found.signers] == made.said["signers"][number - 1]
        if change is not None:
            changes.append(change)
        if number in learnt:
            assert follower.learn(learnt[number]).since == number + 1
            changes.append(learnt[number])
    assert len(changes) == {"main": 2, "twin": 0, "epochs": 3, "contract": 2}[name]
    path = validators.follow(made.rules, changes)
    assert path == follower.path
    for number in range(1, len(made.headers)):
        there = in_force(path, number)
        assert there is not None
        assert judge(SealForm.QBFT, made.header(number), there, listing=made.rules.listing).hash == made.hashes[number]


def test_the_recording_has_later_rounds_and_every_quorum() -> None:
    main = recording("main")
    rounds = {seals.read_extra(SealForm.QBFT, main.header(number)).round for number in range(1, len(main.headers))}
    assert {0, 1, 2} <= rounds
    assert {len(each) for each in main.said["signers"]} >= {3, 4}


def test_open_votes_are_those_of_the_nodes_own_tally() -> None:
    made = recording("epochs")
    follower = Follower(made.rules)
    seen = 0
    for number in range(1, len(made.headers)):
        _, change = follower.take(made.headers[number])
        mine = []
        for data in follower.pending:
            header = Header.decode(data)
            choice = seals.read_extra(SealForm.QBFT, header).vote
            assert choice is not None
            mine.append([header.number, header.beneficiary.hex(), choice.subject.hex(), choice.add])
        if made.members[number] == made.members[number - 1]:  # where one decides, the node drops the votes at once
            assert sorted(mine) == made.said["votes"][number]
            seen += bool(mine)
        assert (change is not None) == (made.members[number - 1] != made.members[max(number - 2, 0)])
    assert seen > 10


def both_kinds(name: str) -> list[tuple[int, ListedChange, VotedChange]]:
    """Of each change of a recorded chain the height, the header that lists it, and the votes for it."""
    made = recording(name)
    found = []
    follower = Follower(made.rules)
    for number in range(1, len(made.headers)):
        pending = follower.pending
        before = set(follower.path[-1].members)
        _, change = follower.take(made.headers[number])
        if change is None:
            continue
        (subject,) = before ^ set(follower.path[-1].members)
        votes = []
        for data in pending:
            choice = seals.read_extra(SealForm.QBFT, Header.decode(data)).vote
            if choice is not None and choice.subject == subject:
                votes.append(data)
        found.append((number, ListedChange(made.headers[number]), VotedChange(tuple(votes), made.headers[number])))
    return found


@pytest.mark.parametrize("name", ["main", "epochs"])
def test_each_real_change_is_proven_by_its_votes_and_most_by_one_header(name: str) -> None:
    made = recording(name)
    path = [made.start]
    by_header = 0
    for number, listed, voted in both_kinds(name):
        step = Consensus(SealForm.QBFT, path[-1], made.rules.epoch)
        found = validators.follow(step, [voted])[-1]
        assert found.since == number
        assert sorted(found.members) == sorted(made.members[number - 1])
        sealers = set(judge(SealForm.QBFT, made.header(number), found).signers)
        if len(sealers & set(path[-1].members)) >= path[-1].quorum:
            assert set(validators.follow(step, [listed])[-1].members) == set(found.members)
            by_header += 1
        else:
            with pytest.raises(InputError, match="bring the votes"):
                validators.follow(step, [listed])
        path.append(found)
    assert len(path) > 2
    assert by_header


def test_votes_of_a_real_epoch_are_not_enough_for_a_shorter_or_besus_epoch() -> None:
    made = recording("epochs")
    number, _, voted = both_kinds("epochs")[0]
    first = Header.decode(voted.votes[0]).number
    step = Consensus(SealForm.QBFT, made.start, Epoch(6))
    assert validators.follow(step, [voted])
    for epoch in (Epoch(number - 1), Epoch(first + 1), Epoch(first + 1, besu=True)):
        with pytest.raises(InputError, match="another epoch"):
            validators.follow(Consensus(SealForm.QBFT, made.start, epoch), [voted])


def test_votes_that_an_epoch_cleared_prove_nothing() -> None:
    """Two of four in one epoch and one in the next: the node did not count them together."""
    made = recording("epochs")
    number, _, voted = both_kinds("epochs")[0]
    (first, *_), (*_, decider) = voted.votes, voted.votes
    chosen = {Header.decode(each).beneficiary: each for each in (first, decider)}
    for data in made.headers[1:number]:
        header = Header.decode(data)
        choice = seals.read_extra(SealForm.QBFT, header).vote
        wanted = seals.read_extra(SealForm.QBFT, Header.decode(decider)).vote
        if choice == wanted and header.number // 6 < number // 6:
            chosen[header.beneficiary] = data
    mixed = sorted(chosen.values(), key=lambda data: Header.decode(data).number)
    assert len(mixed) == 3
    with pytest.raises(InputError, match="another epoch"):
        validators.follow(made.rules, [VotedChange(tuple(mixed), made.headers[number])])


# ── A contract's validators ──────────────────────────────────────────────────────────────────────────────────────

HELD = recording("contract")


def test_a_contracts_array_is_proven_by_the_block_that_changed_it() -> None:
    _, joined, left = HELD.proofs()
    path = validators.follow(HELD.rules, [HELD.contract_change(joined), HELD.contract_change(left)])
    assert [there.since for there in path] == [0, joined.block + 1, left.block + 1]
    assert HELD.bytes_of("fifth") in path[1].members
    assert set(path[2].members) == set(path[0].members)


def test_a_contracts_array_is_proven_whole_and_of_that_contract() -> None:
    _, joined, left = HELD.proofs()
    change = HELD.contract_change(joined)
    replace = msgspec.structs.replace
    cases = [
        (replace(change, slots=change.slots[:-1]), "branches for an array of 5"),
        (replace(change, slots=(*change.slots, change.slots[-1])), "branches for an array of 5"),
        (replace(change, slots=()), "no branch to the array's length"),
        (replace(change, header=HELD.headers[joined.block + 1]), "3 of 4 sealed|is sealed by|not the one|names"),
        (replace(change, account=left.nodes), "not the one that its parent"),
        (
            replace(change, slots=(change.slots[0], *change.slots[:0:-1])),
            "not the one that its parent|ends early|nothing",
        ),
    ]
    for changed, told in cases:
        with pytest.raises(InputError, match=told):
            validators.follow(HELD.rules, [changed])
    elsewhere = replace(HELD.rules, contract=Contract(bytes(20)))
    with pytest.raises(InputError):
        validators.follow(elsewhere, [change])
    for slot in (1, 2**255):
        with pytest.raises(InputError):
            validators.follow(replace(HELD.rules, contract=Contract(HELD.rules.contract.address, slot)), [change])


def test_a_set_in_a_contract_judges_headers_that_list_none() -> None:
    with pytest.raises(InputError, match="lists nobody"):
        judge(SealForm.QBFT, HELD.header(5), HELD.start)
    with pytest.raises(InputError, match="where a contract holds"):
        judge(SealForm.QBFT, recording("main").header(5), recording("main").start, listing=Listing.CONTRACT)


def test_the_contracts_new_set_judges_nothing_before_it_nor_the_old_one_after() -> None:
    _, joined, _ = HELD.proofs()
    path = validators.follow(HELD.rules, [HELD.contract_change(joined)])
    with pytest.raises(InputError):
        judge(SealForm.QBFT, HELD.header(joined.block), path[1], listing=Listing.CONTRACT)
    fifth = HELD.bytes_of("fifth")
    after = next(
        number
        for number in range(joined.block + 1, len(HELD.headers))
        if fifth.hex() in HELD.said["signers"][number - 1]
    )
    with pytest.raises(InputError) as error:
        judge(SealForm.QBFT, HELD.header(after), path[0], listing=Listing.CONTRACT)
    assert error.value.code in ("validators.foreign-seal", "validators.too-many-seals")


# ── Following, stopping, going on ────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=25)
@given(stop=st.integers(1, 54), name=st.sampled_from(["main", "epochs"]))
def test_a_follower_goes_on_where_another_stopped(stop: int, name: str) -> None:
    made = recording(name)
    stop %= len(made.headers) - 1
    first = Follower(made.rules)
    changes = [change for data in made.headers[1 : stop + 1] if (change := first.take(data)[1]) is not None]
    last = (stop, made.hashes[stop])
    second = Follower(made.rules, changes, votes=first.pending, last=last)
    changes += [change for data in made.headers[stop + 1 :] if (change := second.take(data)[1]) is not None]
    assert validators.follow(made.rules, changes) == second.path
    whole = Follower(made.rules)
    for data in made.headers[1:]:
        whole.take(data)
    assert whole.path == second.path
    assert whole.pending == second.pending


def test_a_follower_notices_a_hole_and_a_fork_and_stays_where_it_was() -> None:
    main = recording("main")
    follower = Follower(main.rules)
    for data in main.headers[1:10]:
        follower.take(data)
    for wrong in (main.headers[11], main.headers[9], recording("epochs").headers[10]):
        with pytest.raises(InputError) as error:
            follower.take(wrong)
        assert error.value.code == "validators.not-a-child"
    follower.take(main.headers[10])


def test_a_lying_node_cannot_move_a_follower() -> None:
    """A change that is listed, but sealed by the newcomers alone."""
    main = recording("main")
    number = both_kinds("main")[0][0]
    follower = Follower(main.rules, last=(number - 1, main.hashes[number - 1]))
    invented = sealed(SealForm.QBFT, number, members(ALL).members, ALL, parent_hash=main.hashes[number - 1])
    with pytest.raises(InputError):
        follower.take(invented.encode())
    assert follower.path == (main.start,)
    follower.take(main.headers[number])
    assert follower.path[-1].since == number


def test_a_follower_of_clique_sees_changes_in_the_votes() -> None:
    rules = Consensus(SealForm.CLIQUE, members(FOUR))
    follower = Follower(rules)
    parent, changes = None, []
    for number, author, choice in [
        (10, FOUR[0], Vote(address(FIFTH), True)),
        (11, FOUR[1], Vote(address(FIFTH), True)),
        (12, FOUR[2], Vote(address(FIFTH), True)),
        (13, FIFTH, None),
        (14, FOUR[0], None),
    ]:
        more = {} if parent is None else {"parent_hash": parent}
        header = sealed(SealForm.CLIQUE, number, [], [author], vote=choice, **more)
        found, change = follower.take(header.encode())
        parent = found.hash
        if change is not None:
            changes.append((number, change))
    assert [number for number, _ in changes] == [13]
    assert follower.path[-1] == members(ALL[:5], since=13)
    assert validators.follow(rules, [change for _, change in changes]) == follower.path


# ── As documents, and as a segment says it ───────────────────────────────────────────────────────────────────────

NETWORK = b"n" * 32


@cache
def changes_of_each_kind() -> list[Change]:
    _, joined, _ = HELD.proofs()
    _, listed, voted = both_kinds("main")[0]
    return [listed, voted, HELD.contract_change(joined)]


def test_a_change_travels_as_a_document_and_back() -> None:
    for change in changes_of_each_kind():
        data = validators.encode_change(NETWORK, change)
        assert validators.read_change(data, NETWORK) == change
        assert validators.read_change(data, b"m" * 32) is None
        assert validators.height_of(change) == Header.decode(change.header).number
        assert len(data) < 16 * 1024
    assert validators.read_change(cbor.encode(["evm-something/1", NETWORK, "listed", b""]), NETWORK) is None
    assert validators.read_change(b"", NETWORK) is None


@pytest.mark.parametrize(
    "rest",
    [
        ["listed", "text"],
        ["listed", b"", b""],
        ["voted", b""],
        ["voted", b"", b""],
        ["voted", b"", ["text"]],
        ["voted", [], b""],
        ["contract", b"", []],
        ["contract", b"", [], [b""]],
        ["contract", b"", [], [[1]]],
        ["guessed", b""],
        [1, b""],
        [["listed"], b""],
    ],
)
def test_a_malformed_document_is_refused(rest: list[Any]) -> None:
    with pytest.raises(InputError):
        validators.read_change(cbor.encode(["evm-validators/1", NETWORK, *rest]), NETWORK)


def test_a_document_over_the_limit_is_not_read() -> None:
    data = validators.encode_change(NETWORK, changes_of_each_kind()[0])
    with pytest.raises(LimitError):
        validators.read_change(data, NETWORK, limit=100)


@given(at=st.integers(0, 100_000), bit=st.integers(0, 7), which=st.integers(0, 2))
def test_a_flipped_document_moves_nothing_else(at: int, bit: int, which: int) -> None:
    change = changes_of_each_kind()[which]
    rules = HELD.rules if which == 2 else recording("main").rules
    data = bytearray(validators.encode_change(NETWORK, change))
    data[at % len(data)] ^= 1 << bit
    try:
        found = validators.read_change(bytes(data), NETWORK)
        if found is not None:
            assert validators.follow(rules, [found]) == validators.follow(rules, [change])
            assert found != change
    except InputError:
        return


def test_a_segment_says_it_in_json_and_is_read_back() -> None:
    for rules in (recording("main").rules, HELD.rules, Consensus(SealForm.IBFT2, members(FOUR, 7), Epoch(9, True))):
        said = msgspec.json.decode(msgspec.json.encode(rules.material()))
        assert Consensus.read(said) == rules
    least = {"form": "clique", "since": 0, "validators": [address(FIFTH).hex()]}
    assert Consensus.read(least) == Consensus(SealForm.CLIQUE, ValidatorSet(0, (address(FIFTH),)))


GOOD = Consensus(SealForm.QBFT, members(FOUR), contract=Contract(bytes(20))).material()


@pytest.mark.parametrize(
    "changed",
    [
        {"form": "raft"},
        {"form": None},
        {"form": ["qbft"]},
        {"since": -1},
        {"since": True},
        {"since": "0"},
        {"since": 1 << 63},
        {"validators": []},
        {"validators": "ab" * 20},
        {"validators": ["AB" * 20]},
        {"validators": ["ab" * 19]},
        {"validators": ["ab" * 20, "ab" * 20]},
        {"validators": [7]},
        {"validators": [f"{n:040x}" for n in range(257)]},
        {"epoch": {"length": 0}},
        {"epoch": {"length": 1, "rule": "geth"}},
        {"epoch": {"rule": "besu"}},
        {"epoch": 30_000},
        {"epoch": {"length": 1, "more": 1}},
        {"contract": {"address": "ab" * 20}},
        {"contract": {"address": "xy" * 20, "slot": 0}},
        {"contract": {"address": "ab" * 20, "slot": -1}},
        {"contract": None},
        {"more": 1},
    ],
)
def test_a_segment_that_says_something_else_is_told(changed: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        Consensus.read(GOOD | changed)
    assert error.value.code == "validators.bad-consensus"


@pytest.mark.parametrize("said", [None, [], "qbft", 7, {}, {"form": "qbft"}])
def test_a_segment_that_says_nothing_is_told(said: object) -> None:
    with pytest.raises(InputError):
        Consensus.read(said)
    with pytest.raises(InputError, match="no contract"):
        Consensus.read(GOOD | {"form": "clique"})


# ── Genesis ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_genesis_that_a_network_is_named_by_names_its_first_validators() -> None:
    main, twin = recording("main"), recording("twin")
    assert validators.founders(SealForm.QBFT, main.headers[0], main.hashes[0]) == main.start
    assert main.hashes[0] == twin.hashes[0], "a genesis block says nothing of the chain id"
    for header, name in [(main.headers[1], main.hashes[1]), (main.headers[0], main.hashes[1])]:
        with pytest.raises(InputError) as error:
            validators.founders(SealForm.QBFT, header, name)
        assert error.value.code == "validators.bad-genesis"
    with pytest.raises(InputError, match="no validators"):
        validators.founders(SealForm.QBFT, HELD.headers[0], HELD.hashes[0])


def test_the_genesis_block_itself_is_sealed_by_nobody() -> None:
    with pytest.raises(InputError, match="0 of 4 sealed"):
        judge(SealForm.QBFT, recording("main").header(0), recording("main").start)
