"""How commands speak: JSON for machines, tables and marks for persons, progress on anything over a second."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

__all__ = [
    "EXAMPLES",
    "config_option",
    "console",
    "emit",
    "json_option",
    "mark",
    "moment",
    "progress",
    "short",
    "table",
]

Command = TypeVar("Command", bound=Callable[..., Any])

EXAMPLES: Final = "\b\nExamples:\n"
"""What stands before the examples in a command's help."""

_encoder = msgspec.json.Encoder(enc_hook=lambda value: value.hex() if isinstance(value, memoryview) else str(value))


def json_option(command: Command) -> Command:
    """Adds `--json`, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")(command)


def config_option(command: Command) -> Command:
    """Adds `-c/--config`, as the argument `config_file`."""
    return click.option(
        "-c",
        "--config",
        "config_file",
        type=click.Path(path_type=Path),
        default=Path("gateway.toml"),
        envvar="GATEWAY_CONFIG",
        show_default=True,
        help="Configuration file; also $GATEWAY_CONFIG.",
    )(command)


def emit(value: Any) -> None:
    """Prints one JSON value on one line; bytes as lower-case hex."""
    click.echo(_encoder.encode(_plain(value)).decode())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return {each.encode_name: _plain(getattr(value, each.name)) for each in msgspec.structs.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in value]
    return value


def short(digest: bytes | str | None, length: int = 12) -> str:
    """The beginning of a digest, enough to tell it from others and to be given back to a command."""
    text = digest.hex() if isinstance(digest, bytes) else digest or ""
    return text[:length]


def moment(time: datetime | None) -> str:
    """A time for a person: UTC, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S") if time else "–"


def mark(ok: bool | None) -> str:
    """✓, ✗ or – in its colour."""
    if ok is None:
        return click.style("–", fg="yellow")
    return click.style("✓", fg="green") if ok else click.style("✗", fg="red", bold=True)


def console(*, stderr: bool = False) -> Any:
    """rich's console, as wide as COLUMNS or the terminal; imported here because it takes a tenth of a second."""
    from rich.console import Console

    width = None
    if not sys.stdout.isatty():
        width = int(os.environ["COLUMNS"]) if os.environ.get("COLUMNS", "").isdigit() else 160
    return Console(stderr=stderr, highlight=False, width=width, soft_wrap=False)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str = "nothing") -> None:
    """Prints a plain table; wide scripts are measured as they show."""
    if not rows:
        click.echo(empty)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*(Text.from_ansi(cell) for cell in row))
    screen = console()
    with screen.capture() as shown:
        screen.print(made)
    for line in shown.get().splitlines():
        click.echo(line.rstrip())


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A spinner on a terminal's standard error while the block runs; the function given changes its text."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with console(stderr=True).status(label) as shown:
        yield shown.update
