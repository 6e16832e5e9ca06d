"""The ledger file: what is in a block, what a key means, who may write, how validators change."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import Broken, Misuse, Permanent, Transient
from gateway.proofs import ed25519
from gateway_sandbox.blocks import (
    CHANGE_FORMAT,
    MOST_ENTRIES,
    Block,
    Genesis,
    ValidatorSet,
    content_hash,
    read,
    signed_bytes,
    subject_hash,
)
from gateway_sandbox.ledger import Held, Ledger
from tests.unit.sandbox.scenes import CHAIN, entry


def write(ledger: Ledger, *numbers: int, fence: int = 1) -> bool:
    return ledger.append([entry(number) for number in numbers], writer="office", fence=fence)


def everything(ledger: Ledger) -> list[tuple[int, list[bytes]]]:
    blocks = ledger.blocks(0, 2**53, entries=10**6, content=10**9)
    return [(block.header.number, [each.leaf.key for each in block.entries]) for block in blocks]


class TestFounding:
    def test_a_genesis_names_chain_validators_and_time(self, tmp_path: Path) -> None:
        time = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
        ledger = Ledger.found(tmp_path / "l", CHAIN, time=time)
        assert ledger.genesis.chain == CHAIN
        assert len(ledger.genesis.validators) == 4
        assert read(Genesis, ledger.genesis.encode()) == ledger.genesis
        head = ledger.head()
        assert (head.number, head.digest, head.time) == (0, ledger.genesis.digest, ledger.genesis.time)
        assert ledger.genesis.time == 1_767_323_045_678_901
        ledger.close()

    def test_it_is_harmless_when_the_ledger_is_there(self, ledger: Ledger) -> None:
        write(ledger, 1)
        again = Ledger.found(ledger.file, CHAIN)
        assert again.genesis == ledger.genesis
        assert again.head().number == 1
        again.close()

    def test_another_chain_is_never_overwritten(self, ledger: Ledger) -> None:
        with pytest.raises(Permanent, match="not 'xb'"):
            Ledger.found(ledger.file, "xb")
        again = Ledger(ledger.file)
        assert again.genesis == ledger.genesis
        again.close()

    def test_many_at_once_found_one_ledger(self, tmp_path: Path) -> None:
        def found(_: int) -> bytes:
            ledger = Ledger.found(tmp_path / "l", CHAIN)
            ledger.close()
            return ledger.genesis.digest

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(found, range(16)))) == 1

    def test_only_the_owner_reads_the_keys(self, ledger: Ledger) -> None:
        write(ledger, 1)
        for file in ledger.file.parent.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    @pytest.mark.parametrize("validators", [7, 10])
    def test_larger_sets(self, tmp_path: Path, validators: int) -> None:
        ledger = Ledger.found(tmp_path / "l", CHAIN, validators=validators)
        write(ledger, 1)
        (block,) = ledger.blocks(0, 1, entries=1, content=1)
        assert len(read(Block, block.document).signatures) == 2 * (validators // 3) + 1
        ledger.close()


class TestOpening:
    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(Transient, match="no such file"):
            Ledger(tmp_path / "none")

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        with pytest.raises(Transient, match="empty"):
            Ledger(tmp_path / "empty")

    def test_a_file_of_another_kind(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("a register, but on paper\n" * 100)
        with pytest.raises(Broken):
            Ledger(tmp_path / "text")

    def test_a_database_of_another_kind(self, tmp_path: Path) -> None:
        other = sqlite3.connect(tmp_path / "other")
        other.execute("CREATE TABLE genesis (document BLOB)")
        other.commit()
        other.close()
        with pytest.raises(Broken, match="other database"):
            Ledger(tmp_path / "other")
        with pytest.raises(Broken, match="other database"):
            Ledger.found(tmp_path / "other", CHAIN)

    def test_a_ledger_that_may_only_be_read(self, ledger: Ledger) -> None:
        write(ledger, 1)
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        ledger.file.chmod(0o400)
        with pytest.raises(Transient):
            with closing(Ledger(ledger.file)) as again:
                write(again, 2)


class TestBlocks:
    def test_a_block_is_signed_by_three_of_four_and_which_three_changes(self, ledger: Ledger) -> None:
        for number in range(8):
            write(ledger, number)
        turns = []
        for block in ledger.blocks(0, 8, entries=100, content=10**6):
            signed = read(Block, block.document)
            turns.append(tuple(public for public, _ in signed.signatures))
            assert len(signed.signatures) == 3
            assert set(turns[-1]) < set(ledger.genesis.validators)
            for public, signature in signed.signatures:
                assert ed25519.verify(public, signature, signed_bytes(signed.header))
        assert len(set(turns)) == 4
        assert turns[:4] == turns[4:]

    def test_blocks_are_chained_and_time_never_goes_back(self, ledger: Ledger) -> None:
        for number in range(5):
            write(ledger, number)
        blocks = ledger.blocks(0, 5, entries=100, content=10**6)
        parents = [ledger.genesis.digest, *(block.digest for block in blocks)]
        assert [block.header.parent for block in blocks] == parents[:-1]
        times = [ledger.genesis.time, *(block.header.time for block in blocks)]
        assert times == sorted(times)
        assert {block.header.genesis for block in blocks} == {ledger.genesis.digest}

    def test_an_entry_is_kept_as_it_came_beside_its_salted_leaf(self, ledger: Ledger) -> None:
        given = entry(1, path=(os.urandom(32), os.urandom(32)), content=bytes(range(256)) * 7)
        ledger.append([entry(0), given, entry(2)], writer="office", fence=1)
        (block,) = ledger.blocks(0, 1, entries=1, content=1)
        kept, _ = block.proven()[1]
        assert (kept.mark, kept.path, kept.format, kept.content) == (
            given.mark,
            given.path,
            given.format,
            given.content,
        )
        assert kept.leaf.hash == content_hash(given.mark, given.path, given.format, given.content)
        assert kept.leaf.subject == subject_hash(kept.salt, given.subject)
        assert kept.leaf.key == given.key

    def test_a_subject_counts_its_entries_and_keeps_its_salt(self, ledger: Ledger) -> None:
        ledger.append([entry(1, subject="a"), entry(2, subject="b"), entry(3, subject="a")], writer="o", fence=1)
        ledger.append([entry(4, subject="a", withdrawn=True, supersedes=entry(3).key)], writer="o", fence=1)
        stored = [each for block in ledger.blocks(0, 2, entries=9, content=10**6) for each in block.entries]
        assert [each.leaf.revision for each in stored] == [1, 1, 2, 3]
        assert len({each.salt for each in stored}) == 2
        state = ledger.subject("a")
        assert state is not None
        assert (state.revision, state.hash, state.withdrawn) == (3, stored[3].leaf.hash, True)
        assert ledger.subject("c") is None

    def test_the_largest_block(self, ledger: Ledger) -> None:
        assert write(ledger, *range(MOST_ENTRIES))
        (block,) = ledger.blocks(0, 1, entries=1, content=1)
        assert len(block.proven()) == MOST_ENTRIES
        with pytest.raises(Misuse):
            write(ledger, *range(MOST_ENTRIES + 1))
        assert ledger.head().number == 1

    def test_reading_stops_before_too_much(self, ledger: Ledger) -> None:
        for first in range(0, 50, 10):
            write(ledger, *range(first, first + 10))

        def numbers(after: int, last: int, entries: int, content: int) -> list[int]:
            return [block.header.number for block in ledger.blocks(after, last, entries=entries, content=content)]

        assert numbers(0, 99, 30, 10**6) == [1, 2, 3]
        assert numbers(0, 99, 39, 10**6) == [1, 2, 3]
        assert numbers(0, 99, 1, 10**6) == [1], "one there always is"
        assert numbers(0, 99, 1000, 1) == [1]
        assert numbers(3, 99, 1000, 10**6) == [4, 5]
        assert numbers(1, 3, 1000, 10**6) == [2, 3]
        assert numbers(5, 99, 1000, 10**6) == []

    def test_a_busy_thread_beside_it_does_not_hold_up_reading(self, ledger: Ledger) -> None:
        """Row by row, a thousand entries took seconds: sqlite3 lets go of the interpreter at each row."""
        for first in range(0, 1000, 10):
            write(ledger, *range(first, first + 10))
        ended = threading.Event()

        def spin() -> None:
            while not ended.is_set():
                sum(range(1000))

        busy = threading.Thread(target=spin)
        busy.start()
        try:
            start = time.monotonic()
            assert len(ledger.blocks(0, 100, entries=1000, content=10**9)) == 100
            assert len(ledger.held([entry(number).key for number in range(1000)])) == 1000
            assert time.monotonic() - start < 1.0
        finally:
            ended.set()
            busy.join()


class TestKeys:
    def test_the_same_again_writes_nothing(self, ledger: Ledger) -> None:
        write(ledger, 1, 2)
        first = ledger.held([entry(1).key])
        assert write(ledger, 1, 2)
        assert ledger.head().number == 1
        assert ledger.held([entry(1).key]) == first

    def test_what_is_new_among_known_is_written_alone(self, ledger: Ledger) -> None:
        write(ledger, 1, 2)
        write(ledger, 2, 3, 1, 4)
        assert everything(ledger)[1] == (2, [entry(3).key, entry(4).key])

    def test_a_key_twice_in_one_block_is_written_once(self, ledger: Ledger) -> None:
        write(ledger, 1, 1, 1)
        assert everything(ledger) == [(1, [entry(1).key])]

    def test_another_content_under_a_known_key_is_not_written(self, ledger: Ledger) -> None:
        write(ledger, 1)
        ledger.append([entry(9, key=entry(1).key)], writer="office", fence=1)
        assert ledger.head().number == 1
        assert ledger.held([entry(1).key])[entry(1).key].digest == entry(1).digest

    def test_held_says_where(self, ledger: Ledger) -> None:
        write(ledger, 1)
        write(ledger, 2, 3)
        block = ledger.digest(2)
        assert block is not None
        assert ledger.held([entry(3).key, entry(7).key]) == {entry(3).key: Held(entry(3).digest, block, 1)}
        assert ledger.held([]) == {}


class TestFences:
    def test_an_older_token_writes_nothing(self, ledger: Ledger) -> None:
        assert write(ledger, 1, fence=7)
        assert not write(ledger, 2, fence=6)
        assert write(ledger, 3, fence=7)
        assert everything(ledger) == [(1, [entry(1).key]), (2, [entry(3).key])]

    def test_each_writer_has_its_own(self, ledger: Ledger) -> None:
        assert ledger.append([entry(1)], writer="a", fence=9)
        assert ledger.append([entry(2)], writer="b", fence=1)
        assert (ledger.fence("a"), ledger.fence("b"), ledger.fence("c")) == (9, 1, None)


class TestChangesOfValidators:
    def test_the_set_in_force_agrees_to_the_next(self, ledger: Ledger) -> None:
        write(ledger, 1)
        before = ledger.validators_at(1)
        after = ledger.change_validators(2)
        write(ledger, 2)

        first, changing, second = ledger.blocks(0, 3, entries=9, content=10**6)
        assert first.header.successors == before.digest
        assert (changing.header.validators, changing.header.successors) == (before.digest, after.digest)
        assert (second.header.validators, second.header.successors) == (after.digest, after.digest)
        (agreed,) = changing.entries
        assert agreed.format == CHANGE_FORMAT
        assert read(ValidatorSet, agreed.content) == after
        signers = {public for public, _ in read(Block, changing.document).signatures}
        assert signers <= set(before.validators)
        assert len(set(before.validators) & set(after.validators)) == 2
        assert [ledger.validators_at(number) for number in (1, 2, 3, 99)] == [before, before, after, after]
        (kept,) = ledger.changes()
        assert (kept.header, kept.earlier) == (changing.header, before.encode())

    def test_all_may_give_way_at_once(self, ledger: Ledger) -> None:
        before = ledger.validators_at(1)
        after = ledger.change_validators(4)
        assert not set(before.validators) & set(after.validators)
        write(ledger, 1)
        (block,) = ledger.blocks(1, 2, entries=9, content=10**6)
        assert {public for public, _ in read(Block, block.document).signatures} < set(after.validators)

    @pytest.mark.parametrize("count", [0, 5, -1])
    def test_no_more_than_there_are(self, ledger: Ledger, count: int) -> None:
        with pytest.raises(Misuse):
            ledger.change_validators(count)
        assert ledger.head().number == 0


def test_version_changes_with_the_commit_of_another(ledger: Ledger) -> None:
    reader = Ledger(ledger.file)
    before = reader.version()
    assert reader.version() == before
    write(ledger, 1)
    assert reader.version() != before
    reader.close()


def test_a_file_in_its_place_is_noticed(ledger: Ledger, tmp_path: Path) -> None:
    assert not ledger.replaced()
    other = Ledger.found(tmp_path / "other", "xb")
    other.close()
    (tmp_path / "other").replace(ledger.file)
    assert ledger.replaced()
    ledger.file.unlink()
    with pytest.raises(Transient, match="gone"):
        ledger.replaced()
