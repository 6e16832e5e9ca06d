"""A verifier's report that no dossier could stand on keeps its record from leaving, and says what its form lacks."""

from __future__ import annotations

import msgspec
import pytest

from gateway.errors import Broken
from gateway.journey.judge import judge
from gateway.spi import Basis, Check, Claim, Finding, Report

FORM = Check("yourchain.form", "passed", "it has the fields")
GOOD = Report(
    tuple(
        Finding(claim, "passed", Basis.ATTESTED, checks=("yourchain.form",)) for claim in (Claim.RECORDED, Claim.VALID)
    ),
    (FORM,),
)


def test_a_report_in_due_form_passes_with_its_basis() -> None:
    judged = judge(GOOD)
    assert (judged.basis, judged.why) == (Basis.ATTESTED, None)


@pytest.mark.parametrize(
    ("report", "lacks"),
    [
        (msgspec.structs.replace(GOOD, findings=GOOD.findings[:1]), "recorded and valid"),
        (msgspec.structs.replace(GOOD, findings=GOOD.findings * 2), "each once"),
        (msgspec.structs.replace(GOOD, checks=()), "was not made"),
        (
            msgspec.structs.replace(GOOD, checks=(FORM, Check("evidence.form", "passed", "the gateway's own"))),
            "not of evid",
        ),
        (
            msgspec.structs.replace(GOOD, findings=(*GOOD.findings, Finding(Claim.ISSUED, "passed", None))),
            "not evidence's",
        ),
    ],
)
def test_one_that_is_not_is_put_aside_as_a_fault_of_the_adapter(report: Report, lacks: str) -> None:
    judged = judge(report)
    assert judged.basis is None
    assert judged.why is not None
    assert judged.why.code == "journey.no-report"
    assert lacks in judged.why.detail


@pytest.mark.parametrize("sub", ["HASH_FAILURE", "FORMAT_FAILURE", "SIGNED_DATA_NOT_FOUND"])
def test_what_is_wrong_with_one_record_puts_that_one_aside(sub: str) -> None:
    judged = judge(_failing(sub))
    assert judged.why is not None
    assert judged.why.code == "journey.not-proven"


@pytest.mark.parametrize("sub", ["NO_CERTIFICATE_CHAIN_FOUND", "SIG_CRYPTO_FAILURE", "TIMESTAMP_ORDER_FAILURE", None])
def test_every_other_failure_stops_the_source(sub: str | None) -> None:
    with pytest.raises(Broken, match=r"yourchain\.form"):
        judge(_failing(sub))


def _failing(sub: str | None) -> Report:
    findings = tuple(msgspec.structs.replace(finding, outcome="failed") for finding in GOOD.findings)
    return Report(findings, (Check("yourchain.form", "failed", "not so", sub_indication=sub),))
