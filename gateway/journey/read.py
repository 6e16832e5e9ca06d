"""The worker of one source: batches in network order, worked through and committed, each with its position.

While one batch is worked through the next is being read, and the one before is being committed. What can be helped
by asking again is asked again; where the network contradicts itself or its anchor, the source stops for a person.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from gateway.errors import Broken, fault
from gateway.journey.crash import crash_point
from gateway.journey.ingest import Ingest, Routes
from gateway.journey.metrics import Metrics
from gateway.journey.work import Worked
from gateway.journey.worker import Workers
from gateway.spi import Batch, Position, Source
from gateway.store import intake as rows
from gateway.store.database import Database
from gateway.store.drafts import Arrival, Fault, Pickup, Taken, micros
from gateway.store.intake import Intake

__all__ = ["Reader"]

log = structlog.get_logger("gateway.read")

RETRACTED = fault(
    "journey.retracted",
    "The network took back records that were final.",
    "What they said was withdrawn where it had gone. Find out what happened, then `gateway network resume NAME`.",
)

_AHEAD = 2
"""Batches that are worked on at once, in order: while one is, the next is on its way to a worker."""
_INLINE = 4
"""Batches of so many records are worked through in the event loop; larger ones by a worker."""


class Reader:
    """Reads one network. `run` returns when the source is to stand still; `moved` counts what it took in."""

    def __init__(
        self,
        name: str,
        source_name: str,
        source_row: int,
        ingest: Ingest,
        routes: Routes,
        workers: Workers,
        database: Database,
        intake: Intake,
        metrics: Metrics,
        hand_over: Callable[[dict[int, list[Pickup]]], None],
        well: Callable[[], None],
    ) -> None:
        self.name = name
        self.source_name = source_name
        self.source_row = source_row
        self.ingest = ingest
        self._routes = routes
        self._workers = workers
        self._database = database
        self._intake = intake
        self._metrics = metrics
        self._hand_over = hand_over
        self._well = well
        self.moved = 0
        self.height: int | None = None
        self.head: int | None = None
        self.working = 0
        """Batches between being read and being committed."""
        self.stopped: Fault | None = None

    async def run(self, source: Source) -> None:
        """Read until the source ends or stops for a person. Raises Transient, StoreError, and faults of the program."""

        def look(connection: Connection) -> tuple[Position | None, Fault | None]:
            return rows.position(connection, self.source_row), rows.stopped(connection, self.source_row)

        stands, self.stopped = await self._database.write(look)
        if self.stopped is not None:
            return
        try:
            await self._follow(source.read(stands))
        except Broken as error:
            await self._stop(Fault.of(error))

    async def _follow(self, batches: AsyncIterator[Batch]) -> None:
        commit: asyncio.Task[None] | None = None
        coming: asyncio.Future[Batch | None] | None = asyncio.ensure_future(_next(batches))
        works: deque[tuple[Batch, asyncio.Task[list[Worked]]]] = deque()
        failure: Exception | None = None
        try:
            while True:
                waited: list[asyncio.Future[Any]] = []
                if commit is not None:
                    waited.append(commit)
                elif works:
                    waited.append(works[0][1])
                if coming is not None and len(works) < _AHEAD:
                    waited.append(coming)
                if not waited:
                    if failure is not None:
                        raise failure
                    return
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if coming is not None and coming.done() and len(works) < _AHEAD:
                    batch = None
                    try:
                        batch = coming.result()
                    except Exception as error:  # noqa: BLE001  # what came before it is committed first
                        failure = error
                    coming = None
                    if batch is not None:
                        crash_point("ingest.read")
                        self.working += 1
                        works.append((batch, asyncio.create_task(self._work(batch))))
                        coming = asyncio.ensure_future(_next(batches))
                if commit is not None and commit.done():
                    await commit
                    commit = None
                if commit is None and works and works[0][1].done():
                    batch, work = works.popleft()
                    arrival = self.ingest.arrival(self.source_row, self.source_name, batch, await work)
                    crash_point("ingest.sealed")
                    commit = asyncio.create_task(self._commit(arrival))
                    if arrival.retracted_loci:
                        await commit
                        return
        finally:
            left = [task for task in (coming, *(work for _, work in works)) if task is not None]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, *([commit] if commit is not None else []), return_exceptions=True)
            close = getattr(batches, "aclose", None)  # an async generator has it; what it waits for ends with it
            if close is not None:
                await close()
            self.working = 0

    async def _work(self, batch: Batch) -> list[Worked]:
        """Own writing is recognised here; only what needs work goes to a worker."""
        bench, now = self.ingest.bench, datetime.now(UTC)
        worked = [bench.echo(record) for record in batch.records]
        todo = [record for record, echo in zip(batch.records, worked, strict=True) if echo is None]
        if not todo:
            done: list[Worked] = []
        elif len(todo) <= _INLINE:
            done = bench.work(todo, batch.shared, now)
        else:
            done = await self._workers.work(self.name, todo, batch.shared, now)
        made = iter(done)
        return [next(made) if echo is None else echo for echo in worked]

    async def _commit(self, arrival: Arrival) -> None:
        now = micros(datetime.now(UTC))

        def store(connection: Connection) -> Taken:
            if arrival.routed_by is not self._routes.router:
                self.ingest.route_again(arrival)
            taken = self._intake.take(connection, arrival, self.ingest.revise, now)
            if arrival.retracted_loci:
                why = Fault(RETRACTED.code, f"{len(arrival.retracted_loci)} records", RETRACTED.hint)
                rows.stop_source(connection, self.source_row, why, now)
                self.stopped = why
            crash_point("ingest.before-commit")
            return taken

        taken = await self._database.write(store)
        crash_point("ingest.after-commit")
        self.height, self.head = arrival.position.height, max(arrival.head, arrival.position.height)
        self._well()
        self.count(taken)
        if arrival.entries:
            self.moved += 1
        self._metrics.behind.labels(self.name).set(self.head - self.height)
        self._metrics.up.labels(self.name).set(1)
        self.working -= 1

    def count(self, taken: Taken) -> None:
        """Tell the metrics, the log and the deliverers what a commit came to."""
        metrics = self._metrics
        if taken.sealed:
            metrics.ingested.labels(self.name).inc(taken.sealed)
        if taken.echoes:
            metrics.echoes.labels(self.name).inc(taken.echoes)
        if taken.quarantined:
            metrics.quarantined.labels(self.name).inc(taken.quarantined)
            for entry, why in taken.faults:
                log.warning("quarantined", network=self.name, entry=entry.hex(), code=why.code)
        if taken.pickups:
            self._hand_over(taken.pickups)

    async def _stop(self, why: Fault) -> None:
        now = micros(datetime.now(UTC))

        def store(connection: Connection) -> None:
            rows.stop_source(connection, self.source_row, why, now)
            crash_point("stop.before-commit")

        self.stopped = why
        await self._database.write(store)
        crash_point("stop.after-commit")
        self._metrics.up.labels(self.name).set(0)
        log.error("source stopped for a person", network=self.name, code=why.code, detail=why.detail)


async def _next(batches: AsyncIterator[Batch]) -> Batch | None:
    try:
        return await anext(batches)
    except StopAsyncIteration:
        return None
