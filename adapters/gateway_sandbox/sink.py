"""Writes to a sandbox ledger for a gateway: one attempt is one block, and the ledger takes no key twice."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from gateway.errors import Permanent, fault
from gateway.spi import (
    Absent,
    Conflict,
    DeliveryKey,
    NetworkId,
    Outbound,
    OutcomeOf,
    Prepared,
    Void,
    Written,
)
from gateway_sandbox.blocks import CHANGE_FORMAT, MOST_ENTRIES, MOST_HOPS, Hash, Text
from gateway_sandbox.evidence import locus
from gateway_sandbox.ledger import Entry, Held, Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.thread import LedgerThread

__all__ = ["MOST_CONTENT", "SandboxSink"]

MOST_CONTENT: Final = 16 * 1024 * 1024
"""Bytes of one record. More than a gateway reads: what it cannot take must be possible to try."""

UNFIT = fault(
    "sandbox.unfit",
    "The ledger takes no such entry.",
    "Keys, marks and digests have 32 bytes; a withdrawal names what it withdraws; the reference has the limits.",
)


class _Item(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One entry of an attempt: what `ledger.Entry` has, with the limits of each."""

    key: Hash
    digest: Hash
    subject: Text
    withdrawn: bool
    supersedes: Hash | None
    mark: Hash
    path: Annotated[tuple[Hash, ...], msgspec.Meta(max_length=MOST_HOPS)]
    format: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    content: Annotated[bytes, msgspec.Meta(max_length=MOST_CONTENT)]

    def __post_init__(self) -> None:
        if self.withdrawn and self.supersedes is None:
            raise ValueError("a withdrawal that does not say what it withdraws")
        if self.supersedes == self.key:
            raise ValueError("an entry that supersedes itself")
        if self.format == CHANGE_FORMAT:
            raise ValueError(f"the format {CHANGE_FORMAT} is the ledger's own")


class _Attempt(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A `Prepared.body`, in MessagePack: nobody signs or hashes it."""

    writer: str
    fence: int
    items: Annotated[tuple[_Item, ...], msgspec.Meta(max_length=MOST_ENTRIES)]


_ATTEMPT: Final = msgspec.msgpack.Decoder(_Attempt)


class SandboxSink:
    """`prepare` only puts together; `submit` appends one block; `outcome` and `find` look at what the ledger holds."""

    def __init__(self, settings: SandboxSettings, network: NetworkId) -> None:
        self._writer = settings.writer
        self._thread = LedgerThread(settings.file, network)

    async def prepare(self, records: Sequence[Outbound], fence: int) -> Prepared:
        items = tuple(_item(record, index) for index, record in enumerate(records))
        body = msgspec.msgpack.encode(_Attempt(self._writer, fence, items))
        label = f"block of {len(items)}, attempt {hashlib.sha256(body).hexdigest()[:12]}"
        return Prepared(tuple(record.key for record in records), body, label)

    async def submit(self, prepared: Prepared) -> None:
        attempt = _read(prepared)
        entries = [Entry(*msgspec.structs.astuple(item)) for item in attempt.items]
        # Where the ledger says no, because it has seen a newer fence, `outcome` finds the attempt void.
        await self._thread.run(Ledger.append, entries, writer=attempt.writer, fence=attempt.fence)

    async def outcome(self, prepared: Prepared) -> Sequence[OutcomeOf]:
        attempt = _read(prepared)
        newest = await self._thread.run(Ledger.fence, attempt.writer)
        held = await self._thread.run(Ledger.held, prepared.keys)
        missing: OutcomeOf = Absent()
        if newest is not None and newest > attempt.fence:
            missing = Void(
                f"the ledger has seen the fence {newest} of {attempt.writer}; this attempt has {attempt.fence}"
            )
        return [_outcome(held.get(item.key), item.digest, missing) for item in attempt.items]

    async def find(self, keys: Sequence[DeliveryKey]) -> Sequence[OutcomeOf]:
        held = await self._thread.run(Ledger.held, keys)
        return [_outcome(held.get(key), None, Absent()) for key in keys]

    async def aclose(self) -> None:
        await self._thread.aclose()


def _item(record: Outbound, index: int) -> _Item:
    """The entry that a record becomes. Raises Permanent where the ledger takes no such entry."""
    relay, native = record.relay, record.native
    flags = (record.withdrawn, record.supersedes)
    fields = (record.key, record.digest, record.subject, *flags, relay.mark, relay.path, native.format, native.content)
    try:
        (record.subject + native.format).encode()  # half of a surrogate pair is text in Python and nowhere else
        return msgspec.convert(fields, _Item, builtin_types=(bytes,))
    except ValueError as error:  # msgspec's ValidationError is one
        raise Permanent(UNFIT, str(error), where=str(index)) from error


def _read(prepared: Prepared) -> _Attempt:
    try:
        return _ATTEMPT.decode(prepared.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Permanent(UNFIT, f"the attempt cannot be read: {error}") from error


def _outcome(held: Held | None, digest: bytes | None, missing: OutcomeOf) -> OutcomeOf:
    if held is None:
        return missing
    if digest is not None and held.digest != digest:
        return Conflict(held.digest)
    return Written(dict(locus(held.block, held.place)))
