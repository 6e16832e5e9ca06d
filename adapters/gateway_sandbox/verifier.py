"""Checks `sandbox/1` evidence. Pure: what it says depends on its arguments alone, and it raises on none.

    native record ─content_hash─▶ leaf ─branch─▶ header ◀─signatures─ set of validators ◀─changes─ set of the anchor

Each arrow, and each document at its ends, is a check with an id of its own (`CHECKS`), so that a verdict says what is
wrong and not only that something is. Some of them ask the same of every record of a block: those are worked out once
per block and remembered. They are functions of bytes, so remembering them changes nothing but the time it takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from gateway.errors import InputError
from gateway.proofs import ed25519, merkle
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
from gateway_sandbox.blocks import (
    FORM,
    Block,
    Header,
    ValidatorSet,
    content_hash,
    fingerprint,
    instant,
    read,
    signed_bytes,
    subject_hash,
)
from gateway_sandbox.evidence import MOST_CHANGES, NAME, TYPE, Extraction, Own, locus, read_extraction, read_own

__all__ = ["CHECKS", "NOTE", "Anchor", "SandboxVerifier"]

CHECKS: Final[Mapping[str, str]] = {
    "sandbox.evidence": "The evidence has exactly the fields of this type, within the limits.",
    "sandbox.leaf": "The leaf is that of the entry which the extraction names.",
    "sandbox.native": "The native record, with its mark and path, gives the hash in the leaf.",
    "sandbox.subject": "The subject, with its salt, gives the hash in the leaf.",
    "sandbox.withdrawn": "An entry that withdraws says what it withdraws.",
    "sandbox.shared": "The documents that the evidence names are at hand.",
    "sandbox.digest": "The documents are those whose digests the evidence names.",
    "sandbox.documents": "The documents have the form of a block, and of sets of validators.",
    "sandbox.header": "The header is that of the block which the extraction names.",
    "sandbox.branch": "The branch leads from the leaf to the root in the header.",
    "sandbox.segment": "There is an anchor for this network at this height.",
    "sandbox.chain": "Anchor, evidence and header are about one chain.",
    "sandbox.validators": "The set of validators is the one that the header names.",
    "sandbox.path": "The set is the anchor's, or changes that were agreed by its predecessors lead to it.",
    "sandbox.signers": "All who signed belong to the set.",
    "sandbox.signatures": "Every signature under a key of the set verifies.",
    "sandbox.quorum": "2f + 1 of the 3f + 1 validators signed.",
    "sandbox.time": "The block was not made after the time of this verification.",
}
"""Every check by its id. Which sub-indication each gives is said in docs/reference/evidence-sandbox-1.md."""

NOTE: Final = (
    "One file holds the keys of all validators of a sandbox ledger: this is for training and tests, "
    "and proves nothing against its keeper."
)

_CLOCK_LEEWAY: Final = timedelta(minutes=1)
"""Between the clocks of a ledger's machine and a verifier's."""


class Anchor(NamedTuple):
    """The material of a network's segment: the set of validators that was in force from `height` on."""

    chain: str
    genesis: bytes
    validators: ValidatorSet
    height: int

    @property
    def network(self) -> bytes:
        return NetworkId("sandbox", self.chain, self.genesis).digest

    def material(self) -> dict[str, Any]:
        """As plain JSON values, for a registry."""
        return {
            "kind": "sandbox",
            "chain": self.chain,
            "genesis": self.genesis.hex(),
            "validators": [key.hex() for key in self.validators.validators],
            "height": self.height,
        }

    @staticmethod
    def read(material: Mapping[str, Any]) -> Anchor:
        """Raises InputError, KeyError, TypeError or ValueError where it is not such material."""
        chain, genesis, height = material["chain"], material["genesis"], material["height"]
        if material["kind"] != "sandbox" or not isinstance(chain, str) or type(height) is not int:
            raise ValueError("not a sandbox ledger's")
        return _anchor(chain, genesis, tuple(material["validators"]), height)


