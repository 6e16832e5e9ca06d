"""From a real ledger file to a file in somebody's hands, which must hold in 2046."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.dossier import dossier as files
from gateway.dossier.existence import NOTHING_PROVEN
from gateway.dossier.handout import THEN, foresee, hand_out
from gateway.dossier.policy import COURT, OFFICE
from gateway.dossier.verify import verify_file
from gateway.errors import TrustError
from gateway.mapping import losses_document
from gateway.model import records
from gateway.spi import Basis, Claim, NativeRecord, SourceRecord, VerificationContext
from gateway.trust.registry import RegistryWriter
from gateway_sandbox.adapter import SandboxAdapter
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.office import own_record, write
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.verifier import SandboxVerifier
from tests.unit.dossier import corpus_evm
from tests.unit.dossier.corpus import GOOD, LIBRARY, NOW, ROOT, XA, Draft, draft, native_of, sha, writer

VERIFIERS = {"sandbox/1": SandboxVerifier()}


async def ledger_with(
    folder: Path, natives: list[NativeRecord], *, changes: int = 0
) -> tuple[list[Any], RegistryWriter]:
    """What a real ledger's source gives for these records, each with its shared documents, and a registry."""
    settings = SandboxSettings(file=str(folder / "xa.ledger"), chain="xa-training")
    adapter = SandboxAdapter()
    Ledger.found(settings.file, settings.chain).close()
    network = await adapter.identify(settings)
    made = writer(material=await adapter.segment(settings), network=network)
    for _ in range(changes):
        ledger = Ledger(settings.file)
        ledger.change_validators()
        ledger.close()
    await write(settings, [own_record(native.format, native.content, "XA/x/1") for native in natives])
    source = adapter.source(settings, network)
    found: list[Any] = []
    try:
        async for batch in source.read(None):
            found += [(record, {one: batch.shared[one] for one in record.evidence.shared}) for record in batch.records]
            if len(found) == len(natives):
                return found, made
    finally:
        await source.aclose()
    raise AssertionError("the source ended")


def sealed(record: SourceRecord, shared: dict[bytes, bytes], registry: bytes | None = None) -> Draft:
    return Draft(
        record.native, record.evidence, shared, record.source, record.locus, valid_from=record.time, registry=registry
    )


def context(registry: Any, now: datetime | None = None) -> VerificationContext:
    return VerificationContext(now or datetime.now(UTC) + timedelta(minutes=1), registry, NOTHING_PROVEN, {})


@pytest.mark.parametrize("changes", [0, 3])
async def test_a_record_of_a_real_ledger_is_handed_out_and_holds(tmp_path: Path, changes: int) -> None:
    found, made = await ledger_with(tmp_path, [native_of(), native_of(fd=20250112)], changes=changes)
    for record, shared in found:
        dossier = sealed(record, shared, made.encode()).dossier()
        data = hand_out(dossier, context(made.registry()), VERIFIERS, LIBRARY)
        assert files.write(files.read(data)) == data
        verdict = verify_file(data, context(made.registry()), OFFICE, VERIFIERS, LIBRARY)
        assert verdict.indication == "TOTAL-PASSED"
        assert {one.claim for one in verdict.claims} == {Claim.RECORDED, Claim.VALID, Claim.TRANSLATED, Claim.ISSUED}
        assert all(one.basis is Basis.CONSENSUS for one in verdict.claims if one.claim is not Claim.ISSUED)


async def test_no_neighbour_is_in_the_file(tmp_path: Path) -> None:
    canary = "unpublished canary 7f3a"
    natives = [native_of(), native_of(ti=[{"tx": canary, "lg": "en"}]), native_of(fd=20250112)]
    found, made = await ledger_with(tmp_path, natives)
    for record, shared in (found[0], found[2]):
        data = hand_out(sealed(record, shared, made.encode()).dossier(), context(made.registry()), VERIFIERS, LIBRARY)
        assert canary.encode() not in data
        assert sha(natives[1].content) not in data
        assert sha(natives[1].content).hex().encode() not in data


