"""Every check of `evm-receipt/1` has here a case in which it, and no other, does not pass."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import InputError, fault
from gateway.proofs import cbor, evm, patricia
from gateway.spi import Basis, Claim, Evidence, Limits, NativeRecord, Quorum, Report, Segment
from gateway_evm import entry as entries
from gateway_evm.verifier import CHECKS, EvmReceiptVerifier, Sealed
from tests.unit.evm.recorded import FORKS, Anchors, Recorded, context, records

replace = msgspec.structs.replace
VERIFIER = EvmReceiptVerifier()


def run(record: Recorded, **changes: Any) -> Report:
    return VERIFIER.verify(record.native, record.evidence, context(record, **changes))


def outcomes(report: Report) -> dict[str, str]:
    return {check.id: check.outcome for check in report.checks if check.outcome != "passed"}


def subs(report: Report) -> set[str | None]:
    return {check.sub_indication for check in report.checks if check.outcome != "passed"}


@pytest.mark.parametrize("fork", FORKS)
def test_entries_that_a_real_node_took_pass_on_the_offices_word(fork: str) -> None:
    assert len(records(fork)) == 6
    for record in records(fork):
        report = run(record)
        assert outcomes(report) == {}
        assert [check.id for check in report.checks] == list(CHECKS), "every check is told, each once"
        for finding in report.findings:
            assert (finding.outcome, finding.basis, finding.quorum) == ("passed", Basis.ATTESTED, None)
            assert finding.time is not None
            assert finding.time.year == 2023
        assert {finding.claim for finding in report.findings} == {Claim.RECORDED, Claim.VALID}


def test_the_segment_is_asked_for_by_height() -> None:
    record = records()[0]
    anchors = Anchors(record.material, record.evidence.network)
    run(record, anchors=anchors)
    assert anchors.asked == [("network", record.evidence.network.hex(), None, record.height)]


# ── a record that a test may bend: its own header, trie and log ──────────────────────────────────────────────────


def rebuilt(record: Recorded, *, log: dict[str, Any] | None = None, receipt: dict[str, Any] | None = None) -> Recorded:
    """The same record under a header of its own, whose receipt or log was changed."""
    header_digest, branch_digest = record.evidence.shared
    header = evm.Header.decode(record.shared[header_digest])
    locus = record.evidence.extraction["locus"]
    nodes = cbor.decode(record.shared[branch_digest])
    key = patricia.index_key(locus["transaction"])
    leaf = patricia.verify(header.receipts_root, key, nodes)
    assert leaf is not None
    held = evm.Receipt.decode(leaf)
    if log:
        logs = list(held.logs)
        logs[locus["log"]] = replace(logs[locus["log"]], **log)
        held = replace(held, logs=tuple(logs))
    if receipt:
        held = replace(held, **receipt)
    return under_header(record, held.encode(), header)


def under_header(record: Recorded, leaf: bytes, header: evm.Header, **changes: Any) -> Recorded:
    locus = record.evidence.extraction["locus"]
    key = patricia.index_key(locus["transaction"])
    trie = patricia.build([(key, leaf)])
    header = replace(header, receipts_root=trie.root, **changes)
    documents = (header.encode(), cbor.encode(list(trie.branch(key))))
    return sharing(record, documents, block=header.hash)


def sharing(record: Recorded, documents: tuple[bytes, bytes], block: bytes | None = None) -> Recorded:
    shared = {hashlib.sha256(each).digest(): each for each in documents}
    evidence = replace(record.evidence, shared=tuple(shared))
    if block is not None:
        evidence = replace(evidence, extraction=with_locus(evidence, block=block))
    return Recorded(record.native, evidence, shared, record.material, record.height)


def with_locus(evidence: Evidence, **changes: Any) -> dict[str, Any]:
    return {**evidence.extraction, "locus": {**evidence.extraction["locus"], **changes}}


def with_own(record: Recorded, **changes: Any) -> Recorded:
    evidence = replace(record.evidence, own={**record.evidence.own, **changes})
    return Recorded(record.native, evidence, record.shared, record.material, record.height)


def test_a_rebuilt_record_passes_unbent() -> None:
    assert outcomes(run(rebuilt(records()[0]))) == {}


# ── each check alone ─────────────────────────────────────────────────────────────────────────────────────────────


def other_form() -> list[tuple[str, Recorded]]:
    record = records()[0]
    own, extraction = record.evidence.own, record.evidence.extraction
    locus = extraction["locus"]

    def bent(**changes: Any) -> Recorded:
        return Recorded(record.native, replace(record.evidence, **changes), record.shared, record.material, 1)

    return [
        ("another type", bent(type="evm-receipt/2")),
        ("no own part", bent(own={})),
        ("a member more", bent(own={**own, "more": 1})),
        ("a key of 31 bytes", bent(own={**own, "key": b"k" * 31})),
        ("a mark of text", bent(own={**own, "mark": "m" * 32})),
        ("a path of text", bent(own={**own, "path": "path"})),
        ("a path too long", bent(own={**own, "path": [b"p" * 32] * 65})),
        ("a hop of 31 bytes", bent(own={**own, "path": [b"p" * 31]})),
        ("withdrawn as a number", bent(own={**own, "withdrawn": 0})),
        ("a subject of bytes", bent(own={**own, "subject": b"subject"})),
        ("a subject with a lone surrogate", bent(own={**own, "subject": "\ud800"})),
        ("a subject too long", bent(own={**own, "subject": "s" * 5000})),
        ("superseding nothing in 32 zeros", bent(own={**own, "supersedes": bytes(32)})),
        ("no locus", bent(extraction={"source": extraction["source"]})),
        ("a locus of another form", bent(extraction={**extraction, "locus": {"block": locus["block"]}})),
        ("a locus that is no map", bent(extraction={**extraction, "locus": 7})),
        ("a block of 31 bytes", bent(extraction=with_locus(record.evidence, block=b"b" * 31))),
        ("a negative index", bent(extraction=with_locus(record.evidence, log=-1))),
        ("an index beyond all blocks", bent(extraction=with_locus(record.evidence, transaction=2**40))),
        ("a truth value for an index", bent(extraction=with_locus(record.evidence, log=True))),
        ("a source in capitals", bent(extraction={**extraction, "source": "0x" + "AB" * 20})),
        ("a source that is no address", bent(extraction={**extraction, "source": "0x" + "zz" * 20})),
        ("a source with blanks", bent(extraction={**extraction, "source": "0x" + "ab " * 13 + "a"})),
        ("a source of bytes", bent(extraction={**extraction, "source": b"x" * 20})),
        ("an extraction with more", bent(extraction={**extraction, "more": 1})),
        ("one shared document", bent(shared=record.evidence.shared[:1])),
        ("three shared documents", bent(shared=(*record.evidence.shared, b"x" * 32))),
    ]


@pytest.mark.parametrize(("why", "record"), other_form(), ids=[why for why, _ in other_form()])
def test_evidence_of_another_form(why: str, record: Recorded) -> None:
    report = run(record)
    assert outcomes(report) == {"evm.evidence": "failed"}, why
    assert subs(report) == {"FORMAT_FAILURE"}


def test_a_shared_document_that_is_missing() -> None:
    record = records()[0]
    for digest in record.evidence.shared:
        report = run(record, shared={key: each for key, each in record.shared.items() if key != digest})
        assert outcomes(report) == {"evm.shared": "indeterminate"}
        assert subs(report) == {"SIGNED_DATA_NOT_FOUND"}


def test_a_shared_document_under_another_ones_name() -> None:
    record = records()[0]
    header, branch = record.evidence.shared
    report = run(record, shared={header: record.shared[branch], branch: record.shared[branch]})
    assert outcomes(report) == {"evm.shared": "failed"}
    assert subs(report) == {"HASH_FAILURE"}


def test_a_header_that_is_none() -> None:
    record = records()[0]
    branch = record.shared[record.evidence.shared[1]]
    for header in (b"", b"\xc0", branch + branch, b"\xff" * 70_000):
        report = run(sharing(record, (header, branch)))
        assert outcomes(report) == {"evm.header": "failed"}
        assert subs(report) == {"FORMAT_FAILURE"}


def test_a_header_with_a_time_beyond_all_calendars() -> None:
    record = records()[0]
    header = evm.Header.decode(record.shared[record.evidence.shared[0]])
    bent = replace(header, timestamp=2**62)
    report = run(sharing(record, (bent.encode(), record.shared[record.evidence.shared[1]]), block=bent.hash))
    assert outcomes(report) == {"evm.header": "failed"}
    assert report.findings[0].time is None


def test_no_anchor() -> None:
    record = records()[0]
    elsewhere = Anchors(record.material, b"n" * 32)
    before = Anchors(record.material, record.evidence.network, last=record.height - 1)
    after = Anchors(record.material, record.evidence.network, first=record.height + 1)
    for anchors, sub in ((elsewhere, ""), (before, "_NO_POE"), (after, "_NO_POE")):
        report = run(record, anchors=anchors)
        assert outcomes(report) == {"evm.segment": "indeterminate"}
        assert subs(report) == {"NO_CERTIFICATE_CHAIN_FOUND" + sub}


def test_a_block_of_tomorrow() -> None:
    record = records()[0]
    made = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    for now, found in (
        (made - timedelta(minutes=5), {"evm.time": "indeterminate"}),
        (made - timedelta(seconds=30), {}),
    ):
        known = replace(context(record), now=now)
        report = VERIFIER.verify(record.native, record.evidence, known)
        assert outcomes(report) == found
        assert subs(report) <= {"TIMESTAMP_ORDER_FAILURE"}


def test_an_entry_that_withdraws_nothing() -> None:
    record = next(each for each in records() if each.evidence.own["withdrawn"])
    bent = with_own(record, supersedes=None)
    held = entries.Entry(
        **{**bent.evidence.own, "path": tuple(bent.evidence.own["path"])},
        format=record.native.format,
        body=record.native.content,
    )
    report = run(rebuilt(bent, log={"data": bytes(32) + entries.hash_of(entries.pack(held))}))
    assert outcomes(report) == {"evm.withdrawn": "failed"}
    assert subs(report) == {"FORMAT_FAILURE"}


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "1"},
        {"genesis": "00" * 32},
        {"kind": "evm2"},
        {"chain": 31337},
        {"genesis": "00"},
        {"contract": "AB" * 20},
    ],
)
def test_a_segment_of_another_network_or_form(change: dict[str, Any]) -> None:
    record = records()[0]
    report = run(record, anchors=Anchors({**record.material, **change}, record.evidence.network))
    assert outcomes(report) == {"evm.network": "indeterminate"}
    assert subs(report) == {"CHAIN_CONSTRAINTS_FAILURE"}


def test_a_contract_that_the_registry_does_not_name() -> None:
    record = records()[0]
    report = run(record, anchors=Anchors({**record.material, "contract": "ab" * 20}, record.evidence.network))
    assert outcomes(report) == {"evm.contract": "indeterminate"}
    assert subs(report) == {"CHAIN_CONSTRAINTS_FAILURE"}


def test_another_blocks_header() -> None:
    record, other = records("osaka")[0], records("cancun")[0]
    documents = (other.shared[other.evidence.shared[0]], record.shared[record.evidence.shared[1]])
    report = run(sharing(record, documents))
    assert outcomes(report) == {"evm.header.hash": "failed"}
    assert subs(report) == {"HASH_FAILURE"}


def test_a_branch_of_another_block_or_transaction() -> None:
    mine = records("osaka")[0]
    for other in (records("berlin")[0], records("osaka")[3]):
        documents = (mine.shared[mine.evidence.shared[0]], other.shared[other.evidence.shared[1]])
        report = run(sharing(mine, documents))
        assert outcomes(report) == {"evm.branch": "failed"}
        assert subs(report) <= {"HASH_FAILURE", "FORMAT_FAILURE"}


def test_a_transaction_that_the_block_does_not_have() -> None:
    record = records()[0]
    evidence = replace(record.evidence, extraction=with_locus(record.evidence, transaction=9))
    report = run(Recorded(record.native, evidence, record.shared, record.material, record.height))
    assert outcomes(report) == {"evm.branch": "failed"}
    assert subs(report) == {"HASH_FAILURE"}


@pytest.mark.parametrize("branch", [b"", cbor.encode([]), cbor.encode(["text"]), cbor.encode({"a": 1}), b"\x81"])
def test_a_branch_of_another_form(branch: bytes) -> None:
    record = records()[0]
    report = run(sharing(record, (record.shared[record.evidence.shared[0]], branch)))
    assert outcomes(report) == {"evm.branch": "failed"}
    assert subs(report) == {"FORMAT_FAILURE"}


def test_limits_are_looked_at_before_the_branch() -> None:
    record = records()[0]
    assert outcomes(run(record, limits=Limits(proof_nodes=1))) == {"evm.branch": "failed"}
    assert outcomes(run(record, limits=Limits(member=100))) == {"evm.branch": "failed"}


def test_a_leaf_that_is_no_receipt() -> None:
    record = records()[0]
    header = evm.Header.decode(record.shared[record.evidence.shared[0]])
    for leaf in (b"\x01" * 40, b"\x02" + b"\xc0", b"\xc0"):
        report = run(under_header(record, leaf, header))
        assert outcomes(report) == {"evm.receipt": "failed"}
        assert subs(report) == {"FORMAT_FAILURE"}


@pytest.mark.parametrize("outcome", [b"", b"r" * 32])
def test_a_transaction_that_failed_or_does_not_say(outcome: bytes) -> None:
    report = run(rebuilt(records()[0], receipt={"outcome": outcome}))
    assert outcomes(report) == {"evm.receipt.status": "failed"}


def test_a_log_that_the_receipt_does_not_have() -> None:
    report = run(rebuilt(records()[0], receipt={"logs": ()}))
    assert outcomes(report) == {"evm.log": "failed"}
    assert subs(report) == {"HASH_FAILURE"}


def test_a_log_of_another_contract() -> None:
    assert outcomes(run(rebuilt(records()[0], log={"address": b"c" * 20}))) == {"evm.log.address": "failed"}


def test_another_event() -> None:
    topics = (b"t" * 32, b"k" * 32, b"s" * 32)
    for bent in ({"topics": topics}, {"topics": topics[:1]}, {"data": b"short"}):
        assert outcomes(run(rebuilt(records()[0], log=bent))) == {"evm.log.topic": "failed"}


def test_an_entry_that_withdraws_under_an_event_that_does_not() -> None:
    record = next(each for each in records() if not each.evidence.own["withdrawn"])
    withdrawing = with_own(record, withdrawn=True, supersedes=b"s" * 32)
    # the event carries the hash of the entry as it now is, so that this check stands alone
    packed = entries.pack(
        entries.Entry(
            **{**withdrawing.evidence.own, "path": tuple(withdrawing.evidence.own["path"])},
            format=record.native.format,
            body=record.native.content,
        )
    )
    bent = rebuilt(withdrawing, log={"data": bytes(32) + entries.hash_of(packed)})
    assert outcomes(run(bent)) == {"evm.log.topic": "failed"}
    assert set(outcomes(run(with_own(record, withdrawn=True, supersedes=b"s" * 32)))) == {
        "evm.log.topic", "evm.record.hash",
    }  # fmt: skip


@pytest.mark.parametrize(("index", "check"), [(1, "evm.log.key"), (2, "evm.subject")])
def test_an_event_about_another_key_or_subject(index: int, check: str) -> None:
    record = records()[0]
    own = record.evidence.own
    topics = [entries.RECORDED, own["key"], entries.subject_hash(own["salt"], own["subject"])]
    topics[index] = b"x" * 32
    report = run(rebuilt(record, log={"topics": tuple(topics)}))
    assert outcomes(report) == {check: "failed"}
    assert subs(report) == {"HASH_FAILURE"}


def test_another_body_format_or_path() -> None:
    record = records()[0]
    bodies = (
        NativeRecord(record.native.format, record.native.content + b" "),
        NativeRecord("other", record.native.content),
    )
    for native in bodies:
        report = VERIFIER.verify(native, record.evidence, context(record))
        assert outcomes(report) == {"evm.record.hash": "failed"}
        assert subs(report) == {"HASH_FAILURE"}
    for changed in ({"path": []}, {"mark": b"m" * 32}, {"digest": b"d" * 32}, {"supersedes": b"s" * 32}):
        assert outcomes(run(with_own(record, **changed))) == {"evm.record.hash": "failed"}
    assert set(outcomes(run(with_own(record, key=b"k" * 32)))) == {"evm.log.key", "evm.record.hash"}
    assert set(outcomes(run(with_own(record, subject="XB/other/1")))) == {"evm.subject", "evm.record.hash"}


def test_the_reference_page_lists_every_check() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "evidence-evm-receipt-1.md").read_text()
    rows = re.findall(r"^\| `(evm\.[a-z.]+)` \| (.+?) \|", page, re.MULTILINE)
    assert [name for name, _ in rows] == list(CHECKS)
    assert {name: text.rstrip(".") for name, text in rows} == dict(CHECKS)


# ── basis and seals ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_registry_that_asks_for_more_than_the_offices_word() -> None:
    record = records()[0]
    for basis in (Basis.AUTHORITY, Basis.CONSENSUS):
        report = run(record, anchors=Anchors(record.material, record.evidence.network, basis=basis))
        assert outcomes(report) == {"evm.basis": "indeterminate"}
        assert subs(report) == {"SIG_CONSTRAINTS_FAILURE"}
        assert report.findings[0].basis is None
    assert outcomes(run(record, anchors=Anchors(record.material, record.evidence.network, basis=Basis.ATTESTED))) == {}


def test_a_consensus_that_this_release_cannot_check() -> None:
    record = records()[0]
    for asked in ("qbft", "", 7, ["qbft"]):
        report = run(record, anchors=Anchors({**record.material, "consensus": asked}, record.evidence.network))
        assert outcomes(report) == {"evm.seals": "indeterminate"}
        assert subs(report) == {"SIG_CONSTRAINTS_FAILURE"}
        assert report.findings[0].outcome == "indeterminate"


UNSEALED = fault("test.unsealed", "Not sealed.", "Seal it.")


class Rule:
    """A consensus for tests, whose block hash is SHA-256 and whose outcome is given."""

    def __init__(self, made: Sealed) -> None:
        self.made = made

    def block_hash(self, header: bytes) -> bytes:
        if header[:1] != b"\xf9":
            raise InputError(UNSEALED)
        return hashlib.sha256(header).digest()

    def check(self, header: bytes, evidence: Evidence, segment: Segment, context: Any) -> Sealed:
        return self.made


def sealed(made: Sealed, **changes: Any) -> Report:
    record = records()[0]
    header = record.shared[record.evidence.shared[0]]
    evidence = replace(record.evidence, extraction=with_locus(record.evidence, block=hashlib.sha256(header).digest()))
    material: Mapping[str, Any] = {**record.material, "consensus": "test"}
    anchors = Anchors(dict(material), evidence.network, **changes)
    return EvmReceiptVerifier({"test": Rule(made)}).verify(record.native, evidence, context(record, anchors=anchors))


def test_a_rule_for_seals_gives_basis_and_quorum() -> None:
    report = sealed(Sealed("passed", "Three of four.", Basis.CONSENSUS, Quorum(3, 3, ("a", "b", "c"))))
    assert outcomes(report) == {}
    assert report.findings[0].basis is Basis.CONSENSUS
    assert report.findings[0].quorum == Quorum(3, 3, ("a", "b", "c"))
    weak = sealed(Sealed("passed", "One signer.", Basis.AUTHORITY), basis=Basis.CONSENSUS)
    assert outcomes(weak) == {"evm.basis": "indeterminate"}


def test_seals_that_do_not_hold() -> None:
    report = sealed(Sealed("failed", "Two of four.", None, Quorum(2, 3), "SIG_CRYPTO_FAILURE"))
    assert outcomes(report) == {"evm.seals": "failed"}
    assert report.findings[0].basis is None
