"""What is done before a dossier leaves the house: it is verified as someone will have to, twenty years from now.

A file that passes today because today's registry, keys and clock happen to favour it is of no use to a court in 2046.
So it is judged at that time, with one proof added: that this file exists today.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.dossier import dossier as files
from gateway.dossier.dossier import Dossier
from gateway.dossier.existence import Known
from gateway.dossier.policy import OFFICE, Policy
from gateway.dossier.verdict import Verdict
from gateway.dossier.verify import verify_file
from gateway.errors import TrustError, fault
from gateway.mapping import MappingLibrary
from gateway.spi import Proof, VerificationContext, Verifier

__all__ = ["THEN", "foresee", "hand_out"]

THEN: Final = datetime(2046, 1, 1, tzinfo=UTC)
EXISTS_TODAY: Final = "handout.today"

WOULD_NOT_HOLD = fault(
    "handout.would-not-hold",
    "The dossier would not be believed by the one it is meant for, so it is not handed out.",
    "The detail names the check that decided; a key or anchor that was ended asks for the record to be sealed again.",
)


def foresee(
    data: bytes,
    context: VerificationContext,
    policy: Policy,
    verifiers: Mapping[str, Verifier],
    library: MappingLibrary,
    then: datetime = THEN,
) -> Verdict:
    """The verdict about the file at the time `then`, given that it is known to exist at `context.now`.

    `context` is today's; its anchors are taken as they are, for what will end until `then` nobody knows.
    """
    today = Proof(hashlib.sha256(data).digest(), context.now, "given", EXISTS_TODAY)
    later = msgspec.structs.replace(context, now=then, poe=Known([today]).and_also(context.poe))
    return verify_file(data, later, policy, verifiers, library)


def hand_out(
    dossier: Dossier,
    context: VerificationContext,
    verifiers: Mapping[str, Verifier],
    library: MappingLibrary,
    policy: Policy = OFFICE,
) -> bytes:
    """The file of `dossier`, once it passes by `policy` today and at `THEN`.

    Raises TrustError where it does not; its `where` names the checks that decided.
    """
    data = files.write(dossier)
    for verdict in (
        verify_file(data, context, policy, verifiers, library),
        foresee(data, context, policy, verifiers, library),
    ):
        if verdict.indication != "TOTAL-PASSED":
            wrong = [check for check in verdict.checks if check.outcome in ("failed", "indeterminate")]
            first = next((check for check in wrong if check.outcome == "failed"), wrong[0] if wrong else None)
            why = "" if first is None else f": {first.reason} ({first.id})"
            raise TrustError(
                WOULD_NOT_HOLD,
                f"judged at {verdict.now:%Y-%m-%d} it is {verdict.indication}, {verdict.sub_indication}{why}",
                where=", ".join(dict.fromkeys(check.id for check in wrong)),
            )
    return data
