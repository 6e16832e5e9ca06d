"""What a credential binds, and how its id and its times are written."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from gateway.model import context
from gateway.trust import strictjson

__all__ = [
    "CONTEXTS",
    "LARGEST",
    "NAME",
    "PURPOSE",
    "VCDM_CONTEXT",
    "Binding",
    "MappingName",
    "id_of",
    "text_of",
    "time_of",
]

VCDM_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"

CONTEXTS: Final = (VCDM_CONTEXT, context.CONTEXT_ID)
PURPOSE: Final = "assertionMethod"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,127}", re.ASCII)
LARGEST: Final = strictjson.LARGEST_INTEGER


class MappingName(NamedTuple):
    """A mapping by name, version and digest (32 bytes)."""

    name: str
    version: str
    digest: bytes


class Binding(msgspec.Struct, frozen=True):
    """What a credential binds its record to. Keys and digests are 32 raw bytes.

    record_key       key of the common record
    revision         1 for the first; a correction or withdrawal is the next
    network          digest of the network that the native record stands on
    native_format    name of its format, with the digest of its bytes
    evidence_type    type of the evidence, with the digest of its encoding
    mapping          the mapping that gave the record
    context_digest   of the gateway's own JSON-LD context
    losses_digest    of the loss report
    withdrawn        this revision declares the record void
    supersedes       of the revision that this one replaces or withdraws, or None
    """

    record_key: bytes
    revision: int
    network: bytes
    native_format: str
    native_digest: bytes
    evidence_type: str
    evidence_digest: bytes
    mapping: MappingName | tuple[str, str, bytes]
    context_digest: bytes
    losses_digest: bytes
    withdrawn: bool = False
    supersedes: bytes | None = None


def id_of(record_key: bytes, revision: int) -> str:
    """RFC 9562 version 8: SHA-256 over ``record-credential/1``, the record key and the revision in eight bytes."""
    made = hashlib.sha256(b"record-credential/1" + record_key + revision.to_bytes(8, "big")).hexdigest()
    variant = "89ab"[int(made[16], 16) & 3]
    return f"urn:uuid:{made[:8]}-{made[8:12]}-8{made[13:16]}-{variant}{made[17:20]}-{made[20:32]}"


@lru_cache(maxsize=4096)
def text_of(when: datetime) -> str:
    """UTC, to the second, or with six digits of it where there is a fraction."""
    return when.astimezone(UTC).isoformat()[:-6] + "Z"


def time_of(text: str) -> datetime | None:
    """The time that `text_of` writes as `text`, or None where it writes none so."""
    # What is not as long as a time is not remembered either.
    return _time_of(text) if len(text) in (20, 27) and text[-1] == "Z" else None


@lru_cache(maxsize=4096)
def _time_of(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text)
        return when if text_of(when) == text else None
    except (ValueError, OverflowError):
        return None
