"""Worker processes give what the gateway's own process would, and end with it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import asyncio, os, signal, sys, tempfile
from datetime import UTC, datetime
from pathlib import Path
import msgspec
from gateway import plugins
from gateway.errors import Broken
from gateway.journey.seal import Sealer
from gateway.journey.work import Bench
from gateway.journey.worker import Workers
from gateway.spi import Limits, NativeRecord
from tests.journey.world import FORMAT, LIBRARY, application, make_world

world = make_world(Path(sys.argv[1]))
office = world["xa"]
sealer = Sealer(office.network.digest, office.did, office.method, office.issuer)
verifiers = plugins.verifiers()
bench = Bench("xa", office.network, sealer, world.mark, LIBRARY, world.registry, verifiers, Limits(), [FORMAT])

async def feed():
    for start in range(0, 200, 50):
        await office.write(*[application("XA", n) for n in range(start, start + 50)], NativeRecord(FORMAT, b"{"))
    batch = await anext(office.adapter.source(office.settings, office.network).read(None))
    return batch

batch = asyncio.run(feed())
now = datetime.now(UTC)
own = bench.work(batch.records, batch.shared, now)
import threading
while threading.active_count() > 1:  # the ledger's thread ends with its loop
    pass
workers = Workers({"xa": bench}, 2)
assert len(workers.processes) == 2, workers.processes

async def compare():
    there = await workers.work("xa", batch.records, batch.shared, now)
    assert msgspec.to_builtins(there) == msgspec.to_builtins(own), "not the same"
    assert sum(one.fault is not None for one in there) == 4
    small = await workers.work("xa", batch.records[:3], batch.shared, now)
    assert len(small) == 3
    broken = {digest: content for digest, content in batch.shared.items()}
    try:
        await workers.work("xa", batch.records, {d: b"?" for d in broken}, now)
    except Broken as error:
        print("broken", error.code)
    swap = msgspec.structs.replace
    forged = [swap(one, evidence=swap(one.evidence, network=b"n" * 32)) for one in batch.records]
    assert all(one.fault for one in await workers.work("xa", forged, batch.shared, now))
    os.kill(workers.processes[0], signal.SIGKILL)
    again = await workers.work("xa", batch.records, batch.shared, now)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(own)
    assert len(workers.processes) == 1
    os.kill(workers.processes[0], signal.SIGKILL)
    again = await workers.work("xa", batch.records, batch.shared, now)
    assert msgspec.to_builtins(again) == msgspec.to_builtins(own)
    assert workers.processes == ()

asyncio.run(compare())
workers.close()
late = Workers({"xa": bench}, 1)
print("left", *late.processes, flush=True)
os._exit(0)
"""


def test_workers_give_what_the_process_itself_gives(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    left = [int(number) for line in done.stdout.splitlines() if line.startswith("left") for number in line.split()[1:]]
    assert left
    for process in left:  # their gateway ended without a word; so do they
        for _ in range(200):
            try:
                with open(f"/proc/{process}/stat", encoding="ascii") as stat:
                    if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                        break
            except FileNotFoundError:
                break
            __import__("time").sleep(0.02)
        else:
            pytest.fail("a worker outlived its gateway")


async def test_beside_other_threads_no_process_is_forked() -> None:
    from gateway.journey.worker import Workers

    started = asyncio.Event()
    hold = asyncio.get_running_loop().run_in_executor(None, __import__("time").sleep, 0.3)
    workers = Workers({}, 2)
    assert workers.processes == ()
    workers.close()
    started.set()
    await hold


def test_every_fault_that_crosses_a_pipe_is_declared() -> None:
    from gateway.errors import Broken
    from gateway.journey.judge import ANCHOR
    from gateway.journey.worker import _Answer, _made

    with pytest.raises(Broken) as caught:
        _made(_Answer([], (ANCHOR.code, "detail", "hint", None)))
    assert caught.value.fault == ANCHOR
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(_Answer()), type=_Answer) == _Answer()
    assert datetime.now(UTC)
