"""`gateway mapping`: check mappings, run their cases, and try them on a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.output import EXAMPLES, emit, json_option
from gateway.errors import GatewayError, InputError

if TYPE_CHECKING:
    from gateway.mapping import Loss, Mapping, Translation

__all__ = ["mapping"]

_WIDTH: Final = 120


@click.group(short_help="Check, test and try mappings.")
def mapping() -> None:
    """Check, test and try mappings between native formats and the common model.

    A mapping is named by its folder, or by the name of one that this release ships.

    \b
    Examples:
      gateway mapping lint mappings/register-sandbox
      gateway mapping test uspto-odp

    Exit codes: 0 all is well, 1 something does not hold, 2 usage, 4 a file cannot be opened.
    """


def _folders(names: tuple[str, ...]) -> list[Path]:
    """The folders of the mappings that are named; of all that are shipped without a name."""
    from gateway.mapping.library import shipped_folder

    if not names:
        return sorted(path.parent for path in shipped_folder().glob("*/mapping.toml"))
    found: list[Path] = []
    for name in names:
        path = Path(name)
        if path.name == "mapping.toml":
            path = path.parent
        if not (path / "mapping.toml").is_file():
            path = shipped_folder() / name
        if not (path / "mapping.toml").is_file():
            there = ", ".join(sorted(each.parent.name for each in shipped_folder().glob("*/mapping.toml")))
            raise click.BadParameter(f"{name!r} is no folder with a mapping.toml, and none of: {there}")
        found.append(path)
    return found


@mapping.command(
    short_help="Find what a mapping forgets or contradicts.",
    epilog=EXAMPLES
    + """  gateway mapping lint
  gateway mapping lint mappings/register-evm
  gateway mapping lint uspto-odp --json
""",
)
@click.argument("names", nargs=-1, metavar="[PATH|NAME]...")
@json_option
def lint(names: tuple[str, ...], as_json: bool) -> None:
    """Find what a mapping forgets or contradicts, before any record meets it.

    Names native members that no rule reads, common members that no rule writes and nothing names as lost, rules that
    can never apply, tables that miss codes, transforms that cannot be turned round, and losses without a reason. Exits
    with 1 where there is anything to mend.
    """
    from gateway.mapping.formats.abi import AbiFormat
    from gateway.mapping.lint import lint as look

    wrong = False
    for folder in _folders(names):
        compiled, findings = look(folder)
        wrong = wrong or bool(findings)
        structs = compiled.form.structs if compiled is not None and isinstance(compiled.form, AbiFormat) else {}
        selectors = {name: "0x" + struct.selector.hex() for name, struct in structs.items()}
        if as_json:
            emit(
                {
                    "mapping": str(folder),
                    "version": compiled.ref.version if compiled else None,
                    "digest": compiled.ref.digest if compiled else None,
                    "selectors": selectors,
                    "findings": [{"line": each.line, "level": each.level, "text": each.text} for each in findings],
                }
            )
            continue
        for each in findings:
            place = f"{folder}/mapping.toml" + (f":{each.line}" if each.line else "")
            click.echo(f"{place}: {each.level}: {each.text}")
        if compiled is not None and not findings:
            click.echo(
                f"{compiled.ref.name} {compiled.ref.version}: nothing to mend; digest {compiled.ref.digest.hex()}"
            )
            for name, selector in selectors.items():
                click.echo(f"  {selector}  {name}")
    sys.exit(1 if wrong else 0)


@mapping.command(
    short_help="Run a mapping's cases.",
    epilog=EXAMPLES
    + """  gateway mapping test
  gateway mapping test mappings/register-evm
  gateway mapping test mappings/register-evm --accept
""",
)
@click.argument("names", nargs=-1, metavar="[PATH|NAME]...")
@click.option("--accept", is_flag=True, help="Write down what came out where a case has no expectation yet.")
@json_option
def test(names: tuple[str, ...], accept: bool, as_json: bool) -> None:
    """Run the cases in a mapping's folder and show the differences.

    Each case is read, written again with its residue, and compared with what it should be. Exits with 1 where a case
    does not hold.
    """
    from gateway.mapping.cases import find, run
    from gateway.mapping.library import load

    wrong = False
    for folder in _folders(names):
        compiled = load(folder)
        results = [run(compiled, case, accept=accept) for case in find(folder)]
        wrong = wrong or not results or any(not each.holds for each in results)
        if as_json:
            emit(
                {
                    "mapping": str(folder),
                    "cases": [
                        {"case": each.name, "holds": each.holds, "differences": list(each.differences)}
                        for each in results
                    ],
                }
            )
            continue
        held = sum(each.holds for each in results)
        click.echo(f"{compiled.ref.name} {compiled.ref.version}: {held} of {len(results)} cases hold")
        if not results:
            click.echo(f"  no cases: put them into {folder / 'cases'}")
        for each in results:
            if not each.holds:
                click.echo(f"  ✗ {each.name}")
                for line in each.differences:
                    click.echo(f"      {line}")
    sys.exit(1 if wrong else 0)


@mapping.command(
    "try",
    short_help="Show what a mapping makes of a file.",
    epilog=EXAMPLES
    + """  gateway mapping try uspto-odp application.json
  gateway mapping try uspto-odp application.json --to register-evm
  gateway mapping try register-evm body.hex --json
  gateway mapping try register-sandbox - < record.json
