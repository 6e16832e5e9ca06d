"""Checks evidence of type `evm-receipt/1`: that an entry of `RecordRegister` stands in a block of a network.

    body, format, own ─ hash ─▶ event ─▶ log of a receipt ─ branch ─▶ receipts root ─▶ header ─▶ block hash
                                                                                        │
    registry: network, contract, its code ◀── segment ──────────────────────────────────┘

What makes the header believable is the network's own consensus. Where the segment names no rule for it, the header
rests on the office's word: basis `attested`. Where it names one (`consensus` in its material), a `SealRule` of that
name must check the header; without one the answer is INDETERMINATE. Pure, and needs the core install alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, Protocol

import msgspec

from gateway.errors import GatewayError, InputError, LimitError
from gateway.proofs import evm, patricia
from gateway.proofs.keccak import keccak256
from gateway.spi import (
    Basis,
    Check,
    CheckOutcome,
    Claim,
    Evidence,
    Finding,
    Locus,
    NativeRecord,
    NetworkId,
    Quorum,
    Report,
    Segment,
    VerificationContext,
)
from gateway_evm import entry as entries
from gateway_evm.evidence import EVIDENCE, Place, branch_of, entry_of, place_of

__all__ = ["CHECKS", "SEALS", "EvmReceiptVerifier", "SealRule", "Sealed"]

CHECKS: Final[Mapping[str, str]] = {
    "evm.evidence": "The evidence has the form of evm-receipt/1",
    "evm.withdrawn": "An entry that withdraws says what it withdraws",
    "evm.shared": "Header and branch are in the file",
    "evm.header": "The header is one",
    "evm.segment": "The registry knows the network at the block's height",
    "evm.network": "The segment's chain and genesis are those that the evidence is about",
    "evm.contract": "The contract is the one that the registry names",
    "evm.time": "The block was not made after the time of this verification",
    "evm.header.hash": "The header is that of the block which the evidence names",
    "evm.seals": "The network's consensus has sealed the header",
    "evm.basis": "The basis is what the registry asks for the network at the least",
    "evm.branch": "The receipt is in the block",
    "evm.receipt": "The receipt is one",
    "evm.receipt.status": "The transaction succeeded",
    "evm.log": "The receipt has the log",
    "evm.log.address": "The contract told it",
    "evm.log.topic": "It is the event of an entry, of a withdrawing one where the entry withdraws",
    "evm.log.key": "It is about the entry's key",
    "evm.subject": "It is about the subject, by its salted hash",
    "evm.record.hash": "It carries the hash of the entry, and so of the native record",
}
"""Every check by its id."""


CLOCKS: Final = timedelta(minutes=1)
"""What two clocks may differ by."""


class Sealed(msgspec.Struct, frozen=True):
    """What a seal rule found: on which basis the header stands, or why it does not."""

    outcome: CheckOutcome
    reason: str
    basis: Basis | None = None
    quorum: Quorum | None = None
    sub_indication: str | None = None


class SealRule(Protocol):
    """How one kind of consensus names a block and seals its header. Pure."""

    def block_hash(self, header: bytes) -> bytes:
        """The block's hash, which may leave out seals. Raises InputError."""
        ...

    def check(self, header: bytes, evidence: Evidence, segment: Segment, context: VerificationContext) -> Sealed:
        """Whether the header is sealed by the quorum in force."""
        ...


SEALS: Final[Mapping[str, SealRule]] = {}
"""Rules by the name that a segment's material gives as `consensus`. This release has none."""


class _Stop(Exception):  # not an error: the rest has nothing to stand on
    pass


class EvmReceiptVerifier:
    """See `gateway.spi.Verifier`."""

    type: Final = EVIDENCE

    def __init__(self, seals: Mapping[str, SealRule] = SEALS) -> None:
        self._seals = seals

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        """Claims `recorded` and `valid`, with every check that led to them. Never raises on bad input."""
        run = _Run(native, evidence, context, self._seals)
        try:
            run.all()
        except _Stop:
            pass
        return run.report()


