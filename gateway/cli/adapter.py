"""`gateway adapter`: the kinds of network that are installed."""

from __future__ import annotations

import inspect

import click
import msgspec

from gateway import config, plugins
from gateway.cli.output import emit, json_option, table
from gateway.errors import ConfigError

__all__ = ["adapter"]


@click.group(no_args_is_help=True)
def adapter() -> None:
    """Show the kinds of network that are installed.

    \b
    Examples:
      gateway adapter list
      gateway adapter show evm
    """


@adapter.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the adapters and the evidence that can be verified."""
    kinds = []
    for kind in plugins.adapters():
        try:
            found = plugins.adapters()[kind]
            kinds.append({"kind": kind, "package": plugins.origin(kind), "summary": _summary(found), "usable": True})
        except ConfigError as error:
            kinds.append({"kind": kind, "package": plugins.origin(kind), "summary": error.detail, "usable": False})
    evidence = list(plugins.verifiers())
    if as_json:
        emit({"adapters": kinds, "verifiers": evidence})
        return
    rows = [(str(each["kind"]), str(each["package"]), str(each["summary"])) for each in kinds]
    table(("kind", "package", "what it is"), rows, empty="no adapter is installed")
    click.echo(f"\nevidence that can be verified: {', '.join(evidence) or 'none'}")


@adapter.command()
@click.argument("kind")
@json_option
def show(kind: str, as_json: bool) -> None:
    """Explain one adapter: its settings, as they stand under [networks.NAME.settings]."""
    found = plugins.adapter(kind)
    settings = settings_of(found.settings)
    if as_json:
        emit({"kind": kind, "package": plugins.origin(kind), "summary": _summary(found), "settings": settings})
        return
    click.echo(f"{kind}: {_summary(found)} ({plugins.origin(kind)})\n")
    table(
        ("setting", "type", "default", "meaning"),
        [(each["key"], each["type"], each["default"], each["meaning"]) for each in settings],
    )


def settings_of(kind: type[msgspec.Struct]) -> list[dict[str, str]]:
    """Every key of a settings struct: key, type, default (empty: must be given), meaning."""
    meanings = config.meanings(kind)
    return [
        {
            "key": each.encode_name,
            "type": config.type_name(kind, each.name),
            "default": "" if each.required else config.toml_value(each),
            "meaning": meanings.get(each.encode_name, ""),
        }
        for each in msgspec.structs.fields(kind)
    ]


def _summary(made: object) -> str:
    return (inspect.getdoc(type(made)) or "").split("\n")[0].rstrip(".")
