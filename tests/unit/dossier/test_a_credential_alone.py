"""A credential without its dossier: it shows who issued it, and so is INDETERMINATE at best."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.dossier.policy import POLICIES, policy
from gateway.dossier.verify import NO_ANCHORS
from gateway.errors import InputError
from gateway.spi import Claim
from tests.unit.dossier import corpus
from tests.unit.dossier.corpus import XA, Case, draft

SEALED = draft().sealed()[0]
ALONE = replace(corpus.GOOD, data=SEALED)


@pytest.mark.parametrize("name", POLICIES)
def test_its_proof_passes_and_it_is_indeterminate(name: str) -> None:
    verdict = replace(ALONE, policy=policy(name)).verdict()
    assert verdict.indication == "INDETERMINATE"
    outcomes = {one.claim: one.outcome for one in verdict.claims}
    assert outcomes[Claim.ISSUED] == "passed"
    assert outcomes[Claim.RECORDED] == outcomes[Claim.TRANSLATED] == "skipped"
    assert [check.outcome for check in verdict.check("credential.signature")] == ["passed"]
    assert verdict.about is not None
    assert verdict.about.issuer == XA


def test_by_the_policy_office_what_is_missing_is_told() -> None:
    verdict = ALONE.verdict()
    assert (verdict.indication, verdict.sub_indication) == ("INDETERMINATE", "SIGNED_DATA_NOT_FOUND")
    missing = {check.object for check in verdict.check("policy.asked") if check.outcome != "passed"}
    assert missing == {"recorded", "valid", "translated"}


def test_without_anchors_nobody_is_known() -> None:
    verdict = replace(ALONE, anchors=NO_ANCHORS).verdict()
    assert verdict.indication == "INDETERMINATE"
    assert next(one for one in verdict.claims if one.claim is Claim.ISSUED).outcome == "indeterminate"


@pytest.mark.parametrize("spelling", [{"indent": 2}, {"sort_keys": False, "separators": (", ", ": ")}])
def test_it_may_be_spelt_in_any_way(spelling: dict[str, object]) -> None:
    data = json.dumps(json.loads(SEALED), ensure_ascii=True, **spelling).encode()  # type: ignore[call-overload]  # options
    verdict = replace(ALONE, data=data).verdict()
    assert next(one for one in verdict.claims if one.claim is Claim.ISSUED).outcome == "passed"


@pytest.mark.parametrize("found", [name for name in corpus.CASES if name.startswith("credential.")])
def test_what_fails_in_a_dossier_fails_alone(found: str) -> None:
    case = corpus.CASES[found]()
    data = next(member.content for member in corpus.members_of(case.data) if member.name == "credential.json")
    if found in ("credential.json", "credential.limits"):
        # What stands in their place there is no credential at all.
        with pytest.raises(InputError, match="unrecognised"):
            replace(case, data=data).verdict()
        return
    verdict = replace(case, data=data).verdict()
    assert verdict.indication != "TOTAL-PASSED"
    if found == "credential.canonical":
        return
    wrong = [check.id for check in verdict.checks if check.outcome in ("failed", "indeterminate")]
    assert found in wrong


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"not json", b'{"a":1}', b"\x00" * 50, b"%PDF-1.7", b'{"credentialSubject"',
     b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"credentialSubject":' * 5000],
)  # fmt: skip
def test_what_is_neither_is_told_apart(data: bytes) -> None:
    with pytest.raises(InputError) as raised:
        replace(ALONE, data=data).verdict()
    assert raised.value.code == "verify.unrecognised"


def test_a_deep_one_is_refused_before_it_is_read() -> None:
    verdict = Case(b'{"credentialSubject":' + b"[" * 500 + b"]" * 500 + b"}").verdict()
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "FORMAT_FAILURE")
    assert [check.id for check in verdict.checks if check.outcome == "failed"] == ["credential.limits"]
