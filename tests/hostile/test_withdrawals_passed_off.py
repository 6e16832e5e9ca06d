"""What the network or the registry holds void is not passed off as good: by an insider who signs what they like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.dossier.verdict import Verdict
from gateway.trust.statements import Ending
from tests.unit.dossier.corpus import GOOD, LIBRARY, LONG_AGO, ROOT, draft, make_block, native_of, sha, writer

WITHDRAWS = {"withdrawn": True, "supersedes": sha(b"the entry before")}


def judged(leaf: dict[str, Any] | None = None, **binding: Any) -> Verdict:
    return replace(GOOD, data=draft(make_block(native_of(), leaf=leaf), binding=binding).file()).verdict()


def failed(verdict: Verdict) -> list[str]:
    return [check.id for check in verdict.checks if check.outcome == "failed"]


@pytest.mark.parametrize("revision", [1, 2, 99])
def test_an_entry_that_withdraws_is_no_record_in_force(revision: int) -> None:
    verdict = judged(WITHDRAWS, revision=revision)
    assert (verdict.indication, failed(verdict)) == ("TOTAL-FAILED", ["binding.withdrawn"])


def test_an_entry_that_withdraws_carries_a_withdrawal() -> None:
    assert judged(WITHDRAWS, revision=2, withdrawn=True).indication == "TOTAL-PASSED"
    elsewhere = judged(WITHDRAWS, revision=2, withdrawn=True, record_key=sha(b"what it makes void"))
    assert elsewhere.indication == "TOTAL-PASSED"
    assert [check.id for check in elsewhere.checks if check.outcome == "skipped"] == ["binding.record-key"]


def test_an_office_may_withdraw_by_its_word_what_the_evidence_shows_in_force() -> None:
    assert judged(revision=2, withdrawn=True).indication == "TOTAL-PASSED"


def test_a_withdrawal_of_any_other_record_does_not_rest_on_an_entry_that_withdraws_nothing() -> None:
    verdict = judged(revision=2, withdrawn=True, record_key=sha(b"the record of somebody else"))
    assert (verdict.indication, failed(verdict)) == ("TOTAL-FAILED", ["binding.record-key"])


@pytest.mark.parametrize("how", ["revoked", "compromised"])
def test_a_mapping_that_the_registry_ended_translates_nothing_though_the_release_ships_it(how: Ending) -> None:
    made, ref = writer(), LIBRARY.by_format("register-sandbox").ref
    made.add_mapping([ROOT], name=ref.name, version=ref.version, digest=ref.digest, since=LONG_AGO, issued=LONG_AGO)
    assert replace(GOOD, anchors=made.registry()).verdict().indication == "TOTAL-PASSED"
    made.end([ROOT], subject=ref.digest.hex(), how=how, at=LONG_AGO, issued=LONG_AGO)
    verdict = replace(GOOD, anchors=made.registry()).verdict()
    assert (verdict.indication, verdict.sub_indication) == ("INDETERMINATE", "GENERIC")
    assert [check.id for check in verdict.checks if check.outcome == "indeterminate"] == ["translation.mapping"]


@pytest.mark.parametrize(("name", "version"), [("another-mapping", "1.0.0"), ("register-sandbox", "0.0.9")])
def test_a_mapping_cannot_be_named_as_another(name: str, version: str) -> None:
    ref = LIBRARY.by_format("register-sandbox").ref
    verdict = judged(mapping=(name, version, ref.digest))
    assert (verdict.indication, failed(verdict)) == ("TOTAL-FAILED", ["translation.mapping"])
