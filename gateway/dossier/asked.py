"""Whether what the policy asks for is there, on the basis and with the quorum that it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from gateway.dossier.anchors import text_of, why
from gateway.dossier.policy import Policy, Requirement
from gateway.dossier.proven import STRENGTH
from gateway.dossier.tally import Standing, Tally, rank
from gateway.spi import Basis, Claim, Finding, Proof, VerificationContext
from gateway.trust.credential import Credential

__all__ = ["algorithm", "asked"]

_PASSED: Final[Standing] = ("passed", None)
_SHORT: Final[Standing] = ("indeterminate", "SIG_CONSTRAINTS_FAILURE")


def asked(tally: Tally, policy: Policy, findings: Sequence[Finding]) -> list[Standing]:
    """How each claim stands that the policy asks for; its own checks are added."""
    if not policy.claims:
        tally.unsettled(
            "policy.claims",
            "GENERIC",
            f"the policy `{policy.id}` asks for nothing, so nothing can pass",
            policy.id,
            hint="Judge with --policy office or --policy court for an answer.",
        )
        return [("indeterminate", "GENERIC")]
    parts: list[Standing] = []
    tally.passed("policy.claims", f"the policy asks for {len(policy.claims)} claims", policy.id)
    for requirement in policy.claims:
        claim = requirement.claim
        finding = next((one for one in findings if one.claim is claim), None)
        if finding is None or finding.outcome == "skipped":
            parts.append(_missing(tally, requirement))
        elif finding.outcome != "passed":
            outcome, sub = tally.worst(finding.checks)
            parts.append((finding.outcome, sub if rank(outcome) <= rank(finding.outcome) else None))
        else:
            tally.passed("policy.asked", "what is asked for was looked at", claim.value)
            parts.append(_basis(tally, requirement, finding))
            if requirement.signed > 1 or finding.quorum is not None:
                parts.append(_quorum(tally, requirement, finding))
    return parts


def _missing(tally: Tally, requirement: Requirement) -> Standing:
    name = requirement.claim.value
    timed = requirement.claim is Claim.EXISTED_BY
    sub = "NO_POE" if timed else "SIGNED_DATA_NOT_FOUND"
    what = "a timestamp" if timed else "the proof"
    tally.unsettled(
        "policy.asked",
        sub,
        f"the policy asks for `{name}`, and nothing in the file shows it",
        name,
        hint=f"Ask the office for a file that carries {what}.",
    )
    return "indeterminate", sub


def _basis(tally: Tally, requirement: Requirement, finding: Finding) -> Standing:
    name, basis = finding.claim.value, finding.basis
    if basis is None:
        tally.skipped("policy.basis", "it rests on what `recorded` rests on, and that is not shown", name)
        return _PASSED if requirement.basis is Basis.ATTESTED else ("indeterminate", "GENERIC")
    if STRENGTH[basis] >= STRENGTH[requirement.basis]:
        tally.passed("policy.basis", f"it rests on {basis.value}; {requirement.basis.value} would do", name)
        return _PASSED
    tally.unsettled(
        "policy.basis",
        "SIG_CONSTRAINTS_FAILURE",
        f"`{name}` rests on less than the policy asks for",
        name,
        expected=requirement.basis.value,
        found=basis.value,
        hint="This file cannot show more; --policy office asks for what the registry asks of the network.",
    )
    return _SHORT


def _quorum(tally: Tally, requirement: Requirement, finding: Finding) -> Standing:
    name = finding.claim.value
    signed = 0 if finding.quorum is None else finding.quorum.signed
    if signed >= requirement.signed:
        tally.passed("policy.quorum", f"{signed} signed; {requirement.signed} would do", name)
        return _PASSED
    tally.unsettled(
        "policy.quorum",
        "SIG_CONSTRAINTS_FAILURE",
        f"fewer stand behind `{name}` than the policy asks for",
        name,
        expected=str(requirement.signed),
        found=str(signed),
        hint="This file cannot show more.",
    )
    return _SHORT


def algorithm(
    tally: Tally, policy: Policy, credential: Credential, proof: Proof | None, context: VerificationContext
) -> None:
    """Whether the policy relies on the credential's cryptosuite, at the time that counts."""
    suite = credential.cryptosuite
    found = next((one for one in policy.algorithms if one.name == suite), None)
    when = context.now if proof is None else proof.time + timedelta(seconds=proof.accuracy)
    if found is not None and (found.until is None or when <= found.until):
        tally.passed("policy.algorithm", "the policy relies on the credential's suite", suite)
        return
    ended = None if found is None else found.until
    sub = "CRYPTO_CONSTRAINTS_FAILURE"
    if ended is not None and proof is None:
        sub = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    tally.unsettled(
        "policy.algorithm",
        sub,
        f"the policy does not rely on {suite}" + ("" if ended is None else " at the time that counts"),
        suite,
        expected=", ".join(one.name for one in policy.algorithms) if ended is None else f"not after {text_of(ended)}",
        at=why(proof, context.now),
        hint="Judge by a policy that relies on this suite, or ask for a credential of another."
        if ended is None
        else "A proof that the credential existed while the suite was relied on would settle it.",
    )
