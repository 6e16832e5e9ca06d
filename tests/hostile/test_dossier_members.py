"""Members that hold anything at all, and plugins that misbehave: a verdict comes out, and it is never TOTAL-PASSED."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dossier.evidence import read_evidence
from gateway.dossier.policy import COURT, OFFICE
from gateway.dossier.verdict import Verdict
from gateway.dossier.verify import verify, verify_file
from gateway.errors import InputError
from gateway.proofs import cbor
from gateway.spi import (
    Basis,
    Check,
    Claim,
    Evidence,
    Finding,
    Limits,
    NativeRecord,
    Report,
    VerificationContext,
)
from tests.unit.dossier import corpus, corpus_evm
from tests.unit.dossier.corpus import GOOD, LIBRARY, NOW, REGISTRY, by_digest, draft, make_block, native_of, sha

GOOD_DOSSIER = draft().dossier()
CONTEXT = VerificationContext(NOW, REGISTRY, GOOD.poe, {})

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
jsonish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
contents = st.binary(max_size=300) | plain.map(cbor.encode) | jsonish.map(lambda value: json.dumps(value).encode())


def judged(dossier: Any) -> Verdict:
    verdict = verify(dossier, CONTEXT, OFFICE, GOOD.verifiers, LIBRARY)
    verdict.encode()
    return verdict


def test_the_good_one_passes() -> None:
    assert judged(GOOD_DOSSIER).indication == "TOTAL-PASSED"


@given(st.sampled_from(["credential", "native", "evidence", "losses"]), contents)
@settings(max_examples=400)
def test_a_member_that_holds_anything(name: str, content: bytes) -> None:
    changed = msgspec.structs.replace(GOOD_DOSSIER, **{name: content})
    assert changed == GOOD_DOSSIER or judged(changed).indication == "TOTAL-FAILED"


@given(contents)
def test_a_registry_that_holds_anything_is_only_compared(content: bytes) -> None:
    assert judged(msgspec.structs.replace(GOOD_DOSSIER, registry=content)).indication == "TOTAL-PASSED"


@given(st.dictionaries(st.sampled_from(["type", "network", "extraction", "shared", "own", "more"]), plain))
@settings(max_examples=300)
def test_evidence_of_any_shape_is_read_or_refused(value: dict[str, Any]) -> None:
    try:
        read_evidence(cbor.encode(value), Limits())
    except InputError:
        pass


FIELDS = st.sampled_from(["extraction", "own", "shared", "type", "network"])


@given(FIELDS, st.text(max_size=12), plain)
@settings(max_examples=400)
def test_evidence_with_any_field_and_a_credential_that_binds_it(field: str, key: str, value: Any) -> None:
    """Even an insider with the issuing key gets no further than the proof goes."""
    good = draft()
    whole = cbor.decode(good.evidence.encode())
    if isinstance(whole[field], dict) and key:
        whole[field] = {**whole[field], key: value}
    else:
        whole[field] = value
    changed = cbor.encode(whole)
    if changed == good.evidence.encode():
        return
    verdict = replace(GOOD, data=replace(good, evidence_bytes=changed).file()).verdict()
    assert verdict.indication != "TOTAL-PASSED"


_FRAME = {"type": "sandbox/1", "network": bytes(32), "extraction": {}, "own": {}}
BOMBS = {
    "nested": b"\x81" * 5000 + b"\x80",
    "endless maps": b"\xbf" * 100,
    "endless lists": b"\x9f" * 100_000,
    "nested maps": b"\xa1\x60" * 3000 + b"\x80",
    "a huge text": b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    "a huge list": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "a huge map": b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff",
    "shared values": b"\xd8\x1c\x81\xd8\x1d\x00",
    "infinity": b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    "one twice": cbor.encode({**_FRAME, "shared": [bytes(32)] * 2}),
    "too many shared": cbor.encode({**_FRAME, "shared": [sha(b"%d" % number) for number in range(65)]}),
}


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS)
def test_bombs_in_evidence_are_refused_quickly(content: bytes) -> None:
    verdict = judged(msgspec.structs.replace(GOOD_DOSSIER, evidence=content))
    assert (verdict.indication, verdict.check("evidence.form")[0].outcome) == ("TOTAL-FAILED", "failed")


@pytest.mark.parametrize("limit", ["nesting", "evidence", "proof_nodes", "shared"])
def test_limits_on_evidence_hold_in_every_stage(limit: str) -> None:
    case = replace(GOOD, limits=msgspec.structs.replace(Limits(), **{limit: 1}))
    verdict = case.verdict()
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "FORMAT_FAILURE")


@pytest.mark.parametrize(
    "content", [b"[" * 30_000, b'{"a":' * 30_000, b'"' + b"\\u0000" * 30_000 + b'"', b"1" * 200_000]
)
def test_bombs_in_a_credential_are_refused_quickly(content: bytes) -> None:
    for member in ("credential", "losses", "registry"):
        judged(msgspec.structs.replace(GOOD_DOSSIER, **{member: content}))


@pytest.mark.parametrize(
    "content", [b"[" * 30_000, b'{"kd":' * 30_000, b'{"kd":"AP",' * 9999, b"\xff" * 9999, b"1e999", b""]
)
def test_bombs_in_a_native_record_are_refused_though_it_stands_on_the_network(content: bytes) -> None:
    """A participant of the chain wrote it, and the office sealed something for it."""
    native = NativeRecord("register-sandbox", content)
    made = draft()
    record = json.dumps(json.loads(made.sealed()[0])["credentialSubject"], ensure_ascii=False, sort_keys=True)
    losses = made.dossier().losses
    case = replace(
        GOOD,
        data=draft(
            make_block(native), native, record_json=record.replace(": ", ":").replace(", ", ",").encode(), losses=losses
        ).file(),
    )
    verdict = case.verdict()
    assert verdict.indication == "TOTAL-FAILED"
    assert verdict.check("translation.run")[0].outcome == "failed"


# ── plugins ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Gives:
    """A verifier that does what it is told."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        made: Report = self.make()
        return made