""",
)
@click.argument("name", metavar="PATH|NAME")
@click.argument("file", type=click.Path(allow_dash=True))
@click.option("--to", "to", metavar="PATH|NAME", help="Write each common record in this mapping's format, too.")
@click.option("--hex", "as_hex", is_flag=True, help="The file holds the native bytes in hexadecimal (so does *.hex).")
@json_option
def attempt(name: str, file: str, to: str | None, as_hex: bool, as_json: bool) -> None:
    """Show native and common form side by side, and the loss report.

    With --to, every common record is also written in the other format, with what that one cannot hold.
    """
    from gateway.mapping.library import load

    (folder,) = _folders((name,))
    reading = load(folder)
    writing = load(_folders((to,))[0]) if to else None
    native = _native(reading, file, as_hex)
    translation = reading.to_common(native)
    if as_json:
        emit(_as_json(translation, writing))
        return
    from gateway.mapping.cases import show_native
    from gateway.model import records as model

    shown = show_native(reading, native)
    for number, translated in enumerate(translation.records):
        common = json.dumps(json.loads(model.encode(translated.record)), indent=2, ensure_ascii=False)
        kind = type(translated.record).__name__
        if number == 0:
            _columns(f"native: {native.format}", shown, f"common: {kind}, index {translated.index}", common)
        else:
            _one(f"common: {kind}, index {translated.index}", common)
        if writing is not None:
            _written(writing, translated.record)
    click.echo()
    click.echo(f"{len(translation.records)} common records, {len(translation.residue)} bytes of residue")
    _losses(f"what {reading.ref.name} sets aside", translation.losses)


def _native(reading: Mapping, file: str, as_hex: bool) -> Any:
    from gateway.mapping.cases import NO_RECORD, native_of
    from gateway.spi import NativeRecord

    if file != "-" and not as_hex:
        return native_of(reading, Path(file))
    try:
        data = sys.stdin.buffer.read(8 * 1024 * 1024) if file == "-" else Path(file).read_bytes()
        if as_hex:
            data = bytes.fromhex(data.decode("ascii").strip().removeprefix("0x"))
    except (OSError, ValueError) as error:
        raise InputError(NO_RECORD, type(error).__name__, where=file) from error
    return NativeRecord(reading.format, data)


def _as_json(translation: Translation, writing: Mapping | None) -> dict[str, Any]:
    from gateway.mapping.outcome import losses_document
    from gateway.model import records as model

    def reference(ref: Any) -> dict[str, Any]:
        return {"name": ref.name, "version": ref.version, "digest": ref.digest}

    records: list[dict[str, Any]] = []
    for translated in translation.records:
        row: dict[str, Any] = {"index": translated.index, "record": json.loads(model.encode(translated.record))}
        if writing is not None:
            try:
                rendition = writing.to_native([translated.record])
            except GatewayError as error:
                row["refused"] = error.as_dict()
            else:
                row["native"] = _shown_tree(writing, rendition.native.content)
                row["content"] = rendition.native.content
                row["losses"] = json.loads(losses_document(rendition.losses))
        records.append(row)
    made: dict[str, Any] = {
        "mapping": reference(translation.mapping),
        "records": records,
        "residue": translation.residue,
        "losses": json.loads(losses_document(translation.losses)),
    }
    if writing is not None:
        made["to"] = reference(writing.ref)
    return made


def _shown_tree(writing: Mapping, content: bytes) -> Any:
    return writing.form.decode(content)


def _written(writing: Mapping, record: Any) -> None:
    from gateway.mapping.cases import show_native

    try:
        rendition = writing.to_native([record])
    except GatewayError as error:
        click.echo(f"── {writing.format}: refused: {error}")
        click.echo(f"   {error.hint}")
        return
    size = len(rendition.native.content)
    _one(f"{writing.format}, {size} bytes", show_native(writing, rendition.native))
    _losses(f"what {writing.format} does not hold", rendition.losses)


def _losses(title: str, losses: tuple[Loss, ...]) -> None:
    if not losses:
        click.echo(f"{title}: nothing")
        return
    click.echo(f"{title}:")
    wide = min(max(len(each.path) for each in losses), 60)
    for each in losses:
        click.echo(f"  {each.path:{wide}}  {each.effect:13}  {each.reason}")


def _one(title: str, text: str) -> None:
    click.echo(f"── {title} " + "─" * max(0, _WIDTH - len(title) - 4))
    click.echo(text)


def _columns(left_title: str, left: str, right_title: str, right: str) -> None:
    import unicodedata

    half = _WIDTH // 2 - 2

    def width(line: str) -> int:
        return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in line)

    def pieces(text: str) -> list[str]:
        made: list[str] = []
        for line in text.splitlines():
            piece = ""
            for sign in line:
                if width(piece + sign) > half:
                    made.append(piece)
                    piece = "    "
                piece += sign
            made.append(piece)
        return made

    rows = [pieces(left), pieces(right)]
    click.echo(f"{'── ' + left_title + ' ':─<{half}} │ {'── ' + right_title + ' ':─<{half}}")
    for index in range(max(len(rows[0]), len(rows[1]))):
        first = rows[0][index] if index < len(rows[0]) else ""
        second = rows[1][index] if index < len(rows[1]) else ""
        click.echo(f"{first}{' ' * (half - width(first))} │ {second}".rstrip())
