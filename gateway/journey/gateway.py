"""The supervisor: opens the store, runs a reader and a deliverer per network, and lets none of them harm another.

Each network has tasks of its own. What one raises ends nothing but its own task, which is begun again after a wait
that grows; a network that is dead when the gateway starts is asked again while the others work. Only the store is
shared: where it cannot be written, everything waits and nothing is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from gateway.errors import Broken, ConfigError, GatewayError, InputError, Misuse, Permanent, Transient, fault
from gateway.journey.assembly import Assembly, NetworkPlan, RoutePlan
from gateway.journey.backoff import Backoff
from gateway.journey.crash import crash_point
from gateway.journey.deliver import Deliverer
from gateway.journey.ingest import Ingest, Routes, source_record
from gateway.journey.metrics import Metrics
from gateway.journey.read import Reader
from gateway.journey.reroute import reroute
from gateway.journey.route import Place, Router
from gateway.journey.seal import Sealer
from gateway.journey.telling import frames_of, trouble_of
from gateway.journey.work import Bench
from gateway.journey.worker import Workers
from gateway.spi import NetworkId, Sink, Source
from gateway.store import orders
from gateway.store import schema as t
from gateway.store.database import Database, check_schema, open_engine
from gateway.store.drafts import Pickup, micros
from gateway.store.intake import Intake, stored_entry
from gateway.store.orders import Order

__all__ = ["Gateway", "Health", "NetworkHealth"]

log = structlog.get_logger("gateway")

ANOTHER = fault(
    "journey.another-network",
    "Under this name another network answers than before.",
    "Mend the network's settings. If it was replaced on purpose, give the new one a name of its own.",
)
NO_ISSUER = fault(
    "journey.no-issuer",
    "The network is read, but nobody is named who seals its records.",
    "Set `issuer` and `key` of the network, or `read = false`.",
)
NOT_RUNNING = fault("journey.not-running", "The gateway does not run.", "Start it first: `gateway run`.")
NOT_WRITTEN = fault(
    "journey.not-written",
    "Nothing can be delivered to this network.",
    "Set `writes` of the network; where it never answered, wait until it does.",
)
FAILED = fault(
    "journey.task-failed",
    "A worker met a fault of the program; it is begun again.",
    "Report it with the release and the log.",
)

_ORDERS_EVERY: Final = 0.25
_HEALTH_EVERY: Final = 1.0
_DRAIN: Final = 4.0
_STOP: Final = 8.0
_CALM: Final = 2.0
_PATIENT: Final = (20_000, 50, 100)
"""Thresholds of Python's collector of cycles while the gateway runs. Records make none, and are thousands: at the
usual thresholds a sixth of the gateway's time goes into looking through them."""


@dataclass(frozen=True, slots=True)
class NetworkHealth:
    """How one network stands. Times are seconds, positions block numbers.

    reading   `yes`, `waiting` (it does not answer), `stopped` (for a person), or `no` (not configured)
    writing   `yes`, `waiting`, or `no`
    trouble   what it last failed with; None where it answers
    """

    name: str
    reading: str
    writing: str
    position: int | None
    head: int | None
    backlog: int
    oldest: float | None
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """`ok` where no network is in trouble. A parked delivery is none: `gateway status` tells of those."""

    ok: bool
    networks: tuple[NetworkHealth, ...]


class _Network:
    """One network's tasks."""

    def __init__(self, plan: NetworkPlan) -> None:
        self.plan = plan
        self.id: NetworkId | None = plan.network
        self.row: int | None = None
        self.reader: Reader | None = None
        self.deliverer: Deliverer | None = None
        self.troubles: dict[str, str] = {}
        """What each of its workers last failed with, until it works again."""
        self.checked = asyncio.Event()
        """Set once the network itself said that it is the one that it was."""
        self.resumed = asyncio.Event()

    @property
    def trouble(self) -> str | None:
        return next(iter(self.troubles.values()), None)

    def well(self, what: str) -> None:
        self.troubles.pop(what, None)


