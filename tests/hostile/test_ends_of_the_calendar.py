"""The last second that a clock can name is a time to judge at like any other: no verifier breaks down over it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.unit.dossier import corpus_evm
from tests.unit.dossier.corpus import GOOD, Case

GOOD_ONES = pytest.mark.parametrize("good", [GOOD, corpus_evm.GOOD], ids=["sandbox", "evm"])


@GOOD_ONES
def test_the_last_second_of_the_calendar(good: Case) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    assert replace(good, now=last).verdict().indication == "TOTAL-PASSED"


@GOOD_ONES
def test_the_first_second_of_the_calendar(good: Case) -> None:
    verdict = replace(good, now=datetime(1, 1, 1, tzinfo=UTC)).verdict()
    assert verdict.indication == "TOTAL-FAILED"
    assert not [check for check in verdict.checks if check.id == "evidence.report" and check.outcome != "passed"]