class _Run:
    """One verification: its checks so far and what they yielded."""

    def __init__(
        self, native: NativeRecord, evidence: Evidence, context: VerificationContext, seals: Mapping[str, SealRule]
    ) -> None:
        self.native, self.evidence, self.context, self.seals = native, evidence, context, seals
        self.checks: list[Check] = []
        self.basis: Basis | None = None
        self.quorum: Quorum | None = None
        self.header: evm.Header | None = None
        self.place: Place | None = None
        self.withdraws: bool | None = None

    # ── the order ───────────────────────────────────────────────────────────────────────────────────────────────

    def all(self) -> None:
        place, entry = self.form()
        self.place, self.withdraws = place, entry.withdrawn
        header_bytes, branch_bytes = self.shared()
        header = self.read_header(header_bytes)
        segment = self.segment(header, place)
        self.time(header)
        rule = self.rule(segment)
        self.header_hash(header_bytes, place, rule)
        self.seal(header_bytes, segment, rule)
        receipt = self.receipt(header, place, branch_bytes)
        self.event(receipt, place, entry)

    def report(self) -> Report:
        outcomes = {check.outcome for check in self.checks}
        outcome: CheckOutcome = "passed"
        if "failed" in outcomes:
            outcome = "failed"
        elif "indeterminate" in outcomes:
            outcome = "indeterminate"
        ids = tuple([check.id for check in self.checks])
        basis = self.basis if outcome == "passed" else None
        time = None
        if self.header is not None:
            try:
                time = self.header.time
            except InputError:
                pass
        findings = tuple(
            [
                Finding(claim, outcome, basis, self.quorum if basis else None, time, ids)
                for claim in (Claim.RECORDED, Claim.VALID)
            ]
        )
        place = self.place
        if place is None:
            return Report(findings, tuple(self.checks))
        locus: Locus = {"block": place.block, "transaction": place.transaction, "log": place.log}
        return Report(findings, tuple(self.checks), "0x" + place.contract.hex(), locus, self.withdraws)

    # ── noting ──────────────────────────────────────────────────────────────────────────────────────────────────

    def passed(self, id: str, object: str, reason: str, parent: str | None = None) -> None:  # noqa: A002
        self.checks.append(Check(id, "passed", reason, object, parent=parent))

    def failed(
        self,
        id: str,  # noqa: A002
        sub: str,
        reason: str,
        *,
        object: str = "",  # noqa: A002
        expected: bytes | str | None = None,
        found: bytes | str | None = None,
        parent: str | None = None,
        outcome: CheckOutcome = "failed",
        hint: str | None = None,
    ) -> None:
        self.checks.append(
            Check(id, outcome, reason, object, sub, _shown(expected), _shown(found), parent=parent, hint=hint)
        )

    def form_failed(self, id: str, error: GatewayError, parent: str | None = None) -> None:  # noqa: A002
        where = f" ({error.where})" if error.where else ""
        self.failed(id, "FORMAT_FAILURE", f"{error.detail}{where}", parent=parent, hint=error.hint)

    # ── the checks ──────────────────────────────────────────────────────────────────────────────────────────────

    def form(self) -> tuple[Place, entries.Entry]:
        evidence = self.evidence
        if evidence.type != EVIDENCE:
            self.failed(
                "evm.evidence", "FORMAT_FAILURE", "another type of evidence", expected=EVIDENCE, found=evidence.type
            )
            raise _Stop
        try:
            place = place_of(evidence)
            entry = entry_of(self.native, evidence)
        except InputError as error:
            self.form_failed("evm.evidence", error)
            raise _Stop from error
        if len(evidence.shared) != 2:
            self.failed(
                "evm.evidence", "FORMAT_FAILURE", f"it shares {len(evidence.shared)} documents, not header and branch"
            )
            raise _Stop
        self.passed("evm.evidence", EVIDENCE, "The evidence has its form.")
        if entry.withdrawn and entry.supersedes is None:
            self.failed(
                "evm.withdrawn", "FORMAT_FAILURE", "It withdraws, and does not say what.", parent="evm.evidence"
            )
        else:
            told = "It withdraws another entry." if entry.withdrawn else "It does not withdraw."
            self.passed("evm.withdrawn", entry.key.hex(), told, "evm.evidence")
        return place, entry

    def shared(self) -> tuple[bytes, bytes]:
        held: list[bytes] = []
        for digest, what in zip(self.evidence.shared, ("header", "branch"), strict=True):
            document = self.context.shared.get(digest)
            if document is None:
                told = f"The {what} is not in the file."
                self.failed("evm.shared", "SIGNED_DATA_NOT_FOUND", told, object=digest.hex(), outcome="indeterminate")
                raise _Stop
            found = hashlib.sha256(document).digest()
            if found != digest:
                told = f"The {what} is another document than the evidence names."
                self.failed("evm.shared", "HASH_FAILURE", told, object=digest.hex(), expected=digest, found=found)
                raise _Stop
            held.append(document)
        self.passed("evm.shared", self.evidence.shared[0].hex(), "Header and branch are here.", "evm.evidence")
        return held[0], held[1]

    def read_header(self, data: bytes) -> evm.Header:
        try:
            self.header = _header(data)
            number = self.header.number
            self.header.time  # noqa: B018  # raises where it is beyond what can be told
        except InputError as error:
            self.form_failed("evm.header", error, "evm.shared")
            raise _Stop from error
        self.passed("evm.header", f"block {number}", "The header is canonical RLP with its fields.", "evm.shared")
        return self.header

    def segment(self, header: evm.Header, place: Place) -> Segment:
        network = self.evidence.network.hex()
        segment = self.context.anchors.at("network", network, None, header.number)
        if segment is None:
            others = self.context.anchors.all("network", network)
            self.failed(
                "evm.segment",
                "NO_CERTIFICATE_CHAIN_FOUND_NO_POE" if others else "NO_CERTIFICATE_CHAIN_FOUND",
                f"No anchor names this network at height {header.number}.",
                object=network,
                parent="evm.header",
                outcome="indeterminate",
                hint="Give the registry that the office's networks are listed in, with --anchors.",
            )
            raise _Stop
        self.passed("evm.segment", network, f"The registry names the network at height {header.number}.", "evm.header")
        material = segment.material
        try:
            named = NetworkId(_text(material, "kind"), _text(material, "chain"), _hex(material, "genesis", 32))
            contract = _hex(material, "contract", 20)
        except ValueError as error:
            self.failed(
                "evm.network",
                "CHAIN_CONSTRAINTS_FAILURE",
                f"The segment {error}.",
                object=network,
                outcome="indeterminate",
            )
            raise _Stop from error
        if named.digest != self.evidence.network:
            self.failed(
                "evm.network",
                "CHAIN_CONSTRAINTS_FAILURE",
                "The segment's chain and genesis are another network's.",
                expected=network,
                found=named.digest,
                parent="evm.segment",
                outcome="indeterminate",
            )
            raise _Stop
        self.passed("evm.network", network, f"Chain {named.chain} from genesis 0x{named.genesis.hex()}.", "evm.segment")
        if contract != place.contract:
            self.failed(
                "evm.contract",
                "CHAIN_CONSTRAINTS_FAILURE",
                "The registry names another contract.",
                expected=contract,
                found=place.contract,
                parent="evm.segment",
                outcome="indeterminate",
            )
        else:
            self.passed("evm.contract", f"0x{contract.hex()}", "It is the registry's contract.", "evm.segment")
        return segment

    def time(self, header: evm.Header) -> None:
        now = self.context.now
        if header.time - now > CLOCKS:  # a difference, because a sum can leave the calendar
            self.failed(
                "evm.time",
                "TIMESTAMP_ORDER_FAILURE",
                "The block says that it was made after the time of this verification.",
                expected=now.isoformat(),
                found=header.time.isoformat(),
                parent="evm.header",
                outcome="indeterminate",
            )
        else:
            self.passed("evm.time", header.time.isoformat(), "The block is older than this verification.", "evm.header")

    def rule(self, segment: Segment) -> SealRule | None:
        """The rule that the segment asks for; None where the office's word is all that is asked."""
        asked = segment.material.get("consensus")
        if asked is None:
            return None
        rule = self.seals.get(asked) if isinstance(asked, str) else None
        if rule is None:
            self.failed(
                "evm.seals",
                "SIG_CONSTRAINTS_FAILURE",
                f"The segment asks for seals of {str(asked)[:40]!r}, which this release cannot check.",
                object=segment.subject,
                parent="evm.segment",
                outcome="indeterminate",
                hint="Verify with a release that knows this consensus.",
            )
            raise _Stop
        return rule

    def header_hash(self, data: bytes, place: Place, rule: SealRule | None) -> None:
        try:
            found = _hash(data) if rule is None else rule.block_hash(data)
        except InputError as error:
            self.form_failed("evm.header.hash", error, "evm.header")
            raise _Stop from error
        if found != place.block:
            self.failed(
                "evm.header.hash",
                "HASH_FAILURE",
                "The header is another block's.",
                object=self.evidence.shared[0].hex(),
                expected=place.block,
                found=found,
                parent="evm.header",
            )
            raise _Stop
        self.passed("evm.header.hash", place.block.hex(), "The header gives the block's hash.", "evm.header")

    def seal(self, data: bytes, segment: Segment, rule: SealRule | None) -> None:
        if rule is None:
            told = "The segment asks for no seals: the block rests on the office's word."
            made = Sealed("passed", told, Basis.ATTESTED)
        else:
            made = rule.check(data, self.evidence, segment, self.context)
        self.basis, self.quorum = made.basis, made.quorum
        sub = made.sub_indication
        self.checks.append(
            Check("evm.seals", made.outcome, made.reason, segment.subject, sub, parent="evm.header.hash")
        )
        if made.basis is None:
            return
        least = segment.basis
        if least is not None and not made.basis.at_least(least):
            self.failed(
                "evm.basis",
                "SIG_CONSTRAINTS_FAILURE",
                "The registry accepts nothing on so weak a basis from this network.",
                expected=str(least),
                found=str(made.basis),
                parent="evm.segment",
                outcome="indeterminate",
            )
        else:
            self.passed("evm.basis", str(made.basis), f"The basis is {made.basis}.", "evm.segment")

    def receipt(self, header: evm.Header, place: Place, data: bytes) -> evm.Receipt:
        limits = self.context.limits
        which = f"receipt {place.transaction}"
        try:
            leaf = _leaf(header.receipts_root, place.transaction, data, limits.member, limits.proof_nodes)
        except LimitError as error:
            self.form_failed("evm.branch", error, "evm.header.hash")
            raise _Stop from error
        except InputError as error:
            if error.code == patricia.BROKEN.code:
                self.failed(
                    "evm.branch",
                    "HASH_FAILURE",
                    f"{error.detail} ({error.where})" if error.where else error.detail,
                    object=self.evidence.shared[1].hex(),
                    expected=header.receipts_root,
                    parent="evm.header.hash",
                )
            else:
                self.form_failed("evm.branch", error, "evm.header.hash")
            raise _Stop from error
        if leaf is None:
            self.failed(
                "evm.branch",
                "HASH_FAILURE",
                f"The block has no {which}.",
                parent="evm.header.hash",
            )
            raise _Stop
        self.passed(
            "evm.branch",
            self.evidence.shared[1].hex(),
            f"The block holds {which}.",
            "evm.header.hash",
        )
        try:
            receipt = _receipt(leaf, limits.member)
        except InputError as error:
            self.form_failed("evm.receipt", error, "evm.branch")
            raise _Stop from error
        self.passed("evm.receipt", which, "The receipt is canonical.", "evm.branch")
        if receipt.succeeded is not True:
            self.failed(
                "evm.receipt.status",
                "FORMAT_FAILURE",
                "The transaction failed, or its receipt does not say that it did not.",
                object=which,
                expected="1",
                found=receipt.outcome.hex() or "0",
                parent="evm.receipt",
            )
        else:
            self.passed("evm.receipt.status", which, "The transaction succeeded.", "evm.receipt")
        return receipt

    def event(self, receipt: evm.Receipt, place: Place, entry: entries.Entry) -> None:
        if place.log >= len(receipt.logs):
            self.failed(
                "evm.log",
                "HASH_FAILURE",
                f"The receipt has {len(receipt.logs)} logs and no log {place.log}.",
                parent="evm.receipt",
            )
            raise _Stop
        log = receipt.logs[place.log]
        self.passed("evm.log", f"log {place.log}", "The receipt has the log.", "evm.receipt")
        self.equal("evm.log.address", place.contract, log.address, "contract that told it")
        kind = entries.WITHDRAWN if entry.withdrawn else entries.RECORDED
        shape = len(log.topics) == 3 and len(log.data) == 64
        topics = log.topics if shape else (b"", b"", b"")
        if topics[0] != kind:
            self.failed(
                "evm.log.topic",
                "HASH_FAILURE",
                "The log is another event, or the entry withdraws and the event does not, or the other way round.",
                object=f"log {place.log}",
                expected=kind,
                found=topics[0],
                parent="evm.log",
            )
            if not shape or topics[0] not in (entries.RECORDED, entries.WITHDRAWN):
                raise _Stop
        else:
            self.passed("evm.log.topic", f"log {place.log}", "It is the event of such an entry.", "evm.log")
        self.equal("evm.log.key", entry.key, topics[1], "entry's key")
        self.equal("evm.subject", entries.subject_hash(entry.salt, entry.subject), topics[2], "subject's salted hash")
        self.equal("evm.record.hash", entries.hash_of(entries.pack(entry)), log.data[32:], "entry's salted hash")

    def equal(self, id: str, expected: bytes, found: bytes, what: str) -> None:  # noqa: A002
        if expected == found:
            self.passed(id, expected.hex(), f"The {what} is the log's.", "evm.log")
        else:
            self.failed(
                id, "HASH_FAILURE", f"The {what} is not the log's.", expected=expected, found=found, parent="evm.log"
            )


