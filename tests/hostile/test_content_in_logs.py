"""What an office put into a record that cannot be read is in no log, no metric and no answer about health."""

from __future__ import annotations

from pathlib import Path

import msgspec
import sqlalchemy as sa
import structlog
from prometheus_client import generate_latest

from gateway.spi import NativeRecord
from gateway.store import schema as t
from gateway.store.orders import give
from tests.journey.conftest import rows, running, until
from tests.journey.world import FORMAT, application, make_world, native

SECRET = "UNPUBLISHED-0815"
NOW = 1_800_000_000_000_000


async def test_a_record_that_cannot_be_read_is_told_by_its_code_alone(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    body, number = native(application("XA", 1)).content, application("XA", 1).application_number.original.encode()
    assert number in body
    await world["xa"].write(NativeRecord(FORMAT, body.replace(number, SECRET.encode())))
    with structlog.testing.capture_logs() as told:
        async with running(world) as gateway:
            await until(lambda: rows(world, sa.select(t.quarantine)))
            [(entry, detail)] = rows(world, sa.select(t.quarantine.c.entry, t.quarantine.c.detail))
            assert SECRET in detail, "whoever runs the gateway is told what is wrong; else this tries nothing"
            give(world.database, "release", [str(entry)], "try again", NOW)
            await until(lambda: any(line["event"] == "order carried out" for line in told))
            seen = [str(told), str(msgspec.to_builtins(gateway.health()))]
            seen.append(generate_latest(gateway.metrics.registry).decode())
    [(result,)] = rows(world, sa.select(t.orders.c.result))
    assert SECRET in result
    assert [text for text in seen if SECRET in text] == []
