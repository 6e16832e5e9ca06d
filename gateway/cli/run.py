"""`gateway run`: the gateway, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.opening import answer, opened
from gateway.cli.output import config_option, json_option

if TYPE_CHECKING:
    from gateway.journey.assembly import Assembly

__all__ = ["run"]


@click.command(short_help="Run the gateway until it is told to stop.")
@click.option("--until-idle", is_flag=True, help="End once all is read and all has landed, is parked or set aside.")
@click.option("--timeout", type=float, help="With --until-idle: give up after so many seconds (exit code 5).")
@config_option
@json_option
def run(until_idle: bool, timeout: float | None, config_file: Path, as_json: bool) -> None:
    """Run the gateway until it is told to stop (SIGTERM or Ctrl-C); it ends within ten seconds.

    With a wrong configuration nothing is opened, and all that is wrong is told. `--json` logs in JSON.

    \b
    Examples:
      gateway run
      gateway run --until-idle          take what is there, then end
      gateway run --config /etc/gateway/gateway.toml --json
    """
    from gateway.assemble import assemble
    from gateway.cli.logs import configure

    read = opened(config_file)
    assembly = assemble(read)
    configure(read.document.log, as_json=as_json)
    try:
        answer(_run(assembly, read.document.http.listen, until_idle, timeout))
    except TimeoutError:
        click.echo(f"still at work after {timeout:g} s", err=True)
        raise SystemExit(5) from None


async def _run(assembly: Assembly, listen: str, until_idle: bool, timeout: float | None) -> None:
    from gateway.cli.serving import serving
    from gateway.journey.gateway import Gateway

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    gateway = Gateway(assembly)
    async with serving(gateway, listen):
        if not until_idle:
            await gateway.run(stop)
            return
        working = asyncio.ensure_future(gateway.run_until_idle(timeout=timeout))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
        stopping.cancel()
        try:
            await working
        except asyncio.CancelledError:
            return