class Gateway:
    """A gateway made of parts that were opened before. `run` until stopped, or `run_until_idle`, once."""

    def __init__(self, assembly: Assembly) -> None:
        """Opens the store. Raises StoreError, ConfigError (routes, issuers) or Misuse before anything runs."""
        self.assembly = assembly
        self.metrics = Metrics()
        self._networks = {plan.name: _Network(plan) for plan in assembly.networks}
        for plan in assembly.networks:
            if plan.read and (plan.issuer is None or plan.method is None or plan.signer is None):
                raise ConfigError(NO_ISSUER, where=f"networks.{plan.name}")
        self._routes = assembly.routes
        Router(self._routes, {}, list(self._networks))  # a wrong route stops everything before it begins
        check_schema_of(assembly.database)
        for network in self._networks.values():
            if network.id is None:
                network.id = _remembered(assembly.database, network.plan)
        # Forked before the store is opened and anything else is started: a worker holds nothing that is not its own.
        self._workers = Workers(
            {
                name: self._bench(network.plan, network.id)
                for name, network in self._networks.items()
                if network.plan.read and network.id is not None
            },
            assembly.workers,
        )
        try:
            self.database = Database(assembly.database)
        except BaseException:
            self._workers.close()
            raise
        self._intake = Intake()
        self.database.rolled_back = self._intake.forget
        self._places: dict[str, Place] = {}
        self._active = Routes(Router((), {}, list(self._networks)))
        self._fence = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False
        self._data_version = -1
        self._order_waits = False
        """Whether an order stays open until its network has answered."""
        self._ready = asyncio.Event()
        self._collector = gc.get_threshold()

    # ── running ──────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then end in less than ten seconds: what is under way is given four to finish."""
        await self._begin()
        try:
            await stop.wait()
        finally:
            await self._end()

    async def run_until_idle(self, quiet: float = 0.5, timeout: float | None = None) -> None:
        """Run until nothing has moved for `quiet` seconds and nothing can: all is read, all is landed, parked or held.

        Raises TimeoutError where that is not so after `timeout` seconds.
        """
        await self._begin()
        try:
            async with asyncio.timeout(timeout):
                await self._idle(quiet)
        finally:
            await self._end()

    async def _idle(self, quiet: float) -> None:
        loop = asyncio.get_running_loop()
        since, seen = loop.time(), -1
        while True:
            moved = sum(each.reader.moved for each in self._networks.values() if each.reader is not None)
            rest = not self._order_waits and all(self._at_rest(each) for each in self._networks.values())
            if moved != seen or not rest:
                since, seen = loop.time(), moved
            elif loop.time() - since >= quiet:
                return
            await asyncio.sleep(min(0.02, quiet / 4))

    def _at_rest(self, network: _Network) -> bool:
        reader, deliverer = network.reader, network.deliverer
        if network.plan.read and (
            reader is None or (reader.stopped is None and (reader.working > 0 or network.trouble is not None))
        ):
            return False
        return network.plan.writes is None or (deliverer is not None and deliverer.idle)

    async def _begin(self) -> None:
        if self._closed or self._tasks:
            raise Misuse(NOT_RUNNING, "a gateway runs once; make another from the same assembly")
        try:
            await self._know_networks()
        except BaseException:
            self.database.close()
            self._workers.close()
            self._closed = True
            raise
        self._collector = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(*_PATIENT)
        for network in self._networks.values():
            self._spawn(self._supervise_network(network), f"network {network.plan.name}")
        self._spawn(self._watch_orders(), "orders")
        self._spawn(self._watch_health(), "health")
        log.info("started", networks=len(self._networks), fence=self._fence)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _end(self) -> None:
        if self._closed:
            return
        self._closed = True
        gc.set_threshold(*self._collector)
        gc.unfreeze()
        deliverers = [each.deliverer for each in self._networks.values() if each.deliverer is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP):
                await asyncio.gather(*(deliverer.drain(_DRAIN) for deliverer in deliverers))
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.to_thread(self.database.close)
        await asyncio.to_thread(self._workers.close)
        log.info("stopped")

    async def _know_networks(self) -> None:
        """Rows of networks and sources, the fence, the routes: all that needs no network to answer."""
        now = _now()

        def look(connection: Connection) -> int:
            before = connection.execute(sa.select(t.settings.c.value).where(t.settings.c.name == "fence")).scalar()
            # A clock that goes on, so that it rises even over a restore from an old copy; and never falls with one
            # that was set back.
            fence = max(now, (before or 0) + 1)
            connection.execute(sa.delete(t.settings).where(t.settings.c.name == "fence"))
            connection.execute(sa.insert(t.settings).values(name="fence", value=fence))
            for network in self._networks.values():
                if network.id is not None:
                    self._register(connection, network, network.id)
            return fence

        self._fence = await self.database.write(look)
        self._active.router = self._router()
        self._ready.set()

    def _register(self, connection: Connection, network: _Network, identity: NetworkId) -> None:
        plan = network.plan
        network.row = self._intake.network(connection, identity, plan.name, plan.office)
        if plan.writes is not None:
            self._places[plan.name] = Place(network.row, identity.digest, plan.office, plan.name)

    def _router(self) -> Router:
        return Router(self._routes, self._places, list(self._networks))

    # ── one network ──────────────────────────────────────────────────────────────────────────────────────────

    async def _supervise_network(self, network: _Network) -> None:
        await self._identify(network)
        workers = []
        if network.plan.writes is not None:
            workers.append(self._keep(network, "deliver", self._deliver))
        if network.plan.read:
            workers.append(self._keep(network, "read", self._read))
        await asyncio.gather(*workers)

    async def _identify(self, network: _Network) -> None:
        """Ask the network who it is, until it answers; another one than before is left alone, with the reason."""
        plan, backoff = network.plan, self._backoff()
        while True:
            try:
                identity = await plan.adapter.identify(plan.settings)
                if network.id is not None and identity.digest != network.id.digest:
                    raise Broken(ANOTHER, f"{identity.kind} {identity.chain!r}, {identity.digest.hex()[:16]}…")
                break
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # an adapter's fault must harm no other network
                await self._trouble(network, "identify", error, backoff)
        if network.id is None:
            await self._newly_known(network, identity)
        network.well("identify")
        network.checked.set()

    async def _newly_known(self, network: _Network, identity: NetworkId) -> None:
        """A network that nobody knew at start gets what was sealed meanwhile, then takes its place in the routes."""
        network.id = identity

        def register(connection: Connection) -> None:
            self._register(connection, network, identity)

        await self.database.write(register)
        if network.plan.writes is None:
            return
        await self.replay(network.plan.name)

    async def replay(self, name: str) -> int:
        """Deliver to a network what was sealed before it or its routes were there. Returns how many deliveries it made.

        New records follow once the old ones are in their places, so that the order of each lane holds. Raises Misuse
        where nothing is written to the network, or nobody knows yet which one it is.
        """
        await self._ready.wait()
        if name not in self._places:
            raise Misuse(NOT_WRITTEN, where=name)
        router, place = self._router(), self._places[name]
        origins = {
            each.row: (each.plan.name, each.plan.office)
            for each in self._networks.values()
            if each.row is not None and each.plan.read
        }
        after, added = 0, 0
        while True:

            def step(connection: Connection, after: int = after) -> tuple[int, int, bool]:
                done = reroute(connection, self._intake, router, place, origins, after, _now())
                if done.end:
                    self._active.router = router
                return done.record, done.added, done.end

            after, more, end = await self.database.write(step)
            crash_point("reroute.after-commit")
            added += more
            if end:
                break
        deliverer = self._networks[name].deliverer
        if deliverer is not None:
            deliverer.look_again()
        return added

    async def set_routes(self, routes: Sequence[RoutePlan]) -> None:
        """Other routes from now on, without a restart; records sealed before are not sent again (`replay` does that).

        Raises ConfigError, and then the routes are as they were.
        """
        router = Router(routes, self._places, list(self._networks))

        def change(_: Connection) -> None:
            self._active.router = router

        await self.database.write(change)
        self._routes = tuple(routes)

    async def _keep(self, network: _Network, what: str, work: Callable[[_Network], Awaitable[None]]) -> None:
        """Begin a worker again whenever it fails, after a wait that grows while it keeps failing."""
        backoff = self._backoff()
        while True:
            loop = asyncio.get_running_loop()
            began = loop.time()
            # Where nothing comes for a while there is nothing wrong either; a batch that comes says so at once.
            calm = loop.call_later(_CALM, network.well, what)
            try:
                await work(network)
                return
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # a worker's fault must harm no other network
                calm.cancel()
                if loop.time() - began > self.assembly.delivery.retry_most:
                    backoff.reset()
                await self._trouble(network, what, error, backoff)
            finally:
                calm.cancel()

    async def _trouble(self, network: _Network, what: str, error: Exception, backoff: Backoff) -> None:
        seconds = backoff.next()
        name = network.plan.name
        network.troubles[what] = trouble_of(error)
        self.metrics.up.labels(name).set(0)
        self.metrics.retries.labels(name).inc()
        if isinstance(error, Transient):
            log.warning(
                "network does not answer", network=name, doing=what, code=error.code, again_in=round(seconds, 2)
            )
        elif isinstance(error, GatewayError):
            log.error("worker failed", network=name, doing=what, code=error.code, again_in=round(seconds, 2))
        else:
            log.error(
                "worker failed",
                network=name,
                doing=what,
                code=FAILED.code,
                kind=type(error).__name__,
                at=frames_of(error),
            )
        await asyncio.sleep(seconds)

    async def _read(self, network: _Network) -> None:
        plan = network.plan
        assert network.id is not None
        assert network.row is not None
        row = network.row
        if plan.name not in self._workers:
            self._workers.add(plan.name, self._bench(plan, network.id))
        ingest = Ingest(
            plan.name,
            plan.office,
            network.id,
            _sealer(plan, network.id),
            self.assembly.library,
            self._workers.bench(plan.name),
            self._active,
        )
        source: Source = plan.adapter.source(plan.settings, network.id)
        try:
            source_row = await self.database.write(lambda connection: self._intake.source(connection, row, source.name))
            before = network.reader
            reader = Reader(
                plan.name,
                source.name,
                source_row,
                ingest,
                self._active,
                self._workers,
                self.database,
                self._intake,
                self.metrics,
                self._hand_over,
                lambda: network.well("read"),
            )
            reader.moved = 0 if before is None else before.moved
            network.reader = reader
            while True:
                network.resumed.clear()
                await reader.run(source)
                if reader.stopped is None:
                    return
                network.well("read")
                await network.resumed.wait()
        finally:
            await _close(source)

    def _bench(self, plan: NetworkPlan, identity: NetworkId) -> Bench:
        assembly = self.assembly
        return Bench(
            plan.name,
            identity,
            _sealer(plan, identity),
            assembly.mark,
            assembly.library,
            assembly.anchors,
            assembly.verifiers,
            assembly.limits,
            self._formats_from(plan.name),
        )

    def _formats_from(self, name: str) -> list[str]:
        """The formats of the networks that a route leads to from this one, where there are workers enough to put
        records into them as well. With one worker, it and the gateway's own process have about as much to do."""
        if self.assembly.workers < 2:
            return []
        to = {other for route in self._routes if route.origin == name for other in route.to}
        formats = {each.writes for each in self.assembly.networks if each.name in to and each.writes is not None}
        return sorted(formats)

    async def _deliver(self, network: _Network) -> None:
        plan = network.plan
        assert network.id is not None
        assert network.row is not None
        assert plan.writes is not None
        self.assembly.library.by_format(plan.writes)
        sink: Sink = plan.adapter.sink(plan.settings, network.id, plan.secrets or _NoSecrets())
        try:
            deliverer = Deliverer(
                plan.name,
                network.row,
                network.id.digest,
                plan.writes,
                plan.adapter.capabilities(plan.settings),
                self.database,
                self._intake,
                self.assembly.library,
                self.assembly.mark,
                self._fence,
                self.assembly.delivery,
                self.metrics,
            )
            network.deliverer = deliverer
            await deliverer.run(sink)
        finally:
            await _close(sink)

    def _hand_over(self, pickups: Mapping[int, list[Pickup]]) -> None:
        for network in self._networks.values():
            new = pickups.get(network.row) if network.row is not None else None
            if new and network.deliverer is not None:
                network.deliverer.offer(new)

    def _backoff(self) -> Backoff:
        return Backoff(self.assembly.delivery.retry_first, self.assembly.delivery.retry_most)

    # ── orders ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch_orders(self) -> None:
        """Look for what a person asked for; SQLite says in a microsecond whether anybody else wrote at all."""
        while True:
            try:
                found = await self.database.write(self._new_orders)
                self._order_waits = not all([await self._carry_out(order) for order in found])
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # told, and tried again in a moment
                self._data_version = -1
                log.error("orders cannot be read", code=getattr(error, "code", FAILED.code), kind=type(error).__name__)
            await asyncio.sleep(_ORDERS_EVERY)

    def _new_orders(self, connection: Connection) -> list[Order]:
        if connection.dialect.name == "sqlite":
            version = int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
            if version == self._data_version:
                return []
            self._data_version = version
        return orders.open_orders(connection)

    async def _carry_out(self, order: Order) -> bool:
        """Do what was asked for. False where it must wait for its network."""
        if order.verb == "release":
            if not await self._release(order):
                return False
        else:

            def do(connection: Connection) -> orders.Done:
                now = _now()
                try:
                    done = orders.carry_out(connection, order, now)
                except InputError as error:
                    done = orders.Done(str(error))
                orders.settle(connection, order, done.result, now)
                crash_point("order.before-commit")
                return done

            done = await self.database.write(do)
            crash_point("order.after-commit")
            for network in self._networks.values():
                if network.row in done.deliver_to and network.deliverer is not None:
                    network.deliverer.look_again()
                if network.row in done.read_from:
                    network.resumed.set()
        # What came of it may quote a record: it stands in the store, for whoever gave the order, and in no log.
        log.info("order carried out", verb=order.verb, order=order.row)
        return True

    async def _release(self, order: Order) -> bool:
        """Try an entry in quarantine again, with the mappings, verifiers and limits of now. False as above."""

        def do(connection: Connection) -> dict[int, list[Pickup]] | None:
            now = _now()
            try:
                done = orders.carry_out(connection, order, now)
                assert done.entry is not None
                stored = stored_entry(connection, done.entry)
                network = next((each for each in self._networks.values() if each.row == stored.network), None)
                if network is None or not network.plan.read:
                    raise InputError(orders.UNKNOWN_TARGET, "its network is not read now", where=order.target)
                if network.reader is None:  # it has not answered since the start: the order stays open
                    self._data_version = -1
                    return None
                ingest = network.reader.ingest
                record = source_record(stored)
                worked = ingest.bench.work([record], stored.shared, datetime.now(UTC))[0]
                draft = ingest.draft(record, worked)
                taken, result = self._intake.release(connection, stored, draft, ingest.revise, now)
            except (InputError, Permanent) as error:
                orders.settle(connection, order, str(error), now)
                return {}
            orders.settle(connection, order, result, now)
            return taken.pickups

        pickups = await self.database.write(do)
        if pickups is None:
            return False
        self._hand_over(pickups)
        return True

    # ── health ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _watch_health(self) -> None:
        while True:
            with contextlib.suppress(GatewayError):  # the store's trouble is told by the workers that need it
                parked = await self.database.write(_parked)
                now = _now()
                for network in self._networks.values():
                    name, deliverer = network.plan.name, network.deliverer
                    if deliverer is not None:
                        oldest = deliverer.oldest()
                        self.metrics.backlog.labels(name).set(max(0, deliverer.undone))
                        self.metrics.oldest.labels(name).set(0 if oldest is None else max(0, now - oldest) / 1e6)
                        self.metrics.parked.labels(name).set(parked.get(network.row or 0, 0))
            await asyncio.sleep(_HEALTH_EVERY)

    def health(self) -> Health:
        """How every network stands, from memory."""
        now, made = _now(), []
        for network in self._networks.values():
            plan, reader, deliverer = network.plan, network.reader, network.deliverer
            trouble = network.trouble
            if deliverer is not None and deliverer.trouble is not None:
                trouble = trouble_of(deliverer.trouble)
            stopped = reader.stopped if reader is not None else None
            reading = "no" if not plan.read else "yes"
            if plan.read and (reader is None or network.trouble is not None):
                reading = "waiting"
            if stopped is not None:
                reading, trouble = "stopped", f"{stopped.code}: {stopped.detail}"
            writing = "no" if plan.writes is None else "yes"
            if plan.writes is not None and (deliverer is None or deliverer.trouble is not None):
                writing = "waiting"
            oldest = deliverer.oldest() if deliverer is not None else None
            made.append(
                NetworkHealth(
                    plan.name,
                    reading,
                    writing,
                    None if reader is None else reader.height,
                    None if reader is None else reader.head,
                    0 if deliverer is None else max(0, deliverer.undone),
                    None if oldest is None else max(0, now - oldest) / 1e6,
                    trouble,
                )
            )
        return Health(all(each.trouble is None for each in made), tuple(made))


