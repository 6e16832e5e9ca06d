"""Evidence of a sandbox ledger in the hands of somebody who wants it to say something else, or to say too much."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError
from gateway.proofs import cbor
from gateway.spi import Batch, Evidence, NativeRecord, NetworkId, Segment, SourceRecord, VerificationContext
from gateway_sandbox.blocks import Block, Genesis, Header, ValidatorSet, read
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.source import SandboxSource
from gateway_sandbox.verifier import Anchor, SandboxVerifier
from tests.unit.sandbox.scenes import CHAIN, Anchors, Proofs, Scene, entry, outcomes, segment, verify

VERIFIER = SandboxVerifier()


class Case:
    """One block of five records after a change of validators, read as a gateway reads it."""

    def __init__(self, batch: Batch, anchor: Segment) -> None:
        self.batch, self.anchor = batch, anchor
        self.record = batch.records[2]

    def verify(self, evidence: Evidence, shared: dict[bytes, bytes] | None = None) -> set[str]:
        shared = shared if shared is not None else dict(self.batch.shared)
        context = VerificationContext(datetime.now(UTC), Anchors(self.anchor), Proofs(), shared)
        return outcomes(VERIFIER.verify(self.record.native, evidence, context))


def _contents(number: int) -> dict[str, Any]:
    return {"content": b"canary %d in the content" % number, "subject": f"canary {number} in the subject"}


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    settings = SandboxSettings(file=str(tmp_path / "ledger"), chain=CHAIN)
    ledger = Ledger.found(settings.file, CHAIN)
    ledger.change_validators(2)
    ledger.append([entry(number, **_contents(number)) for number in range(5)], writer="office", fence=1)
    network = NetworkId("sandbox", CHAIN, ledger.genesis.digest)
    source = SandboxSource(settings, network)
    batch = await anext(aiter(source.read(None)))
    anchor = Anchor(CHAIN, ledger.genesis.digest, ledger.genesis.set, 0)
    yield Case(batch, segment(network.digest, anchor.material()))
    await source.aclose()
    ledger.close()


def read_evidence(data: bytes) -> Evidence:
    value = cbor.decode(data)
    if not isinstance(value, dict) or set(value) != {"type", "network", "extraction", "shared", "own"}:
        raise InputError(cbor.NOT_CANONICAL)
    return Evidence(value["type"], value["network"], value["extraction"], tuple(value["shared"]), value["own"])


def test_no_bit_of_the_evidence_can_be_turned(case: Case) -> None:
    data = case.record.evidence.encode()
    assert read_evidence(data).digest == case.record.evidence.digest
    assert case.verify(read_evidence(data)) == {"passed"}
    understood = 0
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            evidence = read_evidence(bytes(flipped))
        except (InputError, TypeError):
            continue
        understood += 1
        assert case.verify(evidence) & {"failed", "indeterminate"} == case.verify(evidence), f"bit {place}"
    assert understood > 1000, "most bits are in digests: the flips were really judged"


def test_no_bit_of_a_shared_document_can_be_turned(case: Case) -> None:
    """Neither under its old name, nor under the name that it has then."""
    evidence = case.record.evidence
    for which, name in enumerate(evidence.shared):
        document = case.batch.shared[name]
        for place in range(0, len(document) * 8, 3):
            flipped = bytearray(document)
            flipped[place // 8] ^= 1 << place % 8
            assert "passed" not in case.verify(evidence, {**case.batch.shared, name: bytes(flipped)})
            renamed = hashlib.sha256(flipped).digest()
            names = (*evidence.shared[:which], renamed, *evidence.shared[which + 1 :])
            moved = Evidence(evidence.type, evidence.network, evidence.extraction, names, evidence.own)
            assert "passed" not in case.verify(moved, {**case.batch.shared, renamed: bytes(flipped)})


def test_no_bit_of_the_record_can_be_turned(case: Case) -> None:
    record = case.record
    context = VerificationContext(datetime.now(UTC), Anchors(case.anchor), Proofs(), case.batch.shared)
    for place in range(len(record.native.content) * 8):
        flipped = bytearray(record.native.content)
        flipped[place // 8] ^= 1 << place % 8
        native = NativeRecord(record.native.format, bytes(flipped))
        assert outcomes(VERIFIER.verify(native, record.evidence, context)) == {"failed"}
    native = NativeRecord("register-sandbox2", record.native.content)
    assert outcomes(VERIFIER.verify(native, record.evidence, context)) == {"failed"}


def test_the_evidence_of_one_record_is_none_of_its_neighbour(case: Case) -> None:
    one, other = case.batch.records[0], case.batch.records[1]
    mixed = SourceRecord(
        one.source, one.locus, one.native, other.evidence, one.time, one.entry, one.relay, one.withdraws
    )
    assert outcomes(verify(mixed, case.batch.shared, case.anchor)) == {"failed"}


def test_a_leaf_cannot_be_moved_to_another_place(case: Case) -> None:
    evidence = case.record.evidence
    for index in (0, 1, 3, 4, 5, 2**40):
        moved = Evidence(
            evidence.type, evidence.network, {**evidence.extraction, "index": index}, evidence.shared, evidence.own
        )
        assert case.verify(moved) == {"failed"}


def test_a_node_of_the_tree_is_no_leaf(case: Case) -> None:
    """A shorter branch from higher up would prove anything, were leaves and nodes hashed alike."""
    own = dict(case.record.evidence.own)
    for branch in (own["branch"][1:], own["branch"][:-1], [*own["branch"], bytes(32)], []):
        evidence = case.record.evidence
        changed = Evidence(
            evidence.type, evidence.network, evidence.extraction, evidence.shared, {**own, "branch": branch}
        )
        assert case.verify(changed) == {"failed"}


def test_nothing_of_a_neighbour_is_in_evidence_or_shared_documents(case: Case) -> None:
    """Not its content, its subject, its mark or salt, nor a hash of its content that could be tried out."""
    for number, record in enumerate(case.batch.records):
        shown = record.evidence.encode() + b"".join(case.batch.shared.values())
        for other in set(range(5)) - {number}:
            assert b"canary %d" % other not in shown
            assert entry(other).mark not in shown
            assert entry(other).key not in shown
            assert hashlib.sha256(_contents(other)["content"]).digest() not in shown
            assert case.batch.records[other].evidence.own["salt"] not in shown
        assert b"canary %d in the content" % number not in shown, "its own content stands beside it, not in it"


# ── anything at all ──────────────────────────────────────────────────────────────────────────────────────────────

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary() | st.binary(min_size=32, max_size=32),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=12,
)
PATHS = st.sampled_from(
    [
        ("own", "leaf"),
        ("own", "branch"),
        ("own", "mark"),
        ("own", "path"),
        ("own", "salt"),
        ("own", "subject"),
        ("own", "leaf", "key"),
        ("own", "leaf", "revision"),
        ("own", "leaf", "withdrawn"),
        ("own", "leaf", "supersedes"),
        ("extraction", "block"),
        ("extraction", "index"),
        ("extraction", "key"),
        ("own",),
        ("extraction",),
    ]
)
SCENE = Scene().build()


@given(path=PATHS, value=PLAIN)
def test_a_field_may_hold_anything_and_is_judged(path: tuple[str, ...], value: Any) -> None:
    parts: dict[str, Any] = {
        "own": {**SCENE.own, "leaf": dict(SCENE.own["leaf"])},
        "extraction": dict(SCENE.extraction),
    }
    holder = parts
    for name in path[:-1]:
        holder = holder[name]
    same = holder[path[-1]] == value
    holder[path[-1]] = value
    evidence = Evidence("sandbox/1", SCENE.network, parts["extraction"], SCENE.names, parts["own"])
    found = outcomes(VERIFIER.verify(SCENE.native, evidence, SCENE.context))
    assert same or found == {"failed"}


@given(shared=st.lists(st.binary(max_size=40) | PLAIN, max_size=5), network=PLAIN, kind=PLAIN)
def test_names_of_documents_may_be_anything(shared: list[Any], network: Any, kind: Any) -> None:
    evidence = Evidence(kind, network, SCENE.extraction, tuple(shared), SCENE.own)
    assert "passed" not in outcomes(VERIFIER.verify(SCENE.native, evidence, SCENE.context))


@given(document=st.binary(max_size=300) | PLAIN.map(cbor.encode))
def test_a_document_may_be_anything(document: bytes) -> None:
    names = (hashlib.sha256(document).digest(), SCENE.names[1])
    context = VerificationContext(
        SCENE.now, SCENE.context.anchors, SCENE.context.poe, {**SCENE.shared, names[0]: document}
    )
    evidence = Evidence("sandbox/1", SCENE.network, SCENE.extraction, names, SCENE.own)
    assert "passed" not in outcomes(VERIFIER.verify(SCENE.native, evidence, context))


@given(material=st.dictionaries(st.sampled_from(["kind", "chain", "genesis", "validators", "height"]), PLAIN))
def test_an_anchor_may_hold_anything(material: dict[str, Any]) -> None:
    stated = Anchors(segment(SCENE.network, {**SCENE.anchor.material(), **material}))
    context = VerificationContext(SCENE.now, stated, SCENE.context.poe, SCENE.shared)
    found = outcomes(VERIFIER.verify(SCENE.native, SCENE.evidence, context))
    assert found == {"passed"} or material


@given(
    data=st.binary(max_size=200) | PLAIN.map(cbor.encode), kind=st.sampled_from([Block, Genesis, Header, ValidatorSet])
)
def test_documents_are_read_or_refused(data: bytes, kind: Any) -> None:
    try:
        document = read(kind, data)
    except InputError:
        return
    assert document.encode() == data


@given(place=st.integers(0, 10_000), bit=st.integers(0, 7), which=st.sampled_from([Block, Header, ValidatorSet]))
def test_one_document_has_one_form(place: int, bit: int, which: Any) -> None:
    sound = {Block: SCENE.documents[0], Header: SCENE.signed.encode(), ValidatorSet: SCENE.documents[1]}[which]
    flipped = bytearray(sound)
    flipped[place % len(sound)] ^= 1 << bit
    try:
        document = read(which, bytes(flipped))
    except InputError:
        return
    assert document.encode() == flipped


def test_the_verifier_reads_no_more_than_it_must() -> None:
    """A document that claims to be large is not read at all."""
    large = cbor.encode({"header": bytes(100_000), "signatures": []})
    with pytest.raises(InputError):
        read(Block, large)
    with pytest.raises(InputError):
        read(ValidatorSet, cbor.encode({"validators": [os.urandom(32) for _ in range(1000)]}))
