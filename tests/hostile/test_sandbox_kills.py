"""A ledger whose writers are killed, are many, or whose file was changed by hand."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Broken, GatewayError, Permanent
from gateway.spi import DeliveryKey, NetworkId, Prepared
from gateway_sandbox.blocks import Block, read, signed_bytes
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.sink import SandboxSink
from tests.unit.sandbox.scenes import CHAIN, entry

ROOT = Path(__file__).resolve().parents[2]

WRITER = """
import sys
from gateway_sandbox.ledger import Ledger
from tests.unit.sandbox.scenes import entry
file, writer, first, blocks, size, step = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
ledger = Ledger(file)
print("ready", flush=True)
sys.stdin.readline()
for block in range(blocks):
    start = first + block * step
    ledger.append([entry(number) for number in range(start, start + size)], writer=writer, fence=1)
"""


def writing(file: Path, name: str, first: int, blocks: int, size: int, step: int) -> subprocess.Popen[str]:
    """A process that has opened the ledger, and writes once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(file), name, *map(str, (first, blocks, size, step))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> int:
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()
    return process.wait(timeout=60)


def inspect(file: Path) -> list[int]:
    """The sizes of all blocks, after everything that can be said of a ledger was found true."""
    database = sqlite3.connect(file)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    indexed = dict(database.execute("SELECT key, position FROM entries"))
    database.close()
    ledger = Ledger(file)
    parent, keys = ledger.genesis.digest, Counter[bytes]()
    sizes = []
    for number in range(1, ledger.head().number + 1):
        (block,) = ledger.blocks(number - 1, number, entries=1, content=1)
        assert (block.header.number, block.header.parent, block.digest) == (number, parent, ledger.digest(number))
        for place, (each, _) in enumerate(block.proven()):
            keys[each.leaf.key] += 1
            assert indexed.pop(each.leaf.key) == number * 4096 + place
        signed = read(Block, block.document)
        for public, signature in signed.signatures:
            ledger._signer(public).public_key().verify(signature, signed_bytes(signed.header))
        sizes.append(block.header.size)
        parent = block.digest
    ledger.close()
    assert not indexed, "no key without its entry"
    assert set(keys.values()) <= {1}, "no entry twice"
    return sizes