@lru_cache(maxsize=64)
def _anchor(chain: str, genesis: str, validators: tuple[str, ...], height: int) -> Anchor:
    keys = tuple(bytes.fromhex(key) for key in validators)
    digest = bytes.fromhex(genesis)
    if len(digest) != 32:
        raise ValueError("the genesis is no SHA-256 digest")
    return Anchor(chain, digest, read(ValidatorSet, ValidatorSet(keys).encode()), height)


class SandboxVerifier:
    """Gives the claims `recorded` and `valid`, both on the basis of consensus. See `gateway.spi.Verifier`."""

    def verify(self, native: NativeRecord, evidence: Evidence, context: VerificationContext) -> Report:
        try:
            extraction, own = _shape(native, evidence, context)
        except InputError as error:
            return _report([_failed("sandbox.evidence", "FORMAT_FAILURE", error.detail, hint=error.hint)])
        checks = [_passed("sandbox.evidence", "it has the fields of sandbox/1")]
        checks += _opened(native, extraction, own)

        found, documents = _documents(evidence.shared, context.shared)
        checks += found
        if documents is None:
            return _report(checks)
        readable, block = _read(documents)
        checks.append(readable)
        if block is None:
            return _report(checks)

        checks += _placed(extraction, own, block, context)
        standing, anchor = _segment(evidence, block.header, context)
        checks.append(standing)
        signed, quorum = _signed(documents, anchor, evidence.network)
        checks += signed
        return _report(checks, block.header, quorum, locus(extraction.block, extraction.index), own.leaf.withdrawn)


# ── the record itself ────────────────────────────────────────────────────────────────────────────────────────────


def _shape(native: NativeRecord, evidence: Evidence, context: VerificationContext) -> tuple[Extraction, Own]:
    """The evidence's own fields. Raises InputError on any other form, and before more is done than counting."""
    limits = context.limits
    documents = len(evidence.shared)
    if evidence.type != TYPE:
        raise InputError(FORM, f"not evidence of the type {TYPE}")
    if any(type(each) is not bytes or len(each) != 32 for each in (evidence.network, *evidence.shared)):
        raise InputError(FORM, "the network, or a shared document, is not named by a digest")
    if documents < 2 or documents % 2 or documents > min(limits.shared, 2 + 2 * MOST_CHANGES):
        raise InputError(FORM, f"{documents} shared documents: a block, a set, and two for each change of validators")
    extraction, own = read_extraction(evidence), read_own(evidence)
    if len(own.branch) > limits.proof_nodes:
        raise InputError(FORM, f"a branch of {len(own.branch)} hashes")
    try:
        (native.format + own.subject).encode()
    except UnicodeEncodeError as error:
        raise InputError(FORM, "half of a surrogate pair, which no text holds") from error
    return extraction, own


def _opened(native: NativeRecord, extraction: Extraction, own: Own) -> list[Check]:
    """What the leaf says, against what opens its hashes."""
    leaf = own.leaf
    return [
        _equal("sandbox.leaf", leaf.key, extraction.key, "the leaf is of the entry that is named"),
        _equal(
            "sandbox.native",
            content_hash(own.mark, own.path, native.format, native.content),
            leaf.hash,
            "mark, path, format and content give the hash in the leaf",
        ),
        _equal(
            "sandbox.subject",
            subject_hash(own.salt, own.subject),
            leaf.subject,
            "salt and subject give the hash in the leaf",
        ),
        _passed("sandbox.withdrawn", "it withdraws the entry that it supersedes" if leaf.withdrawn else "no withdrawal")
        if leaf.supersedes is not None or not leaf.withdrawn
        else _failed("sandbox.withdrawn", "FORMAT_FAILURE", "it withdraws, and does not say what"),
    ]


# ── what it shares with its block ────────────────────────────────────────────────────────────────────────────────


class _Change(NamedTuple):
    """One step back: the block that named the next set, and the set that signed that block."""

    block: Block
    header: Header
    earlier: ValidatorSet


class _Block(NamedTuple):
    block: Block
    header: Header
    digest: bytes
    validators: ValidatorSet
    changes: tuple[_Change, ...]


