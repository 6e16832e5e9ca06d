"""`gateway verify`: one file, offline, and a verdict. Imports what a bare install holds, and no network code."""

from __future__ import annotations

import difflib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.output import EXAMPLES, json_option
from gateway.errors import GatewayError, InputError, fault

__all__ = ["verify"]

_MOST: Final = 64 * 1024 * 1024
"""Bytes that are taken into memory at all; what a dossier may have is in `Limits`."""
_EXITS: Final = {"TOTAL-PASSED": 0, "TOTAL-FAILED": 1, "INDETERMINATE": 3}

UNREADABLE = fault(
    "verify.unreadable",
    "The file cannot be read.",
    "Name a file that is there and that you may read, or `-` for standard input.",
)
TOO_LARGE = fault(
    "verify.too-large",
    "The file is larger than any dossier or credential.",
    "Give the file as it was handed out.",
)


def _time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(f"{value!r} is no time; write 2046-01-01 or 2046-01-01T12:00:00Z") from error


@click.command(
    short_help="Check a dossier or a credential, offline.",
    epilog=EXAMPLES
    + """  gateway verify record.dossier --anchors registry.json
  gateway verify record.dossier --anchors registry.json --policy court --at 2046-01-01
  gateway verify record.dossier --anchors registry.json --explain credential.signature
  curl -s https://office.example/record.dossier | gateway verify - --anchors registry.json --json
""",
)
@click.argument("file")
@click.option(
    "--anchors",
    "anchors_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The registry that you believe. The copy inside a dossier never counts.",
)
@click.option("--root", metavar="FINGERPRINT", help="Believe the registry only if its root has this fingerprint.")
@click.option(
    "--policy",
    "policy_name",
    type=click.Choice(["court", "office", "inspect"]),
    default="office",
    show_default=True,
    help="What is asked of the file.",
)
@click.option(
    "--at",
    "at",
    metavar="TIME",
    callback=_time,
    help="Judge as of this time (UTC where no zone is given). Default: now.",
)
@click.option("--explain", metavar="CHECK", help="Show everything about one check: what it used, and its parents.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    file: str,
    anchors_file: Path | None,
    root: str | None,
    policy_name: str,
    at: datetime | None,
    explain: str | None,
    as_json: bool,
) -> None:
    """Check what FILE proves: a dossier, or a credential by itself; `-` reads standard input.

    Nothing is fetched. The file brings proofs, you bring what you believe: --anchors. Without it nothing can pass.

    \b
    The first line is the indication; then every claim in a sentence; then only what did not pass, and what to do.
    Exit codes: 0 TOTAL-PASSED, 1 TOTAL-FAILED, 2 wrong use, 3 INDETERMINATE, 4 neither a dossier nor a credential.
    """
    from gateway.dossier.existence import NOTHING_PROVEN
    from gateway.dossier.policy import policy
    from gateway.dossier.verify import verify_file
    from gateway.mapping import MappingLibrary
    from gateway.plugins import verifiers
    from gateway.spi import VerificationContext

    if root is not None and anchors_file is None:
        raise click.UsageError("--root says which registry to believe, so it needs --anchors FILE")
    anchors = _anchors(anchors_file, root)
    data = _content(file)
    context = VerificationContext(at or datetime.now(UTC), anchors, NOTHING_PROVEN, {})
    verdict = verify_file(data, context, policy(policy_name), verifiers(), MappingLibrary.shipped())
    if explain is not None and not verdict.check(explain):
        made = sorted({check.id for check in verdict.checks})
        near = difflib.get_close_matches(explain, made, n=1)
        raise click.UsageError(
            f"no check {explain!r} was made of this file; "
            + (f"did you mean {near[0]!r}?" if near else ", ".join(made))
        )
    if as_json and explain is not None:
        _print_checks(verdict, explain)
    elif as_json:
        click.echo(verdict.encode())
    elif explain is not None:
        _explain(verdict, explain)
    else:
        _tell(verdict)
    ctx.exit(_EXITS[verdict.indication])


def _anchors(file: Path | None, root: str | None) -> Any:
    """The registry that is believed. Its faults are faults of the call: the file to be judged is not to blame."""
    from gateway.dossier.verify import NO_ANCHORS
    from gateway.trust.registry import LIMIT, Registry

    if file is None:
        return NO_ANCHORS
    try:
        with file.open("rb") as opened:
            data = opened.read(LIMIT + 1)
        return Registry.read(data, fingerprint=None if root is None else root.strip().lower())
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--anchors") from error
    except GatewayError as error:
        raise click.BadParameter(f"{file}: {error}. {error.hint}", param_hint="--anchors") from error


def _content(file: str) -> bytes:
    """What is in the file, or on standard input. Raises InputError where it cannot be read, or is far too large."""
    try:
        if file == "-":
            data: bytes = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_MOST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(UNREADABLE, reason or "", where=file) from error
    if len(data) > _MOST:
        raise InputError(TOO_LARGE, f"more than {_MOST} bytes", where=file)
    return data


def _print_checks(verdict: Any, name: str) -> None:
    import msgspec

    click.echo(msgspec.json.Encoder(order="sorted").encode({"checks": list(verdict.check(name))}))


def _explain(verdict: Any, name: str) -> None:
    from gateway.dossier.sentences import explain, summary

    _headline(verdict, summary(verdict))
    for line in explain(verdict, name):
        click.echo(line)


def _tell(verdict: Any) -> None:
    from gateway.dossier import sentences

    _headline(verdict, sentences.summary(verdict))
    for line in (*sentences.about(verdict), *sentences.judged(verdict)):
        click.echo(f"  {line}")
    if verdict.claims:
        click.echo()
    told: set[str | None] = set()
    for finding in verdict.claims:
        mark = _MARKS[finding.outcome]
        sentence = sentences.claim(finding, note=finding.note not in told)
        told.add(finding.note)
        click.echo(f"{click.style(mark[0], fg=mark[1], bold=True)} {finding.claim.value:<10}  {sentence}")
    first = True
    for check, lines in sentences.shortfalls(verdict):
        if first:
            click.echo("\nChecks that did not pass:")
            first = False
        mark = _MARKS[check.outcome]
        sub = f"  {check.sub_indication}" if check.sub_indication else ""
        click.echo(f"{click.style(mark[0], fg=mark[1], bold=True)} {check.id}  {check.outcome}{sub}")
        for line in lines:
            click.echo(f"    {line}")


_MARKS: Final = {
    "passed": ("✓", "green"),
    "failed": ("✗", "red"),
    "indeterminate": ("?", "yellow"),
    "skipped": ("–", "white"),
}


def _headline(verdict: Any, text: str) -> None:
    colour = {"TOTAL-PASSED": "green", "TOTAL-FAILED": "red", "INDETERMINATE": "yellow"}[verdict.indication]
    click.echo(click.style(text, fg=colour, bold=True))