def test_twenty_kills_at_random_instants_tear_nothing(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    Ledger.found(file, CHAIN).close()
    chance = random.Random(20261101)
    blocks, size = 60, 40
    for kill in range(20):
        before = len(inspect(file)) if kill % 5 == 0 else None
        process = writing(file, "office", 0, blocks * 20, size, size)
        go(process)
        time.sleep(chance.uniform(0.0, 0.12))
        process.send_signal(signal.SIGKILL)
        assert end(process) == -signal.SIGKILL
        sizes = inspect(file)
        assert set(sizes) <= {size}, "a block is there whole or not at all"
        assert before is None or len(sizes) >= before, "what was there is there"
    written = len(inspect(file))
    assert written > 20
    process = writing(file, "office", 0, written + 5, size, size)
    go(process)
    assert end(process) == 0
    assert inspect(file) == [size] * (written + 5), "whoever begins again completes it, and writes nothing twice"


def test_processes_that_write_the_same_at_once_write_it_once(tmp_path: Path) -> None:
    file = tmp_path / "ledger"
    Ledger.found(file, CHAIN).close()
    # Each block of one overlaps two of the other: 20 entries, 10 further on each time.
    processes = [writing(file, f"gateway {number}", 5 * number, 40, 20, 10) for number in range(3)]
    for process in processes:
        go(process)
    reader = Ledger(file)
    while any(process.poll() is None for process in processes):
        for block in reader.blocks(0, 2**53, entries=10**6, content=10**9):
            block.proven()
    reader.close()
    assert [end(process) for process in processes] == [0, 0, 0]
    sizes = inspect(file)
    assert sum(sizes) == 39 * 10 + 20 + 10
    ledger = Ledger(file)
    assert len(ledger.held([entry(number).key for number in range(1000)])) == sum(sizes)
    ledger.close()


def spoil(file: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute(statement, values)
        database.commit()


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of one block of three entries."""
    file = tmp_path_factory.mktemp("spoiled") / "ledger"
    ledger = Ledger.found(file, CHAIN)
    ledger.append([entry(number) for number in range(3)], writer="office", fence=1)
    ledger.close()
    return file


def look(file: Path) -> None:
    ledger = Ledger(file)
    try:
        ledger.head()
        ledger.changes()
        ledger.held([entry(1).key])
        for block in ledger.blocks(0, 99, entries=10, content=10**6):
            block.proven()
    finally:
        ledger.close()


def _body(file: Path) -> bytes:
    database = sqlite3.connect(file)
    body: bytes = database.execute("SELECT body FROM blocks").fetchone()[0]
    database.close()
    return body


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_row_that_was_changed_by_hand_is_broken_and_never_a_traceback(spoiled: Path, data: st.DataObject) -> None:
    sound = _body(spoiled)
    body = data.draw(
        st.binary(max_size=64)
        | st.integers(0, len(sound) - 1).map(lambda end: sound[:end])
        | st.tuples(st.integers(0, len(sound) - 1), st.integers(1, 255)).map(
            lambda flip: sound[: flip[0]] + bytes([sound[flip[0]] ^ flip[1]]) + sound[flip[0] + 1 :]
        )
    )
    spoil(spoiled, "UPDATE blocks SET body = ?", body)
    try:
        look(spoiled)
    except Broken:
        pass
    else:
        # What is left is what header and leaves do not cover by themselves: signatures, contents, what opens hashes.
        # The verifier looks at those, record by record.
        assert _leaves(body) == _leaves(sound)
    finally:
        spoil(spoiled, "UPDATE blocks SET body = ?", sound)


def _leaves(body: bytes) -> list[object]:
    document, entries = msgspec.msgpack.decode(body)
    return [read(Block, document).header, *(each[0] for each in entries)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE genesis SET document = x'00'",
        "DELETE FROM blocks",
        "UPDATE blocks SET size = 7, time = -1, successors = x''",
        "UPDATE blocks SET number = 9",
        "DELETE FROM sets",
        "DELETE FROM validators",
        "DROP TABLE blocks",
        "UPDATE entries SET position = -5",
        "PRAGMA user_version = 2",
    ],
)
def test_a_file_that_was_changed_by_hand_gives_the_gateways_own_errors(tmp_path: Path, statement: str) -> None:
    file = tmp_path / "ledger"
    ledger = Ledger.found(file, CHAIN)
    ledger.append([entry(1)], writer="office", fence=1)
    ledger.close()
    spoil(file, statement)
    try:
        look(file)
        ledger = Ledger(file)
        try:
            ledger.append([entry(2)], writer="office", fence=1)
        finally:
            ledger.close()
    except GatewayError:
        pass


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE blocks SET time = 'soon'",
        "UPDATE blocks SET body = NULL",
        "UPDATE blocks SET digest = x'00'",
        "UPDATE entries SET key = x'01'",
        "UPDATE entries SET digest = x''",
    ],
)
def test_what_no_column_holds_does_not_get_in(spoiled: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        spoil(spoiled, statement)


@given(body=st.binary(max_size=200))
async def test_an_attempt_that_is_none(body: bytes) -> None:
    sink = SandboxSink(SandboxSettings(file="/nowhere", chain=CHAIN), NetworkId("sandbox", CHAIN, bytes(32)))
    attempt = Prepared((DeliveryKey(bytes(32)),), body, "")
    with pytest.raises(Permanent):
        await sink.submit(attempt)
    with pytest.raises(Permanent):
        await sink.outcome(attempt)
    await sink.aclose()
