"""A sandbox adapter that lets a test come between the gateway and the real ledger: failing, hanging, forging."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from gateway.errors import Transient, fault
from gateway.spi import Batch, Capabilities, NetworkId, Outbound, OutcomeOf, Position, Prepared
from gateway_sandbox.adapter import SandboxAdapter

AWAY = fault("tests.away", "The network is away, says the test.", "Wait.")

Hook = Callable[..., Awaitable[Any]]


async def nothing(*_: Any) -> None:
    return None


class FickleAdapter(SandboxAdapter):
    """Hooks are awaited before the real call; one that raises stands in for it. `batch` may change what is read."""

    def __init__(self, **capabilities: Any) -> None:
        self._capabilities = capabilities
        self.before_identify: Hook = nothing
        self.before_prepare: Hook = nothing
        self.before_submit: Hook = nothing
        self.after_submit: Hook = nothing
        self.before_outcome: Hook = nothing
        self.outcomes: Callable[[Prepared, Sequence[OutcomeOf]], Sequence[OutcomeOf]] = lambda _, real: real
        self.batch: Callable[[Batch], Batch] = lambda real: real
        self.prepared: list[Prepared] = []
        self.outbound: list[Outbound] = []
        self.submitted: list[Prepared] = []
        self.asked: list[bytes] = []
        self.in_flight = 0
        self.most_in_flight = 0

    def capabilities(self, settings: Any) -> Capabilities:
        return msgspec.structs.replace(super().capabilities(settings), **self._capabilities)

    async def identify(self, settings: Any) -> NetworkId:
        await self.before_identify()
        return await super().identify(settings)

    def source(self, settings: Any, network: NetworkId) -> Any:
        return _Source(self, super().source(settings, network))

    def sink(self, settings: Any, network: NetworkId, secrets: Any) -> Any:
        return _Sink(self, super().sink(settings, network, secrets))


class _Source:
    def __init__(self, adapter: FickleAdapter, real: Any) -> None:
        self._adapter = adapter
        self._real = real
        self.name = real.name

    async def read(self, after: Position | None, until: Position | None = None) -> AsyncIterator[Batch]:
        async for batch in self._real.read(after, until):
            yield self._adapter.batch(batch)

    async def aclose(self) -> None:
        await self._real.aclose()


class _Sink:
    def __init__(self, adapter: FickleAdapter, real: Any) -> None:
        self._adapter = adapter
        self._real = real

    async def prepare(self, records: Sequence[Outbound], fence: int) -> Prepared:
        await self._adapter.before_prepare(records)
        made = await self._real.prepare(records, fence)
        self._adapter.prepared.append(made)
        self._adapter.outbound.extend(records)
        return made  # type: ignore[no-any-return]  # the real sink's

    async def submit(self, prepared: Prepared) -> None:
        adapter = self._adapter
        adapter.in_flight += 1
        adapter.most_in_flight = max(adapter.most_in_flight, adapter.in_flight)
        try:
            await adapter.before_submit(prepared)
            await self._real.submit(prepared)
            adapter.submitted.append(prepared)
            await adapter.after_submit(prepared)
        finally:
            adapter.in_flight -= 1

    async def outcome(self, prepared: Prepared) -> Sequence[OutcomeOf]:
        await self._adapter.before_outcome(prepared)
        return self._adapter.outcomes(prepared, await self._real.outcome(prepared))

    async def find(self, keys: Sequence[Any]) -> Sequence[OutcomeOf]:
        self._adapter.asked.extend(keys)
        return await self._real.find(keys)  # type: ignore[no-any-return]  # the real sink's

    async def aclose(self) -> None:
        await self._real.aclose()


def failing(times: int) -> Hook:
    """Fails so many times, then lets pass."""
    left = times

    async def hook(*_: Any) -> None:
        nonlocal left
        if left > 0:
            left -= 1
            raise Transient(AWAY)

    return hook


async def away(*_: Any) -> None:
    raise Transient(AWAY)


async def hanging(*_: Any) -> None:
    await asyncio.Event().wait()
