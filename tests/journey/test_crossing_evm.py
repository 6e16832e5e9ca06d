"""Records cross between a sandbox ledger and a real EVM node, and survive what may befall a gateway on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.journey.gateway import Gateway
from gateway.store import schema as t
from tests.journey.conftest import rows, running, settle, states, until
from tests.journey.evm import evm_world, once
from tests.journey.test_outages import copy, put_back
from tests.journey.world import World, application, event, native, transfer
from tests.nodes.conftest import Anvil

pytestmark = pytest.mark.anvil


@pytest.fixture
def node(anvil_binary: str) -> Iterator[Anvil]:
    made = Anvil(anvil_binary, ("--block-time", "1", "--mixed-mining"))
    made.start()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
async def world(tmp_path: Path, node: Anvil) -> World:
    return await evm_world(tmp_path, node.url)


async def test_records_cross_both_ways(world: World) -> None:
    ours = [application("XA", 1), event("XA", 1), transfer("XA", [1, 2]), application("XA", 2)]
    theirs = [application("XB", number) for number in range(5)]
    await world["xa"].write(*ours)
    await world["xb"].write(*theirs)

    gateway = await settle(world, 60, 1.5)

    once(await world["xb"].foreign(), ours)
    assert Counter(entry.content for entry in world["xa"].foreign()) == Counter(
        native(as_the_contract_has_it(one)).content for one in theirs
    )
    assert states(world) == {"landed": 9}
    assert gateway.health().ok
    assert gateway.metrics.echoes.labels("xb")._value.get() == 4


def as_the_contract_has_it(one):
    """A record as it is after it stood in the contract's form: what that form cannot hold is gone."""
    from tests.journey.world import LIBRARY

    return LIBRARY.by_format("register-evm").to_common(native(one, "register-evm")).records[0].record


async def test_many_attempts_are_under_way_at_once(world: World) -> None:
    ours = [application("XA", number) for number in range(600)]
    await world["xa"].write(*ours)
    await settle(world, 120, 1.5)
    once(await world["xb"].foreign(), ours)
    assert rows(world, sa.select(sa.func.count()).select_from(t.attempts))[0][0] >= 12


async def test_a_restart_with_attempts_under_way(world: World) -> None:
    ours: list = []
    for turn in range(4):
        some = [application("XA", turn * 100 + number) for number in range(60)]
        await world["xa"].write(*some)
        ours += some
        gateway = Gateway(world.assembly())
        task = asyncio.create_task(gateway.run(asyncio.Event()))
        await asyncio.sleep(0.5 + turn * 0.4)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await settle(world, 120, 1.5)
    once(await world["xb"].foreign(), ours)
    assert states(world) == {"landed": 240}


async def test_a_database_put_back_to_an_old_copy(world: World) -> None:
    first = [application("XA", number) for number in range(20)]
    await world["xa"].write(*first)
    await settle(world, 60, 1.2)
    kept = copy(world, "old.db")
    more = [application("XA", 100 + number) for number in range(70)] + [event("XA", 3)]
    await world["xa"].write(*more)
    await settle(world, 60, 1.2)
    put_back(world, kept)
    late = [event("XA", 3, "B10")]
    await world["xa"].write(*late)
    await settle(world, 60, 1.2)
    once(await world["xb"].foreign(), [*first, *more, *late])
    assert states(world) == {"landed": 92}


async def test_a_node_that_dies_and_comes_back(tmp_path: Path, anvil_binary: str) -> None:
    state = tmp_path / "state.json"
    node = Anvil(anvil_binary, ("--block-time", "1", "--mixed-mining", "--state", str(state), "--state-interval", "1"))
    node.start()
    try:
        world = await evm_world(tmp_path / "world", node.url)
        ours = [application("XA", 1)]
        await world["xa"].write(*ours)
        async with running(world) as gateway:
            await until(lambda: states(world) == {"landed": 1}, 30)
            await asyncio.sleep(2.5)  # the node writes its state down every second
            node.stop()
            await until(lambda: not gateway.health().ok, 30)
            more = [application("XA", number) for number in range(2, 30)]
            await world["xa"].write(*more)
            ours += more
            await until(lambda: sum(states(world).values()) == 29, 30)
            node.start()
            await until(lambda: states(world) == {"landed": 29}, 60)
            await until(lambda: gateway.health().ok, 30)
        once(await world["xb"].foreign(), ours)
    finally:
        node.stop()
