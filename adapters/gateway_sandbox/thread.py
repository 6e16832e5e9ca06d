"""One thread that works on one open ledger, so that no disk holds up the gateway's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from gateway.errors import Broken, Transient
from gateway.spi import NetworkId
from gateway_sandbox.ledger import CLOSED, FOREIGN, Ledger

__all__ = ["LedgerThread"]

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class LedgerThread:
    """Opens the ledger at its first use, and runs what is asked one after another.

    Raises what `Ledger` raises, and Broken where the file holds another chain than `network`.
    """

    def __init__(self, file: str, network: NetworkId) -> None:
        self._file = file
        self._network = network
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-ledger")
        self._ledger: Ledger | None = None
        self.closed = False

    async def run(
        self, work: Callable[Concatenate[Ledger, Given], Answer], *args: Given.args, **kwargs: Given.kwargs
    ) -> Answer:
        """What `work(ledger, …)` gives, worked out in the thread. Raises Transient once closed."""
        if self.closed:
            raise Transient(CLOSED)
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: work(self._open(), *args, **kwargs)
        )

    async def changed(self, version: int, every: float) -> None:
        """Returns once somebody else has committed to the file, another file stands in its place, or after `aclose`.

        Looks every so many seconds, here and not in the thread: a look takes microseconds, the way there and back more.
        Nothing runs in the thread meanwhile, for its one user waits here.
        """
        ledger = await self.run(lambda ledger: ledger)
        while not self.closed and ledger.version() == version:
            if ledger.replaced():
                await self.run(lambda _: self._close())
                return
            await asyncio.sleep(every)

    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
            self._thread.shutdown(wait=False)

    def _open(self) -> Ledger:
        if self._ledger is None:
            ledger = Ledger(self._file)
            if (ledger.genesis.chain, ledger.genesis.digest) != (self._network.chain, self._network.genesis):
                ledger.close()
                raise Broken(FOREIGN, "the file holds another chain than before", where=self._file)
            self._ledger = ledger
        return self._ledger

    def _close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