def _documents(named: Sequence[bytes], shared: Mapping[bytes, bytes]) -> tuple[list[Check], tuple[bytes, ...] | None]:
    """The bytes that the evidence names by digest; none where one of them is missing."""
    documents = tuple(shared.get(digest, b"") for digest in named)
    if not all(documents):
        absent = named[documents.index(b"")]
        check = _open(
            "sandbox.shared",
            "SIGNED_DATA_NOT_FOUND",
            "a document that the evidence names is not at hand",
            expected=absent.hex(),
            hint="Ask for the file again: what a record shares with its block belongs into it.",
        )
        return [check], None
    checks = [_passed("sandbox.shared", "all documents are at hand")]
    for digest, document in zip(named, documents, strict=True):
        actual = hashlib.sha256(document).digest()
        if actual != digest:
            checks.append(_equal("sandbox.digest", actual, digest, "a document has the digest by which it is named"))
            break
    else:
        checks.append(_passed("sandbox.digest", "each has the digest by which it is named", inputs=_hex(named)))
    return checks, documents


@lru_cache(maxsize=256)
def _read(documents: tuple[bytes, ...]) -> tuple[Check, _Block | None]:
    """What the documents say, be it true or not."""
    try:
        block, header = _header(documents[0])
        validators = read(ValidatorSet, documents[1])
        changes = tuple(
            _Change(*_header(changed), read(ValidatorSet, earlier))
            for changed, earlier in zip(documents[2::2], documents[3::2], strict=True)
        )
    except InputError as error:
        return _failed("sandbox.documents", "FORMAT_FAILURE", error.detail, hint=error.hint), None
    check = _passed("sandbox.documents", f"block {header.number}, its validators, and {len(changes)} changes of them")
    return check, _Block(block, header, block.block_digest, validators, changes)


def _header(document: bytes) -> tuple[Block, Header]:
    block = read(Block, document)
    return block, read(Header, block.header)


def _placed(extraction: Extraction, own: Own, block: _Block, context: VerificationContext) -> list[Check]:
    """The leaf's place in the block, and the block's in time."""
    header, leaf = block.header, own.leaf.tree_hash
    where = f"block {header.number}, entry {extraction.index}"
    checks = [_equal("sandbox.header", block.digest, extraction.block, "the header is that of the block that is named")]
    if merkle.verify_branch(header.entries, leaf, extraction.index, header.size, own.branch):
        checks.append(_passed("sandbox.branch", "the branch leads to the root in the header", where))
    else:
        reason = f"the branch does not lead from entry {extraction.index} of {header.size} to the root in the header"
        inputs = (leaf.hex(), header.entries.hex())
        checks.append(_failed("sandbox.branch", "HASH_FAILURE", reason, where, inputs=inputs))
    made = instant(header.time)
    if made - context.now <= _CLOCK_LEEWAY:  # a difference, because a sum can leave the calendar
        checks.append(_passed("sandbox.time", "the block was made before this verification", where))
    else:
        now = context.now.isoformat()
        reason = "the block was made after the time of this verification"
        found = made.isoformat()
        checks.append(
            _open("sandbox.time", "TIMESTAMP_ORDER_FAILURE", reason, where, expected=f"by {now}", found=found, at=now)
        )
    return checks


# ── what is believed ─────────────────────────────────────────────────────────────────────────────────────────────


def _segment(evidence: Evidence, header: Header, context: VerificationContext) -> tuple[Check, Anchor | None]:
    """The anchor for this network at the header's height, and whether its standing allows to believe it."""
    subject, height = evidence.network.hex(), header.number
    segment = context.anchors.at("network", subject, height=height)
    if segment is None:
        if context.anchors.all("network", subject):
            sub_indication, reason = "NO_CERTIFICATE_CHAIN_FOUND_NO_POE", f"no anchor covers height {height}"
        else:
            sub_indication, reason = "NO_CERTIFICATE_CHAIN_FOUND", "no anchor for this network"
        hint = "Give the registry in which the office states this network's validators."
        return _open("sandbox.segment", sub_indication, reason, subject, hint=hint), None
    try:
        anchor = Anchor.read(segment.material)
    except (InputError, KeyError, TypeError, ValueError) as error:
        reason = f"the anchor's material is not that of a sandbox ledger: {type(error).__name__}"
        hint = "The office must state kind, chain, genesis, validators and height."
        return _open("sandbox.segment", "NO_CERTIFICATE_CHAIN_FOUND", reason, subject, hint=hint), None
    return _standing(segment, anchor, evidence, height, context), anchor