def test_a_file_is_judged_in_2046_with_its_existence_today_as_the_one_added_proof() -> None:
    today = VerificationContext(NOW, GOOD.anchors, NOTHING_PROVEN, {})
    verdict = foresee(GOOD.data, today, OFFICE, GOOD.verifiers, LIBRARY)
    assert verdict.indication == "TOTAL-PASSED"
    assert (verdict.now, verdict.best_time) == (THEN, NOW)
    (known,) = [one for one in verdict.claims if one.claim is Claim.EXISTED_BY]
    assert (known.outcome, known.basis, known.time) == ("passed", Basis.ATTESTED, NOW)


@pytest.mark.parametrize(
    ("name", "check"),
    [("rotated", "credential.issuer.standing"), ("network", "network.standing")],
)
def test_what_would_not_hold_is_not_handed_out(name: str, check: str) -> None:
    made = writer()
    subject = f"{XA}#issuer" if name == "rotated" else made.registry().networks[0].subject
    made.end([ROOT], subject=subject, how="rotated", at=NOW - timedelta(days=1), issued=NOW - timedelta(days=1))
    with pytest.raises(TrustError) as raised:
        hand_out(draft().dossier(), context(made.registry(), NOW), GOOD.verifiers, LIBRARY)
    assert raised.value.code == "handout.would-not-hold"
    assert raised.value.where is not None
    assert check in raised.value.where


def test_a_key_that_ends_before_2046_does_not_matter_once_the_file_exists() -> None:
    made = writer()
    made.end([ROOT], subject=f"{XA}#issuer", how="rotated", at=NOW + timedelta(days=300), issued=NOW)
    data = hand_out(draft(registry=None).dossier(), context(made.registry(), NOW), GOOD.verifiers, LIBRARY)
    assert files.read(data).registry is None


def test_it_is_handed_out_by_the_policy_that_is_asked_for() -> None:
    with pytest.raises(TrustError, match="NO_POE"):
        hand_out(draft().dossier(), context(GOOD.anchors, NOW), GOOD.verifiers, LIBRARY, COURT)


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def large(**changed: Any) -> NativeRecord:
    """A record of nearly 16 KB."""
    native = native_of(**changed)
    assert 15_000 < len(native.content) <= 16_384
    return native


def party(number: int) -> dict[str, Any]:
    return {
        "nm": [{"tx": f"Applicant {number} of the Municipal Works of Somewhere", "lg": "en"}],
        "ad": [{"st": [f"{number} Long Street", "Back Building"], "ct": "Somewhere", "pc": "12345", "cc": "XA"}],
    }


@pytest.mark.parametrize(
    "native",
    [
        pytest.param(large(ti=[{"tx": "Lamp " * 3000, "lg": "en"}]), id="one long text"),
        pytest.param(large(ti=[{"tx": "傘付きランプ" * 850, "lg": "ja"}]), id="a long text of another script"),
        pytest.param(large(ap=[party(number) for number in range(95)]), id="many parties"),
    ],
)
async def test_a_record_of_16_kb_makes_a_file_of_at_most_64(tmp_path: Path, native: NativeRecord) -> None:
    """In a full block, with the registry beside it."""
    found, made = await ledger_with(tmp_path, [native_of() for _ in range(250)] + [native])
    record, shared = found[-1]
    data = hand_out(sealed(record, shared, made.encode()).dossier(), context(made.registry()), VERIFIERS, LIBRARY)
    assert len(data) <= 64 * 1024, len(data)


def test_the_evidence_of_a_small_record_is_small() -> None:
    """What an EVM network adds to the record itself."""
    data = corpus_evm.GOOD.data
    native = corpus_evm.RECORDED.record.native
    assert len(data) - len(native.content) - len(corpus_evm.REGISTRY.encode()) < 8 * 1024


def test_the_losses_in_the_file_are_those_of_the_mapping() -> None:
    opened = files.read(GOOD.data)
    translation = LIBRARY.by_format("register-sandbox").to_common(native_of())
    assert opened.losses == losses_document(translation.losses)
    subject = json.loads(opened.credential)["credentialSubject"]
    assert subject == json.loads(records.encode(translation.records[0].record))
    assert replace(GOOD).data == GOOD.data
