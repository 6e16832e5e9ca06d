"""Dead networks, restarts, databases put back to old copies, and the end of it all: nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.errors import ConfigError, Misuse, StoreError
from gateway.journey.assembly import RoutePlan
from gateway.journey.gateway import Gateway
from gateway.store import schema as t
from gateway.store.database import Database
from tests.journey.conftest import count, rows, running, settle, states, until
from tests.journey.fickle import FickleAdapter, away, hanging, nothing
from tests.journey.world import World, application, event, make_world


def each_once(world: World, name: str, many: int) -> None:
    """Every record stands on the ledger once, by key and by content."""
    entries = world[name].foreign()
    assert len(entries) == many
    assert max(Counter(entry.content for entry in entries).values(), default=1) == 1


def copy(world: World, name: str) -> Path:
    """A copy of the database, as a backup would take it."""
    kept = world.folder / name
    with sqlite3.connect(world.folder / "gateway.db") as there, sqlite3.connect(kept) as here:
        there.backup(here)
    return kept


def put_back(world: World, kept: Path) -> None:
    for left in world.folder.glob("gateway.db*"):
        left.unlink()
    kept.rename(world.folder / "gateway.db")


@pytest.mark.parametrize("known", [True, False])
async def test_a_network_that_is_dead_at_the_start_stops_nobody_else(tmp_path, known: bool) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    world.known = known
    adapter = world["xb"].adapter = FickleAdapter()
    adapter.before_identify = away
    await world["xa"].write(*[application("XA", number) for number in range(30)], event("XA", 1))
    async with running(world) as gateway:
        await until(lambda: len(world["xc"].foreign()) == 31)
        assert {one.name: one.reading for one in gateway.health().networks}["xb"] == "waiting"
        assert not gateway.health().ok
        await world["xa"].write(event("XA", 1, "B10"))
        await until(lambda: len(world["xc"].foreign()) == 32)
        adapter.before_identify = nothing
        await until(lambda: len(world["xb"].foreign()) == 32)
        await world["xa"].write(event("XA", 1, "C10"))
        await until(lambda: len(world["xb"].foreign()) == 33)
        await until(lambda: gateway.health().ok)
    assert [entry.content for entry in world["xb"].foreign()] == [entry.content for entry in world["xc"].foreign()]
    each_once(world, "xb", 33)


async def test_a_network_that_dies_and_comes_back_gets_all_of_it(tmp_path) -> None:
    world = make_world(tmp_path, ("xa", "xb", "xc"))
    adapter = world["xb"].adapter = FickleAdapter()
    async with running(world) as gateway:
        await world["xa"].write(application("XA", 0))
        await until(lambda: states(world) == {"landed": 2})
        adapter.before_outcome = adapter.before_submit = away
        for number in range(1, 20):
            await world["xa"].write(application("XA", number))
        await until(lambda: len(world["xc"].foreign()) == 20)
        await until(lambda: not gateway.health().ok)
        health = {one.name: one for one in gateway.health().networks}
        assert health["xb"].writing == "waiting"
        assert health["xb"].backlog == 19
        assert (health["xb"].oldest or 0) > 0
        adapter.before_outcome = adapter.before_submit = nothing
        await until(lambda: len(world["xb"].foreign()) == 20)
    each_once(world, "xb", 20)


async def test_a_ledger_file_that_is_moved_away_is_waited_for(world: World) -> None:
    file = Path(world["xb"].settings.file)
    async with running(world):
        await world["xa"].write(application("XA", 1))
        await until(lambda: len(world["xb"].foreign()) == 1)
    world.identities = {name: office.network for name, office in world.offices.items()}
    file.rename(file.with_suffix(".away"))
    async with running(world) as gateway:
        await world["xa"].write(application("XA", 2))
        await until(lambda: count(world, t.records) == 2)
        await until(lambda: not gateway.health().ok)
        file.with_suffix(".away").rename(file)
        await until(lambda: len(world["xb"].foreign()) == 2)
    each_once(world, "xb", 2)


async def test_another_network_under_the_same_name_is_left_alone(tmp_path) -> None:
    world = make_world(tmp_path)
    await world["xa"].write(application("XA", 1))
    await settle(world)
    other = make_world(tmp_path / "other")
    ours = world["xb"].network
    world["xb"].settings = other["xb"].settings
    plan = world.assembly()
    import dataclasses

    networks = tuple(dataclasses.replace(one, network=ours) if one.name == "xb" else one for one in plan.networks)
    gateway = Gateway(dataclasses.replace(plan, networks=networks))
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    await world["xa"].write(application("XA", 2))
    await until(lambda: "another-network" in ({o.name: o for o in gateway.health().networks}["xb"].trouble or ""))
    await until(lambda: count(world, t.records) == 2)
    stop.set()
    await task
    assert not other["xb"].foreign()


async def test_a_restart_in_the_middle_of_an_attempt(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(batch=5, in_flight=3)
    adapter.after_submit = hanging
    await world["xa"].write(*[application("XA", number) for number in range(20)], event("XA", 3))
    async with running(world):
        await until(lambda: len(adapter.submitted) == 3)
    assert len(states(world)) == 2
    adapter.after_submit = nothing
    await settle(world)
    each_once(world, "xb", 21)
    assert states(world) == {"landed": 21}
    subjects = [entry.subject for entry in world["xb"].foreign()]
    assert subjects.index(subjects[-1]) == 3, "the event behind its application"


async def test_what_was_stored_and_not_sent_is_sent_as_it_was(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(batch=5)
    adapter.before_submit = hanging
    await world["xa"].write(*[application("XA", number) for number in range(5)])
    async with running(world):
        await until(lambda: states(world) == {"prepared": 5})
    assert not world["xb"].foreign()
    [first] = adapter.prepared
    adapter.before_submit = nothing
    await settle(world)
    assert adapter.submitted[0] == first, "byte for byte"
    assert len(adapter.prepared) == 1
    each_once(world, "xb", 5)


async def test_a_database_put_back_to_before_anything_was_sent(world: World) -> None:
    await world["xa"].write(*[application("XA", number) for number in range(10)])
    await world["xb"].write(application("XB", 1))
    world.routes, routes = (), world.routes
    await settle(world)
    world.routes = routes
    kept = copy(world, "before.db")
    async with running(world) as gateway:
        assert await gateway.replay("xb") == 10
        await world["xa"].write(*[event("XA", number) for number in range(10)])
        await until(lambda: len(world["xb"].foreign()) == 20)
    put_back(world, kept)
    gateway = Gateway(world.assembly())
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    await until(lambda: count(world, t.records) == 21)
    await gateway.replay("xb")
    await until(lambda: states(world).get("landed", 0) >= 20)
    stop.set()
    await task
    each_once(world, "xb", 20)
    assert states(world) == {"landed": 20}


async def test_a_database_put_back_to_between_storing_and_sending(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter(batch=4, in_flight=2)
    adapter.before_submit = hanging
    await world["xa"].write(*[application("XA", number) for number in range(12)])
    async with running(world):
        await until(lambda: states(world).get("prepared") == 8)
    kept = copy(world, "between.db")
    adapter.before_submit = nothing
    await settle(world)
    await world["xa"].write(event("XA", 1))
    await settle(world)
    put_back(world, kept)
    await settle(world)
    each_once(world, "xb", 13)
    assert states(world) == {"landed": 13}


async def test_the_fence_rises_over_restarts_and_restores(world: World) -> None:
    await settle(world)
    kept = copy(world, "old.db")
    fences = []
    for _ in range(3):
        await settle(world)
        fences.append(rows(world, sa.select(t.settings.c.value).where(t.settings.c.name == "fence"))[0][0])
    put_back(world, kept)
    await settle(world)
    fences.append(rows(world, sa.select(t.settings.c.value).where(t.settings.c.name == "fence"))[0][0])
    assert fences == sorted(set(fences))


async def test_it_ends_in_time_whatever_hangs(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    adapter.before_submit = hanging
    await world["xa"].write(application("XA", 1))
    gateway = Gateway(world.assembly())
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    await until(lambda: states(world) == {"prepared": 1})
    began = time.monotonic()
    stop.set()
    await task
    assert time.monotonic() - began < 10
    Database(world.database).close()  # and lets go of the database


async def test_it_waits_for_what_is_nearly_done(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()

    async def slow(_) -> None:
        await asyncio.sleep(0.3)

    adapter.before_submit = slow
    await world["xa"].write(application("XA", 1))
    async with running(world):
        await until(lambda: states(world) == {"prepared": 1})
    assert states(world) == {"landed": 1}


async def test_a_worker_that_dies_costs_nothing_but_time(world: World) -> None:
    gateway = Gateway(world.assembly())
    if not gateway._workers.processes:
        await gateway.run_until_idle(0.05, 5)
        pytest.skip("no worker here: one processor, or other threads run")
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    for process in gateway._workers.processes:
        os.kill(process, signal.SIGKILL)
    await world["xa"].write(*[application("XA", number) for number in range(50)])
    await until(lambda: len(world["xb"].foreign()) == 50)
    stop.set()
    await task
    each_once(world, "xb", 50)


async def test_workers_end_with_their_gateway(world: World) -> None:
    gateway = Gateway(world.assembly())
    processes = gateway._workers.processes
    await gateway.run_until_idle(0.05, 5)
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


async def test_a_full_disk_loses_nothing(world: World) -> None:
    """The store cannot be written for a while: everything waits, then goes on."""
    async with running(world) as gateway:
        await world["xa"].write(application("XA", 1))
        await until(lambda: len(world["xb"].foreign()) == 1)
        pages = gateway.database.write_now(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar())
        gateway.database.write_now(lambda c: c.exec_driver_sql(f"PRAGMA max_page_count = {pages}").scalar())
        await world["xa"].write(*[application("XA", 10 + number) for number in range(40)])
        await until(lambda: not gateway.health().ok)
        assert "store." in str([one.trouble for one in gateway.health().networks])
        gateway.database.write_now(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1073741823").scalar())
        await until(lambda: len(world["xb"].foreign()) == 41)
    each_once(world, "xb", 41)


async def test_a_wrong_assembly_opens_nothing(world: World) -> None:
    world.routes = (RoutePlan("wrong", "xa", ("nowhere",)),)
    with pytest.raises(ConfigError, match="nowhere"):
        Gateway(world.assembly())
    world.routes = (RoutePlan("wrong", "xa", ("xb",), when="record.("),)
    with pytest.raises(ConfigError, match="Failed to parse"):
        Gateway(world.assembly())
    world.routes = ()
    import dataclasses

    plan = world.assembly()
    unnamed = tuple(dataclasses.replace(one, issuer=None) for one in plan.networks)
    with pytest.raises(ConfigError, match="nobody is named"):
        Gateway(dataclasses.replace(plan, networks=unnamed))
    with pytest.raises(StoreError, match="no database"):
        Gateway(dataclasses.replace(plan, database=f"sqlite:///{world.folder}/none.db"))
    Database(world.database).close()


async def test_idle_is_not_said_too_early(world: World) -> None:
    adapter = world["xb"].adapter = FickleAdapter()
    adapter.before_submit = hanging
    await world["xa"].write(application("XA", 1))
    gateway = Gateway(world.assembly())
    with pytest.raises(TimeoutError):
        await gateway.run_until_idle(0.05, 0.8)
    with pytest.raises(Misuse):
        await gateway.run(asyncio.Event())


async def test_an_adapter_that_does_not_close_is_left(world: World) -> None:
    class Clinging(FickleAdapter):
        def sink(self, settings, network, secrets):
            real = super().sink(settings, network, secrets)
            close = real.aclose

            async def never() -> None:
                await close()
                await asyncio.Event().wait()

            real.aclose = never
            return real

    world["xb"].adapter = Clinging()
    began = time.monotonic()
    await settle(world)
    assert time.monotonic() - began < 10