def raising(error: Exception) -> Callable[[], Any]:
    def make() -> Any:
        raise error

    return make


def endless() -> Any:
    return endless()


def says(*findings: Finding, checks: tuple[Check, ...] = (Check("x.y", "passed", "because"),)) -> Callable[[], Report]:
    return lambda: Report(findings, checks, "ledger", {"block": sha(b"b")})


RECORDED = Finding(Claim.RECORDED, "passed", Basis.CONSENSUS, checks=("x.y",))
VALID = Finding(Claim.VALID, "passed", Basis.CONSENSUS, checks=("x.y",))

MISBEHAVING = {
    "nothing": lambda: None,
    "a text": lambda: "passed",
    "an error": raising(ValueError("secret content")),
    "an input error": raising(InputError.__new__(InputError)),
    "no end of calls": endless,
    "no memory": raising(MemoryError()),
    "no findings": says(),
    "recorded alone": says(RECORDED),
    "recorded twice": says(RECORDED, RECORDED, VALID),
    "a claim that is not its own": says(
        RECORDED, VALID, Finding(Claim.ISSUED, "passed", Basis.CONSENSUS, checks=("x.y",))
    ),
    "a finding without checks": says(RECORDED, msgspec.structs.replace(VALID, checks=())),
    "a check that was not made": says(RECORDED, msgspec.structs.replace(VALID, checks=("x.z",))),
    "somebody else's check": says(
        msgspec.structs.replace(RECORDED, checks=("credential.signature",)),
        VALID,
        checks=(Check("credential.signature", "passed", ""), Check("x.y", "passed", "")),
    ),
    "the file's check": says(
        RECORDED, VALID, checks=(Check("binding.native", "passed", ""), Check("x.y", "passed", ""))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISBEHAVING)
def test_a_verifier_that_misbehaves_fails_the_claims_and_nothing_else(name: str) -> None:
    verdict = replace(GOOD, verifiers={"sandbox/1": Gives(MISBEHAVING[name])}).verdict()
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "GENERIC")
    wrong = [check for check in verdict.checks if check.outcome in ("failed", "indeterminate")]
    assert [check.id for check in wrong] == ["evidence.report"]
    assert "secret content" not in verdict.encode().decode()
    assert {one.claim: one.outcome for one in verdict.claims}[Claim.ISSUED] == "passed"


def test_a_verifier_that_contradicts_itself_is_taken_at_its_worst() -> None:
    failed = Check("x.y", "failed", "no", sub_indication="HASH_FAILURE")
    for checks in ((failed,), (Check("x.y", "passed", "yes"), failed)):
        verdict = replace(GOOD, verifiers={"sandbox/1": Gives(says(RECORDED, VALID, checks=checks))}).verdict()
        assert verdict.indication == "TOTAL-FAILED"
        assert all(one.outcome == "failed" for one in verdict.claims if one.claim in (Claim.RECORDED, Claim.VALID))


