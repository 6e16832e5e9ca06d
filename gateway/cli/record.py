"""`gateway record`: list and show records, write dossiers, retry or skip what is parked."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.opening import opened
from gateway.cli.output import config_option, emit, json_option, mark, moment, progress, short, table

if TYPE_CHECKING:
    from gateway.cli.looking import RecordView
    from gateway.config import Config

__all__ = ["order", "record"]

_STATES = ("waiting", "held", "prepared", "submitted", "landed", "parked", "skipped")


@click.group(no_args_is_help=True)
def record() -> None:
    """List and show records, write dossiers, retry or skip what is parked.

    \b
    Examples:
      gateway record list --number XA-2025-000117
      gateway record show 5f0c1a
      gateway record dossier 5f0c1a -o record.dossier
    """


@record.command("list")
@click.option("--number", help="About this number; compared by letters and digits alone.")
@click.option("--kind", help="Of this kind: Application, LegalStatusEvent, …")
@click.option("--network", help="That stand on this network.")
@click.option("--state", type=click.Choice(_STATES), help="With a delivery in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many.")
@config_option
@json_option
def list_(
    number: str | None,
    kind: str | None,
    network: str | None,
    state: str | None,
    limit: int,
    config_file: Path,
    as_json: bool,
) -> None:
    """List records, the newest first.

    \b
    Examples:
      gateway record list --state parked
      gateway record list --network xa --kind Application --json
    """
    from gateway.cli.looking import list_records, reading

    with reading(opened(config_file)) as connection:
        rows = list_records(connection, number=number, kind=kind, network=network, state=state, limit=limit)
    if as_json:
        emit({"records": rows})
        return
    table(
        ("record", "rev.", "kind", "subject", "stands on", "in", "time", "sent to"),
        [
            (
                short(each.key),
                f"{each.revision}{' withdrawn' if each.withdrawn else ''}",
                each.kind,
                each.subject,
                each.network,
                each.format,
                moment(each.time),
                ", ".join(f"{name}: {how}" for name, how in each.deliveries.items()) or "–",
            )
            for each in rows
        ],
        empty="no record",
    )


@record.command()
@click.argument("key")
@click.option("--revision", type=int, help="This revision. Default: the newest.")
@click.option("--common", "part", flag_value="common", help="Print the common record alone, as JSON.")
@click.option("--native", "part", flag_value="native", help="Print the native record alone, byte for byte.")
@click.option("--credential", "part", flag_value="credential", help="Print the credential alone, byte for byte.")
@click.option("--losses", "part", flag_value="losses", help="Print the loss report alone, as JSON.")
@config_option
@json_option
def show(key: str, revision: int | None, part: str | None, config_file: Path, as_json: bool) -> None:
    """Show a record: its native, common and foreign form side by side, what is lost, and its way.

    KEY is the record's key or its beginning, as `gateway record list` shows it.

    \b
    Examples:
      gateway record show 5f0c1a
      gateway record show 5f0c1a --common > record.json
    """
    from gateway.cli.looking import reading, record_of

    read = opened(config_file)
    with reading(read) as connection:
        view = record_of(connection, key, revision)
    if part is not None:
        content: bytes = getattr(view, part)
        sys.stdout.buffer.write(content + (b"\n" if part != "native" and sys.stdout.isatty() else b""))
        return
    if as_json:
        _emit(view)
        return
    _print(read, view)


def _emit(view: RecordView) -> None:
    import orjson

    told = {name: getattr(view, name) for name in view.__struct_fields__}
    for name in ("common", "credential", "losses"):
        told[name] = orjson.loads(told[name]) if told[name] else None
    emit(told)


def _print(read: Config, view: RecordView) -> None:
    import orjson

    from gateway.cli.showing import Face, face_of, foreign_form, loss_lines, losses_in, side_by_side
    from gateway.errors import GatewayError
    from gateway.mapping import MappingLibrary
    from gateway.spi import NativeRecord

    library = MappingLibrary.shipped()
    faces = [
        face_of(f"native, {view.network}", NativeRecord(view.format, view.native), library),
        Face("common", view.kind, orjson.loads(view.common)),
    ]
    lost = []
    for delivery in view.deliveries:
        plan = read.document.networks.get(delivery.destination)
        if plan is None or plan.writes is None:
            continue
        try:
            native, losses = foreign_form(view.common, library.by_format(plan.writes))
        except GatewayError as error:
            lost.append((delivery.destination, [str(error)]))
            continue
        faces.append(face_of(f"foreign, {delivery.destination}", native, library))
        lost.append((delivery.destination, loss_lines(losses)))
    click.echo(f"record {view.key.hex()}, revision {view.revision}{', withdrawn' if view.withdrawn else ''}")
    place = f"{view.network} ({view.office}) · {moment(view.time)} · {view.basis or '–'}"
    click.echo(f"  {', '.join(view.subjects)} · {place}")
    side_by_side(faces)
    for heading, lines in [(f"reading {view.format} ({view.mapping})", loss_lines(losses_in(view.losses))), *lost]:
        click.echo(click.style(f"set aside or lost, {heading}:", bold=True))
        for line in lines or ["nothing"]:
            click.echo(f"  {line}")
    for each in view.deliveries:
        click.echo(f"{each.destination}: {each.state} since {moment(each.at)}, delivery {each.key.hex()}")


@record.command()
@click.argument("key")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), help="The file."
)
@click.option("--revision", type=int, help="This revision. Default: the newest.")
@click.option("--policy", "policy_name", default="office", show_default=True, help="Policy that it must pass.")
@click.option("--anyway", is_flag=True, help="Write it although it would not pass: to examine it.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@config_option
@json_option
def dossier(
    key: str,
    output: Path,
    revision: int | None,
    policy_name: str,
    anyway: bool,
    force: bool,
    config_file: Path,
    as_json: bool,
) -> None:
    """Write the dossier of a record: one file with which anyone can check it offline.

    It is verified before it leaves the house, as of today and as of 2046; one that would not pass is not written.

    \b
    Examples:
      gateway record dossier 5f0c1a -o record.dossier
      gateway verify record.dossier --anchors registry.json
    """
    from gateway.assemble import open_registry
    from gateway.cli.looking import dossier_of, reading

    read = opened(config_file)
    if str(output) != "-" and output.exists() and not force:
        raise click.UsageError(f"{output} is there already; --force overwrites it")
    registry = open_registry(read)
    with reading(read) as connection:
        view, made = dossier_of(connection, key, revision, registry.encode())
    with progress("verifying", quiet=as_json):
        data = hand_out(read, made, policy_name=policy_name, anyway=anyway)
    if str(output) == "-":
        sys.stdout.buffer.write(data)
        return
    write_whole(output, data)
    if as_json:
        emit({"file": str(output), "bytes": len(data), "record": view.key, "revision": view.revision})
    else:
        click.echo(f"{mark(True)} {output}: {len(data)} bytes, {view.kind} {', '.join(view.subjects)}")


def hand_out(read: Config, made: object, *, policy_name: str = "office", anyway: bool = False) -> bytes:
    """The bytes of a dossier that passes; with `anyway`, of any. Raises TrustError where it would not pass."""
    from gateway.assemble import open_registry
    from gateway.dossier import dossier as files
    from gateway.dossier.existence import NOTHING_PROVEN
    from gateway.dossier.handout import hand_out as checked
    from gateway.dossier.policy import policy
    from gateway.mapping import MappingLibrary
    from gateway.plugins import verifiers
    from gateway.spi import VerificationContext

    assert isinstance(made, files.Dossier)
    wanted = policy(policy_name)
    if anyway:
        return files.write(made)
    limits = read.document.limits.limits()
    context = VerificationContext(datetime.now(UTC), open_registry(read), NOTHING_PROVEN, {}, limits)
    return checked(made, context, verifiers(), MappingLibrary.shipped(), wanted)


def write_whole(file: Path, data: bytes) -> None:
    """The file appears whole or not at all."""
    from gateway.trust import safefile

    safefile.replace(file, data, mode=0o644)


@record.command()
@click.argument("keys", nargs=-1, required=True, metavar="DELIVERY…")
@click.option("--reason", default="", help="Why, for the record.")
@config_option
@json_option
def retry(keys: tuple[str, ...], reason: str, config_file: Path, as_json: bool) -> None:
    """Try parked deliveries again. `gateway status` lists them with their keys."""
    order(opened(config_file), "retry", keys, reason, as_json=as_json)


@record.command()
@click.argument("keys", nargs=-1, required=True, metavar="DELIVERY…")
@click.option("--reason", required=True, help="Why; it stands in the trace, and the gap is visible downstream.")
@config_option
@json_option
def skip(keys: tuple[str, ...], reason: str, config_file: Path, as_json: bool) -> None:
    """Give parked deliveries up, so that what stands behind them goes on."""
    order(opened(config_file), "skip", keys, reason, as_json=as_json)


@record.command()
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER…")
@click.option("--reason", default="", help="Why, for the record.")
@config_option
@json_option
def release(numbers: tuple[str, ...], reason: str, config_file: Path, as_json: bool) -> None:
    """Try native records in quarantine again, with the mappings and limits of now. `gateway status` lists them."""
    order(opened(config_file), "release", numbers, reason, as_json=as_json)


def order(read: Config, verb: str, targets: tuple[str, ...] | list[str], reason: str, *, as_json: bool) -> None:
    """Asks for something, of the gateway that runs or of the database, and says what comes of it.

    Raises SystemExit(1) where one of the targets is not there or nothing is to be done about it.
    """
    from gateway.assemble import database_url
    from gateway.store.drafts import micros
    from gateway.store.orders import give

    results = give(database_url(read), verb, list(targets), reason, micros(datetime.now(UTC)))
    well = all(each.well for each in results)
    if as_json:
        emit({"verb": verb, "ok": well, "results": dict(zip(targets, (each.said for each in results), strict=True))})
    else:
        for target, result in zip(targets, results, strict=True):
            click.echo(f"{mark(result.well)} {short(target, 16)}: {result.said}")
    if not well:
        raise SystemExit(1)
