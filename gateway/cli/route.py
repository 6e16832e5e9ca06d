"""`gateway route`: which records go where."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.opening import opened
from gateway.cli.output import config_option, emit, json_option, table

__all__ = ["route"]


@click.group(no_args_is_help=True)
def route() -> None:
    """Show which records go where.

    \b
    Examples:
      gateway route list
      gateway route test 'record.office == "XA"' record.json
    """


@route.command("list")
@config_option
@json_option
def list_(config_file: Path, as_json: bool) -> None:
    """List the routes of the configuration."""
    from gateway.assemble import record_kinds

    routes = opened(config_file).document.routes
    if as_json:
        emit({"routes": routes, "kinds": record_kinds()})
        return
    table(
        ("route", "from", "to", "records", "when", "least basis"),
        [
            (each.name, each.from_, ", ".join(each.to), ", ".join(each.records) or "all", each.when or "–", each.basis)
            for each in routes
        ],
        empty="there is no route: nothing leaves",
    )
    click.echo(f"\nkinds of record: {', '.join(record_kinds())}")


@route.command()
@click.argument("condition")
@click.argument("record", type=click.File("rb"))
@click.option("--office", default="XA", show_default=True, help="ST.3 code of the network's office.")
@click.option("--network", default="xa", show_default=True, help="Name of the network.")
@click.option("--revision", default=1, show_default=True, help="Revision of the record.")
@json_option
def test(condition: str, record: BinaryIO, office: str, network: str, revision: int, as_json: bool) -> None:
    """Try CONDITION on the common record in the file RECORD (`-` reads it from standard input).

    \b
    Examples:
      gateway record show KEY --common | gateway route test 'record.office == "XA"' -
    Exit code 0 where it lets the record pass, 1 where it does not.
    """
    import orjson

    from gateway.journey.route import compile_condition

    holds = compile_condition(condition)
    values = {"record": orjson.loads(record.read()), "office": office, "network": network, "revision": revision}
    passes = holds(values)
    if as_json:
        emit({"passes": passes})
    else:
        click.echo("it passes" if passes else "it does not pass")
    raise SystemExit(0 if passes else 1)
