"""`gateway demo`: two offices' networks, records both ways, one dossier, checked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.opening import answer
from gateway.cli.output import console, emit, json_option, mark, moment, progress, table
from gateway.errors import Transient, fault

if TYPE_CHECKING:
    from gateway.demo.crossing import Shown

__all__ = ["demo"]

SLOW = fault(
    "demo.slow",
    "The records had not all crossed in time.",
    "Run it again with a larger --timeout, on a quieter machine.",
)


@click.command()
@click.option("--input", "input_file", type=click.Path(path_type=Path), help="A record of the format uspto-odp.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Where to.",
)
@click.option("--timeout", default=90.0, show_default=True, help="Seconds for the crossing.")
@json_option
def demo(input_file: Path | None, output: Path, timeout: float, as_json: bool) -> None:
    """Two offices' networks, records both ways, one dossier, checked.

    Office XA keeps a sandbox ledger, office XB a real EVM chain (anvil). Records enter at both, cross, and land in the
    other's own form. Nobody is asked anything; networks and keys are gone when it ends, and three files are left.

    \b
    Examples:
      gateway demo
      gateway demo --input application.json
    """
    from gateway.cli.logs import configure
    from gateway.config import Log
    from gateway.demo.crossing import cross, leave, sample_records
    from gateway.demo.node import anvil, find_anvil

    configure(Log(level="error"))
    started = time.monotonic()
    binary = find_anvil()
    entered = sample_records(input_file)
    before = dict(os.environ)
    try:
        with (
            progress("starting a node", quiet=as_json) as say,
            tempfile.TemporaryDirectory(prefix="gateway-demo-") as scratch,
            anvil(binary) as node,
        ):
            shown = answer(cross(Path(scratch) / "gateway", node, entered, os.environ, say, timeout))
            left = leave(output, shown)
    except TimeoutError:
        raise Transient(SLOW, f"after {timeout:g} s") from None
    finally:
        os.environ.clear()
        os.environ.update(before)
    seconds = time.monotonic() - started
    if as_json:
        emit(
            {
                "seconds": round(seconds, 1),
                "entered": len(shown.entered),
                "records": len(shown.views),
                "landed": sum(len(view.deliveries) for view in shown.views),
                "indication": shown.verdict.indication,
                "files": [str(file) for file in left],
            }
        )
    else:
        _tell(shown, left, seconds)
    raise SystemExit(0 if shown.verdict.indication == "TOTAL-PASSED" else 1)


def _tell(shown: Shown, left: tuple[Path, ...], seconds: float) -> None:
    _heading("1  What went where")
    table(
        ("", "stands on", "in", "common records", "", "landed on", "in", "not held there"),
        [
            (
                f"{each.number} {each.title}",
                "XA" if each.origin == "left" else "XB",
                each.native[0],
                ", ".join(f"{number} {kind}" for kind, number in each.kinds),
                "─▶",
                "XB" if each.origin == "left" else "XA",
                each.foreign[0],
                f"{each.losses} field{'' if each.losses == 1 else 's'}" if each.losses else "nothing lost",
            )
            for each in shown.crossings
        ],
    )
    _way(shown)
    _verdict(shown)
    _heading("4  What is left for you")
    meaning = {
        "crossing.svg": "the picture of what went where",
        "record.dossier": "one file that proves that record",
        "registry.json": "what a verifier believes to begin with",
    }
    for file in left:
        click.echo(f"  {file!s:<24} {meaning[file.name]}, {file.stat().st_size:,} bytes")
    command = ["verify", str(left[1]), "--anchors", str(left[2])]
    click.echo(f"\n{click.style('$ gateway ' + ' '.join(command), bold=True)}")
    sys.stdout.flush()
    program = [sys.executable, "-c", "from gateway.cli import main; main()", *command]
    subprocess.run(program, check=False)  # noqa: S603  # this program itself, in a process that knows nothing of the crossing
    click.echo(f"\n{len(shown.views)} records crossed, in {seconds:.0f} s.")


def _way(shown: Shown) -> None:
    import orjson

    from gateway.cli.showing import Face, face_of, loss_lines, losses_in, side_by_side
    from gateway.mapping import MappingLibrary
    from gateway.spi import NativeRecord

    view = shown.chosen
    library = MappingLibrary.shipped()
    _heading(f"2  The way of one record: {view.kind} {view.subjects[0]}")
    side_by_side(
        [
            face_of("native, at XA,", NativeRecord(view.format, view.native), library),
            Face("common,", view.kind, orjson.loads(view.common)),
            face_of("foreign, at XB,", shown.foreign, library),
        ],
        lines=44,
    )
    aside = loss_lines(losses_in(view.losses), most=8)
    click.echo(click.style(f"Read by the mapping {view.mapping}, set aside so that the way back is exact:", bold=True))
    for line in aside or ["nothing"]:
        click.echo(f"  {line}")
    click.echo(click.style("Written as register-evm, not held there:", bold=True))
    for line in loss_lines(shown.losses, most=12) or ["nothing"]:
        click.echo(f"  {line}")
    delivery = view.deliveries[0]
    click.echo(click.style("Its way:", bold=True))
    click.echo(f"  {moment(view.time)}  recorded at XA, on {view.basis}")
    click.echo(f"  {moment(view.stored)}  verified, translated, sealed; key {view.key.hex()[:24]}…")
    click.echo(f"  {moment(delivery.at)}  landed at XB by {delivery.attempt}")
    if shown.read_again:
        click.echo(f"  {'':19}  read there again: the same bytes, known as its own writing, sent no further")


def _verdict(shown: Shown) -> None:
    from gateway.dossier import sentences

    verdict = shown.verdict
    _heading(f"3  The verdict: {verdict.indication}")
    told: set[str | None] = set()
    for finding in verdict.claims:
        ok = {"passed": True, "failed": False}.get(finding.outcome)
        lines = textwrap.wrap(
            sentences.claim(finding, note=finding.note not in told), max(40, min(console().width, 120) - 16)
        )
        click.echo(f"  {mark(ok)} {finding.claim.value:<10} {lines[0]}")
        told.add(finding.note)
        for line in lines[1:]:
            click.echo(f"{'':15}{line}")
    passed = sum(check.outcome == "passed" for check in verdict.checks)
    rest = len(verdict.checks) - passed
    click.echo(f"  {passed} checks passed" + (f", {rest} did not apply." if rest else "."))


def _heading(text: str) -> None:
    click.echo(f"\n{click.style(text, bold=True, fg='cyan')}\n")
