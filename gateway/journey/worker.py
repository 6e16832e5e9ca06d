"""Worker processes: the work on records beside the event loop, on further processors.

Verifying, translating and sealing take more than half of a record's time and no input or output: in one process
Python would do them on one processor, in turn with reading and delivering. Workers are forked before the gateway
opens or starts anything, so they hold what it holds (keys, mappings, registry) and nothing has to be sent to them
but records. They open no file, no database and no connection; a worker whose gateway ends, however, ends too.

Without workers (one processor, no `fork`, a process that already has threads, or one that died) the same work is
done in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

import msgspec
import structlog

from gateway.errors import Broken, declared, fault
from gateway.journey.work import Bench, Worked
from gateway.spi import Evidence, NativeRecord, Relay, SourceRecord

__all__ = ["Workers"]

log = structlog.get_logger("gateway.worker")

DIED = fault(
    "journey.worker-died",
    "A worker process ended by itself.",
    "Its work is done in the gateway's own process, more slowly. Look for lack of memory, then restart the gateway.",
)

_LENGTH: Final = 8
_PIPE: Final = 1 << 20
_DEPTH: Final = 2
"""Tasks that a worker may have: one that it works on and one that waits in its pipe."""
_LEAST: Final = 32
"""Fewer records than this for each worker are not worth being shared out."""


class _Record(msgspec.Struct):
    """A SourceRecord as it comes out of the pipe: msgspec cannot tell text from bytes by a union, so `locus` is read
    as whatever it is."""

    source: str
    locus: dict[str, Any]
    native: NativeRecord
    evidence: Evidence
    time: datetime
    entry: bytes
    relay: Relay
    withdraws: bytes | None

    def whole(self) -> SourceRecord:
        return SourceRecord(
            self.source, self.locus, self.native, self.evidence, self.time, self.entry, self.relay, self.withdraws
        )


class _Order(msgspec.Struct, array_like=True):
    """What goes to a worker."""

    bench: str
    records: Sequence[SourceRecord]
    shared: Mapping[bytes, bytes]
    now: datetime


class _Task(msgspec.Struct, array_like=True):
    """The same as the worker reads it."""

    bench: str
    records: list[_Record]
    shared: dict[bytes, bytes]
    now: datetime


class _Answer(msgspec.Struct, array_like=True):
    """What a worker made, or the Broken that it raised: code, detail, hint, place."""

    worked: list[Worked] = []
    error: tuple[str, str, str, str | None] | None = None
    failed: bool = False
    """It met what it cannot tell of; the gateway's own process does the work again and meets it itself."""


class _Gone(Exception):
    pass


