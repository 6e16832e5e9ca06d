"""Killed at every named point and at random instants, both directions busy: 0 lost, 0 twice, counted on the ledgers."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.journey.crash import CRASH_POINTS, CRASHED
from gateway.model.records import CommonRecord
from gateway.store import schema as t
from gateway.store.database import open_engine
from gateway.store.orders import Told, give
from gateway.trust.signer import Ed25519Signer
from gateway_sandbox.settings import SandboxSettings
from tests.journey.nursery import Nursery
from tests.journey.world import Office, application, event, native, transfer

NOW = 1_800_000_000_000_000


class Scene:
    """Two ledgers, what was written to them, and the nursery whose gateways carry it across."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder = folder
        self.nursery = nursery
        nursery.make(folder)
        self.offices = {
            name: Office(
                name,
                name.upper(),
                SandboxSettings(file=str(folder / f"{name}.ledger"), chain=f"{name}-chain"),
                Ed25519Signer.generate(),
            )
            for name in ("xa", "xb")
        }
        self.written: dict[str, list[CommonRecord]] = {"xa": [], "xb": []}
        self._next = 0

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder / 'gateway.db'}"

    def write(self, name: str, *some: CommonRecord) -> None:
        asyncio.run(self.offices[name].write(*some))
        self.written[name] += some

    def feed(self, many: int) -> None:
        """So many records on both ledgers: applications, events on lanes of their own and of others, transfers."""
        for name in ("xa", "xb"):
            code, some = name.upper(), []
            for _ in range(many):
                self._next += 1
                number = self._next
                kind = number % 5
                if kind == 3:
                    some.append(event(code, number % 7, "A10", national_code=f"n{number}"))
                elif kind == 4:
                    some.append(transfer(code, [number % 7, number]))
                else:
                    some.append(application(code, number))
            self.write(name, *some)

    def query(self, query: sa.Select) -> list:
        engine = open_engine(self.database)
        try:
            with engine.connect() as connection:
                return list(connection.execute(query).all())
        finally:
            engine.dispose()

    def landed(self, name: str) -> list:
        return self.offices[name].foreign()

    def check(self) -> None:
        """Everything is there, once, in the order of its lane; and the database agrees with itself."""
        for here, there in (("xa", "xb"), ("xb", "xa")):
            expected = Counter(native(one).content for one in self.written[here])
            found = Counter(entry.content for entry in self.landed(there))
            assert found - expected == Counter(), "landed twice, or from nowhere"
            assert expected - found == Counter(), "lost"
            place = {entry.content: position for position, entry in enumerate(self.landed(there))}
            for number in range(7):
                lane = [native(one).content for one in self.written[here] if _is_about(one, here.upper(), number)]
                assert [place[one] for one in lane] == sorted(place[one] for one in lane), "out of order"
        with sqlite3.connect(self.folder / "gateway.db") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        states = self.query(sa.select(t.deliveries.c.state).distinct())
        assert [state for (state,) in states] == [t.DeliveryState.LANDED.value]
        assert self.query(sa.select(t.attempts.c.id).where(t.attempts.c.state < 2)) == []


def _is_about(one: CommonRecord, code: str, number: int) -> bool:
    from gateway.model.records import subjects_of

    return subjects_of(application(code, number))[0] in subjects_of(one)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def scene(tmp_path: Path, nursery: Nursery) -> Scene:
    return Scene(tmp_path, nursery)


ORDINARY = [name for name in CRASH_POINTS if name.split(".")[0] in ("ingest", "deliver") and name != "deliver.void"]


def test_every_point_is_tried_here() -> None:
    special = {
        "deliver.void",
        *(name for name in CRASH_POINTS if name.split(".")[0] in ("park", "order", "stop", "reroute")),
    }
    assert set(ORDINARY) | special == set(CRASH_POINTS)
    here = Path(__file__).read_text(encoding="utf-8")
    assert all(f'"{name}"' in here for name in special)


@pytest.mark.slow
def test_every_ordinary_point_once(scene: Scene) -> None:
    """Each at its first passing and at its third, so that a batch before it was done already."""
    for name in ORDINARY:
        for passing in ("", ":3"):
            scene.feed(9)
            process = scene.nursery.run(crash_at=name + passing)
            end = time.monotonic() + 2.0
            while passing and time.monotonic() < end:  # a third passing needs a third batch
                scene.feed(1)
                time.sleep(0.02)
                if _ended(process):
                    break
            assert scene.nursery.wait(process) == CRASHED, name + passing
    scene.nursery.settle()
    scene.check()


