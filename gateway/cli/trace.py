"""`gateway trace`: the way of everything that is known about a number."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.opening import opened
from gateway.cli.output import config_option, emit, json_option, moment, short, table

__all__ = ["trace"]


@click.command(short_help="Show the way of everything that is known about a number.")
@click.argument("number")
@config_option
@json_option
def trace(number: str, config_file: Path, as_json: bool) -> None:
    """Show the way of everything that is known about NUMBER: an application's number, or a record's key.

    Numbers are compared by their letters and digits alone: 15/123,456 finds 15123456.

    \b
    Examples:
      gateway trace XA-2025-000117
      gateway trace 15/123,456 --json
    """
    from gateway.cli.looking import reading, trace_of

    with reading(opened(config_file)) as connection:
        views, happenings = trace_of(connection, number)
    if as_json:
        emit({"records": [_summary(view) for view in views], "happenings": happenings})
        return
    table(
        ("record", "rev.", "kind", "subject", "from", "sent to"),
        [
            (
                short(view.key),
                str(view.revision),
                view.kind,
                ", ".join(view.subjects),
                view.network,
                ", ".join(f"{each.destination}: {each.state}" for each in view.deliveries) or "nowhere: no route",
            )
            for view in views
        ],
    )
    click.echo()
    table(
        ("time", "record", "network", "what", "detail"),
        [
            (moment(each.at), f"{short(each.record)}/{each.revision}", each.network, each.what, each.detail)
            for each in happenings
        ],
    )


def _summary(view: object) -> dict[str, object]:
    names = ("key", "revision", "kind", "subjects", "network", "format", "time", "withdrawn", "path", "deliveries")
    return {name: getattr(view, name) for name in names}
