"""A world of two offices for each test, and a gateway that runs beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.journey.gateway import Gateway
from gateway.store import schema as t
from gateway.store.database import open_engine
from tests.journey.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path)


async def settle(world: World, seconds: float = 20.0, quiet: float = 0.15) -> Gateway:
    """Run a gateway until nothing moves any more."""
    gateway = Gateway(world.assembly())
    await gateway.run_until_idle(quiet, seconds)
    return gateway


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Gateway]:
    """A gateway that runs while the block does."""
    gateway = Gateway(world.assembly())
    stop = asyncio.Event()
    task = asyncio.create_task(gateway.run(stop))
    try:
        yield gateway
    finally:
        stop.set()
        await task


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is looked at is a file, which sets no event
            await asyncio.sleep(0.01)


def rows(world: World, query: Any) -> list[Any]:
    """What the database says; a gateway may be running."""
    engine = open_engine(world.database)
    try:
        with engine.connect() as connection:
            return list(connection.execute(query).all())
    finally:
        engine.dispose()


def count(world: World, table: sa.Table, *where: Any) -> int:
    return int(rows(world, sa.select(sa.func.count()).select_from(table).where(*where))[0][0])


def states(world: World) -> dict[str, int]:
    """Deliveries by state."""
    found: dict[str, int] = {}
    for state, many in rows(world, sa.select(t.deliveries.c.state, sa.func.count()).group_by(t.deliveries.c.state)):
        found[t.DELIVERY[state]] = many
    return found


def quarantined(world: World) -> list[str]:
    """Codes of what is in quarantine, in order."""
    return [code for (code,) in rows(world, sa.select(t.quarantine.c.code).order_by(t.quarantine.c.entry))]


def events(world: World, kind: str) -> list[str]:
    return [
        d for (d,) in rows(world, sa.select(t.events.c.detail).where(t.events.c.kind == kind).order_by(t.events.c.id))
    ]
