"""Following the validators in force: every honest path is taken, every other one refused with its reason."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from coincurve import PrivateKey

from gateway.errors import InputError
from gateway.proofs import validators
from gateway.proofs.seals import SealForm, Vote
from gateway.proofs.validators import (
    Change,
    Consensus,
    Epoch,
    ListedChange,
    ValidatorSet,
    VotedChange,
    in_force,
    judge,
)
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