def _standing(segment: Segment, anchor: Anchor, evidence: Evidence, height: int, context: VerificationContext) -> Check:
    statement = (segment.statement.hex(),)
    if height < anchor.height:
        return _open(
            "sandbox.segment",
            "NO_CERTIFICATE_CHAIN_FOUND_NO_POE",
            f"the anchor states validators from height {anchor.height} on, the block is {height}",
            inputs=statement,
        )
    # A set that was ended because its keys were taken signs whatever the thief likes, at any height. A set that gave
    # way in peace is bounded by the height where it did; where none is stated, only by a proof from before its end.
    taken = segment.ended in {"revoked", "compromised"}
    if taken or (segment.ended != "open" and segment.last is None):
        proofs = [context.poe.earliest(digest) for digest in (evidence.shared[0], evidence.digest)]
        before = [proof for proof in proofs if proof and segment.until and proof.time <= segment.until]
        if not before:
            return _open(
                "sandbox.segment",
                "REVOKED_NO_POE" if taken else "OUT_OF_BOUNDS_NO_POE",
                f"the anchor was {segment.ended}, and nothing proves that the block existed before",
                at=segment.until.isoformat() if segment.until else None,
                inputs=statement,
                hint="A timestamp over the evidence from before that time would prove it.",
            )
        return _passed(
            "sandbox.segment",
            f"the anchor was {segment.ended}, and the block existed before",
            at=before[0].time.isoformat(),
            inputs=statement,
            parent=before[0].check,
        )
    return _passed("sandbox.segment", f"an anchor covers height {height}", inputs=statement)


@lru_cache(maxsize=256)
def _signed(documents: tuple[bytes, ...], anchor: Anchor | None, network: bytes) -> tuple[tuple[Check, ...], Quorum]:
    """Who signed the block, and why their word counts. The same for every record of the block."""
    _, block = _read(documents)
    assert block is not None
    header, validators = block.header, block.validators
    where = f"block {header.number}"
    checks = [_equal("sandbox.validators", validators.digest, header.validators, "it is the set that the header names")]
    votes = _votes(block.block, validators)
    if not votes.foreign:
        checks.append(_passed("sandbox.signers", "all who signed belong to the set", where))
    else:
        reason, found = "one who signed is no validator at this height", ", ".join(votes.foreign)
        checks.append(_open("sandbox.signers", "CHAIN_CONSTRAINTS_FAILURE", reason, where, found=found))
    if not votes.wrong:
        checks.append(_passed("sandbox.signatures", "every signature under a key of the set verifies", where))
    else:
        reason, found = "a validator's signature over the header is wrong", ", ".join(votes.wrong)
        checks.append(_failed("sandbox.signatures", "SIG_CRYPTO_FAILURE", reason, where, found=found))
    counted = f"{len(votes.good)} of {len(validators.validators)} validators signed"
    if len(votes.good) >= validators.required:
        checks.append(_passed("sandbox.quorum", counted, where))
    else:
        expected = f"{validators.required} of {len(validators.validators)}"
        checks.append(_open("sandbox.quorum", "SIG_CONSTRAINTS_FAILURE", counted, where, expected=expected))
    if anchor is not None:
        checks += [_chain(header, anchor, network), _path(block, anchor)]
    return tuple(checks), Quorum(len(votes.good), validators.required, votes.good)


def _chain(header: Header, anchor: Anchor, network: bytes) -> Check:
    if anchor.network == network and anchor.genesis == header.genesis:
        return _passed("sandbox.chain", f"all are about the chain {anchor.chain}", network.hex())
    reason, found = "anchor, evidence and header are not about one chain", header.genesis.hex()
    return _failed("sandbox.chain", "HASH_FAILURE", reason, network.hex(), expected=anchor.genesis.hex(), found=found)


