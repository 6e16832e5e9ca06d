"""The form of evidence `evm-receipt/1`. See docs/reference/evidence-evm-receipt-1.md.

extraction  source: the contract's address, 0x…; locus: {block: 32 bytes, transaction: index, log: index}
shared      the header's RLP; deterministic CBOR of the list of the receipt's branch, nodes from the root down
own         the entry without its body and format, which are the native record
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import cbor
from gateway.spi import Evidence, NativeRecord
from gateway_evm.entry import PATH, TEXT, Entry

__all__ = ["EVIDENCE", "Place", "branch_of", "entry_of", "own_of", "place_of"]

EVIDENCE: Final = "evm-receipt/1"

BAD_EVIDENCE = fault(
    "evm.bad-evidence",
    "The evidence does not have the form of evm-receipt/1.",
    "Ask for the file again as it was handed out.",
)

_OWN: Final = {"key", "digest", "supersedes", "mark", "salt", "withdrawn", "subject", "path"}


class Place(msgspec.Struct, frozen=True):
    """Where on the network the evidence says that the entry stands."""

    contract: bytes
    block: bytes
    transaction: int
    log: int


def own_of(entry: Entry) -> dict[str, Any]:
    """What of an entry goes into the evidence's own part."""
    return {
        "key": entry.key,
        "digest": entry.digest,
        "supersedes": entry.supersedes,
        "mark": entry.mark,
        "salt": entry.salt,
        "withdrawn": entry.withdrawn,
        "subject": entry.subject,
        "path": list(entry.path),
    }


def entry_of(native: NativeRecord, evidence: Evidence) -> Entry:
    """The entry, put together again. Raises InputError where the evidence's own part has another form."""
    own = evidence.own
    if set(own) != _OWN:
        raise InputError(BAD_EVIDENCE, "its own part has other members", where="own")
    subject, path, supersedes = own["subject"], own["path"], own["supersedes"]
    if type(own["withdrawn"]) is not bool or type(subject) is not str or len(subject) > TEXT:
        raise InputError(BAD_EVIDENCE, "withdrawn is not a truth value, or the subject no short text", where="own")
    if type(path) not in (list, tuple) or len(path) > PATH:
        raise InputError(BAD_EVIDENCE, "the path is no short list", where="own.path")
    words = [own["key"], own["digest"], own["mark"], own["salt"], *path]
    if supersedes is not None:
        words.append(supersedes)
    if any(type(word) is not bytes or len(word) != 32 for word in words) or supersedes == bytes(32):
        raise InputError(BAD_EVIDENCE, "a digest, key or salt that is not 32 bytes", where="own")
    try:
        subject.encode()
        native.format.encode()
    except UnicodeEncodeError as error:
        raise InputError(BAD_EVIDENCE, "text with a lone surrogate", where="own.subject") from error
    return Entry(
        key=own["key"],
        digest=own["digest"],
        mark=own["mark"],
        salt=own["salt"],
        subject=subject,
        format=native.format,
        body=native.content,
        path=tuple(path),
        withdrawn=own["withdrawn"],
        supersedes=supersedes,
    )


def place_of(evidence: Evidence) -> Place:
    """Where the evidence says that the entry stands. Raises InputError where it does not say so in due form."""
    extraction = evidence.extraction
    source, locus = extraction.get("source"), extraction.get("locus")
    if set(extraction) != {"source", "locus"} or not isinstance(locus, dict):
        raise InputError(BAD_EVIDENCE, "the extraction has other members", where="extraction")
    if set(locus) != {"block", "transaction", "log"}:
        raise InputError(BAD_EVIDENCE, "the locus has other members", where="extraction.locus")
    block, transaction, log = locus["block"], locus["transaction"], locus["log"]
    if type(block) is not bytes or len(block) != 32:
        raise InputError(BAD_EVIDENCE, "the block is not named by 32 bytes", where="extraction.locus.block")
    for index in (transaction, log):
        if type(index) is not int or not 0 <= index < 1 << 32:
            raise InputError(BAD_EVIDENCE, "an index that is none", where="extraction.locus")
    if type(source) is not str or len(source) != 42 or not source.startswith("0x") or source != source.lower():
        raise InputError(BAD_EVIDENCE, "the source is not a contract's address", where="extraction.source")
    try:
        contract = bytes.fromhex(source[2:])
    except ValueError as error:
        raise InputError(BAD_EVIDENCE, "the source is not a contract's address", where="extraction.source") from error
    if len(contract) != 20:
        raise InputError(BAD_EVIDENCE, "the source is not a contract's address", where="extraction.source")
    return Place(contract, block, transaction, log)


def branch_of(data: bytes, *, limit: int, most: int) -> list[bytes]:
    """The nodes of a branch. Raises InputError, LimitError over `limit` bytes."""
    nodes = cbor.decode(data, limit=limit, nesting=2)
    if type(nodes) is not list or not 0 < len(nodes) <= most or any(type(node) is not bytes for node in nodes):
        raise InputError(BAD_EVIDENCE, "a branch is a list of nodes", where="shared")
    return nodes