def _ended(process: int) -> bool:
    with open(f"/proc/{process}/stat", encoding="ascii") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] == "Z"


def test_the_point_where_an_attempt_is_void(scene: Scene) -> None:
    scene.feed(8)
    assert scene.nursery.wait(scene.nursery.run("void", crash_at="deliver.void")) == CRASHED
    scene.nursery.settle()
    scene.check()


@pytest.mark.parametrize("point", ["park.before-commit", "park.after-commit"])
def test_the_points_where_something_is_parked(scene: Scene, point: str) -> None:
    scene.write("xa", application("XA", 1, title="BAD"), event("XA", 1), application("XA", 2))
    assert scene.nursery.wait(scene.nursery.run("park", crash_at=point)) == CRASHED
    scene.nursery.settle("park")
    [(key,)] = scene.query(sa.select(t.deliveries.c.key).where(t.deliveries.c.state == t.DeliveryState.PARKED.value))
    give(scene.database, "retry", [key.hex()], "mended", NOW)
    scene.nursery.settle()
    scene.check()


@pytest.mark.parametrize("point", ["order.before-commit", "order.after-commit"])
def test_the_points_where_an_order_is_carried_out(scene: Scene, point: str) -> None:
    scene.write("xa", application("XA", 1, title="BAD"), event("XA", 1))
    scene.nursery.settle("park")
    [(key,)] = scene.query(sa.select(t.deliveries.c.key).where(t.deliveries.c.state == t.DeliveryState.PARKED.value))
    process = scene.nursery.run(crash_at=point)
    time.sleep(0.4)
    give(scene.database, "retry", [key.hex()], "mended", NOW)
    assert scene.nursery.wait(process) == CRASHED
    scene.nursery.settle()
    scene.check()


@pytest.mark.parametrize("point", ["stop.before-commit", "stop.after-commit"])
def test_the_points_where_a_source_stops(scene: Scene, point: str) -> None:
    scene.feed(4)
    assert scene.nursery.wait(scene.nursery.run("stop", crash_at=point)) == CRASHED
    scene.nursery.settle("stop")
    assert give(scene.database, "resume", ["xa"], "mended", NOW) == [Told(True, "reads again")]
    scene.nursery.settle()
    scene.check()


@pytest.mark.parametrize("point", ["reroute.before-commit", "reroute.after-commit"])
def test_the_points_where_records_are_routed_again(scene: Scene, point: str) -> None:
    scene.write("xa", *[application("XA", number) for number in range(5)])
    scene.nursery.settle("closed")
    assert not scene.landed("xb")
    assert scene.nursery.wait(scene.nursery.run("replay", crash_at=point)) == CRASHED
    assert scene.nursery.wait(scene.nursery.run("replay")) in (0, 1)
    scene.nursery.settle()
    scene.check()


@pytest.mark.slow
def test_forty_kills_at_random_instants(scene: Scene) -> None:
    chance = random.Random(4711)
    for _ in range(40):
        process = scene.nursery.run()
        end = time.monotonic() + chance.uniform(0.02, 0.9)
        while (left := end - time.monotonic()) > 0:
            scene.feed(chance.randint(1, 6))
            time.sleep(min(left, chance.uniform(0.0, 0.05)))
        scene.nursery.kill(process)
    scene.nursery.settle()
    scene.check()
    assert sum(map(len, scene.written.values())) > 400, "both directions were busy"


@pytest.mark.slow
def test_ten_kills_with_the_database_put_back_to_a_copy_from_before_the_last_sends(scene: Scene) -> None:
    chance = random.Random(1147)
    kept = scene.folder / "kept.db"
    again = 0
    for _ in range(10):
        scene.feed(5)
        process = scene.nursery.run()
        time.sleep(chance.uniform(0.1, 0.6))
        scene.nursery.kill(process)
        with sqlite3.connect(scene.folder / "gateway.db") as there, sqlite3.connect(kept) as here:
            there.backup(here)
        before = len(scene.landed("xb"))
        scene.feed(15)
        process = scene.nursery.run()
        end = time.monotonic() + 10
        while len(scene.landed("xb")) < before + 3 and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.1))
        scene.nursery.kill(process)
        again += len(scene.landed("xb")) - before
        for left in scene.folder.glob("gateway.db*"):
            left.unlink()
        kept.rename(scene.folder / "gateway.db")
    scene.nursery.settle()
    scene.check()
    assert again >= 30, "what the copy knows nothing of was on the ledger each time"
