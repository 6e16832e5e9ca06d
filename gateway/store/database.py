"""The database and its one writer.

All that changes the store runs in one thread, in the order it was asked for. What waits at the same time
shares one transaction and so one flush to disk; each piece of work stands in a savepoint of its own, so that
one that fails takes nothing with it. Readers (the command line, health) open the database for themselves.

SQLite runs in WAL mode with `synchronous=FULL`: a commit that returned survives a loss of power, which is what
makes "stored before it is sent" true. Sharing the flush makes that affordable.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

if sys.platform != "win32":  # there SQLite's own lock still keeps two writers out of one transaction
    import fcntl

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from gateway.errors import Misuse, StoreError, fault
from gateway.store import schema

__all__ = ["Database", "check_schema", "open_engine"]

MISSING = fault(
    "store.missing",
    "There is no database at this place.",
    "Run `gateway migrate` to create it, or correct the state directory in the configuration.",
)
UNVERSIONED = fault(
    "store.foreign",
    "The file is not a gateway's database.",
    "Point the configuration at the gateway's own database, or run `gateway migrate` on an empty one.",
)
OLDER = fault(
    "store.older-schema",
    "The database was written by an older release.",
    "Stop every gateway that uses it, copy it, then run `gateway migrate`.",
)
NEWER = fault(
    "store.newer-schema",
    "The database was written by a newer release than this one.",
    "Run that release, or restore the copy from before it was migrated.",
)
UNUSABLE = fault(
    "store.unusable",
    "The database cannot be read or written.",
    "Look at the detail: disk full, permissions, or a damaged file. Nothing was committed.",
)
CLOSED = fault("store.closed", "The database was already closed.", "Ask before the gateway is stopped.")
BUSY = fault(
    "store.in-use",
    "Another gateway writes to this database.",
    "Stop the other `gateway run`; one database has one writer.",
)

T = TypeVar("T")
Work = Callable[[Connection], T]

_SHARED: Final = 64
"""At most so many pieces of work share one transaction, so that none waits long for its neighbours."""


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///PATH`; waits up to 10 s for another connection's write."""
    engine = sa.create_engine(url, connect_args={"timeout": 10.0, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, by name, so that BEGIN is IMMEDIATE
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.execute("PRAGMA cache_size=-32768")
        cursor.execute("PRAGMA journal_size_limit=67108864")
        cursor.close()

    return engine


def path_of(url: str) -> Path | None:
    """The file behind an SQLite address, None for any other."""
    parsed = sa.make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def check_schema(engine: Engine) -> None:
    """Raises StoreError unless the database is there and of this release's schema."""
    path = path_of(engine.url.render_as_string(hide_password=False))
    if path is not None and not path.is_file():
        raise StoreError(MISSING, where=str(path))
    try:
        with engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except sa.exc.DBAPIError as error:
        if "no such table" in str(error.orig) or "does not exist" in str(error.orig):
            raise StoreError(UNVERSIONED, where=str(path or engine.url)) from error
        raise StoreError(UNUSABLE, str(error.orig), where=str(path or engine.url)) from error
    if found is None:
        raise StoreError(UNVERSIONED, where=str(path or engine.url))
    if found != schema.SCHEMA:
        kind = OLDER if str(found) < schema.SCHEMA else NEWER
        raise StoreError(
            kind, f"its schema is {found}, this release works with {schema.SCHEMA}", where=str(path or engine.url)
        )


class _Held:
    """The lock file beside an SQLite database, held while this process writes to it."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _hold(url: str) -> _Held:
    path = path_of(url)
    if path is None or sys.platform == "win32" or not path.parent.is_dir():
        return _Held(None)
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(BUSY, where=str(path)) from error
    return _Held(descriptor)


class _Job:
    __slots__ = ("done", "work")

    def __init__(self, work: Work[Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self.work = work
        self.done = done


class Database:
    """A checked database with its writer thread.

    `before_commit` and `after_commit` are called around every commit, with how many pieces of work it holds;
    `rolled_back` whenever something that was written is taken back, so that who remembers ids can forget them.
    """

    def __init__(self, url: str) -> None:
        """Raises StoreError where the database is missing, foreign, damaged, of another schema, or in use."""
        self.url = url
        self._lock = _hold(url)
        self.engine = open_engine(url)
        self.before_commit: Callable[[], None] = _nothing
        self.after_commit: Callable[[], None] = _nothing
        self.rolled_back: Callable[[], None] = _nothing
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        try:
            check_schema(self.engine)
            self._connection = self.engine.connect()
        except BaseException:
            self.engine.dispose()
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._thread.start()

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction; returns once it is committed, on disk. Raises what `work` raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():  # the caller was cancelled; the work was done all the same
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        def done(result: Any, error: BaseException | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        self._put(_Job(work, done))
        return await future

    def write_now(self, work: Work[T]) -> T:
        """The same for a caller without an event loop; waits."""
        ready = threading.Event()
        box: list[Any] = [None, None]

        def done(result: Any, error: BaseException | None) -> None:
            box[0], box[1] = result, error
            ready.set()

        self._put(_Job(work, done))
        ready.wait()
        if box[1] is not None:
            raise box[1]
        return box[0]  # type: ignore[no-any-return]  # what `work` gave, by way of the queue

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection of one's own that sees one state of the database throughout."""
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    connection.exec_driver_sql("ROLLBACK")
        except sa.exc.DBAPIError as error:
            raise StoreError(UNUSABLE, str(error.orig)) from error

    def close(self) -> None:
        """Finishes what was asked for, then closes."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._connection.close()
        self.engine.dispose()
        self._lock.release()

    def _put(self, job: _Job) -> None:
        if self._closed:
            raise Misuse(CLOSED)
        self._jobs.put(job)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            jobs, last = [job], False
            while len(jobs) < _SHARED:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                jobs.append(more)
            self._transact(jobs)
            if last:
                return

    def _transact(self, jobs: list[_Job]) -> None:
        connection = self._connection
        results: list[tuple[Any, BaseException | None]] = []
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            alone = len(jobs) == 1
            for job in jobs:
                if not alone:
                    connection.exec_driver_sql("SAVEPOINT work")
                try:
                    results.append((job.work(connection), None))
                except Exception as error:  # noqa: BLE001  # it is whoever asked for the work that gets it
                    self.rolled_back()
                    results.append((None, _own(error)))
                    connection.exec_driver_sql("ROLLBACK" if alone else "ROLLBACK TO work")
                    if alone:
                        break
                if not alone:
                    connection.exec_driver_sql("RELEASE work")
            if not (alone and results[0][1] is not None):
                self.before_commit()
                connection.exec_driver_sql("COMMIT")
                self.after_commit()
        except Exception as error:  # noqa: BLE001  # whoever asked gets it
            self.rolled_back()
            results = [(None, _own(error))] * len(jobs)
            try:
                connection.exec_driver_sql("ROLLBACK")
            except sa.exc.DBAPIError:
                connection.invalidate()  # the connection itself is gone; the next piece of work opens another
        finally:
            connection.rollback()  # ends SQLAlchemy's own notion of a transaction; SQLite's is over already
        for job, (result, failed) in zip(jobs, results, strict=True):
            job.done(result, failed)


def _own(error: Exception) -> Exception:
    if isinstance(error, sa.exc.DBAPIError):
        kind = BUSY if "locked" in str(error.orig) else UNUSABLE
        made = StoreError(kind, str(error.orig))
        made.__cause__ = error
        return made
    return error


def _nothing() -> None:
    pass
