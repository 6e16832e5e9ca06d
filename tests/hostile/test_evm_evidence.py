"""Evidence of a receipt under attack: no flipped byte, moved proof or odd structure passes, and none raises."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.proofs import cbor
from gateway.spi import Basis, Evidence, NativeRecord, VerificationContext
from gateway_evm.evidence import EVIDENCE
from gateway_evm.verifier import CHECKS, EvmReceiptVerifier
from tests.unit.evm.recorded import Anchors, Recorded, context, records

VERIFIER = EvmReceiptVerifier()
replace = msgspec.structs.replace


def outcome(native: NativeRecord, evidence: Evidence, known: VerificationContext) -> str:
    report = VERIFIER.verify(native, evidence, known)
    assert {check.id for check in report.checks} <= set(CHECKS)
    assert len({finding.outcome for finding in report.findings}) == 1
    for check in report.checks:
        assert check.reason
        assert (check.sub_indication is None) == (check.outcome == "passed")
    return report.findings[0].outcome


def read(data: bytes) -> Evidence | None:
    """Evidence out of its bytes, as a file's reader takes it."""
    try:
        held = cbor.decode(data)
        return Evidence(held["type"], held["network"], held["extraction"], tuple(held["shared"]), held["own"])
    except (InputError, KeyError, TypeError):
        return None


@pytest.mark.parametrize("index", range(6))
def test_no_flipped_bit_of_the_evidence_passes(index: int) -> None:
    record = records()[index]
    known = context(record)
    data = record.evidence.encode()
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            evidence = read(bytes(changed))
            if evidence is not None and isinstance(evidence.extraction, dict) and isinstance(evidence.own, dict):
                assert outcome(record.native, evidence, known) != "passed", (at, bit)


@pytest.mark.parametrize("document", [0, 1])
def test_no_flipped_byte_of_header_or_branch_passes_under_its_own_name(document: int) -> None:
    """The forger names the changed document by its new digest, but the block's hash is the record's place."""
    record = records()[4]
    digests = list(record.evidence.shared)
    data = record.shared[digests[document]]
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= random.Random(at).randrange(1, 256)
        name = hashlib.sha256(changed).digest()
        evidence = replace(
            record.evidence, shared=tuple(name if index == document else each for index, each in enumerate(digests))
        )
        known = context(record, shared={**record.shared, name: bytes(changed)})
        assert outcome(record.native, evidence, known) == "failed", at


def test_no_flipped_byte_of_the_record_passes() -> None:
    for record in records():
        for at in range(len(record.native.content)):
            changed = bytearray(record.native.content)
            changed[at] ^= 0x80
            native = NativeRecord(record.native.format, bytes(changed))
            assert outcome(native, record.evidence, context(record)) == "failed"
        for content in (b"", record.native.content + b"\x00", record.native.content[:-1]):
            assert outcome(NativeRecord(record.native.format, content), record.evidence, context(record)) == "failed"


def test_no_record_passes_at_anothers_place_or_with_anothers_salt() -> None:
    some = records()
    for mine in some:
        for other in some:
            if mine is other:
                continue
            moved = replace(mine.evidence, extraction=other.evidence.extraction, shared=other.evidence.shared)
            assert outcome(mine.native, moved, context(other)) == "failed"
            disguised = replace(mine.evidence, own=other.evidence.own)
            assert outcome(mine.native, disguised, context(mine)) == "failed"
            assert outcome(other.native, mine.evidence, context(mine)) == "failed"


@pytest.mark.parametrize("fork", ["berlin", "london", "shanghai", "cancun"])
def test_no_record_passes_where_another_network_is_believed(fork: str) -> None:
    mine, theirs = records("osaka")[0], records(fork)[0]
    known = context(mine, anchors=Anchors(theirs.material, theirs.evidence.network))
    assert outcome(mine.native, mine.evidence, known) == "indeterminate"
    swapped = context(mine, anchors=Anchors(theirs.material, mine.evidence.network))
    assert outcome(mine.native, mine.evidence, swapped) == "indeterminate", "the segment's genesis is another"


