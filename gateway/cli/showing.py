"""One record as a person sees it: its native, common and foreign form side by side, and what is lost between them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import click
import msgspec
import orjson

from gateway.cli.output import console
from gateway.errors import GatewayError
from gateway.mapping import Loss, Mapping, MappingLibrary
from gateway.mapping.outcome import losses_document
from gateway.model import records
from gateway.spi import NativeRecord

__all__ = ["Face", "face_of", "foreign_form", "loss_lines", "side_by_side"]


class Face(msgspec.Struct, frozen=True):
    """One form of a record: a heading, its format, and its content as a tree that can be printed."""

    heading: str
    form: str
    tree: Any


def face_of(heading: str, native: NativeRecord, library: MappingLibrary) -> Face:
    """A native record as the tree that its format reads; bytes in hexadecimal where no mapping knows the format."""
    try:
        tree = library.by_format(native.format).form.decode(native.content)
    except GatewayError:
        tree = {"bytes": native.content.hex()}
    return Face(heading, native.format, tree)


def foreign_form(common: bytes, mapping: Mapping) -> tuple[NativeRecord, tuple[Loss, ...]]:
    """A common record (JSON) in another network's form, with what that form cannot hold. Raises MappingError."""
    rendition = mapping.to_native([records.decode(common)])
    return rendition.native, rendition.losses


def losses_in(document: bytes) -> tuple[Loss, ...]:
    """The losses of a stored loss report."""
    return msgspec.json.decode(document, type=tuple[Loss, ...]) if document else ()


def side_by_side(faces: Sequence[Face], *, lines: int = 0) -> None:
    """Prints the forms in columns, as many as the terminal holds; `lines` cuts each (0: none is cut)."""
    from rich.columns import Columns
    from rich.panel import Panel
    from rich.text import Text

    screen = console()
    width = max(36, screen.width // len(faces) - 1) if screen.width >= 36 * len(faces) else screen.width
    panels = []
    for face in faces:
        shown = _shown(face.tree).splitlines()
        if lines and len(shown) > lines:
            shown = [*shown[: lines - 1], f"… {len(shown) - lines + 1} more lines"]
        # a long value is cut, not wrapped: what stands where is the point here
        body = Text("\n".join(shown), overflow="ellipsis", no_wrap=True)
        panels.append(Panel(body, title=f"[bold]{face.heading}[/] {face.form}", title_align="left", width=width))
    with screen.capture() as shown_text:
        screen.print(Columns(panels, padding=0))
    for line in shown_text.get().splitlines():
        click.echo(line.rstrip())


def _shown(tree: Any) -> str:
    return json.dumps(tree, ensure_ascii=False, indent=1, default=_other)


def _other(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value) if isinstance(value, Decimal) else repr(value)


def loss_lines(losses: Sequence[Loss], most: int = 0) -> list[str]:
    """One line per loss: where, what became of it, why."""
    lines = [f"{loss.effect:<13} {loss.path or '(the whole)'}: {loss.reason}" for loss in losses]
    if most and len(lines) > most:
        return [*lines[:most], f"… and {len(lines) - most} more"]
    return lines


def as_json(losses: Sequence[Loss]) -> Any:
    return orjson.loads(losses_document(losses))