class _NoSecrets:
    def private(self, name: str) -> bytes:
        from gateway.errors import TrustError

        raise TrustError(NO_ISSUER, f"no key store was given, so there is no key {name!r}")


def _now() -> int:
    return micros(datetime.now(UTC))


def _sealer(plan: NetworkPlan, identity: NetworkId) -> Sealer:
    assert plan.issuer is not None  # looked at when the gateway was made
    assert plan.method is not None
    assert plan.signer is not None
    return Sealer(identity.digest, plan.issuer, plan.method, plan.signer)


def check_schema_of(url: str) -> None:
    """Raises StoreError where the database is missing, foreign or of another schema."""
    engine = open_engine(url)
    try:
        check_schema(engine)
    finally:
        engine.dispose()


def _remembered(url: str, plan: NetworkPlan) -> NetworkId | None:
    """The network that this name stood for last time."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            row = connection.execute(
                sa.select(t.networks).where(t.networks.c.name == plan.name).order_by(t.networks.c.id.desc()).limit(1)
            ).one_or_none()
    finally:
        engine.dispose()
    if row is None or row.kind != plan.adapter.kind:
        return None
    return NetworkId(row.kind, row.chain, bytes(row.genesis))


def _parked(connection: Connection) -> dict[int, int]:
    rows = connection.execute(
        sa.select(t.parked.c.destination, sa.func.count().label("waiting")).group_by(t.parked.c.destination)
    )
    return {row.destination: row.waiting for row in rows}


async def _close(part: Source | Sink) -> None:
    """Sources and sinks promise to close within a second; one that does not holds nobody up."""
    try:
        async with asyncio.timeout(2.0):
            await part.aclose()
    except TimeoutError:
        log.warning("an adapter did not close in time", kind=type(part).__name__)
    except GatewayError as error:
        log.warning("an adapter did not close cleanly", kind=type(part).__name__, code=error.code)
