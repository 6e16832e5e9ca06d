"""The same for the EVM: a dossier of a real node's record, and a file for every check of `evm-receipt/1`.

A header that rests on the office's word can be anything that hashes to its own name, so what no node would give is put
together around the recorded entry: another receipt, its trie of one, a header above it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from gateway.proofs import cbor, evm, patricia
from gateway.proofs.keccak import keccak256
from gateway.spi import Basis, Evidence
from gateway.trust.registry import Registry
from gateway_evm import entry as entries
from gateway_evm.verifier import EvmReceiptVerifier
from tests.unit.dossier.corpus import (
    LONG_AGO,
    OTHER_ISSUER,
    ROOT,
    XB,
    Case,
    Draft,
    Make,
    by_digest,
    sha,
    writer,
)
from tests.unit.dossier.recording import recorded

RECORDED: Final = recorded()


def registry(
    material: Mapping[str, Any] | None = None, basis: Basis = Basis.ATTESTED, first: int | None = None
) -> Registry:
    """The registry of the other tests, with office XB's network in it."""
    made = writer()
    made.add_network(
        [ROOT],
        network=RECORDED.network,
        office="XB",
        material={**RECORDED.material, **(material or {})},
        basis=basis,
        since=LONG_AGO,
        issued=LONG_AGO,
        first=first,
    )
    return made.registry()


REGISTRY: Final = registry()


def draft(**changed: Any) -> Draft:
    """The draft of a good dossier about the recorded entry."""
    record = RECORDED.record
    parts: dict[str, Any] = {
        "native": record.native,
        "evidence": record.evidence,
        "shared": RECORDED.shared,
        "source": record.source,
        "locus": record.locus,
        "issuer": XB,
        "signer": OTHER_ISSUER,
        "valid_from": record.time,
        "registry": REGISTRY.encode(),
    }
    return Draft(**{**parts, **changed})


GOOD: Final = Case(draft().file(), anchors=REGISTRY, verifiers={"evm-receipt/1": EvmReceiptVerifier()})
CASES: Final[dict[str, Make]] = {}


