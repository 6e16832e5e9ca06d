"""The claims that rest on evidence: what its verifier finds, held against what the registry asks of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.dossier.anchors import Watched, interval, out_of_force, text_of, why
from gateway.dossier.checks import CHECKS
from gateway.dossier.tally import Tally, rank
from gateway.errors import GatewayError
from gateway.spi import (
    Basis,
    Check,
    Claim,
    Evidence,
    Finding,
    NativeRecord,
    Proof,
    Report,
    Segment,
    VerificationContext,
    Verifier,
)

__all__ = ["BROKE_DOWN", "STRENGTH", "claims", "claims_without_report", "ill_formed", "report_of"]

BROKE_DOWN: Final = "Keep the file and tell the maintainers: this is an error of the program, whatever the file holds."
STRENGTH: Final = {basis: strength for strength, basis in enumerate(Basis)}

_OF_EVIDENCE: Final = frozenset({Claim.RECORDED, Claim.VALID, Claim.EXISTED_BY, Claim.CURRENT_AT})
_AROUND: Final = tuple(kind.id for kind in CHECKS.values() if "network" in kind.bears and kind.id != "network.basis")
_CURE: Final = "Ask the office for the file again as it was handed out; show it this check."
_CURES: Final[Mapping[str, str]] = {
    "NO_CERTIFICATE_CHAIN_FOUND": "Give a registry that states what is believed of this network at that height.",
    "NO_CERTIFICATE_CHAIN_FOUND_NO_POE": "Give a registry that states what was believed of this network at that time.",
    "REVOKED_NO_POE": "A proof that the file existed before that end would settle it.",
    "OUT_OF_BOUNDS_NO_POE": "A proof that the file existed while the anchor was in force would settle it.",
    "SIG_CONSTRAINTS_FAILURE": "Ask the office for evidence that carries the signatures which its network asks for.",
    "TIMESTAMP_ORDER_FAILURE": "See that the time to judge at is right (the clock, or --at); then ask the office.",
    "SIGNED_DATA_NOT_FOUND": "Ask the office for the whole file.",
}


def report_of(
    tally: Tally,
    native: NativeRecord,
    evidence: Evidence,
    verifiers: Mapping[str, Verifier],
    context: VerificationContext,
    settle: Callable[[Check], Check],
) -> Report | None:
    """What the verifier of this type of evidence finds, once all that it needs is there; its checks are added.

    context  as the verifier shall see it; what is shared has the digests by which it is named
    settle   is shown every check that did not pass, before it is added
    """
    at_hand = context.shared
    missing = [digest for digest in evidence.shared if digest not in at_hand]
    if missing:
        tally.unsettled(
            "evidence.shared",
            "SIGNED_DATA_NOT_FOUND",
            f"{len(missing)} of {len(evidence.shared)} objects that the evidence shares with its block are missing",
            missing[0].hex(),
            parent=None if tally.holds("digest.names") else "digest.names",
            hint="Ask the office for the whole file.",
        )
        return None
    tally.passed("evidence.shared", f"all {len(evidence.shared)} objects that the evidence names are here")
    verifier = _verifier(tally, evidence, verifiers)
    if verifier is None:
        return None
    try:
        report = verifier.verify(native, evidence, context)
    except Exception as error:  # noqa: BLE001  # a plugin's fault must give a verdict, never a traceback
        broken = f"the verifier broke down: {type(error).__name__}"
        tally.failed("evidence.report", "GENERIC", broken, "evidence.cbor", hint=BROKE_DOWN)
        return None
    wrong = ill_formed(report)
    if wrong is not None:
        tally.failed("evidence.report", "GENERIC", f"the verifier's report: {wrong}", "evidence.cbor", hint=BROKE_DOWN)
        return None
    tally.passed("evidence.report", "the verifier came to an end and reported in due form", "evidence.cbor")
    tally.add_all([check if check.outcome == "passed" else _told(check, settle) for check in report.checks])
    return report


def _told(check: Check, settle: Callable[[Check], Check]) -> Check:
    """A check that did not pass, with something to do."""
    if check.outcome != "skipped" and check.hint is None:
        check = msgspec.structs.replace(check, hint=_CURES.get(check.sub_indication or "", _CURE))
    return settle(check)


def _verifier(tally: Tally, evidence: Evidence, verifiers: Mapping[str, Verifier]) -> Verifier | None:
    name = "evidence.verifier"
    if evidence.type not in verifiers:
        tally.unsettled(
            name,
            "GENERIC",
            f"this release has no verifier for evidence of the type {evidence.type!r}",
            "evidence.cbor",
            hint="Verify with a newer release, or install the adapter that brings this type.",
        )
        return None
    try:
        found = verifiers[evidence.type]
    except GatewayError as error:
        tally.unsettled(name, "GENERIC", f"{error.code}: {error.detail}", "evidence.cbor", hint=error.hint)
        return None
    tally.passed(name, f"this release has a verifier for {evidence.type}", "evidence.cbor")
    return found


def ill_formed(report: Any) -> str | None:
    """What is wrong with a report that a verifier gave; None where it has its form. Verifiers are plugins."""
    if not isinstance(report, Report):
        return "it is none"
    ids = frozenset([check.id for check in report.checks])
    taken = _taken(ids)
    if taken is not None:
        return f"it has a check {taken!r}, which is not of evidence"
    claims = {finding.claim for finding in report.findings}
    if len(claims) != len(report.findings) or Claim.RECORDED not in claims or Claim.VALID not in claims:
        return "it does not tell of recorded and valid, each once"
    if not claims <= _OF_EVIDENCE:
        return "it tells of a claim that is not evidence's to tell"
    if any(not finding.checks or not ids.issuperset(finding.checks) for finding in report.findings):
        return "a finding names no check, or one that was not made"
    return None


@lru_cache(maxsize=256)
def _taken(ids: frozenset[str]) -> str | None:
    """The first id that is the gateway's own. Remembered: a verifier makes the same checks of record after record."""
    return min((name for name in ids if name in CHECKS or name.startswith("credential.")), default=None)


