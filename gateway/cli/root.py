"""The root of the command line: which commands there are. None is imported before it is asked for."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click

__all__ = ["COMMANDS", "EXIT_CODES", "root"]

COMMANDS: Final = {
    "demo": ("gateway.cli.demo:demo", "Two offices' networks, records both ways, one dossier, checked."),
    "init": ("gateway.cli.init:init", "Make a gateway between two networks of your own."),
    "check": ("gateway.cli.check:check", "Tell line by line what works, and what to do where it does not."),
    "run": ("gateway.cli.run:run", "Run the gateway until it is told to stop."),
    "status": ("gateway.cli.status:status", "Show how far each network is read and what waits or is parked."),
    "trace": ("gateway.cli.trace:trace", "Show the way of everything that is known about a number."),
    "record": ("gateway.cli.record:record", "List and show records, write dossiers, retry or skip what is parked."),
    "verify": ("gateway.cli.verify:verify", "Check a dossier or a credential, offline."),
    "network": ("gateway.cli.network:network", "List, examine, found and write to networks."),
    "route": ("gateway.cli.route:route", "Show which records go where."),
    "registry": ("gateway.cli.registry:registry", "Make and read the registry of offices, keys and networks."),
    "keys": ("gateway.cli.keys:keys", "Make and show keys."),
    "mapping": ("gateway.cli.mapping:mapping", "Check, test and try mappings."),
    "adapter": ("gateway.cli.adapter:adapter", "Show the kinds of network that are installed."),
    "migrate": ("gateway.cli.migrate:migrate", "Make the database, or bring it to this release's form."),
}
"""Name → where it is, and its short help (a test holds it equal to the command's own)."""

EXIT_CODES: Final = {
    0: "Done; what was asked holds.",
    1: "Not done, or it does not hold. `verify`: TOTAL-FAILED.",
    2: "Wrong use: an option, an argument, or the configuration.",
    3: "`verify`: INDETERMINATE. Elsewhere: there is nothing of that name or number.",
    4: "Something cannot be opened: a dossier, the database, the key file, the registry.",
    5: "A network did not answer; the same command may succeed later.",
    130: "Interrupted.",
}


class _Lazy(click.Group):
    """A group whose commands are imported when they are asked for, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        found: Any = getattr(importlib.import_module(module), name)
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args else []
            if near:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from error
            raise


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(None, "-V", "--version", package_name="ip-office-gateway", prog_name="gateway")
def root() -> None:
    """Records of one intellectual property office's network, readable and provable on another's.

    \b
    Start here:
      gateway demo                              see a record cross, and its proof
      gateway init DIR                          a gateway between two networks of your own
      gateway verify FILE --anchors REGISTRY    check what someone handed you

    Every command has `--help` with examples; those that answer have `--json`.
    Exit codes: 0 done, 1 not done, 2 wrong use, 3 indeterminate or nothing found, 4 cannot be opened, 5 try later.
    """
