"""Writes docs/reference/{config,commands,errors}.md from the code; with --check, says whether they are up to date."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import click
import msgspec

import gateway
from gateway import config, plugins
from gateway.cli.adapter import settings_of
from gateway.cli.root import COMMANDS, EXIT_CODES, root
from gateway.errors import declared

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make docs` from the code. Not for editing by hand. -->\n"


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def settings_table(kind: type[msgspec.Struct]) -> list[str]:
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for each in settings_of(kind):
        default = f"`{each['default']}`" if each["default"] not in ("", "–", "its defaults") else each["default"]
        lines.append(
            f"| `{each['key']}` | {cell(each['type'])} | {default or '**must be given**'} | {cell(each['meaning'])} |"
        )
    return lines


def config_page() -> str:
    lines = [
        MADE,
        "# Configuration",
        "",
        "One TOML file, `gateway.toml` unless `--config` or `$GATEWAY_CONFIG` names another. Paths are relative to",
        "its folder. Every key is here and in [config.example.toml](../../config.example.toml); one that is not known",
        "is an error. `gateway check` tells all faults at once, each with the key and the cure; with a wrong file",
        "`gateway run` opens nothing.",
    ]

    def visit(section: str, kind: type[msgspec.Struct]) -> None:
        title = {"": "The tables", "routes": "[[routes]]"}.get(section, f"[{section}]")
        summary = (kind.__doc__ or "").strip().split("\n\n")[0]
        lines.extend(["", f"## {title}", "", " ".join(summary.split()), "", *settings_table(kind)])

    config.sections(visit)
    for name in plugins.adapters():
        kind = plugins.adapters()[name].settings
        summary = (kind.__doc__ or "").strip().split("\n\n")[0]
        title = f'[networks.NAME.settings] where adapter = "{name}"'
        lines.extend(["", f"## {title}", "", " ".join(summary.split()), "", *settings_table(kind)])
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    lines = [
        MADE,
        "# Commands",
        "",
        "Those that answer take `--json` and then print one JSON value. An error goes to standard error with its code,",
        'place and cure; with `--json` it is `{"errors": [{code, detail, where, hint}]}` on standard output.',
        "",
        "## Exit codes",
        "",
        "| code | meaning |",
        "|---|---|",
        *(f"| {code} | {cell(meaning)} |" for code, meaning in EXIT_CODES.items()),
    ]
    top = click.Context(root, info_name="gateway", terminal_width=100, max_content_width=100)

    def add(command: click.Command, context: click.Context, depth: int) -> None:
        lines.extend(
            ["", f"{'#' * depth} {context.command_path}", "", "```text", command.get_help(context).strip(), "```"]
        )
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                if not inner.hidden:
                    add(inner, click.Context(inner, parent=context, info_name=name), depth + 1)

    for name in COMMANDS:
        command = root.get_command(top, name)
        assert command is not None
        add(command, click.Context(command, parent=top, info_name=name), 2)
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    packages = [gateway, *(importlib.import_module(name) for name in ("gateway_evm", "gateway_sandbox"))]
    for package in packages:
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    lines = [
        MADE,
        "# Errors",
        "",
        "Every error carries a code that never changes meaning, what was found, where, and what to do. The cure here",
        "is the general one; where the place that raises knows a better one, it says that instead.",
    ]
    stem = ""
    for fault in declared():
        first = fault.code.partition(".")[0]
        if first != stem:
            stem = first
            lines.extend(["", f"## {stem}", "", "| code | what is wrong | what to do |", "|---|---|---|"])
        lines.append(f"| `{fault.code}` | {cell(fault.summary)} | {cell(fault.hint)} |")
    return "\n".join(lines) + "\n"


PAGES = {"config.md": config_page, "commands.md": commands_page, "errors.md": errors_page}


def main() -> int:
    stale = []
    PLACE.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        made, place = page(), PLACE / name
        if "--check" not in sys.argv:
            place.write_text(made, encoding="utf-8")
        elif not place.exists() or place.read_text(encoding="utf-8") != made:
            stale.append(name)
    if stale:
        print(f"not up to date: {', '.join(stale)}; `make docs` writes them again", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
