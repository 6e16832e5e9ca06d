"""What a translation gives: common records, what was set aside, and what was lost, field by field with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import orjson

from gateway.model.records import CommonRecord
from gateway.spi import NativeRecord

__all__ = ["Loss", "MappingRef", "Rendition", "Translated", "Translation", "losses_document"]


class MappingRef(msgspec.Struct, frozen=True):
    """A released mapping. `digest` is SHA-256 over its rules, tables and schema in canonical form."""

    name: str
    version: str
    digest: bytes


class Loss(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place where the two forms differ. It says where and why, never what stood there.

    path    JSON pointer (RFC 6901): into the native tree for a translation, into the common record for a rendition
    effect  in a translation: `set-aside` (no rule reads it; the residue keeps it), `normalised` (read, and kept as it
            came in the residue), `filler` (the office writes this where it has nothing; kept in the residue),
            `unmapped-code` (an open table does not know the code), `dropped` (the mapping drops it on purpose).
            In a rendition: `dropped` (the format has no place for it), `narrowed` (what comes back is less or other),
            `added` (what comes back says more), `reordered` (the same entries in another order)
    reason  a sentence for a person, from the mapping
    record  which of several records handed over together; 0 where there is one
    """

    path: str
    effect: str
    reason: str
    record: int = 0


class Translated(msgspec.Struct, frozen=True):
    """One common record out of a native one. `index` stays the same when other records appear beside it."""

    index: int
    record: CommonRecord


class Translation(msgspec.Struct, frozen=True):
    """A native record in the common form. `residue` is empty where the way back needs nothing more."""

    mapping: MappingRef
    records: tuple[Translated, ...]
    residue: bytes
    losses: tuple[Loss, ...]

    @property
    def residue_digest(self) -> bytes:
        return hashlib.sha256(self.residue).digest()


class Rendition(msgspec.Struct, frozen=True):
    """Common records in a native form, with what that form cannot hold."""

    mapping: MappingRef
    native: NativeRecord
    losses: tuple[Loss, ...]


def losses_document(losses: Sequence[Loss]) -> bytes:
    """The loss report as JCS (RFC 8785): a list of `{effect, path, reason, record?}` in the order given."""
    # JCS for these values: ASCII keys sorted, texts and small integers alone
    return orjson.dumps([_plain(loss) for loss in losses], option=orjson.OPT_SORT_KEYS)


def _plain(loss: Loss) -> dict[str, str | int]:
    made: dict[str, str | int] = {"path": loss.path, "effect": loss.effect, "reason": loss.reason}
    if loss.record:
        made["record"] = loss.record
    return made
