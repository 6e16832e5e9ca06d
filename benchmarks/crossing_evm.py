"""Sandbox → anvil through the whole gateway, and the same contract driven raw with bodies of the same kind.

The ledger is filled beforehand; the clock runs from the gateway's start to the last receipt that it has stored. Raw
means: the same account, contract and number of records a transaction, encoded, signed, sent and their receipts
fetched, with no promise kept. Each drive has a fresh node, for anvil slows down as its blocks fill up.

    python benchmarks/run.py --mode quick --only crossing_evm
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "adapters"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import sqlalchemy as sa  # noqa: E402  # the tree must be on the path first

from benchmarks import raw_evm  # noqa: E402
from gateway.journey.assembly import Assembly, NetworkPlan, RoutePlan  # noqa: E402
from gateway.journey.gateway import Gateway  # noqa: E402
from gateway.store import schema  # noqa: E402
from gateway.store.database import open_engine  # noqa: E402
from gateway_evm.adapter import EvmAdapter  # noqa: E402
from gateway_evm.settings import EvmSettings  # noqa: E402
from tests.journey.world import World, application, make_world, native  # noqa: E402

RECORDS: Final = {"mixed": {"quick": 3_000, "full": 20_000}, "block": {"quick": 3_000, "full": 9_000}}
RUNS: Final = {"quick": 1, "full": 3}
PER_TRANSACTION: Final = 50


class Keys:
    """The one account that anvil gives money to."""

    def private(self, name: str) -> bytes:
        return raw_evm.FUNDED


async def _found(url: str) -> EvmSettings:
    settings = EvmSettings(
        url=url, finality="instant", poll=0.01, writer="writer", batch=PER_TRANSACTION, transaction_bytes=1 << 20
    )
    founded: EvmSettings = await EvmAdapter().found(settings, Keys())
    return founded


def _fill(world: World, records: int) -> None:
    async def write() -> None:
        for first in range(0, records, 500):
            await world["xa"].write(*[application("XA", first + at) for at in range(min(500, records - first))])

    asyncio.run(write())


def _assembly(world: World, settings: EvmSettings) -> Assembly:
    mine = world.assembly()
    xa = mine.networks[0]
    xb = NetworkPlan("xb", "XB", EvmAdapter(), settings, read=False, writes="register-evm", secrets=Keys())
    return Assembly(
        database=mine.database,
        mark=mine.mark,
        networks=(xa, xb),
        routes=(RoutePlan("xa-to-xb", "xa", ("xb",)),),
        anchors=mine.anchors,
        library=mine.library,
        verifiers=mine.verifiers,
    )


def _landed(world: World) -> int:
    engine = open_engine(world.database)
    try:
        with engine.connect() as connection:
            landed = schema.DeliveryState.LANDED.value
            counted = (
                sa.select(sa.func.count()).select_from(schema.deliveries).where(schema.deliveries.c.state == landed)
            )
            return int(connection.execute(counted).scalar_one())
    finally:
        engine.dispose()


def _through_the_gateway(binary: str, options: tuple[str, ...], records: int) -> float:
    """Records a second from the gateway's start to its rest."""
    with tempfile.TemporaryDirectory() as folder:
        world = make_world(Path(folder), ("xa",))
        _fill(world, records)
        process, url = raw_evm.start_anvil(binary, *options)
        try:

            async def run() -> float:
                gateway = Gateway(_assembly(world, await _found(url)))
                quiet = 0.3
                began = time.perf_counter()
                await gateway.run_until_idle(quiet, timeout=600)
                return time.perf_counter() - began - quiet

            seconds = asyncio.run(run())
        finally:
            _end(process)
        if (landed := _landed(world)) != records:
            raise RuntimeError(f"{landed} of {records} records landed")
        return records / seconds


def _raw(binary: str, options: tuple[str, ...], records: int) -> float:
    bodies = [native(application("XA", number), "register-evm").content for number in range(records)]
    process, url = raw_evm.start_anvil(binary, *options)
    try:

        async def run() -> float:
            settings = await _found(url)
            return (await raw_evm.drive(url, settings.address, bodies, per_transaction=PER_TRANSACTION)).rate

        return asyncio.run(run())
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.wait()


def measure(mode: str) -> list[dict[str, Any]]:
    """The two ratios and the two rates; nothing where there is no anvil."""
    binary = os.environ.get("ANVIL_BIN")
    if not binary:
        print("no anvil: `make nodes` fetches one, or ANVIL_BIN names one", file=sys.stderr)
        return []
    made: list[dict[str, Any]] = []
    for name, options in (("block", raw_evm.BLOCK), ("mixed", raw_evm.MIXED)):
        records = RECORDS[name][mode]
        pairs = [
            (_through_the_gateway(binary, options, records), _raw(binary, options, records)) for _ in range(RUNS[mode])
        ]
        pairs.sort(key=lambda pair: pair[0] / pair[1])
        gateway, raw = pairs[len(pairs) // 2]
        words = "gas-limited, a block a second" if name == "block" else "mixed mining"
        ratio = gateway / raw
        made.append(_figure(f"sandbox → anvil ÷ raw, {words}", ratio, "×", "≥ 0.9" if name == "block" else None, mode))
        made.append(
            _figure(f"sandbox → anvil, {words}", gateway, "records/s", "≥ 1000" if name == "mixed" else None, mode)
        )
        made.append(_figure(f"the same contract driven raw, {words}", raw, "records/s", None, mode))
    return made


def _figure(name: str, value: float, unit: str, target: str | None, mode: str) -> dict[str, Any]:
    holds = None if target is None else value >= float(target.split()[1])
    return {"name": name, "value": round(value, 3), "unit": unit, "target": target, "holds": holds, "mode": mode}