def _path(block: _Block, anchor: Anchor) -> Check:
    """Goes back from the set that signed, over each change, until it meets the set that is believed."""
    believed = anchor.validators.digest
    current, number = block.validators.digest, block.header.number
    for steps, (change, header, earlier) in enumerate(block.changes):
        if current == believed:
            return _passed("sandbox.path", f"{steps} changes lead from the anchor's set to this one")
        if header.number < anchor.height:
            break  # that was before the time for which the anchor speaks
        where = f"change of validators in block {header.number}"
        linked = header.successors == current and header.validators == earlier.digest
        if not linked or header.genesis != anchor.genesis or header.number >= number:
            return _failed("sandbox.path", "HASH_FAILURE", "this change does not lead to the next set", where)
        votes = _votes(change, earlier)
        if votes.wrong:
            return _failed("sandbox.path", "SIG_CRYPTO_FAILURE", "a signature over the change is wrong", where)
        if votes.foreign:
            return _open("sandbox.path", "CHAIN_CONSTRAINTS_FAILURE", "one who signed it was no validator", where)
        if len(votes.good) < earlier.required:
            return _open("sandbox.path", "SIG_CONSTRAINTS_FAILURE", "too few validators agreed to it", where)
        current, number = earlier.digest, header.number
    if current == believed:
        return _passed("sandbox.path", f"{len(block.changes)} changes lead from the anchor's set to this one")
    return _open(
        "sandbox.path",
        "NO_CERTIFICATE_CHAIN_FOUND",
        "nothing leads from the anchor's set of validators to the one that signed",
        expected=believed.hex(),
        found=current.hex(),
        hint="Ask the office for a registry that states a later set.",
    )


class _Votes(NamedTuple):
    """Fingerprints of keys."""

    good: tuple[str, ...]
    wrong: tuple[str, ...]
    foreign: tuple[str, ...]


def _votes(block: Block, validators: ValidatorSet) -> _Votes:
    good, wrong, foreign = [], [], []
    message = signed_bytes(block.header)
    for public, signature in block.signatures:
        if public not in validators.validators:
            foreign.append(fingerprint(public))
        elif ed25519.verify(public, signature, message):
            good.append(fingerprint(public))
        else:
            wrong.append(fingerprint(public))
    return _Votes(tuple(good), tuple(wrong), tuple(foreign))


# ── the report ───────────────────────────────────────────────────────────────────────────────────────────────────


def _report(
    checks: Sequence[Check],
    header: Header | None = None,
    quorum: Quorum | None = None,
    place: Locus | None = None,
    withdraws: bool | None = None,
) -> Report:
    """`valid` rests on every check, `recorded` on all but the one that looks at a rule of the ledger."""
    basis = Basis.CONSENSUS if quorum is not None else None
    time = instant(header.time) if header is not None else None
    recorded = [check for check in checks if check.id != "sandbox.withdrawn"]
    findings = tuple(
        Finding(claim, _worst(counted), basis, quorum, time, tuple([check.id for check in counted]), NOTE)
        for claim, counted in ((Claim.RECORDED, recorded), (Claim.VALID, checks))
    )
    return Report(findings, tuple(checks), None if place is None else NAME, place, withdraws)


def _worst(checks: Sequence[Check]) -> CheckOutcome:
    outcomes = {check.outcome for check in checks}
    return "failed" if "failed" in outcomes else "indeterminate" if "indeterminate" in outcomes else "passed"


def _passed(check: str, reason: str, object: str = "", **details: Any) -> Check:  # noqa: A002
    return Check(check, "passed", reason, object, **details)


def _failed(check: str, sub_indication: str, reason: str, object: str = "", **details: Any) -> Check:  # noqa: A002
    return Check(check, "failed", reason, object, sub_indication, **details)


def _open(check: str, sub_indication: str, reason: str, object: str = "", **details: Any) -> Check:  # noqa: A002
    """Not decided: with more proofs, or another anchor, it might be."""
    return Check(check, "indeterminate", reason, object, sub_indication, **details)


def _equal(check: str, found: bytes, expected: bytes, reason: str) -> Check:
    if found == expected:
        return Check(check, "passed", reason, found.hex())
    return Check(
        check, "failed", f"not so: {reason}", found.hex(), "HASH_FAILURE", expected=expected.hex(), found=found.hex()
    )


def _hex(digests: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(digest.hex() for digest in digests)
