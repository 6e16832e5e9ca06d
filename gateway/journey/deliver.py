"""From waiting deliveries to landed ones, for one destination.

    waiting ─ choose (lanes) ─ render (mapping) ─ prepare (sink) ─ store ─ submit ─ outcome ─ landed
       ▲                                                                      │
       └───────────────────────────── void ───────────────────────────────────┤
                                                    parked, with its lanes ◀──┘

What is sent was stored before. Two attempts never share a lane, so what one lane holds lands in order whatever
becomes of the attempts; within one attempt the order is kept by the sink. A delivery that cannot go on parks its
lanes: what stands behind it on one of them is held, everything else passes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec
import structlog
from sqlalchemy.engine import Connection

from gateway.errors import Broken, GatewayError, InputError, MappingError, Misuse, Permanent, Transient, fault
from gateway.journey.assembly import DeliveryRules
from gateway.journey.backoff import Backoff
from gateway.journey.crash import crash_point
from gateway.journey.marks import mark_of
from gateway.journey.metrics import Metrics
from gateway.journey.seal import content_digest
from gateway.journey.telling import frames_of
from gateway.mapping import MappingLibrary, losses_document
from gateway.model import records as model
from gateway.spi import (
    Absent,
    Capabilities,
    Conflict,
    DeliveryKey,
    Digest,
    LocusValue,
    NativeRecord,
    Outbound,
    OutcomeOf,
    Pending,
    Prepared,
    RecordKey,
    Refused,
    Relay,
    Sink,
    Void,
    Written,
    delivery_key,
)
from gateway.store import dispatch
from gateway.store.database import Database
from gateway.store.drafts import Fault, Pickup, micros
from gateway.store.intake import Intake

__all__ = ["Deliverer"]

log = structlog.get_logger("gateway.deliver")

UNREADABLE = fault(
    "deliver.format",
    "The destination's format cannot take the record.",
    "Look at the record and the mapping; then `gateway record retry`, or `gateway record skip` with the reason.",
)
REFUSED = fault(
    "deliver.refused",
    "The destination refuses the record.",
    "Ask the network's operator for the reason; then `gateway record retry`, or `gateway record skip`.",
)
CONFLICT = fault(
    "deliver.conflict",
    "The destination holds other content under the same key.",
    "Somebody else wrote it first, or two gateways translate differently. Compare both; it is never overwritten.",
)
UNEXPECTED = fault(
    "deliver.unexpected",
    "The delivery met a fault of the program.",
    "Report it with the release and this record's number; other lanes go on.",
)

_WINDOW: Final = 4_096
"""Waiting deliveries looked at beyond those whose lane is busy."""
_FAR: Final = 65_536
"""… and at most so many in all, where busy lanes hold that many up."""
_INLINE: Final = 16
"""As many are rendered in the event loop; more go to a thread, so that no other network waits for them."""
_FIRST_LOOK: Final = 0.002
_LAST_LOOK: Final = 0.5


def now_micros() -> int:
    return micros(datetime.now(UTC))


@dataclass(slots=True, eq=False)
class _Attempt:
    """One attempt on its way: what is in it and what is still open of it."""

    row: int
    prepared: Prepared
    pickups: list[Pickup]
    sent: int = 0
    open: dict[bytes, Pickup] = field(default_factory=dict)


@dataclass(slots=True)
class _Rendered:
    pickup: Pickup
    outbound: Outbound | None
    losses: bytes = b""
    why: Fault | None = None


class Deliverer:
    """The worker of one destination. `offer` and `wake` are called in the event loop; `run` until cancelled."""

    def __init__(
        self,
        name: str,
        row: int,
        digest: Digest,
        writes: str,
        capabilities: Capabilities,
        database: Database,
        intake: Intake,
        library: MappingLibrary,
        mark: bytes,
        fence: int,
        rules: DeliveryRules,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self.row = row
        self._digest = digest
        self._writes = writes
        self._can = capabilities
        self._most = max(1, min(rules.batch, capabilities.batch))
        self._database = database
        self._intake = intake
        self._library = library
        self._mark = mark
        self._fence = fence
        self._rules = rules
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._window: deque[Pickup] = deque()
        self._cursor = 0
        self._all_loaded = False
        self._reset = True
        self._busy: dict[int, int] = {}
        self._blocked: set[int] = set()
        self._instead: dict[int, list[dispatch.Skip]] = {}
        self._taken: set[int] = set()
        self._offers = 0
        self._generation = 0
        self._counted = 0
        """The newest delivery that `undone` was counted with."""
        self._singly = 0
        self._preparing = asyncio.Lock()
        self._voids = self._backoff()
        self._draining = False
        self._attempts: set[asyncio.Task[None]] = set()
        self._under_way: dict[int, _Attempt] = {}
        self._failure: BaseException | None = None
        self.trouble: GatewayError | None = None
        """What the network last failed with; None where it answers."""
        self.undone = 0

    # ── from outside ─────────────────────────────────────────────────────────────────────────────────────────

    def offer(self, pickups: list[Pickup]) -> None:
        """Deliveries that were just committed, oldest first. Taken over where there is room, else found later."""
        self.undone += sum(pickup.delivery > self._counted for pickup in pickups)
        self._offers += 1
        if self._all_loaded and not self._reset and len(self._window) + len(pickups) <= _WINDOW:
            self._window.extend(pickup for pickup in pickups if pickup.delivery > self._cursor)
            self._cursor = max(self._cursor, pickups[-1].delivery)
        else:
            self._all_loaded = False
        self._wake.set()

    def look_again(self) -> None:
        """Something was retried, skipped or added out of turn: what waits is looked at from the start."""
        self._reset = True
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and nothing can be sent."""
        return self._all_loaded and not self._reset and not self._window and not self._attempts

    def oldest(self) -> int | None:
        """When the oldest delivery that this worker holds was seen on its network, as the store counts time."""
        seen = [self._window[0].seen] if self._window else []
        seen.extend(attempt.pickups[0].seen for attempt in self._under_way.values())
        return min(seen, default=None)

    # ── the worker ───────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, sink: Sink) -> None:
        """Deliver until cancelled. Raises what cannot be helped by trying again: faults of the program, the store's."""
        self._forget()
        try:
            await self._pick_up_open(sink)
            while True:
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
                if self._reset:
                    await self._look_from_the_start()
                while not self._draining and len(self._attempts) < max(1, self._can.in_flight):
                    if not await self._start(sink):
                        break
                await self._wake.wait()
        finally:
            for task in tuple(self._attempts):
                task.cancel()
            if self._attempts:
                await asyncio.gather(*self._attempts, return_exceptions=True)

    async def drain(self, seconds: float) -> None:
        """Begin nothing new; give what is under way so many seconds. The rest is taken up at the next start."""
        self._draining = True
        if self._attempts:
            await asyncio.wait(tuple(self._attempts), timeout=seconds)

    def _forget(self) -> None:
        self._window.clear()
        self._taken.clear()
        self._busy.clear()
        self._under_way.clear()
        self._attempts.clear()
        self._failure = None
        self._reset = True

    async def _look_from_the_start(self) -> None:
        """Forget what was loaded and load it again. Lanes under way stay busy."""
        self._reset = False
        self._generation += 1
        self._window.clear()
        self._cursor = 0
        self._all_loaded = False

        def look(connection: Connection) -> tuple[set[int], dict[int, list[dispatch.Skip]], dispatch.Backlog]:
            dispatch.settle_held(connection, self.row)
            return (
                dispatch.parked_lanes(connection, self.row),
                dispatch.untold_skips(connection, self.row),
                dispatch.backlog(connection, self.row),
            )

        self._blocked, self._instead, backlog = await self._database.write(look)
        self.undone, self._counted = backlog.undone, backlog.newest

    async def _load(self) -> None:
        limit = min(_WINDOW, _FAR - len(self._window))
        if self._all_loaded or limit <= 0:
            return
        cursor, offers = self._cursor, self._offers
        found = await self._database.write(lambda connection: dispatch.waiting(connection, self.row, cursor, limit))
        if self._reset:
            return
        # A reload meets deliveries that an attempt under way was given but has not stored yet.
        self._window.extend(pickup for pickup in found if pickup.delivery not in self._taken)
        if found:
            self._cursor = found[-1].delivery
        # What was offered in between and not taken over is found by the next load.
        self._all_loaded = len(found) < limit and offers == self._offers

    def _choose(self) -> tuple[list[Pickup], list[Pickup]]:
        """The next deliveries that may go now, in order, and those that stand behind a parked one."""
        chosen: list[Pickup] = []
        held: list[Pickup] = []
        kept: deque[Pickup] = deque()
        passed: set[int] = set()
        busy, blocked, window = self._busy, self._blocked, self._window
        most = 1 if self._singly > 0 else self._most
        while window and len(chosen) < most:
            pickup = window.popleft()
            lanes = pickup.lanes
            if blocked and not blocked.isdisjoint(lanes):
                blocked.update(lanes)
                held.append(pickup)
            elif any(lane in busy or lane in passed for lane in lanes):
                passed.update(lanes)
                kept.append(pickup)
            else:
                chosen.append(pickup)
        kept.extend(window)
        self._window = kept
        return chosen, held

    async def _start(self, sink: Sink) -> bool:
        """Begin one attempt. False where nothing can be sent now."""
        if len(self._window) < self._most and not self._all_loaded:
            await self._load()
        if self._rules.linger and self._window and len(self._window) < self._most and not self._attempts:
            await asyncio.sleep(self._rules.linger)
        chosen, held = self._choose()
        while not chosen and not self._all_loaded and not self._reset and len(self._window) < _FAR:
            await self._load()  # busy or parked lanes filled what was loaded: look further
            more, behind = self._choose()
            chosen, held = more, held + behind
        generation = self._generation
        for pickup in chosen:
            self._taken.add(pickup.delivery)
            for lane in pickup.lanes:
                self._busy[lane] = self._busy.get(lane, 0) + 1
        if held:
            await self._hold([pickup.delivery for pickup in held])
        if not chosen:
            return False
        self._singly = max(0, self._singly - 1)
        task = asyncio.create_task(self._attempt(sink, chosen, generation), name=f"attempt to {self.name}")
        self._attempts.add(task)
        task.add_done_callback(self._ended)
        return True

    async def _hold(self, ids: list[int]) -> None:
        free = await self._database.write(lambda connection: dispatch.hold(connection, self.row, ids))
        self._taken.difference_update(ids)
        if free:
            self.look_again()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._attempts.discard(task)
        if not task.cancelled() and task.exception() is not None and self._failure is None:
            self._failure = task.exception()
        self._wake.set()

    def _free(self, pickups: Sequence[Pickup]) -> None:
        for pickup in pickups:
            for lane in pickup.lanes:
                left = self._busy[lane] - 1
                if left:
                    self._busy[lane] = left
                else:
                    del self._busy[lane]

    # ── one attempt ──────────────────────────────────────────────────────────────────────────────────────────

    async def _attempt(self, sink: Sink, chosen: list[Pickup], generation: int) -> None:
        try:
            ready = await self._render(chosen)
            async with self._preparing:  # attempts are stored in the order in which the sink made them
                later, attempt = await self._prepare(sink, ready)
            self._put_back(later, generation)
            if attempt is not None:
                await self._see_through(sink, attempt)
        finally:
            self._taken.difference_update(pickup.delivery for pickup in chosen)
            self._free(chosen)

    def _put_back(self, pickups: list[Pickup], generation: int) -> None:
        """What one attempt had no room for comes first in the next; a reload in between has it already, but for
        `_taken`."""
        if not pickups:
            return
        self._taken.difference_update(pickup.delivery for pickup in pickups)
        if generation == self._generation and not self._reset:
            self._window.extendleft(reversed(pickups))
        else:
            self.look_again()

    async def _render(self, pickups: list[Pickup]) -> list[_Rendered]:
        """Records in the destination's own form. Those that it cannot hold are parked, with what stands behind them."""
        missing = [pickup for pickup in pickups if not pickup.json]
        if missing:
            await self._database.write(lambda connection: dispatch.bodies(connection, missing))
        if len(pickups) <= _INLINE:
            rendered = self._render_all(pickups)
        else:
            rendered = await asyncio.to_thread(self._render_all, pickups)
        if any(each.why is not None for each in rendered):
            return await self._park_unfit(rendered)
        return rendered

    def _render_all(self, pickups: Sequence[Pickup]) -> list[_Rendered]:
        return [self._render_one(pickup) for pickup in pickups]

    def _render_one(self, pickup: Pickup) -> _Rendered:
        try:
            made = pickup.renditions.get(self._writes)
            if made is None:
                rendition = self._library.by_format(self._writes).to_native([model.decode(pickup.json)])
                made = rendition.native.content, losses_document(rendition.losses) if rendition.losses else b""
        except (MappingError, InputError) as error:
            why = Fault(UNREADABLE.code, f"{error.code}: {error.detail}", error.hint, error.where)
            return _Rendered(pickup, None, b"", why)
        except GatewayError:
            raise
        except Exception as error:  # noqa: BLE001
            # A fault of a mapping must not hold up other lanes; its message may hold content and is not kept.
            log.error(
                "delivery met a fault of the program", network=self.name, kind=type(error).__name__, at=frames_of(error)
            )
            why = Fault(UNEXPECTED.code, f"{UNEXPECTED.summary} ({type(error).__name__})", UNEXPECTED.hint)
            return _Rendered(pickup, None, b"", why)
        key = DeliveryKey(pickup.key)
        supersedes = None
        if pickup.revision > 1:
            supersedes = delivery_key(RecordKey(pickup.record_key), self._digest, pickup.revision - 1)
        path = pickup.path
        outbound = Outbound(
            key,
            content_digest(pickup.json, pickup.revision, pickup.withdrawn),
            pickup.subject,
            pickup.revision,
            NativeRecord(self._writes, made[0]),
            Relay(
                key,
                mark_of(self._mark, key),
                tuple([path[at : at + 32] for at in range(0, len(path), 32)]) if len(path) > 32 else (path,),
            ),
            pickup.withdrawn,
            supersedes,
        )
        return _Rendered(pickup, outbound, made[1])

    async def _park_unfit(self, rendered: list[_Rendered]) -> list[_Rendered]:
        stuck = [(each.pickup, each.why) for each in rendered if each.why is not None]
        await self._park(stuck)
        return await self._without_blocked([each for each in rendered if each.why is None])

    async def _without_blocked(self, rendered: list[_Rendered]) -> list[_Rendered]:
        """What may still go after something was parked; the rest is held."""
        free: list[_Rendered] = []
        held: list[int] = []
        for each in rendered:
            if self._blocked.isdisjoint(each.pickup.lanes):
                free.append(each)
            else:
                self._blocked.update(each.pickup.lanes)
                held.append(each.pickup.delivery)
        if held:
            await self._hold(held)
        return free

    async def _park(self, stuck: Sequence[tuple[Pickup, Fault]]) -> None:
        now = now_micros()
        rows = [(pickup.delivery, why) for pickup, why in stuck]

        def store(connection: Connection) -> None:
            dispatch.park(connection, rows, now)
            crash_point("park.before-commit")

        self._note_parked(stuck)
        await self._database.write(store)
        self._taken.difference_update(delivery for delivery, _ in rows)
        crash_point("park.after-commit")

    def _note_parked(self, stuck: Sequence[tuple[Pickup, Fault]]) -> None:
        for pickup, why in stuck:
            self._blocked.update(pickup.lanes)
            log.warning("parked", network=self.name, delivery=pickup.key.hex(), code=why.code)

    async def _prepare(self, sink: Sink, ready: list[_Rendered]) -> tuple[list[Pickup], _Attempt | None]:
        """Have the sink make an attempt of as many as it takes, and store it. What is left comes in the next one."""
        backoff = self._backoff()
        most = self._most
        while ready:
            some = self._fitting(ready, most)
            try:
                if not self._can.idempotent:
                    there = await self._there_already(sink, some)
                    if there:
                        ready = [each for each in ready if each not in there]
                        continue
                self._tell_skips(some)
                prepared = await sink.prepare(
                    [each.outbound for each in some if each.outbound is not None], self._fence
                )
            except Transient as error:
                await self._wait(backoff, error)
                continue
            except Broken:
                raise
            except Misuse:
                # Each fits and all together do not, by a measure that capabilities cannot state: gas, for instance.
                if len(some) == 1:
                    raise
                most = len(some) // 2
                continue
            except Permanent as error:
                if len(some) > 1 and not _names_one(error, some):
                    self._singly = len(some)
                    return [each.pickup for each in ready], None
                ready = await self._unfit(ready, some, error)
                continue
            self._well()
            crash_point("deliver.prepared")
            later = [each.pickup for each in ready[len(some) :]]
            return later, await self._store(some, prepared)
        return [], None

    def _fitting(self, ready: list[_Rendered], most: int) -> list[_Rendered]:
        """As many as one attempt may hold by count and bytes; at least one."""
        some: list[_Rendered] = []
        room = self._can.batch_bytes
        for each in ready[:most]:
            assert each.outbound is not None  # those without were parked
            room -= len(each.outbound.native.content)
            if some and room < 0:
                break
            some.append(each)
        return some

    def _tell_skips(self, some: list[_Rendered]) -> None:
        """The first delivery of a lane on which one was skipped names it as superseded: the gap is seen downstream."""
        if not self._instead:
            return
        told: set[int] = set()
        for each in some:
            outbound, pickup = each.outbound, each.pickup
            pickup.tells = ()
            if outbound is None or outbound.supersedes is not None:
                continue
            for lane in pickup.lanes:
                skips = [skip for skip in self._instead.get(lane, ()) if skip.delivery < pickup.delivery]
                if skips and skips[-1].delivery not in told:
                    pickup.tells = tuple(skip.delivery for skip in skips)
                    told.update(pickup.tells)
                    each.outbound = msgspec.structs.replace(outbound, supersedes=DeliveryKey(skips[-1].key))
                    break

    async def _there_already(self, sink: Sink, some: list[_Rendered]) -> list[_Rendered]:
        """A network that would take a key twice is asked first: what it holds has landed, by whatever attempt."""
        found = await sink.find([DeliveryKey(each.pickup.key) for each in some])
        landed: list[tuple[int, dict[str, LocusValue]]] = []
        there: list[_Rendered] = []
        for each, outcome in zip(some, found, strict=True):
            if isinstance(outcome, Written):
                landed.append((each.pickup.delivery, outcome.locus))
                there.append(each)
        if landed:
            now = now_micros()
            await self._database.write(lambda connection: dispatch.landed_already(connection, landed, now))
            self._done(len(landed))
        return there

    async def _unfit(self, ready: list[_Rendered], some: list[_Rendered], error: Permanent) -> list[_Rendered]:
        """The sink says that one record can never be taken: that one is parked."""
        bad = some[int(error.where or 0)] if _names_one(error, some) else some[0]
        await self._park([(bad.pickup, Fault(error.code, error.detail, error.hint))])
        return await self._without_blocked([each for each in ready if each is not bad])

    async def _store(self, some: list[_Rendered], prepared: Prepared) -> _Attempt:
        now = now_micros()
        pickups = [each.pickup for each in some]
        losses = [each.losses for each in some]

        def store(connection: Connection) -> int:
            row = dispatch.prepare(
                connection,
                self._intake,
                self.row,
                pickups,
                losses,
                prepared.label,
                prepared.body,
                self._fence,
                now,
            )
            crash_point("deliver.before-store")
            return row

        row = await self._database.write(store)
        crash_point("deliver.stored")
        return _Attempt(row, prepared, pickups, 0, {pickup.key: pickup for pickup in pickups})

    async def _see_through(self, sink: Sink, attempt: _Attempt, ask_first: bool = False) -> None:
        """Submit and ask until every outcome is final."""
        self._under_way[attempt.row] = attempt
        try:
            backoff = self._backoff()
            send = not ask_first
            look = _FIRST_LOOK
            told = False
            while attempt.open:
                try:
                    refused = None
                    if send:
                        refused = await self._submit(sink, attempt)
                        send = False
                    outcomes = await sink.outcome(attempt.prepared)
                    if refused is not None:
                        outcomes = [refused if isinstance(each, Absent) else each for each in outcomes]
                except Transient as error:
                    await self._wait(backoff, error)
                    continue
                self._well()
                crash_point("deliver.outcome-known")
                absent, void = await self._settle(attempt, outcomes)
                if void is not None:
                    await self._void(attempt, void)
                    return
                if not attempt.open:
                    return
                if not told:
                    told = True
                    await self._tell_submitted(attempt)
                if absent:
                    send = True
                    backoff.failures = min(backoff.failures, 4)
                    if attempt.sent:
                        await asyncio.sleep(backoff.next())
                else:
                    await asyncio.sleep(look)
                    look = min(look * 1.5, _LAST_LOOK)
        finally:
            del self._under_way[attempt.row]

    async def _tell_submitted(self, attempt: _Attempt) -> None:
        when = attempt.sent or now_micros()
        await self._database.write(lambda connection: dispatch.submitted(connection, attempt.row, when))

    async def _submit(self, sink: Sink, attempt: _Attempt) -> Refused | None:
        """Send. Where the network will never take the attempt, its own word still decides what landed before."""
        try:
            await sink.submit(attempt.prepared)
        except Broken:
            raise
        except Permanent as error:
            return Refused(f"{error.code}: {error.detail}")
        crash_point("deliver.submitted")
        self._sent(attempt)
        return None

    async def _settle(self, attempt: _Attempt, outcomes: Sequence[OutcomeOf]) -> tuple[bool, str | None]:
        """Store what is final. Says whether anything is absent, and the reason where the attempt is void."""
        landed: list[tuple[Pickup, dict[str, LocusValue]]] = []
        stuck: list[tuple[Pickup, Fault]] = []
        absent, void = False, None
        for key, outcome in zip(attempt.prepared.keys, outcomes, strict=True):
            pickup = attempt.open.get(key)
            if pickup is None:
                continue
            if isinstance(outcome, Written):
                landed.append((pickup, outcome.locus))
            elif isinstance(outcome, Conflict):
                detail = f"it holds the digest {outcome.digest.hex()}"
                stuck.append((pickup, Fault(CONFLICT.code, detail, CONFLICT.hint)))
            elif isinstance(outcome, Refused):
                stuck.append((pickup, Fault(REFUSED.code, outcome.reason, REFUSED.hint)))
            elif isinstance(outcome, Void):
                void = outcome.reason
            elif isinstance(outcome, Absent):
                absent = True
            else:
                assert isinstance(outcome, Pending)
        if landed or stuck:
            for pickup, _ in (*landed, *stuck):
                del attempt.open[pickup.key]
            await self._finish(attempt, landed, stuck)
        return absent, void

    async def _finish(
        self,
        attempt: _Attempt,
        landed: Sequence[tuple[Pickup, dict[str, LocusValue]]],
        stuck: Sequence[tuple[Pickup, Fault]],
    ) -> None:
        now = now_micros()
        over = not attempt.open
        rows = [(pickup.delivery, locus) for pickup, locus in landed]
        faults = [(pickup.delivery, why) for pickup, why in stuck]
        told = [delivery for pickup, _ in landed for delivery in pickup.tells]

        def store(connection: Connection) -> None:
            dispatch.finish(connection, attempt.row, rows, faults, over, attempt.sent or now, now)
            dispatch.skips_told(connection, told, now)
            crash_point("deliver.before-finish")

        self._note_parked(stuck)
        await self._database.write(store)
        crash_point("deliver.finished")
        if told:
            self._instead = {
                lane: left
                for lane, skips in self._instead.items()
                if (left := [skip for skip in skips if skip.delivery not in told])
            }
        self._taken.difference_update(delivery for delivery, _ in faults)
        self._voids.reset()
        self._done(len(landed))
        observe = self._metrics.landing.labels(self.name).observe
        for pickup, _ in landed:
            observe((now - pickup.seen) / 1e6)
        if stuck:
            # what stands behind on the same lanes, in this attempt, was sent with it and keeps its own outcome
            self._wake.set()

    async def _void(self, attempt: _Attempt, reason: str) -> None:
        """The attempt can never land: its deliveries wait again, and the worker looks for them from the start."""
        ids = [pickup.delivery for pickup in attempt.open.values()]
        now = now_micros()

        def store(connection: Connection) -> None:
            dispatch.void(connection, attempt.row, ids, reason, now)
            crash_point("deliver.void")

        await self._database.write(store)
        wait = self._voids.next() if self._voids.failures else 0.0
        self._voids.failures += 1
        log.info("attempt is void", network=self.name, attempt=attempt.prepared.label, deliveries=len(ids))
        if wait:  # again and again: another gateway writes under the same name, or the network is not well
            await asyncio.sleep(wait)
        self._taken.difference_update(ids)
        self.look_again()

    # ── after a restart ──────────────────────────────────────────────────────────────────────────────────────

    async def _pick_up_open(self, sink: Sink) -> None:
        """Attempts that were under way when the gateway ended: asked for and sent again, before any new one."""
        found = await self._database.write(lambda connection: dispatch.open_attempts(connection, self.row))
        await self._look_from_the_start()
        for one in found:
            prepared = Prepared(tuple(DeliveryKey(key) for key in one.keys), one.body, one.label)
            attempt = _Attempt(one.row, prepared, one.pickups, 0, {pickup.key: pickup for pickup in one.pickups})
            for pickup in one.pickups:
                self._taken.add(pickup.delivery)
                for lane in pickup.lanes:
                    self._busy[lane] = self._busy.get(lane, 0) + 1
            # Sent once, in the order in which they were prepared, before anything new is: a network that numbers its
            # writers' transactions would else give their numbers to others.
            await self._send_again(sink, attempt)
            task = asyncio.create_task(self._resume(sink, attempt), name=f"attempt to {self.name}")
            self._attempts.add(task)
            task.add_done_callback(self._ended)

    async def _send_again(self, sink: Sink, attempt: _Attempt) -> None:
        backoff = self._backoff()
        while True:
            try:
                outcomes = await sink.outcome(attempt.prepared)
                if any(isinstance(outcome, Absent) for outcome in outcomes):
                    await sink.submit(attempt.prepared)
                    attempt.sent = now_micros()
                self._well()
                return
            except Transient as error:
                await self._wait(backoff, error)
            except Broken:
                raise
            except Permanent:
                return  # refused; the attempt's own way decides what that means

    async def _resume(self, sink: Sink, attempt: _Attempt) -> None:
        try:
            await self._see_through(sink, attempt, ask_first=True)
        finally:
            self._taken.difference_update(pickup.delivery for pickup in attempt.pickups)
            self._free(attempt.pickups)

    # ── small things ─────────────────────────────────────────────────────────────────────────────────────────

    def _backoff(self) -> Backoff:
        return Backoff(self._rules.retry_first, self._rules.retry_most)

    async def _wait(self, backoff: Backoff, error: Transient) -> None:
        seconds = backoff.next()
        self.trouble = error
        self._metrics.retries.labels(self.name).inc()
        self._metrics.up.labels(self.name).set(0)
        log.warning("network does not answer", network=self.name, code=error.code, again_in=round(seconds, 2))
        await asyncio.sleep(seconds)

    def _well(self) -> None:
        if self.trouble is not None:
            self.trouble = None
            self._metrics.up.labels(self.name).set(1)
            log.info("network answers again", network=self.name)

    def _sent(self, attempt: _Attempt) -> None:
        if attempt.sent:
            return
        attempt.sent = now_micros()
        observe = self._metrics.sent_on.labels(self.name).observe
        for pickup in attempt.pickups:
            observe((attempt.sent - pickup.seen) / 1e6)

    def _done(self, count: int) -> None:
        self.undone -= count
        self._metrics.landed.labels(self.name).inc(count)


def _names_one(error: Permanent, some: Sequence[_Rendered]) -> bool:
    """Whether the error says which record of the attempt it is about."""
    where = error.where or ""
    return where.isascii() and where.isdigit() and int(where) < len(some)