# What the entries of one transaction share is decoded once for all of them; the same bytes give the same answer.


@lru_cache(maxsize=64)
def _header(data: bytes) -> evm.Header:
    return evm.Header.decode(data)


@lru_cache(maxsize=64)
def _leaf(root: bytes, transaction: int, branch: bytes, limit: int, most: int) -> bytes | None:
    nodes = branch_of(branch, limit=limit, most=most)
    return patricia.verify(root, patricia.index_key(transaction), nodes, limit=limit, most=most)


@lru_cache(maxsize=64)
def _receipt(data: bytes, limit: int) -> evm.Receipt:
    return evm.Receipt.decode(data, limit=limit)


@lru_cache(maxsize=64)
def _hash(header: bytes) -> bytes:
    return keccak256(header)


def _shown(value: bytes | str | None) -> str | None:
    return value.hex() if isinstance(value, bytes) else value


def _text(material: Mapping[str, Any], name: str) -> str:
    value = material.get(name)
    if not isinstance(value, str):
        raise ValueError(f"names no {name}")
    return value


def _hex(material: Mapping[str, Any], name: str, size: int) -> bytes:
    value = _text(material, name)
    if len(value) != 2 * size or value != value.lower():
        raise ValueError(f"names no {name} of {size} bytes")
    return bytes.fromhex(value)
