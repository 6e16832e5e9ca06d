"""A verdict in plain sentences, for a person at a terminal or before a court.

Texts that come out of a file are shown with their control characters escaped: nobody's file writes to a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from gateway.dossier.verdict import Verdict
from gateway.spi import Basis, Check, Claim, Finding

__all__ = ["about", "claim", "explain", "judged", "printable", "shortfalls", "summary"]

_HOLDS: Final = {
    Claim.RECORDED: "The native record stands on the network that the file names",
    Claim.VALID: "The network took the record as valid",
    Claim.EXISTED_BY: "It existed by then",
    Claim.CURRENT_AT: "It was the newest about its subject then",
    Claim.TRANSLATED: "The common form is what the mapping makes of the native record",
    Claim.ISSUED: "The office issued it",
}
_DENIED: Final = {
    Claim.RECORDED: "It is not shown that the native record stands on the network that the file names",
    Claim.VALID: "It is not shown that the network took the record as valid",
    Claim.EXISTED_BY: "It is not shown by when it existed",
    Claim.CURRENT_AT: "It is not shown that it was the newest about its subject",
    Claim.TRANSLATED: "It is not shown that the common form is what the mapping makes of the native record",
    Claim.ISSUED: "It is not shown that the office issued it",
}
_RESTS_ON: Final = {
    Basis.ATTESTED: "the office's word alone",
    Basis.AUTHORITY: "one signer of the network's own",
    Basis.ENDORSEMENT: "the endorsement of the network's members",
    Basis.WORK: "proof of work",
    Basis.CONSENSUS: "the network's validators",
}
_LINE: Final = 160


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal could take as more than a sign, in bounded length."""
    shown = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text[:2000])
    return shown if len(text) <= 2000 else shown + "…"


def summary(verdict: Verdict) -> str:
    """The first line: the indication, and why where it is not passed."""
    return verdict.indication if verdict.sub_indication is None else f"{verdict.indication}  {verdict.sub_indication}"


def about(verdict: Verdict) -> Iterator[str]:
    """What the file says it is about; nothing where it cannot be read that far."""
    found = verdict.about
    if found is None:
        return
    subjects = ", ".join(found.subjects[:3]) + (
        f" and {len(found.subjects) - 3} more" if len(found.subjects) > 3 else ""
    )
    yield printable(f"{found.record} of {subjects}")
    yield printable(f"issued by {found.issuer}, revision {found.revision}")
    if found.withdrawn:
        yield "THE OFFICE WITHDRAWS THIS RECORD by this revision: it is void, whatever is proven of it below"


def judged(verdict: Verdict) -> Iterator[str]:
    """By which policy, at which time, and on which anchors, with their age."""
    yield f"judged by the policy {verdict.policy.id}, at {_time(verdict.now)}"
    anchors = verdict.anchors
    if not anchors.given:
        yield "no anchors were given: nobody's key or network can be known (--anchors FILE)"
    elif anchors.newest is not None:
        root = "" if anchors.root is None else f" of the root {anchors.root[:16]}…"
        yield f"on the registry{root}, newest statement {_time(anchors.newest)}, {_age(verdict.now - anchors.newest)}"
    if verdict.best_time is not None:
        yield f"the credential is known to exist since {_time(verdict.best_time)} at the latest"


def claim(finding: Finding, *, note: bool = True) -> str:
    """One claim in one sentence, with its basis and time; with its note, if it has one, unless that was told before."""
    if finding.outcome != "passed":
        end = {"failed": "the proof is wrong", "indeterminate": "it remains open", "skipped": "nothing here tells"}
        why = f"; {finding.note}" if finding.note and finding.outcome == "skipped" else ""
        return printable(f"{_DENIED[finding.claim]}: {end[finding.outcome]}{why}.")
    parts = [_HOLDS[finding.claim]]
    if finding.basis is not None:
        parts.append(f" — basis {finding.basis.value}: {_RESTS_ON[finding.basis]}")
        quorum = finding.quorum
        if quorum is not None and finding.basis is not Basis.ATTESTED:
            parts.append(f", {quorum.signed} signed and {quorum.required} were required")
        elif quorum is not None and quorum.by:
            parts.append(f", {', '.join(quorum.by)}")
    if finding.time is not None:
        parts.append(f", {_time(finding.time)}")
    parts.append(".")
    if finding.note and note:
        parts.append(f" {finding.note[:1].upper()}{finding.note[1:].rstrip('.')}.")
    return printable("".join(parts))


def shortfalls(verdict: Verdict) -> Iterator[tuple[Check, list[str]]]:
    """The checks that did not pass, each with its reason, what was expected and found, and what to do."""
    for check in verdict.checks:
        if check.outcome == "passed":
            continue
        lines = [printable(check.reason)]
        if check.outcome != "skipped":
            if check.object:
                lines.append(f"object    {_short(check.object)}")
            if check.expected is not None:
                lines.append(f"expected  {_short(check.expected)}")
            if check.found is not None:
                lines.append(f"found     {_short(check.found)}")
            if check.at is not None:
                lines.append(f"at        {_short(check.at)}")
        if check.hint is not None:
            lines.append(f"do        {printable(check.hint)}")
        yield check, lines


def explain(verdict: Verdict, name: str) -> Iterator[str]:
    """Everything about the checks of this id: what they used, by label where it is in the file, and their parents."""
    labels = {one.digest: one.label for one in verdict.objects}
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        here = waiting.pop(0)
        if here in seen:
            continue
        seen.add(here)
        for check in verdict.check(here):
            sub = f"  {check.sub_indication}" if check.sub_indication else ""
            yield f"{check.id}  {check.outcome}{sub}"
            yield f"  reason    {printable(check.reason)}"
            for word, value in (
                ("object", check.object),
                ("expected", check.expected),
                ("found", check.found),
                ("at", check.at),
                ("do", check.hint),
            ):
                if value:
                    yield f"  {word:<9} {printable(value)}"
            for digest in check.inputs:
                yield f"  used      {printable(digest)}" + (f"  {labels[digest]}" if digest in labels else "")
            bears = [one.claim.value for one in verdict.claims if check.id in one.checks]
            if bears:
                yield f"  claims    {', '.join(bears)}"
            if check.parent:
                yield f"  after     {check.parent}"
                waiting.append(check.parent)


def _short(text: str) -> str:
    return printable(text if len(text) <= _LINE else text[:_LINE] + "…")


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def _count(number: int, of: str) -> str:
    return f"{number} {of}" if number == 1 else f"{number} {of}s"


def _age(age: timedelta) -> str:
    if age < timedelta(0):
        return "later than the time to judge at"
    if age < timedelta(hours=2):
        return f"{_count(int(age.total_seconds() // 60), 'minute')} old"
    if age < timedelta(days=2):
        return f"{int(age.total_seconds() // 3600)} hours old"
    if age < timedelta(days=730):
        return f"{age.days} days old"
    return f"{age.days // 365} years old"
