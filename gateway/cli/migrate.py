"""`gateway migrate`: the database in this release's form."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.opening import opened
from gateway.cli.output import config_option, emit, json_option, progress

__all__ = ["migrate"]


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@config_option
@json_option
def migrate(dry_run: bool, config_file: Path, as_json: bool) -> None:
    """Make the database, or bring it to this release's form.

    Harmless where nothing is to do. Stop the gateway and copy its state folder first.

    \b
    Examples:
      gateway migrate
      gateway migrate --dry-run --json
    """
    from gateway.assemble import database_url
    from gateway.store.migrate import migrate as bring
    from gateway.store.migrate import pending

    url = database_url(opened(config_file))
    with progress("migrating", quiet=as_json):
        done = pending(url) if dry_run else bring(url)
    if as_json:
        emit({"before": done.before, "after": done.after, "changed": done.before != done.after, "dry_run": dry_run})
    elif done.before == done.after:
        click.echo(f"the database has this release's form already ({done.after})")
    else:
        verb = "would be" if dry_run else "was"
        click.echo(
            f"the database {verb} {'made' if done.before is None else f'brought from {done.before}'} to {done.after}"
        )
