"""What `sandbox/1` evidence holds: made by the source, read by the verifier.

    extraction  {block, index, key}: digest of the block's header, place of the entry in it, key of the entry
    own         {leaf, branch, mark, path, salt, subject}: the Merkle leaf's fields, its inclusion proof lowest hash
                first, and what opens the leaf's two salted hashes
    shared      digests of: the block (header and signatures), the set of validators that signed it, and then, newest
                first, two documents for each change of validators before it: the block that changed, and the set that
                signed that one. A verifier goes back along them until it meets the set that it believes in

Neighbours show in it as Merkle hashes over salted leaves, and in no other way.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from gateway.spi import Evidence, Locus
from gateway_sandbox.blocks import MOST_HOPS, Document, Hash, Leaf, Text, shape

__all__ = ["MOST_CHANGES", "NAME", "TYPE", "Extraction", "Own", "evidence_of", "locus", "read_extraction", "read_own"]

TYPE: Final = "sandbox/1"
NAME: Final = "ledger"
"""A ledger has one source. Its network is in the record key beside it, so the name need not say which ledger."""
MOST_CHANGES: Final = 31
"""Changes of validators that evidence leads back over: two documents each, with block and set 64 (`Limits.shared`)."""


class Extraction(Document, frozen=True):
    """Which bytes the native record is: block and index are the locus, the key says what the ledger calls it."""

    block: Hash
    index: Annotated[int, msgspec.Meta(ge=0)]
    key: Hash


class Own(Document, frozen=True):
    """What is the record's own."""

    leaf: Leaf
    branch: tuple[Hash, ...]
    mark: Hash
    path: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=MOST_HOPS)]
    salt: Hash
    subject: Text


def evidence_of(network: bytes, extraction: Extraction, own: Own, shared: tuple[bytes, ...]) -> Evidence:
    return Evidence(TYPE, network, extraction.plain(), shared, own.plain())


def locus(block: bytes, index: int) -> Locus:
    """Where an entry stands: the digest of its block's header, and its place in it."""
    return {"block": block, "index": index}


def read_extraction(evidence: Evidence) -> Extraction:
    """Raises InputError unless it has exactly these fields."""
    return shape(Extraction, evidence.extraction)


def read_own(evidence: Evidence) -> Own:
    """Raises InputError unless it has exactly these fields."""
    return shape(Own, evidence.own)