def claims_without_report(tally: Tally) -> list[Finding]:
    """The claims where no verifier came to an end: as bad as what kept it from that, and open at best."""
    names = tally.among(_AROUND)
    outcome = tally.worst(names)[0]
    if outcome == "passed":
        outcome = "indeterminate"
    return [Finding(claim, outcome, None, checks=names) for claim in (Claim.RECORDED, Claim.VALID)]


def claims(
    tally: Tally,
    report: Report,
    watched: Watched,
    evidence: Evidence,
    proof: Proof | None,
    context: VerificationContext,
    issued: Finding,
) -> list[Finding]:
    """The claims of a report, each no better than its checks, the anchor that it went by, and, on the office's word
    alone, the credential.

    proof  that the evidence existed, if there is one
    """
    below = _segments(tally, report, watched.used, evidence.network.hex(), proof, context)
    # A failure that the verifier counts towards no claim of its own counts towards all.
    told = {name for finding in report.findings for name in finding.checks}
    untold = [check.id for check in report.checks if check.outcome == "failed" and check.id not in told]
    around = tally.among(_AROUND)
    enough = tally.holds("network.basis")
    made: list[Finding] = []
    for finding in report.findings:
        names = (*around, *finding.checks, *untold)
        if enough or finding.claim in below:
            names = (*names, "network.basis")
        outcome = min(tally.worst(names)[0], finding.outcome, key=rank)
        quorum = finding.quorum
        if finding.basis is Basis.ATTESTED:
            # The office's word alone: it is worth what the credential is worth.
            names = tuple(dict.fromkeys((*names, *issued.checks)))
            outcome = min(outcome, issued.outcome, key=rank)
            quorum = issued.quorum
        made.append(Finding(finding.claim, outcome, finding.basis, quorum, finding.time, names, finding.note))
    return made


def _segments(
    tally: Tally,
    report: Report,
    used: Sequence[Segment],
    subject: str,
    proof: Proof | None,
    context: VerificationContext,
) -> set[Claim]:
    """Whether the verifier went by an anchor, whether that was in force, and whether no less was offered.

    Gives the claims that rest on less than the anchors ask for.
    """
    passed = [finding for finding in report.findings if finding.outcome == "passed"]
    if not used:
        if passed:
            tally.unsettled(
                "network.segment",
                "NO_CERTIFICATE_CHAIN_FOUND",
                "the verifier went by no anchor of the network",
                subject,
                hint="Give a registry that states what is believed of this network.",
            )
        else:
            tally.skipped("network.segment", "the verifier went by no anchor of the network, and nothing holds without")
        return set()
    inputs = tuple(dict.fromkeys([one.statement.hex() for one in used if one.statement]))
    at = why(proof, context.now)
    tally.passed("network.segment", "the verifier went by an anchor of the network", subject, inputs)
    for segment in used:
        sub = out_of_force(segment, proof, context.now)
        if sub is not None:
            tally.unsettled(
                "network.standing",
                sub,
                "the network's anchor was not in force at the time that counts"
                if sub == "OUT_OF_BOUNDS_NO_POE"
                else f"the network's anchor was {segment.ended}, and nothing proves that the record is from before",
                subject,
                expected=interval(segment),
                found=text_of(context.now if proof is None else proof.time),
                at=at,
                hint="A proof that the file existed while the anchor was in force would settle it.",
            )
            break
    else:
        tally.passed("network.standing", "the anchor is in force at the time that counts", subject, inputs, at)
    return _least(tally, passed, used, subject)


def _least(tally: Tally, passed: Sequence[Finding], used: Sequence[Segment], subject: str) -> set[Claim]:
    least = max([STRENGTH[one.basis] for one in used if one.basis is not None], default=-1)
    asked = "nothing" if least < 0 else list(Basis)[least].value
    below = {one.claim for one in passed if least >= 0 and (one.basis is None or STRENGTH[one.basis] < least)}
    for finding in passed:
        if finding.claim in below:
            tally.unsettled(
                "network.basis",
                "SIG_CONSTRAINTS_FAILURE",
                f"`{finding.claim.value}` rests on less than the registry asks of the network",
                finding.claim.value,
                expected=asked,
                found="nothing" if finding.basis is None else finding.basis.value,
                hint="Ask the office for evidence of the kind that its registry entry promises.",
            )
    if not below:
        tally.passed("network.basis", f"what the registry asks of the network, {asked}, is offered", subject)
    return below
