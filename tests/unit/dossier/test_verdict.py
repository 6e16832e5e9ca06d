"""What the verdict says, and when: time, anchors, bases, policies."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dossier.existence import Known
from gateway.dossier.policy import COURT, INSPECT, OFFICE, POLICIES, Policy, Requirement, policy
from gateway.dossier.verdict import FAILURES, SEVERITY, Verdict, combine, schema
from gateway.dossier.verify import NO_ANCHORS
from gateway.errors import InputError, Misuse
from gateway.spi import Basis, Claim, Finding, Proof
from gateway.trust.registry import Registry
from tests.unit.dossier import corpus, corpus_evm
from tests.unit.dossier.corpus import (
    BLOCK_TIME,
    CASES,
    NOW,
    REGISTRY,
    ROOT,
    XA,
    XB,
    Case,
    by_digest,
    draft,
    make_block,
    native_of,
    sha,
    writer,
)

GOOD = {"sandbox/1": corpus.GOOD, "evm-receipt/1": corpus_evm.GOOD}
VALIDATOR = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())


def finding(verdict: Verdict, claim: Claim) -> Finding:
    (found,) = [one for one in verdict.claims if one.claim is claim]
    return found


def existed(case: Case, when: datetime, kind: Literal["timestamp", "given"] = "given") -> Known:
    return Known([Proof(sha(case.data), when, kind, "the test's word")])


def told(verdict: Verdict) -> tuple[str, str | None]:
    return verdict.indication, verdict.sub_indication


# ── the verdict itself ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_verdict_is_neither_true_nor_false() -> None:
    with pytest.raises(Misuse) as raised:
        bool(corpus.GOOD.verdict())
    assert raised.value.code == "verdict.truth"


@pytest.mark.parametrize("name", ["good", *CASES])
def test_the_same_arguments_give_the_same_bytes(name: str) -> None:
    make = CASES.get(name, lambda: corpus.GOOD)
    assert make().verdict().encode() == make().verdict().encode()


@pytest.mark.parametrize("name", ["good", *CASES])
def test_every_verdict_has_the_published_form(name: str) -> None:
    make = CASES.get(name, lambda: corpus.GOOD)
    data = make().verdict().encode()
    VALIDATOR.validate(json.loads(data))
    assert msgspec.json.decode(data, type=Verdict).encode() == data


def test_the_published_form_refuses_what_is_no_verdict() -> None:
    value = json.loads(corpus.GOOD.verdict().encode())
    for change in ({"indication": "PASSED"}, {"more": 1}, {"now": "yesterday"}, {"claims": [{"claim": "true"}]}):
        assert not VALIDATOR.is_valid({**value, **change}), change
    for member in value:
        assert not VALIDATOR.is_valid({key: value[key] for key in value if key != member}), member


def test_it_names_all_that_it_rests_on() -> None:
    verdict = corpus.GOOD.verdict()
    assert verdict.dossier == sha(corpus.GOOD.data).hex()
    assert verdict.now == NOW
    assert verdict.policy.digest == OFFICE.digest.hex()
    assert verdict.anchors.digest == sha(REGISTRY.encode()).hex()
    assert (verdict.anchors.root, verdict.anchors.newest) == (REGISTRY.fingerprint, REGISTRY.newest)
    assert verdict.about is not None
    assert (verdict.about.record, verdict.about.issuer) == ("Application", XA)
    assert verdict.about.subjects == ("XA/xa-application/XA-2026-000417",)
    labels = {one.label for one in verdict.objects}
    assert {"file", "credential.json", "native", "evidence.cbor", "losses.json", "registry.json"} <= labels


@given(st.lists(st.tuples(st.sampled_from(["passed", "failed", "indeterminate"]), st.sampled_from([*SEVERITY, None]))))
def test_the_worst_decides_by_the_fixed_order(parts: list[tuple[Any, str | None]]) -> None:
    indication, sub = combine(parts)
    outcomes = {outcome for outcome, _ in parts}
    expected = {"failed": "TOTAL-FAILED", "indeterminate": "INDETERMINATE", "passed": "TOTAL-PASSED"}
    worst = next((one for one in ("failed", "indeterminate") if one in outcomes), "passed")
    assert indication == expected[worst]
    if worst == "passed":
        assert sub is None
    elif worst == "failed":
        assert sub in {*FAILURES, "GENERIC"}
    else:
        assert sub == min((one or "GENERIC" for outcome, one in parts if outcome == worst), key=SEVERITY.index)
    assert combine(list(reversed(parts))) == (indication, sub)


# ── anchors ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_without_anchors_nothing_passes(good: Case, name: str) -> None:
    verdict = replace(good, anchors=NO_ANCHORS, policy=policy(name)).verdict()
    assert verdict.indication == "INDETERMINATE"
    assert not verdict.anchors.given
    if name == "office":
        assert verdict.sub_indication == "NO_CERTIFICATE_CHAIN_FOUND"


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_the_copy_in_the_file_is_never_an_anchor(good: Case) -> None:
    copy = next(member.content for member in corpus.members_of(good.data) if member.name == "registry.json")
    verdict = replace(good, anchors=Registry.material(copy)).verdict()
    assert told(verdict) == ("INDETERMINATE", "NO_CERTIFICATE_CHAIN_FOUND")
    assert not verdict.anchors.given


def test_a_copy_with_more_statements_is_told_and_not_believed() -> None:
    more = writer()
    more.end([ROOT], subject=f"{XA}#issuer", how="revoked", at=BLOCK_TIME, issued=BLOCK_TIME)
    newer = replace(corpus.GOOD, data=draft(registry=more.encode()).file()).verdict()
    assert newer.indication == "TOTAL-PASSED"
    (check,) = newer.check("registry.copy")
    assert check.outcome == "skipped"
    assert "further statements" in check.reason
    older = replace(corpus.GOOD, anchors=more.registry(), data=draft(registry=REGISTRY.encode()).file()).verdict()
    assert "older" in older.check("registry.copy")[0].reason


def test_a_file_may_come_without_a_registry() -> None:
    assert replace(corpus.GOOD, data=draft(registry=None).file()).verdict().indication == "TOTAL-PASSED"


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ENDED = NOW - timedelta(days=10)


def ended_key(how: Literal["rotated", "revoked", "compromised"]) -> Case:
    made = writer()
    made.end([ROOT], subject=f"{XA}#issuer", how=how, at=ENDED, issued=ENDED)
    return replace(corpus.GOOD, anchors=made.registry())


def ended_network(how: Literal["rotated", "revoked", "compromised"]) -> Case:
    made = writer()
    made.end([ROOT], subject=corpus.NETWORK.digest.hex(), how=how, at=ENDED, issued=ENDED)
    return replace(corpus.GOOD, anchors=made.registry())


@pytest.mark.parametrize(
    ("how", "sub"),
    [("rotated", "OUT_OF_BOUNDS_NO_POE"), ("revoked", "REVOKED_NO_POE"), ("compromised", "REVOKED_NO_POE")],
)
@pytest.mark.parametrize("ended", [ended_key, ended_network])
def test_what_ended_counts_only_for_what_is_proven_to_be_from_before(ended: Any, how: Any, sub: str) -> None:
    case = ended(how)
    assert told(case.verdict()) == ("INDETERMINATE", sub)
    before = replace(case, poe=existed(case, ENDED - timedelta(days=1))).verdict()
    assert told(before) == ("TOTAL-PASSED", None)
    assert before.best_time == ENDED - timedelta(days=1)
    after = replace(case, poe=existed(case, ENDED + timedelta(days=1))).verdict()
    assert told(after) == ("INDETERMINATE", sub)


@pytest.mark.parametrize("ended", [ended_key, ended_network])
def test_the_error_of_a_clock_is_added_to_a_proof(ended: Any) -> None:
    case = ended("rotated")
    proof = Proof(sha(case.data), ENDED - timedelta(seconds=5), "timestamp", "a clock", accuracy=10.0)
    assert told(replace(case, poe=Known([proof])).verdict()) == ("INDETERMINATE", "OUT_OF_BOUNDS_NO_POE")


def test_a_proof_out_of_the_future_is_no_proof() -> None:
    case = ended_key("rotated")
    verdict = replace(case, now=ENDED + timedelta(days=1), poe=existed(case, ENDED + timedelta(days=2))).verdict()
    assert verdict.indication == "INDETERMINATE"
    assert verdict.check("existence.order")[0].sub_indication == "TIMESTAMP_ORDER_FAILURE"
    assert verdict.best_time is None


def test_the_earliest_proof_counts() -> None:
    proofs = [Proof(sha(corpus.GOOD.data), NOW - timedelta(days=days), "given", f"word {days}") for days in (1, 9, 5)]
    assert replace(corpus.GOOD, poe=Known(proofs)).verdict().best_time == NOW - timedelta(days=9)


def test_a_proof_for_something_else_proves_nothing() -> None:
    elsewhere = Known([Proof(sha(b"another file"), NOW, "timestamp", "somebody")])
    verdict = replace(corpus.GOOD, poe=elsewhere).verdict()
    assert verdict.best_time is None
    assert all(one.claim is not Claim.EXISTED_BY for one in verdict.claims)


def test_judged_before_it_was_made_it_does_not_pass() -> None:
    assert replace(corpus.GOOD, now=BLOCK_TIME - timedelta(days=1)).verdict().indication == "TOTAL-FAILED"


# ── claims and bases ─────────────────────────────────────────────────────────────────────────────────────────────


def test_consensus_is_told_with_its_quorum() -> None:
    found = finding(corpus.GOOD.verdict(), Claim.RECORDED)
    assert (found.outcome, found.basis, found.time) == ("passed", Basis.CONSENSUS, BLOCK_TIME)
    assert found.quorum is not None
    assert (found.quorum.signed, found.quorum.required, len(found.quorum.by)) == (3, 3, 3)


def test_an_attested_claim_names_the_issuer() -> None:
    found = finding(corpus_evm.GOOD.verdict(), Claim.RECORDED)
    assert found.basis is Basis.ATTESTED
    assert found.quorum is not None
    assert (found.quorum.signed, found.quorum.required, found.quorum.by) == (1, 1, (XB,))


def test_the_offices_word_is_worth_what_the_credential_is_worth() -> None:
    """With a wrong signature there is no word; what a network's consensus proves stands without it."""
    forged = replace(corpus_evm.GOOD, data=corpus_evm.draft(signer=corpus.UNLISTED).file()).verdict()
    assert told(forged) == ("TOTAL-FAILED", "SIG_CRYPTO_FAILURE")
    assert finding(forged, Claim.RECORDED).outcome == "failed"
    assert finding(forged, Claim.ISSUED).outcome == "failed"
    proven = CASES["credential.signature"]().verdict()
    assert finding(proven, Claim.RECORDED).outcome == "passed"
    assert finding(proven, Claim.ISSUED).outcome == "failed"