def test_what_the_offices_word_alone_carries() -> None:
    """No header names its network. On the basis `attested` it is the credential that binds record and network: it
    names the evidence's digest, and evidence that names another network has another."""
    mine, theirs = records("osaka")[0], records("berlin")[0]
    claimed = replace(mine.evidence, network=theirs.evidence.network)
    known = context(mine, anchors=Anchors(theirs.material, theirs.evidence.network))
    report = VERIFIER.verify(mine.native, claimed, known)
    assert report.findings[0].outcome == "passed"
    assert report.findings[0].basis is Basis.ATTESTED
    assert claimed.digest != mine.evidence.digest


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
RECORD = records()[0]


@settings(max_examples=300)
@given(
    own=st.dictionaries(st.sampled_from([*RECORD.evidence.own, "more"]), VALUES, max_size=9),
    extraction=st.dictionaries(st.sampled_from(["source", "locus", "more"]), VALUES, max_size=3),
    locus=st.dictionaries(st.sampled_from(["block", "transaction", "log", "more"]), VALUES, max_size=4),
    keep=st.sets(st.sampled_from(["own", "extraction", "locus"])),
)
def test_any_structure_is_judged_and_none_raises(
    own: dict[str, Any], extraction: dict[str, Any], locus: dict[str, Any], keep: set[str]
) -> None:
    true = RECORD.evidence
    evidence = replace(
        true,
        own={**true.own, **own} if "own" in keep else own,
        extraction={**true.extraction, "locus": {**true.extraction["locus"], **locus}}
        if "locus" in keep
        else ({**true.extraction, **extraction} if "extraction" in keep else extraction),
    )
    found = outcome(RECORD.native, evidence, context(RECORD))
    assert (found == "passed") == (evidence == true)


@given(header=st.binary(max_size=700), branch=st.binary(max_size=700), native=st.binary(max_size=50))
def test_any_documents_are_judged_and_none_raises(header: bytes, branch: bytes, native: bytes) -> None:
    shared = {hashlib.sha256(each).digest(): each for each in (header, branch)}
    evidence = replace(RECORD.evidence, shared=tuple(hashlib.sha256(each).digest() for each in (header, branch)))
    assert outcome(NativeRecord("register-evm", native), evidence, context(RECORD, shared=shared)) == "failed"


@given(VALUES)
def test_any_segment_is_judged_and_none_raises(material: Any) -> None:
    held = material if isinstance(material, dict) else {**RECORD.material, "chain": material, "contract": material}
    known = context(RECORD, anchors=Anchors(held, RECORD.evidence.network))
    assert outcome(RECORD.native, RECORD.evidence, known) == "indeterminate"


def test_a_record_whose_text_has_no_bytes() -> None:
    for native in (NativeRecord("\ud800", b""), NativeRecord("x" * 10_000, b"")):
        assert outcome(native, RECORD.evidence, context(RECORD)) == "failed"


def test_a_branch_that_shows_a_neighbour_holds_only_salted_hashes() -> None:
    """What a receipt shows of its other entries: key, hash of the subject, revision, hash of the entry."""
    some = [record for record in records() if record.evidence.extraction["locus"]["transaction"] == 0]
    branch = some[0].shared[some[0].evidence.shared[1]]
    for other in some[1:]:
        own = other.evidence.own
        for secret in (own["mark"], own["salt"], own["subject"].encode(), other.native.content, *own["path"]):
            assert secret not in branch
            assert secret not in some[0].evidence.encode() or secret in own["path"]


def test_the_type_is_the_one_it_is_registered_under() -> None:
    assert EVIDENCE == EvmReceiptVerifier.type == "evm-receipt/1"
    assert isinstance(records()[0], Recorded)
