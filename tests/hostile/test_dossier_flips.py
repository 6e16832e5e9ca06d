"""Two thousand flips over a dossier, raw and with all that is unsigned mended again: nothing passes or breaks."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Final

import pytest

from gateway.dossier.container import Member
from gateway.errors import InputError
from tests.unit.dossier import corpus, corpus_evm
from tests.unit.dossier.corpus import Case, members_of, packed, sha

GOOD: Final = {"sandbox/1": corpus.GOOD, "evm-receipt/1": corpus_evm.GOOD}
FLIPS: Final = 2000
UNSIGNED: Final = {"registry.json"}
"""Members that bind nothing and prove nothing: material, which is compared and never believed."""


def outcome(case: Case) -> str:
    """What a person would be told: the indication, or that the file is neither a dossier nor a credential."""
    try:
        verdict = case.verdict()
    except InputError as error:
        return f"cannot be opened: {error.code}"
    verdict.encode()
    return verdict.indication


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_two_thousand_flips_of_one_bit(good: Case) -> None:
    dice = random.Random(2026)
    told: dict[str, int] = {}
    for _ in range(FLIPS):
        data = bytearray(good.data)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        found = outcome(replace(good, data=bytes(data)))
        told[found] = told.get(found, 0) + 1
    assert set(told) <= {"TOTAL-FAILED", "INDETERMINATE", "cannot be opened: verify.unrecognised"}
    assert told["TOTAL-FAILED"] > FLIPS * 0.9


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_two_thousand_flips_of_bytes_anywhere(good: Case) -> None:
    dice = random.Random(2027)
    for _ in range(FLIPS):
        data = bytearray(good.data)
        for _ in range(dice.choice((1, 1, 2, 5, 40))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if bytes(data) != good.data:
            assert outcome(replace(good, data=bytes(data))) != "TOTAL-PASSED"


def mended(members: list[Member], at: int, content: bytes) -> bytes:
    """The file with another member, its checksum and manifest made anew, and its name where that is a digest."""
    folder, slash, _ = members[at].name.partition("/")
    name = f"{folder}/{sha(content).hex()}" if slash else folder
    rest = sorted([*members[2:at], Member(name, content), *members[at + 1 :]])
    return packed([*members[:2], *rest])


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_two_thousand_flips_with_all_that_is_unsigned_mended(good: Case) -> None:
    """What a forger can do: checksums, manifest and names are right again, and only what is signed or proven is not."""
    dice = random.Random(2028)
    members = members_of(good.data)
    passed: set[str] = set()
    for _ in range(FLIPS):
        at = dice.randrange(2, len(members))
        content = bytearray(members[at].content)
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        if outcome(replace(good, data=mended(members, at, bytes(content)))) == "TOTAL-PASSED":
            passed.add(members[at].name)
    assert passed <= UNSIGNED


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_no_member_can_be_cut_emptied_or_swapped(good: Case) -> None:
    members = members_of(good.data)
    for at in range(2, len(members)):
        for content in (b"", members[at].content[:-1], members[at].content * 2, members[at - 1].content):
            data = mended(members, at, content)
            if members[at].name not in UNSIGNED:
                assert outcome(replace(good, data=data)) != "TOTAL-PASSED", members[at].name


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_parts_of_two_good_files_make_no_third(good: Case) -> None:
    """Everything in it is genuine, and it was never said together."""
    other = corpus.draft(native=corpus.native_of(fd=20250112)) if good is corpus.GOOD else corpus.draft()
    members, others = members_of(good.data), {member.name: member.content for member in members_of(other.file())}
    for at in range(2, len(members)):
        name = members[at].name
        if name in others and others[name] != members[at].content and name not in UNSIGNED:
            data = mended(members, at, others[name])
            assert outcome(replace(good, data=data)) != "TOTAL-PASSED", name
