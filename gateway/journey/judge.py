"""What a verifier's report means for the journey: pass, put this one aside, or stop the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.dossier.proven import ill_formed
from gateway.errors import Broken, fault
from gateway.spi import Basis, Check, Claim, Report
from gateway.store.drafts import Fault

__all__ = ["Judgement", "judge"]

NOT_PROVEN = fault(
    "journey.not-proven",
    "The evidence does not prove the record.",
    "`gateway record show` tells the checks. Ask the network's operator; nobody need do anything for the others.",
)
NO_REPORT = fault(
    "journey.no-report",
    "The verifier's report has not the form that `gateway.spi.Report` asks for: no dossier of it would hold.",
    "A fault of the adapter, not of the record: mend or update its verifier, then `gateway record release NUMBER`.",
)
ANCHOR = fault(
    "journey.anchor",
    "The network's anchor does not hold: what signs its blocks now is not what the registry or an earlier block names.",
    "Find out whether the network changed or the node lies. Then bring the registry up to date and run "
    "`gateway network resume NAME`.",
)

_OF_THE_RECORD: Final = frozenset({"HASH_FAILURE", "FORMAT_FAILURE", "SIGNED_DATA_NOT_FOUND"})
"""Sub-indications that concern one record. Every other says that the network itself is not believed."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The basis on which `recorded` stands, or why the record is put aside."""

    basis: Basis | None
    why: Fault | None = None


def judge(report: Report) -> Judgement:
    """Raises Broken where the report says that the anchor itself does not hold.

    What `gateway verify` would refuse for its form is put aside here: better than delivered, and never to be proven.
    """
    wrong = ill_formed(report)
    if wrong is not None:
        return Judgement(None, Fault(NO_REPORT.code, f"the verifier's report: {wrong}", NO_REPORT.hint))
    basis: Basis | None = None
    recorded = False
    for finding in report.findings:
        if finding.claim is Claim.RECORDED or finding.claim is Claim.VALID:
            if finding.outcome != "passed":
                if finding.claim is Claim.VALID and finding.outcome == "skipped":
                    continue
                return _aside(report, finding.checks)
            if finding.claim is Claim.RECORDED:
                recorded, basis = True, finding.basis
    if not recorded:
        return _aside(report, ())
    return Judgement(basis)


def _aside(report: Report, decided: tuple[str, ...]) -> Judgement:
    failed = [check for check in report.checks if check.outcome in ("failed", "indeterminate")]
    first = next((check for check in failed if check.id in decided), failed[0] if failed else None)
    if first is None:
        return Judgement(None, Fault(NOT_PROVEN.code, NOT_PROVEN.summary, NOT_PROVEN.hint))
    if any(_of_the_network(check) for check in failed):
        stop = next(check for check in failed if _of_the_network(check))
        raise Broken(ANCHOR, f"{stop.id}: {stop.reason}")
    return Judgement(None, Fault(NOT_PROVEN.code, f"{first.id}: {first.reason}", first.hint or NOT_PROVEN.hint))


def _of_the_network(check: Check) -> bool:
    return check.sub_indication not in _OF_THE_RECORD