def test_what_is_translated_rests_on_what_is_recorded() -> None:
    good = finding(corpus.GOOD.verdict(), Claim.TRANSLATED)
    assert (good.outcome, good.basis) == ("passed", Basis.CONSENSUS)
    unproven = finding(CASES["sandbox.quorum"]().verdict(), Claim.TRANSLATED)
    assert (unproven.outcome, unproven.basis) == ("passed", None)


def test_one_claim_that_fails_does_not_hide_the_others() -> None:
    verdict = CASES["translation.record"]().verdict()
    assert {one.claim.value: one.outcome for one in verdict.claims} == {
        "recorded": "passed", "valid": "passed", "translated": "failed", "issued": "passed",
    }  # fmt: skip


def test_a_claim_names_the_checks_that_decided_it() -> None:
    verdict = CASES["sandbox.quorum"]().verdict()
    assert "sandbox.quorum" in finding(verdict, Claim.RECORDED).checks
    made = {check.id for check in verdict.checks}
    for one in verdict.claims:
        assert set(one.checks) <= made


# ── policies ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_inspect_asks_nothing_and_never_passes() -> None:
    assert told(replace(corpus.GOOD, policy=INSPECT).verdict()) == ("INDETERMINATE", "GENERIC")


def test_inspect_shows_claims_that_fail_without_judging_by_them() -> None:
    verdict = replace(CASES["credential.signature"](), policy=INSPECT).verdict()
    assert verdict.indication == "INDETERMINATE"
    assert finding(verdict, Claim.ISSUED).outcome == "failed"


