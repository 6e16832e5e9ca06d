"""`gateway network`: list, examine, found and write to networks."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.opening import answer, network_of, opened
from gateway.cli.output import config_option, emit, json_option, mark, progress, short, table
from gateway.errors import Permanent, Transient, fault

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.spi import Prepared, Sink, Written

__all__ = ["network"]

NOT_WRITTEN = fault(
    "network.not-written",
    "The network did not take the record.",
    "The detail has the network's own word; `gateway network doctor NAME` looks further.",
)
NOT_FINAL = fault(
    "network.not-final", "The record was sent and is not final yet.", "Wait, and look: it may still become final."
)


@click.group(no_args_is_help=True)
def network() -> None:
    """List, examine, found and write to networks.

    \b
    Examples:
      gateway network list
      gateway network doctor xb
      gateway network write xa application.json --format register-sandbox
    """


@network.command("list")
@config_option
@json_option
def list_(config_file: Path, as_json: bool) -> None:
    """List the networks of the configuration, with what their evidence can prove."""
    read = opened(config_file)
    rows = []
    for name, plan in read.document.networks.items():
        can = read.adapters[name].capabilities(read.settings[name])
        rows.append(
            {
                "name": name,
                "adapter": plan.adapter,
                "office": plan.office,
                "read": plan.read,
                "writes": plan.writes,
                "claims": [str(claim) for claim in can.claims],
                "basis": str(can.basis),
                "finality": can.finality,
            }
        )
    if as_json:
        emit({"networks": rows})
        return
    table(
        ("network", "kind", "office", "read", "written in", "proves", "final"),
        [
            (
                str(row["name"]),
                str(row["adapter"]),
                str(row["office"]),
                "yes" if row["read"] else "no",
                str(row["writes"] or "–"),
                f"{', '.join(map(str, row['claims']))} on {row['basis']}",  # type: ignore[call-overload]  # a list of texts
                str(row["finality"]),
            )
            for row in rows
        ],
    )


@network.command()
@click.argument("name", required=False)
@config_option
@json_option
def doctor(name: str | None, config_file: Path, as_json: bool) -> None:
    """Examine a network, or all of them: line by line what works, with the cure where it does not.

    Exit code 0 where all works, 1 where something does not.
    """
    read = opened(config_file)
    names = [network_of(read, name)] if name else list(read.document.networks)

    async def look() -> dict[str, Any]:
        found = await asyncio.gather(*(read.adapters[each].diagnose(read.settings[each]) for each in names))
        return dict(zip(names, found, strict=True))

    with progress("asking", quiet=as_json):
        found = answer(look())
    if as_json:
        emit({"networks": found})
    else:
        for each in names:
            click.echo(click.style(each, bold=True))
            for line in found[each]:
                click.echo(f"  {mark(line.ok)} {line.subject}: {line.found}")
                if not line.ok and line.cure:
                    click.echo(f"      {line.cure}")
    raise SystemExit(0 if all(line.ok for lines in found.values() for line in lines) else 1)


@network.command()
@click.argument("name")
@config_option
@json_option
def found(name: str, config_file: Path, as_json: bool) -> None:
    """Lay down what the network NAME must hold (a ledger file, a contract), and say so in configuration and registry.

    Harmless where all is there. The registry's root key must be in the key file; where it is not, `gateway network
    segment NAME` prints what its keeper is to sign.
    """
    from gateway.founding import found as lay
    from gateway.founding import utc_now

    read = opened(config_file)
    network_of(read, name)
    with progress(f"founding {name}", quiet=as_json):
        read = answer(lay(read, name, now=utc_now()))
    if as_json:
        emit({"network": name, "settings": read.settings[name]})
    else:
        click.echo(f"{mark(True)} {name} holds what it must; {read.file.name} and {read.registry_file.name} say so")


@network.command()
@click.argument("name")
@config_option
@json_option
def segment(name: str, config_file: Path, as_json: bool) -> None:
    """Print what a registry has to say of the network NAME, for its keeper to look at and sign."""
    read = opened(config_file)
    network_of(read, name)

    async def ask() -> dict[str, Any]:
        adapter, settings = read.adapters[name], read.settings[name]
        identity = await adapter.identify(settings)
        return {
            "network": identity.digest.hex(),
            "kind": identity.kind,
            "chain": identity.chain,
            "genesis": identity.genesis.hex(),
            "office": read.document.networks[name].office,
            "basis": str(adapter.capabilities(settings).basis),
            "material": dict(await adapter.segment(settings)),
        }

    with progress(f"asking {name}", quiet=as_json):
        found = answer(ask())
    if as_json:
        emit(found)
    else:
        import json

        click.echo(json.dumps(found, indent=2))


@network.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "form", required=True, help="Native format of FILE, e.g. register-sandbox.")
@click.option("--common", is_flag=True, help="FILE is a common record in JSON; it is written in the native format.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait until it is final.")
@config_option
@json_option
def write(name: str, file: Path, form: str, common: bool, timeout: float, config_file: Path, as_json: bool) -> None:
    """Put the record in FILE on the network NAME, as its own office would.

    It is written without the gateway's mark, so that the gateway reads it as one of the office's own.

    \b
    Examples:
      gateway network write xa application.json --format uspto-odp
      gateway network write xb event.json --format register-evm --common
    """
    read = opened(config_file)
    network_of(read, name)
    with progress(f"writing to {name}", quiet=as_json) as say:
        entry, outcome = answer(put(read, name, [native_of(file.read_bytes(), form, common=common)], timeout, say))[0]
    if as_json:
        emit({"network": name, "entry": entry, "locus": outcome.locus})
    else:
        place = ", ".join(
            f"{key} {short(value) if isinstance(value, bytes) else value}" for key, value in outcome.locus.items()
        )
        click.echo(f"{mark(True)} {name} holds it: entry {short(entry)}, {place}")


def native_of(content: bytes, form: str, *, common: bool = False) -> tuple[str, bytes, str]:
    """Format, native bytes and subject of what is to be written. Raises InputError, MappingError."""
    from gateway.mapping import MappingLibrary
    from gateway.model import records
    from gateway.spi import NativeRecord

    mapping = MappingLibrary.shipped().by_format(form)
    if common:
        record = records.decode(content)
        return form, mapping.to_native([record]).native.content, records.subjects_of(record)[0]
    first = mapping.to_common(NativeRecord(form, content)).records[0].record
    return form, content, records.subjects_of(first)[0]


async def put(
    read: Config,
    name: str,
    items: list[tuple[str, bytes, str]],
    timeout: float,
    say: Any = lambda _: None,
) -> list[tuple[bytes, Written]]:
    """Writes records of the office's own and waits until they are final. Raises Permanent, Transient."""
    from gateway.assemble import open_keys
    from gateway.founding import office_writer
    from gateway.spi import DeliveryKey, NativeRecord, Outbound, Relay

    adapter, settings = read.adapters[name], office_writer(read, name)
    identity = await adapter.identify(settings)
    sink = adapter.sink(settings, identity, open_keys(read))
    records = []
    for form, content, subject in items:
        key = DeliveryKey(os.urandom(32))
        digest = hashlib.sha256(content).digest()
        relay = Relay(key, os.urandom(32))
        records.append(Outbound(key, digest, subject, 1, NativeRecord(form, content), relay))
    written: dict[bytes, Written] = {}
    end = asyncio.get_running_loop().time() + timeout
    try:
        while len(written) < len(records):
            left = [record for record in records if record.key not in written]
            attempt = await sink.prepare(left, 0)
            await sink.submit(attempt)
            say("waiting until it is final")
            written |= await _outcome(sink, attempt, end, name)
    finally:
        await sink.aclose()
    return [(record.key, written[record.key]) for record in records]


async def _outcome(sink: Sink, attempt: Prepared, end: float, name: str) -> dict[bytes, Written]:
    """What of an attempt was written, once nothing of it is under way. Raises Permanent; Transient at `end`."""
    from gateway.spi import Absent, Pending, Void, Written

    while True:
        outcomes = dict(zip(attempt.keys, await sink.outcome(attempt), strict=True))
        for each in outcomes.values():
            if not isinstance(each, Absent | Pending | Void | Written):
                raise Permanent(NOT_WRITTEN, str(each), where=name)
        if not any(isinstance(each, Pending | Absent) for each in outcomes.values()):
            return {key: each for key, each in outcomes.items() if isinstance(each, Written)}
        if asyncio.get_running_loop().time() > end:
            raise Transient(NOT_FINAL, where=name)
        await asyncio.sleep(0.05)


@network.command()
@click.argument("name")
@click.option("--reason", default="", help="Why, for the record.")
@config_option
@json_option
def resume(name: str, reason: str, config_file: Path, as_json: bool) -> None:
    """Have the network NAME read again after its source stopped for a person."""
    from gateway.cli.record import order

    read = opened(config_file)
    network_of(read, name)
    order(read, "resume", [name], reason, as_json=as_json)
