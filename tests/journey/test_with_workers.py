"""The same crossing with no worker, one, and several: other processes, the same bytes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.journey.gateway import Gateway
from gateway.store import schema as t
from tests.journey.conftest import rows, states
from tests.journey.world import NativeRecord, World, application, make_world


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("workers"))


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
async def test_any_number_of_workers_gives_the_same(filled: World, workers: int, tmp_path: Path) -> None:
    if workers == 0:
        for start in range(0, 300, 100):
            await filled["xa"].write(
                *[application("XA", number) for number in range(start, start + 100)], NativeRecord("unknown", b"?")
            )
    for left in filled.folder.glob("gateway.db*"):
        left.unlink()
    gateway = Gateway(dataclasses.replace(filled.assembly(), workers=workers))
    forked = len(gateway._workers.processes)
    await gateway.run_until_idle(0.2, 60)
    assert states(filled) == {"landed": 300}
    assert len(filled["xb"].foreign()) == 300
    assert forked in (0, workers), "none beside other threads"
    made = rows(filled, sa.select(t.records.c.key, t.records.c.credential).order_by(t.records.c.id))
    first = _FIRST.setdefault("credentials", made)
    assert made == first
    assert [code for (code,) in rows(filled, sa.select(t.quarantine.c.code))] == ["mapping.unknown-format"] * 3


_FIRST: dict[str, list] = {}
