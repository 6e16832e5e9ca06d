"""Health and metrics over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from aiohttp import web

from gateway.errors import ConfigError, fault
from gateway.journey.gateway import Gateway

__all__ = ["serving"]

log = structlog.get_logger("gateway.http")

_GATEWAY: Final = web.AppKey("gateway", Gateway)

NOT_FREE = fault(
    "http.not-free",
    "Health and metrics cannot be served at this address.",
    "Set http.listen to an address of this machine and a port that is free.",
)


@asynccontextmanager
async def serving(gateway: Gateway, listen: str) -> AsyncIterator[str | None]:
    """Serves /health and /metrics at `listen` while the block runs; gives the address. Empty: serves nothing.

    Raises ConfigError where the address is not free.
    """
    if not listen:
        yield None
        return
    host, _, port = listen.rpartition(":")
    application = web.Application()
    application.router.add_get("/health", _health)
    application.router.add_get("/metrics", _metrics)
    application[_GATEWAY] = gateway
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            raise ConfigError(NOT_FREE, str(error), where="http.listen") from error
        bound = runner.addresses[0][1]
        address = f"http://{host}:{bound}"
        log.info("serving", address=address)
        yield address
    finally:
        await runner.cleanup()


async def _health(request: web.Request) -> web.Response:
    import msgspec

    health = request.app[_GATEWAY].health()
    body = msgspec.json.encode(msgspec.to_builtins(health))
    return web.Response(body=body, content_type="application/json", status=200 if health.ok else 503)


async def _metrics(request: web.Request) -> web.Response:
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    body = generate_latest(request.app[_GATEWAY].metrics.registry)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