class Workers:
    """A fixed number of worker processes, each with the same benches. `work` may be called for several at once."""

    def __init__(self, benches: Mapping[str, Bench], count: int) -> None:
        """Forks `count` workers, where that is safe: not beside other threads, for a fork takes none of them along."""
        self._benches = dict(benches)
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(_Answer).decode
        self._all: list[_Worker] = []
        self._dead: list[_Worker] = []
        if count > 0 and hasattr(os, "fork") and threading.active_count() == 1:
            for _ in range(count):
                worker = _fork(benches, self._all)
                self._all.append(worker)
        self._forked = frozenset(benches) if self._all else frozenset()
        self._threads = ThreadPoolExecutor(max(1, _DEPTH * len(self._all)), thread_name_prefix="work")

    @property
    def processes(self) -> tuple[int, ...]:
        """Their process ids."""
        return tuple(worker.pid for worker in self._all)

    def add(self, name: str, bench: Bench) -> None:
        """A bench that was not there when the workers were forked; its work is done in a thread."""
        self._benches[name] = bench

    def __contains__(self, name: str) -> bool:
        return name in self._benches

    def bench(self, name: str) -> Bench:
        return self._benches[name]

    async def work(
        self, bench: str, records: Sequence[SourceRecord], shared: Mapping[bytes, bytes], now: datetime
    ) -> list[Worked]:
        """What `Bench.work` gives, made elsewhere. Raises what it raises."""
        size = -(-len(records) // max(1, len(self._all)))
        if bench not in self._forked or size < _LEAST:
            return await self._one(bench, records, shared, now)
        parts = [records[at : at + size] for at in range(0, len(records), size)]
        done = await asyncio.gather(*(self._one(bench, part, shared, now) for part in parts), return_exceptions=True)
        worked: list[Worked] = []
        for each in done:
            if isinstance(each, BaseException):
                raise each
            worked += each
        return worked

    async def _one(
        self, bench: str, records: Sequence[SourceRecord], shared: Mapping[bytes, bytes], now: datetime
    ) -> list[Worked]:
        loop = asyncio.get_running_loop()
        if self._all and bench in self._forked:
            worker = min(self._all, key=lambda each: each.load)
            worker.load += 1
            job = loop.run_in_executor(self._threads, self._ask, worker, bench, records, shared, now)
            job.add_done_callback(lambda _: worker.done())
            try:
                answer = await job
            except _Gone:
                if worker in self._all:
                    self._all.remove(worker)
                    self._dead.append(worker)
                    worker.end()
                    log.error("worker died", code=DIED.code, process=worker.pid, left=len(self._all))
            else:
                if not answer.failed:
                    return _made(answer)
        return await loop.run_in_executor(self._threads, self._benches[bench].work, records, shared, now)

    def _ask(
        self,
        worker: _Worker,
        bench: str,
        records: Sequence[SourceRecord],
        shared: Mapping[bytes, bytes],
        now: datetime,
    ) -> _Answer:
        task = self._encode(_Order(bench, records, shared, now))
        try:
            return self._decode(worker.ask(task))
        except (OSError, EOFError) as error:
            raise _Gone(str(error)) from error

    def close(self) -> None:
        """Ends the workers: what one works on is dropped, for nothing of it was committed."""
        for worker in self._all:
            worker.end()
        self._threads.shutdown(wait=True)
        for worker in (*self._all, *self._dead):
            worker.close()
        self._all, self._dead = [], []


class _Worker:
    """A worker process: its id, the end of a pipe to it and that of one back.

    A second task is sent while the first is worked on, so that it never waits for one. Answers come in the order of
    the tasks: who sends takes the place in the queue for receiving before the next may send.
    """

    def __init__(self, pid: int, to: int, back: int) -> None:
        self.pid = pid
        self.to = to
        self.back = back
        self.load = 0
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._gone = False

    def ask(self, task: bytes) -> bytes:
        """Raises OSError or EOFError where the worker is no more."""
        with self._sending:
            if self._gone:
                raise EOFError("it ended before")
            _send(self.to, task)
            self._receiving.acquire()
        try:
            return _receive(self.back)
        except (OSError, EOFError):
            self._gone = True
            raise
        finally:
            self._receiving.release()

    def done(self) -> None:
        self.load -= 1

    def end(self) -> None:
        """End the process, at once; whoever waits for it is told."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def close(self) -> None:
        """Let go of the pipes, once nobody uses them any more."""
        os.close(self.to)
        os.close(self.back)


def _made(answer: _Answer) -> list[Worked]:
    if answer.error is None:
        return answer.worked
    code, detail, hint, place = answer.error
    kind = next((each for each in declared() if each.code == code), DIED)
    raise Broken(kind, detail, where=place, hint=hint)


def _fork(benches: Mapping[str, Bench], others: Sequence[_Worker]) -> _Worker:
    there, to = os.pipe()
    back, here = os.pipe()
    for end in (to, here):
        _widen(end)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(there)
        os.close(here)
        return _Worker(pid, to, back)
    # the worker: whatever happens here must not run the gateway's own code on its way out
    try:
        os.close(to)
        os.close(back)
        for other in others:
            os.close(other.to)
            os.close(other.back)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the gateway says when to end
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        _serve(there, here, benches)
    finally:
        os._exit(0)


def _widen(pipe: int) -> None:
    """A pipe that holds a whole answer spares most of the turns between reader and writer."""
    try:
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    except (ImportError, AttributeError, OSError):
        return  # not Linux, or not allowed: it works all the same


def _serve(tasks: int, answers: int, benches: Mapping[str, Bench]) -> None:
    decode = msgspec.msgpack.Decoder(_Task).decode
    encode: Any = msgspec.msgpack.Encoder().encode
    while True:
        try:
            task = decode(_receive(tasks))
        except (EOFError, OSError):
            return
        answer: _Answer
        try:
            records = [record.whole() for record in task.records]
            answer = _Answer(benches[task.bench].work(records, task.shared, task.now))
        except Broken as error:
            answer = _Answer([], (error.code, error.detail, error.hint, error.where))
        except Exception:  # noqa: BLE001  # the gateway's own process does it again and tells of it
            answer = _Answer(failed=True)
        try:
            _send(answers, encode(answer))
        except OSError:
            return


def _send(pipe: int, data: bytes) -> None:
    view = memoryview(len(data).to_bytes(_LENGTH, "big") + data)
    while view:
        view = view[os.write(pipe, view) :]


def _receive(pipe: int) -> bytes:
    length = int.from_bytes(_exactly(pipe, _LENGTH), "big")
    return _exactly(pipe, length)


def _exactly(pipe: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(pipe, min(length, _PIPE))
        if not part:
            raise EOFError("the other end of the pipe was closed")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
