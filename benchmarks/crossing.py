"""Records from one sandbox ledger to another through the whole gateway: how many a second, how soon, in how much room.

    python benchmarks/crossing.py [--mode quick|full]

All promises are on: evidence verified against a registry, records translated, sealed, stored with the position, sent
in the other's form, the outcome asked for and stored, and what was written read again and recognised. The ledger is
filled beforehand. Of five records two are applications and three legal status events.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import resource
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT: Final = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "adapters"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from gateway.journey.gateway import Gateway  # noqa: E402  # the tree must be on the path first
from gateway.model.records import Classification, Party, Text, subjects_of  # noqa: E402
from gateway_sandbox.office import own_record, write  # noqa: E402
from tests.journey.world import World, application, event, make_world, native  # noqa: E402

RECORDS: Final = {"quick": 30_000, "full": 190_000}
LIVE_SECONDS: Final = {"quick": 8, "full": 30}
RATE: Final = 2_500.0
FIRST: Final = 900_000


def measure(mode: str = "quick") -> list[dict[str, Any]]:
    """The figures of this benchmark, as `benchmarks/latest.json` lists them."""
    return [*sustained(RECORDS[mode], mode), *latency(LIVE_SECONDS[mode], mode)]


def figure(
    name: str, value: float, unit: str, mode: str, target: str | None = None, holds: bool | None = None
) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "target": target, "holds": holds, "mode": mode}


# ── what is carried ──────────────────────────────────────────────────────────────────────────────────────────────────


def contents() -> Iterator[tuple[str, bytes, str]]:
    """Format, native bytes and subject of one record after another, all different."""
    app = application(
        "XA",
        FIRST,
        title="Folding wind vane with a locking hinge",
        inventor_bag=(Party((Text("Ada Marchetti"),)), Party((Text("Jun Okafor"),))),
        classification_bag=(Classification("IPC", "F03D 7/02"), Classification("CPC", "F03D 7/0224")),
    )
    happened = event("XA", FIRST, "A10", national_code="N00000000")
    plain, other = native(app), native(happened)
    number = app.application_number.original
    subject = subjects_of(app)[0]
    normal = app.application_number.normalised
    count = 0
    while True:
        count += 1
        named = f"XA-{2030 + count // 900_000}-{count % 900_000 + 1:06d}"
        about = subject.replace(normal, normal.replace(normal[-10:], named[-10:]) if normal[-10:] in named else named)
        yield plain.format, plain.content.replace(number.encode(), named.encode()), about
        if count % 2 == 0:
            for turn in range(3):
                code = f"N{count:07d}{turn}".encode()
                content = other.content.replace(number.encode(), named.encode()).replace(b"N00000000", code)
                yield other.format, content, about


async def fill(world: World, name: str, many: int, at: Iterator[tuple[str, bytes, str]]) -> None:
    for _ in range(0, many, 500):
        await write(world[name].settings, [own_record(*next(at)) for _ in range(500)])


@contextmanager
def a_world() -> Iterator[World]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    folder = Path(tempfile.mkdtemp(prefix="gateway-bench-"))
    try:
        yield make_world(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ── how many ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def resident(processes: tuple[int, ...]) -> float:
    """Resident memory of the processes together, in MB."""
    pages = 0
    for process in processes:
        with open(f"/proc/{process}/statm", encoding="ascii") as statm:
            pages += int(statm.read().split()[1])
    return pages * resource.getpagesize() / 1e6


def sustained(many: int, mode: str) -> list[dict[str, Any]]:
    with a_world() as world:
        world.routes = world.routes[:1]
        asyncio.run(fill(world, "xa", many, contents()))
        return asyncio.run(_sustained(world, many, mode))


async def _sustained(world: World, many: int, mode: str) -> list[dict[str, Any]]:
    gateway = Gateway(world.assembly())
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    landed = gateway.metrics.landed.labels("xb")._value.get
    processes = (os.getpid(), *gateway._workers.processes)
    rooms: list[tuple[float, float]] = []
    began = time.monotonic()
    spent = os.times()
    last = began
    while landed() < many:
        await asyncio.sleep(0.05)
        if task.done():
            await task
        now = time.monotonic()
        if now - last >= 0.25:
            last = now
            rooms.append((landed(), resident(processes)))
        if now - began > 3000:
            raise TimeoutError(f"{landed()} of {many} landed")
    took = time.monotonic() - began
    used = os.times()
    stop.set()
    await task
    rate = many / took
    own = (used.user + used.system - spent.user - spent.system) / many * 1e6
    children = os.times()
    others = (children.children_user + children.children_system) / many * 1e6
    figures = [
        figure("sandbox → sandbox, sustained", rate, "records/s", mode, "≥ 2,500", rate >= RATE),
        figure("… seconds it was sustained", took, "s", mode),
        figure("… processor time, gateway's own process", own, "µs/record", mode),
        figure("… processor time, workers", others, "µs/record", mode),
        figure("… one bare Ed25519 signature, same run", _signing(), "µs", mode),
    ]
    second = [room for done, room in rooms if many / 4 <= done < many / 2]
    final = [room for done, room in rooms if done >= many * 3 / 4]
    if second and final:
        ratio = (sum(final) / len(final)) / (sum(second) / len(second))
        name = f"memory over {many:,} records, last quarter ÷ second"
        figures.append(figure(name, ratio, "", mode, "≤ 1.05", ratio <= 1.05))
        figures.append(figure("… resident, all processes, at the end", final[-1], "MB", mode))
    return figures + _room(world, many, mode)


def _signing() -> float:
    key = Ed25519PrivateKey.generate()
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        for _ in range(200):
            key.sign(b"m" * 64)
        best = min(best, (time.perf_counter() - began) / 200)
    return best * 1e6


def _room(world: World, many: int, mode: str) -> list[dict[str, Any]]:
    file = world.folder / "gateway.db"
    with sqlite3.connect(file) as database:

        def ask(query: str) -> float:
            return float(database.execute(query).fetchone()[0] or 0)

        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        native_bytes = ask("SELECT sum(length(native)) FROM entries WHERE state = 0")
        own = ask("SELECT sum(length(evidence)) FROM entries WHERE state = 0")
        shared = ask("SELECT sum(length(content)) FROM documents")
        credential = ask("SELECT sum(length(credential)) FROM records")
    whole = file.stat().st_size
    return [
        figure("native record", native_bytes / many, "bytes/record", mode),
        figure("evidence, a record's own", own / many, "bytes/record", mode),
        figure("evidence, share that is shared with its block", shared / (own + shared), "", mode),
        figure("credential", credential / many, "bytes/record", mode),
        figure("database, all in all", whole / many, "bytes/record", mode),
    ]


# ── how soon ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def latency(seconds: float, mode: str, rate: int = 50) -> list[dict[str, Any]]:
    with a_world() as world:
        return asyncio.run(_latency(world, seconds, rate, mode))


async def _latency(world: World, seconds: float, rate: int, mode: str) -> list[dict[str, Any]]:
    gateway = Gateway(world.assembly())
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    waits: list[float] = []
    child = gateway.metrics.sent_on.labels("xb")
    observe = child.observe

    def seen(amount: float, exemplar: dict[str, str] | None = None) -> None:
        waits.append(amount)
        observe(amount, exemplar)

    child.observe = seen  # type: ignore[method-assign]  # each wait as it is, not the bucket that it falls into
    many = int(seconds * rate)
    writer = threading.Thread(target=_write_live, args=(world, many, rate))
    writer.start()
    end = time.monotonic() + seconds * 3 + 30
    while gateway.metrics.landed.labels("xb")._value.get() < many and time.monotonic() < end:
        await asyncio.sleep(0.05)  # the counter is looked at as a monitoring system would
    stop.set()
    await task
    writer.join()
    waits.sort()
    half, most = waits[len(waits) // 2] * 1e3, waits[int(len(waits) * 0.99)] * 1e3
    return [
        figure(f"block seen → sent on, {rate} records/s, p50", half, "ms", mode, "< 20", half < 20),
        figure(f"block seen → sent on, {rate} records/s, p99", most, "ms", mode, "< 100", most < 100),
    ]


def _write_live(world: World, many: int, rate: int) -> None:
    async def go() -> None:
        at = contents()
        began = time.monotonic()
        for number in range(many):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            await write(world["xa"].settings, [own_record(*next(at))])

    asyncio.run(go())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("quick", "full"), default="quick")
    json.dump(measure(parser.parse_args().mode), sys.stdout, indent=1, ensure_ascii=False)
    print()
