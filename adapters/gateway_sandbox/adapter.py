"""The sandbox adapter: what a gateway finds under the entry point `sandbox`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.errors import GatewayError, Permanent
from gateway.spi import Basis, Capabilities, Claim, Diagnosis, NetworkId, Secrets, Sink, Source
from gateway_sandbox.ledger import FOREIGN, Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.sink import SandboxSink
from gateway_sandbox.source import SandboxSource
from gateway_sandbox.verifier import Anchor

__all__ = ["KIND", "SandboxAdapter"]

KIND: Final = "sandbox"


class SandboxAdapter:
    """An embedded permissioned ledger in one file, for training and tests."""

    kind: Final[str] = KIND
    settings: type[msgspec.Struct] = SandboxSettings

    def capabilities(self, settings: SandboxSettings) -> Capabilities:
        return Capabilities(
            claims=(Claim.RECORDED, Claim.VALID),
            basis=Basis.CONSENSUS,
            idempotent=True,
            batch=500,
            batch_bytes=8 * 1024 * 1024,
            in_flight=2,
            finality="A block is final as soon as it is in the file: it comes with its signatures, and never leaves.",
        )

    async def identify(self, settings: SandboxSettings) -> NetworkId:
        ledger = _open(settings)
        try:
            return NetworkId(KIND, ledger.genesis.chain, ledger.genesis.digest)
        finally:
            ledger.close()

    async def found(self, settings: SandboxSettings, secrets: Secrets) -> SandboxSettings:
        Ledger.found(settings.file, settings.chain).close()
        return settings

    async def segment(self, settings: SandboxSettings) -> Mapping[str, Any]:
        """The genesis' set of validators: evidence leads from it to every later one."""
        ledger = _open(settings)
        try:
            return Anchor(ledger.genesis.chain, ledger.genesis.digest, ledger.genesis.set, 0).material()
        finally:
            ledger.close()

    def source(self, settings: SandboxSettings, network: NetworkId) -> Source:
        return SandboxSource(settings, network)

    def sink(self, settings: SandboxSettings, network: NetworkId, secrets: Secrets) -> Sink:
        return SandboxSink(settings, network)

    async def diagnose(self, settings: SandboxSettings) -> Sequence[Diagnosis]:
        return await asyncio.to_thread(_look, settings)


def _open(settings: SandboxSettings) -> Ledger:
    """Raises Transient where no ledger answers, Permanent where it is another chain's."""
    ledger = Ledger(settings.file)
    if ledger.genesis.chain != settings.chain:
        ledger.close()
        raise Permanent(
            FOREIGN, f"it holds the chain {ledger.genesis.chain!r}, not {settings.chain!r}", where=settings.file
        )
    return ledger


def _look(settings: SandboxSettings) -> list[Diagnosis]:
    seen: list[Diagnosis] = []
    looked_at = "ledger file"
    try:
        ledger = _open(settings)
        seen.append(Diagnosis(looked_at, True, f"it holds the chain {ledger.genesis.chain}"))
        try:
            looked_at = "newest blocks"
            head = ledger.head()
            for block in ledger.blocks(max(0, head.number - 10), head.number, entries=10_000, content=64 * 1024 * 1024):
                block.proven()
            seen.append(Diagnosis(looked_at, True, f"up to number {head.number} they hold what was signed"))
            looked_at = "writing"
            ledger.try_writing()
            seen.append(Diagnosis(looked_at, True, "the file takes writes"))
        finally:
            ledger.close()
    except GatewayError as error:
        seen.append(Diagnosis(looked_at, False, error.detail, error.hint))
    return seen