def test_a_failure_that_no_finding_names_counts_all_the_same() -> None:
    checks = (Check("x.y", "passed", "yes"), Check("x.z", "failed", "no", sub_indication="SIG_CRYPTO_FAILURE"))
    verdict = replace(GOOD, verifiers={"sandbox/1": Gives(says(RECORDED, VALID, checks=checks))}).verdict()
    assert verdict.indication == "TOTAL-FAILED"


def test_a_verifier_that_was_never_loaded_is_not_the_files_fault() -> None:
    from collections.abc import Iterator, Mapping

    from gateway.errors import ConfigError
    from gateway.plugins import UNUSABLE
    from gateway.spi import Verifier

    class Broken(Mapping[str, Verifier]):
        def __getitem__(self, name: str) -> Verifier:
            raise ConfigError(UNUSABLE, name)

        def __contains__(self, name: object) -> bool:
            return True

        def __iter__(self) -> Iterator[str]:
            return iter(("sandbox/1",))

        def __len__(self) -> int:
            return 1

    verdict = replace(GOOD, verifiers=Broken()).verdict()
    assert (verdict.indication, verdict.sub_indication) == ("INDETERMINATE", "GENERIC")


class Library:
    """A library whose one mapping breaks down."""

    def by_digest(self, digest: bytes) -> Any:
        good = LIBRARY.by_digest(digest)
        assert good is not None

        class Mapping:
            format = good.format
            ref = good.ref

            def to_common(self, native: NativeRecord) -> Any:
                raise KeyError("secret content")

        return Mapping()


def test_a_mapping_that_breaks_down_fails_the_claim_and_not_the_program() -> None:
    context = VerificationContext(NOW, REGISTRY, GOOD.poe, {})
    library: Any = Library()
    verdict = verify_file(GOOD.data, context, OFFICE, GOOD.verifiers, library)
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "GENERIC")
    assert "secret content" not in verdict.encode().decode()
    assert {one.claim: one.outcome for one in verdict.claims}[Claim.RECORDED] == "passed"


# ── insiders ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_insider_cannot_take_a_proof_to_another_record() -> None:
    """With the issuing key: another native record under the evidence of a true one, everything sealed anew."""
    true = make_block(native_of())
    other = native_of(ti=[{"tx": "Something else", "lg": "en"}])
    verdict = replace(GOOD, data=draft(true, native=other).file()).verdict()
    assert (verdict.indication, verdict.sub_indication) == ("TOTAL-FAILED", "HASH_FAILURE")


def test_an_insider_cannot_take_the_place_of_another_record() -> None:
    here, there = make_block(native_of()), make_block(native_of(fd=20250112))
    stolen = draft(there, native=native_of(fd=20250112)).locus
    verdict = replace(GOOD, data=draft(here, locus=stolen).file()).verdict()
    assert [check.id for check in verdict.checks if check.outcome == "failed"] == ["binding.record-key"]


def test_evidence_of_one_network_is_none_for_another() -> None:
    both = replace(GOOD, anchors=corpus_evm.REGISTRY, verifiers={**GOOD.verifiers, **corpus_evm.GOOD.verifiers})
    crossed = corpus.draft(native=corpus_evm.RECORDED.record.native, evidence=corpus_evm.RECORDED.record.evidence)
    shared = {**crossed.shared, **corpus_evm.RECORDED.shared}
    verdict = replace(both, data=replace(crossed, shared=shared).file()).verdict()
    assert verdict.indication != "TOTAL-PASSED"


def test_more_members_change_nothing_for_the_better() -> None:
    """Whatever is put into a file that does not pass, it does not pass."""
    bad = corpus.CASES["sandbox.quorum"]()
    good = draft()
    for extra in (good.shared, by_digest(*corpus_evm.RECORDED.shared.values(), REGISTRY.encode())):
        dossier = replace(good, shared={**good.shared, **extra}).dossier()
        members = {member.name: member.content for member in corpus.members_of(bad.data)}
        swapped = msgspec.structs.replace(
            dossier, credential=members["credential.json"], evidence=members["evidence.cbor"], trust=dict(extra)
        )
        assert verify(swapped, CONTEXT, COURT, GOOD.verifiers, LIBRARY).indication != "TOTAL-PASSED"