@pytest.mark.parametrize(
    "name", ["container.form", "manifest.digests", "digest.names", "binding.native", "credential.canonical"]
)
def test_what_is_wrong_inside_the_file_fails_under_every_policy(name: str) -> None:
    for each in POLICIES.values():
        assert replace(CASES[name](), policy=each).verdict().indication == "TOTAL-FAILED"


def test_a_court_is_content_with_consensus_and_a_timestamp() -> None:
    stamped = existed(corpus.GOOD, NOW - timedelta(days=1), "timestamp")
    verdict = replace(corpus.GOOD, policy=COURT, poe=stamped).verdict()
    assert told(verdict) == ("TOTAL-PASSED", None)
    assert finding(verdict, Claim.EXISTED_BY).time == NOW - timedelta(days=1)


def test_a_court_does_not_take_the_offices_word() -> None:
    stamped = existed(corpus_evm.GOOD, NOW - timedelta(days=1), "timestamp")
    verdict = replace(corpus_evm.GOOD, policy=COURT, poe=stamped).verdict()
    assert told(verdict) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")
    short = {check.object for check in verdict.check("policy.basis") if check.outcome != "passed"}
    assert short == {"recorded", "valid", "translated"}


def test_no_less_is_accepted_than_the_registry_asks() -> None:
    verdict = CASES["network.basis"]().verdict()
    assert told(verdict) == ("INDETERMINATE", "SIG_CONSTRAINTS_FAILURE")