def case(name: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        assert name not in CASES, name
        CASES[name] = make
        return make

    return add


# ── parts of the recorded evidence ───────────────────────────────────────────────────────────────────────────────

_HEADER, _BRANCH = (RECORDED.shared[digest] for digest in RECORDED.record.evidence.shared)
HEADER: Final = evm.Header.decode(_HEADER)
PLACE: Final[Mapping[str, Any]] = RECORDED.record.locus
_KEY: Final = patricia.index_key(PLACE["transaction"])
RECEIPT_BYTES: Final = patricia.verify(HEADER.receipts_root, _KEY, cbor.decode(_BRANCH))
assert RECEIPT_BYTES is not None
RECEIPT: Final = evm.Receipt.decode(RECEIPT_BYTES)


def evidence(**changed: Any) -> Evidence:
    return msgspec.structs.replace(RECORDED.record.evidence, **changed)


def about(changed: Evidence, shared: Mapping[bytes, bytes] | None = None, **more: Any) -> Case:
    """A dossier with this evidence; the record key is that of the place which it names."""
    place = changed.extraction["locus"]
    return replace(GOOD, data=draft(evidence=changed, shared=shared or RECORDED.shared, locus=place, **more).file())


def with_own(**own: Any) -> Case:
    return about(evidence(own={**RECORDED.record.evidence.own, **own}))


def with_documents(header: bytes, branch: bytes, block: bytes | None = None) -> Case:
    """Other documents; the block is named by the header's hash unless told otherwise."""
    locus = {**PLACE, "block": block or keccak256(header)}
    extraction = {"source": RECORDED.record.source, "locus": locus}
    return about(evidence(extraction=extraction, shared=(sha(header), sha(branch))), by_digest(header, branch))


def with_receipt(receipt: bytes) -> Case:
    """A block that holds this receipt in the recorded one's place."""
    trie = patricia.build([(_KEY, receipt)])
    header = msgspec.structs.replace(HEADER, receipts_root=trie.root).encode()
    return with_documents(header, cbor.encode(list(trie.branch(_KEY))))


def with_log(**changed: Any) -> Case:
    logs = list(RECEIPT.logs)
    logs[PLACE["log"]] = msgspec.structs.replace(logs[PLACE["log"]], **changed)
    return with_receipt(msgspec.structs.replace(RECEIPT, logs=tuple(logs)).encode())


# ── one case for every check ─────────────────────────────────────────────────────────────────────────────────────


@case("evm.evidence")
def _() -> Case:
    return with_own(more=1)


@case("evm.segment")
def _() -> Case:
    return replace(GOOD, anchors=registry(first=RECORDED.height + 1), data=draft(registry=None).file())


@case("evm.network")
def _() -> Case:
    return replace(GOOD, anchors=registry({"contract": "nowhere"}), data=draft(registry=None).file())


@case("evm.contract")
def _() -> Case:
    return replace(GOOD, anchors=registry({"contract": "11" * 20}), data=draft(registry=None).file())


@case("evm.header")
def _() -> Case:
    return with_documents(b"\xc0", _BRANCH)


@case("evm.header.hash")
def _() -> Case:
    return with_documents(_HEADER, _BRANCH, block=sha(b"another block"))


@case("evm.seals")
def _() -> Case:
    return replace(GOOD, anchors=registry({"consensus": "of-the-future"}), data=draft(registry=None).file())


@case("evm.basis")
def _() -> Case:
    return replace(GOOD, anchors=registry(basis=Basis.CONSENSUS), data=draft(registry=None).file())


@case("evm.branch")
def _() -> Case:
    return with_documents(msgspec.structs.replace(HEADER, receipts_root=sha(b"other receipts")).encode(), _BRANCH)


@case("evm.receipt")
def _() -> Case:
    return with_receipt(b"\xc0" + bytes(40))


@case("evm.receipt.status")
def _() -> Case:
    return with_receipt(msgspec.structs.replace(RECEIPT, outcome=b"").encode())


@case("evm.log")
def _() -> Case:
    locus = {**PLACE, "log": len(RECEIPT.logs)}
    return about(evidence(extraction={"source": RECORDED.record.source, "locus": locus}))


@case("evm.log.address")
def _() -> Case:
    return with_log(address=b"\x11" * 20)


@case("evm.log.topic")
def _() -> Case:
    topics = RECEIPT.logs[PLACE["log"]].topics
    return with_log(topics=(sha(b"another event"), *topics[1:]))


@case("evm.log.key")
def _() -> Case:
    topics = RECEIPT.logs[PLACE["log"]].topics
    return with_log(topics=(topics[0], sha(b"another entry"), *topics[2:]))


@case("evm.subject")
def _() -> Case:
    topics = RECEIPT.logs[PLACE["log"]].topics
    return with_log(topics=(*topics[:2], sha(b"another subject")))


@case("evm.record.hash")
def _() -> Case:
    return with_own(mark=sha(b"another mark"))


@case("evm.time")
def _() -> Case:
    tomorrow = int(GOOD.now.timestamp()) + 86_400
    return with_documents(msgspec.structs.replace(HEADER, timestamp=tomorrow).encode(), _BRANCH)


@case("evm.withdrawn")
def _() -> Case:
    """An entry that withdraws, and the contract's own event for it; but not what it withdraws."""
    own: dict[str, Any] = {**RECORDED.record.evidence.own, "withdrawn": True, "supersedes": None}
    native = RECORDED.record.native
    entry = entries.Entry(**{**own, "path": tuple(own["path"])}, format=native.format, body=native.content)
    logs = list(RECEIPT.logs)
    log = logs[PLACE["log"]]
    logs[PLACE["log"]] = msgspec.structs.replace(
        log,
        topics=(entries.WITHDRAWN, *log.topics[1:]),
        data=log.data[:32] + entries.hash_of(entries.pack(entry)),
    )
    trie = patricia.build([(_KEY, msgspec.structs.replace(RECEIPT, logs=tuple(logs)).encode())])
    header = msgspec.structs.replace(HEADER, receipts_root=trie.root).encode()
    branch = cbor.encode(list(trie.branch(_KEY)))
    place = {**PLACE, "block": keccak256(header)}
    shown = evidence(
        own=own, extraction={"source": RECORDED.record.source, "locus": place}, shared=(sha(header), sha(branch))
    )
    return about(shown, by_digest(header, branch), binding={"revision": 2, "withdrawn": True})


def another(number: int) -> Case:
    """A good dossier of a block of its own: the recorded entry under a header that differs in its extra data."""
    header = msgspec.structs.replace(HEADER, extra_data=number.to_bytes(4, "big")).encode()
    return with_documents(header, _BRANCH)
