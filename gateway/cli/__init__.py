"""The command line. One file per group of commands; each is imported only when it is asked for."""

from __future__ import annotations

import sys

import click

from gateway.errors import ConfigError, GatewayError, InputError, StoreError, Transient, TrustError

__all__ = ["NotFound", "main"]


INSTALL = "pip install 'ip-office-gateway[run,evm]'"
"""What brings every command; the core alone verifies."""


class NotFound(GatewayError):
    """There is nothing of that name or number."""


def main(arguments: list[str] | None = None) -> None:
    """The `gateway` command. Ends the process with one of `gateway.cli.root.EXIT_CODES`."""
    from gateway.cli.root import root

    given = sys.argv[1:] if arguments is None else arguments
    try:
        outcome = root.main(args=given, prog_name="gateway", standalone_mode=False)
    except GatewayError as error:
        _tell(error, as_json="--json" in given)
        sys.exit(code_of(error))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "gateway"):
            raise
        click.echo(f"this command needs {missing!r}, which is not here: {INSTALL}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say
        sys.stderr.close()
        sys.exit(1)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def code_of(error: GatewayError) -> int:
    """The exit code of a command that ended in `error`."""
    if isinstance(error, ConfigError):
        return 2
    if isinstance(error, NotFound):
        return 3
    if isinstance(error, (StoreError, TrustError, InputError)):
        return 4
    return 5 if isinstance(error, Transient) else 1


def _tell(error: GatewayError, *, as_json: bool) -> None:
    all_of_them = (error, *getattr(error, "others", ()))
    if as_json:
        import orjson

        click.echo(orjson.dumps({"errors": [each.as_dict() for each in all_of_them]}).decode())
        return
    for each in all_of_them:
        place = f"\n  at    {each.where}" if each.where else ""
        cure = f"\n  cure  {each.hint}" if each.hint else ""
        click.echo(f"{click.style(each.code, fg='red', bold=True)}: {each.detail}{place}{cure}", err=True)
    if len(all_of_them) > 1:
        click.echo(f"{len(all_of_them)} faults", err=True)
