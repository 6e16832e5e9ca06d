"""`gateway check`: line by line what works, with the cure where it does not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.opening import answer, opened
from gateway.cli.output import config_option, emit, json_option, mark, progress, short
from gateway.errors import ConfigError, GatewayError
from gateway.spi import Diagnosis

if TYPE_CHECKING:
    from gateway.config import Config

__all__ = ["check"]


@click.command()
@config_option
@json_option
def check(config_file: Path, as_json: bool) -> None:
    """Tell line by line what works, and what to do where it does not.

    It reads the configuration, opens keys and registry, looks at the database, and asks every network. It changes
    nothing.

    \b
    Examples:
      gateway check
      gateway check --json --config /etc/gateway/gateway.toml
    Exit code 0 where all works, 1 where something does not, 2 where the configuration is wrong.
    """
    lines: list[Diagnosis] = []
    code = 0
    with progress("checking", quiet=as_json) as say:
        try:
            read = opened(config_file)
        except ConfigError as error:
            lines += [_wrong("configuration", each) for each in (error, *error.others)]
            code = 2
        else:
            count = f"{len(read.document.networks)} networks, {len(read.document.routes)} routes"
            lines.append(Diagnosis("configuration", True, f"{read.file}: {count}"))
            lines += _parts(read)
            lines.append(_database(read))
            say("asking the networks")
            lines += answer(_networks(read))
            code = 0 if all(line.ok for line in lines) else 1
    if as_json:
        emit({"ok": code == 0, "lines": lines})
    else:
        for line in lines:
            click.echo(f"{mark(line.ok)} {click.style(line.subject, bold=True)}: {line.found}")
            if not line.ok and line.cure:
                click.echo(f"    {line.cure}")
        failed = sum(not line.ok for line in lines)
        click.echo("\nall works" if not failed else f"\n{failed} of {len(lines)} do not work")
    raise SystemExit(code)


def _wrong(subject: str, error: GatewayError) -> Diagnosis:
    return Diagnosis(subject, False, f"{error.detail}" + (f" (at {error.where})" if error.where else ""), error.hint)


_SUBJECTS: Final = {
    "config.no-registry": "registry",
    "registry": "registry",
    "keys": "keys",
    "file.exposed": "keys",
    "route": "routes",
    "config.unknown-record": "routes",
    "mapping": "formats",
}
"""What a fault is about, by its code or by the part that its code begins with."""


def _subject(error: GatewayError) -> str:
    return _SUBJECTS.get(error.code) or _SUBJECTS.get(error.code.partition(".")[0], "keys and registry")


def _parts(read: Config) -> list[Diagnosis]:
    """Keys, registry, formats and conditions: all that `run` puts together before it opens anything else."""
    from gateway.assemble import assemble, open_registry

    try:
        assembly = assemble(read)
    except ConfigError as error:
        return [_wrong(_subject(each), each) for each in (error, *error.others)]
    registry = open_registry(read)
    pinned = "pinned" if read.document.registry.fingerprint else "not pinned: believed as it is"
    lines = [
        Diagnosis("keys", True, f"{read.key_file} opens"),
        Diagnosis(
            "registry", True, f"root {short(registry.fingerprint, 16)}… ({pinned}), newest {registry.newest:%Y-%m-%d}"
        ),
    ]
    lines += [
        Diagnosis(f"{plan.name} issuer", True, f"{plan.issuer} speaks for {plan.office}")
        for plan in assembly.networks
        if plan.read
    ]
    return lines


def _database(read: Config) -> Diagnosis:
    from gateway.assemble import database_url
    from gateway.store.database import check_schema, open_engine

    url = database_url(read)
    engine = open_engine(url)
    try:
        check_schema(engine)
    except GatewayError as error:
        return _wrong("database", error)
    finally:
        engine.dispose()
    return Diagnosis("database", True, f"{read.state / 'gateway.db'} has this release's form")


async def _networks(read: Config) -> list[Diagnosis]:
    found = await asyncio.gather(*(_network(read, name) for name in read.document.networks))
    return [line for lines in found for line in lines]


async def _network(read: Config, name: str) -> list[Diagnosis]:
    from gateway.assemble import open_registry

    adapter, settings = read.adapters[name], read.settings[name]
    lines = [
        Diagnosis(f"{name} {line.subject}", line.ok, line.found, line.cure) for line in await adapter.diagnose(settings)
    ]
    if not all(line.ok for line in lines):
        return lines
    try:
        registry = open_registry(read)
    except GatewayError:
        return lines  # told already
    try:
        held = registry.at("network", (await adapter.identify(settings)).digest.hex())
    except GatewayError as error:
        return [*lines, _wrong(f"{name} in the registry", error)]
    if held is None:
        cure = f"`gateway network found {name}`; or have its keeper sign what `gateway network segment {name}` prints"
        return [*lines, Diagnosis(f"{name} in the registry", False, "the registry does not hold this network", cure)]
    return [
        *lines,
        Diagnosis(f"{name} in the registry", True, f"since {held.since:%Y-%m-%d}, least basis {held.basis}"),
    ]
