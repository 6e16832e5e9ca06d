"""Every check has one file that fails only there: a check without one could be taken out and nobody would notice."""

from __future__ import annotations

import pytest

from gateway.dossier.checks import CHECKS
from gateway.trust.credential import CHECKS as CREDENTIAL_CHECKS
from gateway_evm.verifier import CHECKS as EVM_CHECKS
from gateway_sandbox.verifier import CHECKS as SANDBOX_CHECKS
from tests.unit.dossier import corpus, corpus_evm
from tests.unit.dossier.corpus import Case

CASES = {**corpus.CASES, **corpus_evm.CASES}
GOOD = {"sandbox/1": corpus.GOOD, "evm-receipt/1": corpus_evm.GOOD}

ASKED_BEFORE = {
    "sandbox.shared": "evidence.shared looks for what is missing before any verifier is asked",
    "sandbox.digest": "only what has the digest of its name is handed to a verifier",
    "evm.shared": "as sandbox.shared",
}
"""Checks of verifiers that nothing in a dossier can reach; the verifiers' own tests fail them."""


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_the_good_file_passes(good: Case) -> None:
    verdict = good.verdict()
    assert [check for check in verdict.checks if check.outcome != "passed"] == []
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-PASSED", None)


def test_every_check_that_is_declared_has_its_file() -> None:
    declared = {*CHECKS, *CREDENTIAL_CHECKS, *SANDBOX_CHECKS, *EVM_CHECKS}
    assert declared - set(CASES) == set(ASKED_BEFORE)
    assert set(CASES) - declared == set()


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_every_check_that_is_made_of_the_good_file_has_its_file(good: Case) -> None:
    assert {check.id for check in good.verdict().checks} <= {*CASES, *ASKED_BEFORE}


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_fails_only_there(name: str) -> None:
    verdict = CASES[name]().verdict()
    wrong = {check.id: check for check in verdict.checks if check.outcome not in ("passed", "skipped")}
    if name == "registry.copy":
        assert wrong == {}
        assert [check.outcome for check in verdict.check(name)] == ["skipped"]
        assert verdict.indication == "TOTAL-PASSED"
        return
    follows = {key for key, check in wrong.items() if key != name and check.parent == name}
    assert set(wrong) - follows == {name}, [(check.id, check.reason, check.found) for check in wrong.values()]
    assert verdict.indication != "TOTAL-PASSED"
    assert verdict.sub_indication == wrong[name].sub_indication
    assert wrong[name].hint, "a check that does not pass says what to do"
    expected = {"failed": "TOTAL-FAILED", "indeterminate": "INDETERMINATE"}
    assert verdict.indication == expected[wrong[name].outcome]
    if name in CHECKS:
        outcome, _, subs = CHECKS[name].otherwise.partition(", ")
        assert outcome == wrong[name].outcome
        assert wrong[name].sub_indication in subs.split(" or ")
