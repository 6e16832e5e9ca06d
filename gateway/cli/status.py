"""`gateway status`: how far each network is read, what waits, what is parked or set aside."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.opening import opened
from gateway.cli.output import config_option, emit, json_option, moment, short, table

__all__ = ["status"]


@click.command()
@config_option
@json_option
def status(config_file: Path, as_json: bool) -> None:
    """Show how far each network is read and what waits or is parked.

    Reads the database; a gateway may be running. Exit code 0 where nothing needs a person, 1 where something does:
    a delivery is parked, a record is in quarantine, a source stopped.

    \b
    Examples:
      gateway status
      gateway status --json
    """
    from gateway.cli.looking import reading, status_of

    with reading(opened(config_file)) as connection:
        found = status_of(connection)
    needs = bool(found.parked or found.quarantine or any(each.stopped for each in found.networks))
    if as_json:
        emit({"ok": not needs, **{name: getattr(found, name) for name in found.__struct_fields__}})
        raise SystemExit(1 if needs else 0)
    table(
        ("network", "office", "read to", "newest", "waiting", "under way", "landed", "parked", "stopped"),
        [
            (
                each.name,
                each.office,
                "–" if each.height is None else str(each.height),
                "–" if each.head is None else str(each.head),
                str(each.deliveries.get("waiting", 0) + each.deliveries.get("held", 0)),
                str(each.deliveries.get("prepared", 0) + each.deliveries.get("submitted", 0)),
                str(each.deliveries.get("landed", 0)),
                str(each.deliveries.get("parked", 0)),
                each.stopped or "–",
            )
            for each in found.networks
        ],
        empty="no network is known yet: `gateway run` has not run",
    )
    for parked in found.parked:
        click.echo(f"\nparked since {moment(parked.since)}: {parked.subject} to {parked.destination}")
        click.echo(f"  {parked.code}: {parked.detail}\n  {parked.hint}")
        click.echo(f"  gateway record retry {short(parked.key, 64)}   (or: skip)")
    for aside in found.quarantine:
        click.echo(f"\nin quarantine since {moment(aside.since)}: {aside.format} of {aside.network}")
        place = f" (at {aside.place})" if aside.place else ""
        click.echo(f"  {aside.code}: {aside.detail}{place}\n  {aside.hint}")
        click.echo(f"  gateway record release {aside.number}")
    for network in found.networks:
        if network.stopped:
            click.echo(f"\n{network.name} is not read: {network.stopped}\n  gateway network resume {network.name}")
    raise SystemExit(1 if needs else 0)