def test_policies_are_data_with_a_digest_each() -> None:
    assert len({each.digest for each in POLICIES.values()}) == 3
    assert all(each.digest == sha(each.encode()) for each in POLICIES.values())
    stricter = msgspec.structs.replace(OFFICE, claims=(Requirement(Claim.RECORDED, Basis.CONSENSUS),))
    assert stricter.digest != OFFICE.digest
    assert msgspec.json.decode(COURT.encode(), type=Policy) == COURT


def test_an_unknown_policy_is_told() -> None:
    with pytest.raises(InputError) as raised:
        policy("lenient")
    assert raised.value.code == "policy.unknown"


# ── what comes along ─────────────────────────────────────────────────────────────────────────────────────────────


def test_material_that_cannot_be_used_never_lowers_a_verdict() -> None:
    good = draft(receipts=by_digest(b"not a receipt"))
    more = replace(good, shared={**good.shared, **by_digest(b"something else of the block")})
    assert replace(corpus.GOOD, data=more.file()).verdict().indication == "TOTAL-PASSED"


def test_shared_evidence_may_lie_with_the_verifier() -> None:
    from gateway.dossier.verify import verify_file
    from gateway.spi import VerificationContext

    block = make_block(native_of())
    lacking = replace(corpus.GOOD, data=draft(shared={}).file())
    assert told(lacking.verdict()) == ("INDETERMINATE", "SIGNED_DATA_NOT_FOUND")
    context = VerificationContext(NOW, REGISTRY, lacking.poe, block.shared)
    verdict = verify_file(lacking.data, context, OFFICE, lacking.verifiers, corpus.LIBRARY)
    assert verdict.indication == "TOTAL-PASSED"
    wrong = VerificationContext(NOW, REGISTRY, lacking.poe, dict.fromkeys(block.shared, b"another"))
    verdict = verify_file(lacking.data, wrong, OFFICE, lacking.verifiers, corpus.LIBRARY)
    assert told(verdict) == ("INDETERMINATE", "SIGNED_DATA_NOT_FOUND")


def test_a_withdrawal_says_so_and_rests_on_the_record_or_on_the_entry_that_withdraws() -> None:
    sealed, _ = draft().sealed()
    on_the_record = replace(
        corpus.GOOD, data=draft(binding={"revision": 2, "withdrawn": True, "supersedes": sha(sealed)}).file()
    )
    verdict = on_the_record.verdict()
    assert verdict.indication == "TOTAL-PASSED"
    assert verdict.about is not None
    assert verdict.about.withdrawn
    elsewhere = {"revision": 2, "withdrawn": True, "supersedes": sha(sealed), "record_key": sha(b"an earlier entry")}
    withdrawing = make_block(native_of(), leaf={"withdrawn": True, "supersedes": sha(b"entry")})
    verdict = replace(corpus.GOOD, data=draft(withdrawing, binding=elsewhere).file()).verdict()
    assert verdict.indication == "TOTAL-PASSED"
    assert verdict.check("binding.record-key")[0].outcome == "skipped"
    correction = {**elsewhere, "withdrawn": False}
    verdict = replace(corpus.GOOD, data=draft(binding=correction).file()).verdict()
    assert told(verdict) == ("TOTAL-FAILED", "HASH_FAILURE")
