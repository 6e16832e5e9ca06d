"""Reads the register's entries: final blocks in order, each entry with its proof.

A block is read header first. The header is rebuilt from the node's fields and must give the block's hash; the block
must name the hash of the one before; the header's bloom says for certain where the contract told nothing. Everywhere
else the block's receipts must give the header's receipts root, so a node cannot keep an entry back without misstating
the block. Bodies come out of the transactions' calldata and must give the hash in the contract's event.

A record's locus is {block: its hash, transaction: index in the block, log: index in that transaction's receipt}.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.errors import Broken, InputError, Transient, fault
from gateway.proofs import cbor, evm, patricia
from gateway.spi import Batch, Evidence, Locus, NativeRecord, NetworkId, Position, Relay, SourceFault, SourceRecord
from gateway_evm import entry as entries
from gateway_evm.evidence import EVIDENCE, own_of
from gateway_evm.node import Node, hexed
from gateway_evm.rpc import BAD_ANSWER, NodeError, data_of, fields_of
from gateway_evm.settings import EvmSettings
from gateway_evm.wire import BAD_RECEIPTS, Block, block_of, receipt_of

__all__ = ["EvmSource"]

FORKED = fault(
    "evm.forked",
    "The network has taken back a block that was final.",
    "Look at both histories with the network's operators, and raise the finality in the network's settings; then let "
    "the source go on.",
)
BEHIND = fault(
    "evm.behind",
    "The node's chain is shorter than what was read from it.",
    "Let the node catch up. If its data were lost, put them back, or read from another node of the network.",
)
UNREADABLE = fault(
    "evm.unreadable-entry",
    "The register holds an entry whose body cannot be read from the transaction.",
    "It was written through another contract or in an unusual encoding; ask the writer to record it directly.",
)

HEADERS: Final = 32
"""Blocks whose headers are asked for at once."""
GAS: Final = 60_000_000
"""Gas of the blocks whose contents are asked for at once, one block at the least: it bounds the answer's size."""
RECORDS: Final = 256
"""Records after which a batch ends with the block."""
REMEMBERED: Final = 4096
"""Blocks that are remembered, so that what a fork takes back can be named."""


class _Read(msgspec.Struct, frozen=True):
    """What one block gave."""

    block: Block
    records: tuple[SourceRecord, ...] = ()
    shared: Mapping[bytes, bytes] = {}
    faults: tuple[SourceFault, ...] = ()


class _Told(msgspec.Struct, frozen=True):
    """A receipt: its bytes in the trie, and its logs as the trie proves them."""

    raw: bytes
    logs: Sequence[evm.Log]


class EvmSource:
    """The source of one contract; `name` is its address. Made by `EvmAdapter.source`."""

    def __init__(self, settings: EvmSettings, network: NetworkId, node: Node) -> None:
        self.name: str = settings.source
        self._settings: Final = settings
        self._contract: Final = settings.address
        self._network: Final = network
        self._digest: Final = bytes(network.digest)
        self._node: Final = node
        self._closed: Final = asyncio.Event()
        self._memory: Final[deque[tuple[int, bytes, tuple[Locus, ...]]]] = deque(maxlen=REMEMBERED)
        self._block_receipts = True
        """Whether the node knows eth_getBlockReceipts, as far as was seen."""
        self._busy = False
        """Whether the newest block read held entries; then the next one's contents are asked for with its header."""

    async def aclose(self) -> None:
        """Ends every wait and connection."""
        self._closed.set()
        await self._node.aclose()

    async def read(self, after: Position | None, until: Position | None = None) -> AsyncIterator[Batch]:
        """Batches that follow `after`, then waits for more; with `until` it ends at that height.

        Raises Transient; Broken where the node is of another network, or where the network has taken back what was
        final: then a last batch names the records concerned, as far as they are known.
        """
        await self._node.same_network(self._network)
        here = after
        behind_since: datetime | None = None
        while not self._closed.is_set():
            final = await self._node.final()
            seen = datetime.now(UTC)
            if here is not None and final < here.height:
                behind_since = behind_since or seen
                if await self._differs(final):
                    async for batch in self._taken_back(here, final, seen):
                        yield batch
                if (seen - behind_since).total_seconds() > self._settings.timeout:
                    raise Transient(BEHIND, f"block {here.height} was read, {final} is the newest", where=self.name)
            else:
                behind_since = None
            last = final if until is None else min(final, until.height)
            first = self._settings.start_block if here is None else here.height + 1
            if until is not None and first > until.height:
                return
            if first > last:
                await self._wait()
            while first <= last and not self._closed.is_set():
                read, forked = await self._run(here, first, last)
                for batch in _batches(here, read, final, seen):
                    here = batch.position
                    self._remember(read, here)
                    yield batch
                if forked and here is not None:
                    async for batch in self._taken_back(here, final, seen):
                        yield batch
                first = self._settings.start_block if here is None else here.height + 1

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._closed.wait(), self._settings.poll)
        except TimeoutError:
            return

    def _remember(self, read: Sequence[_Read], here: Position) -> None:
        newest = self._memory[-1][0] if self._memory else -1
        for each in read:
            if newest < each.block.number <= here.height:
                self._memory.append((each.block.number, each.block.hash, tuple([r.locus for r in each.records])))

    # ── runs of blocks ──────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self, here: Position | None, first: int, last: int) -> tuple[list[_Read], bool]:
        """What the next blocks hold, and whether the chain goes on otherwise than from `here`."""
        receipts: list[Any] = []
        if self._busy and last - first < 2:
            numbers = list(range(first, last + 1))
            blocks, receipts = await self._whole(numbers)
        else:
            numbers = list(range(first, min(last, first + HEADERS - 1) + 1))
            answers = await self._node.rpc.all([("eth_getBlockByNumber", (hex(number), False)) for number in numbers])
            blocks = [self._block(number, answer) for number, answer in zip(numbers, answers, strict=True)]
        parent = here.block if here is not None else None
        for index, block in enumerate(blocks):
            if parent is not None and block.parent != parent:
                if index == 0:
                    return [], True
                blocks = blocks[:index]  # the chain changed between two answers; the next run will say how
                break
            parent = block.hash
        return await self._contents(blocks, receipts), False

    async def _whole(self, numbers: Sequence[int]) -> tuple[list[Block], list[Any]]:
        """Blocks with their transactions, and their receipts where the node gives them at once."""
        calls: list[tuple[str, Sequence[Any]]] = [("eth_getBlockByNumber", (hex(number), True)) for number in numbers]
        if self._block_receipts:
            calls += [("eth_getBlockReceipts", (hex(number),)) for number in numbers]
        answers = await self._node.rpc.many(calls)
        for answer in answers[: len(numbers)]:
            if isinstance(answer, NodeError):
                raise answer.raised("eth_getBlockByNumber")
        blocks = [self._block(number, answer) for number, answer in zip(numbers, answers, strict=False)]
        receipts = answers[len(numbers) :]
        return blocks, [] if any(not isinstance(each, list) for each in receipts) else receipts

    def _block(self, number: int, answer: Any) -> Block:
        if answer is None:
            raise Transient(BAD_ANSWER, f"the node lacks block {number}", where=self.name)
        block = block_of(answer)
        if block.number != number:
            raise Transient(BAD_ANSWER, f"block {block.number} in answer to {number}", where=self.name)
        return block

    async def _contents(self, blocks: Sequence[Block], receipts: Sequence[Any] = ()) -> list[_Read]:
        """What blocks hold, in their order. `receipts`, where given, are the blocks' own."""
        touched = [index for index, block in enumerate(blocks) if evm.bloom_holds(block.bloom, self._contract)]
        self._busy = bool(blocks) and bool(touched) and touched[-1] == len(blocks) - 1
        read = [_Read(block) for block in blocks]
        group: list[int] = []
        gas = 0
        for index in touched:
            if group and gas + blocks[index].gas > GAS:
                await self._fill(read, group, receipts)
                group, gas = [], 0
            group.append(index)
            gas += blocks[index].gas
        if group:
            await self._fill(read, group, receipts)
        return read

    async def _fill(self, read: list[_Read], group: Sequence[int], receipts: Sequence[Any]) -> None:
        """Puts the contents of the blocks at `group` into `read`."""
        blocks = [read[index].block for index in group]
        without = [block for block in blocks if block.transactions and not isinstance(block.transactions[0], dict)]
        calls: list[tuple[str, Sequence[Any]]] = [("eth_getBlockByHash", (hexed(b.hash), True)) for b in without]
        ask_receipts = not receipts and self._block_receipts
        if ask_receipts:
            calls += [("eth_getBlockReceipts", (hexed(block.hash),)) for block in blocks]
        answers = await self._node.rpc.many(calls)
        transactions = {block.hash: block.transactions for block in blocks}
        for block, answer in zip(without, answers, strict=False):
            if isinstance(answer, NodeError):
                raise answer.raised("eth_getBlockByHash")
            found = fields_of(answer, "block").get("transactions")
            if not isinstance(found, list):
                raise Transient(BAD_ANSWER, "a block without its transactions", where=self.name)
            transactions[block.hash] = found
        given = [receipts[index] for index in group] if receipts else list(answers[len(without) :])
        if ask_receipts and any(isinstance(each, NodeError) for each in given):
            refusal = next(each for each in given if isinstance(each, NodeError))
            if not refusal.unknown_method:
                raise refusal.raised("eth_getBlockReceipts")
            self._block_receipts = False
            given = []
        for at, (index, block) in enumerate(zip(group, blocks, strict=True)):
            held = transactions[block.hash]
            answer = given[at] if given else await self._one_by_one(held)
            told, trie = await self._proven(block, answer)
            read[index] = self._entries(block, held, told, trie)

    async def _one_by_one(self, transactions: Sequence[Any]) -> Any:
        """A block's receipts, asked for by transaction."""
        hashes = [fields_of(each, "transaction").get("hash") for each in transactions]
        return await self._node.rpc.all([("eth_getTransactionReceipt", (each,)) for each in hashes])

    async def _proven(self, block: Block, answer: Any) -> tuple[list[_Told], patricia.Trie]:
        """A block's receipts and their trie, found to have the root that the header names."""
        if not isinstance(answer, list):
            raise Transient(BAD_ANSWER, "receipts that are no list", where=self.name)
        told = [_Told(*receipt_of(each)) for each in answer]
        trie = patricia.build((patricia.index_key(index), each.raw) for index, each in enumerate(told))
        if trie.root == block.receipts_root:
            return told, trie
        # types of receipts that JSON does not tell whole: some nodes give the bytes
        (raw,) = await self._node.rpc.many([("debug_getRawReceipts", (hexed(block.hash),))])
        if isinstance(raw, list):
            receipts = [data_of(each, "receipt") for each in raw]
            trie = patricia.build((patricia.index_key(index), each) for index, each in enumerate(receipts) if each)
            if trie.root == block.receipts_root:
                return [_Told(each, _logs(each)) for each in receipts], trie
        raise Transient(BAD_RECEIPTS, f"block {block.number}, 0x{block.hash.hex()}", where=self.name)

    # ── entries ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _entries(self, block: Block, transactions: Sequence[Any], told: Sequence[_Told], trie: patricia.Trie) -> _Read:
        """The register's entries in a block."""
        if len(transactions) != len(told):
            raise Transient(BAD_ANSWER, "not as many receipts as transactions", where=self.name)
        records: list[SourceRecord] = []
        faults: list[SourceFault] = []
        shared: dict[bytes, bytes] = {}
        header = hashlib.sha256(block.header).digest()
        time = datetime.fromtimestamp(block.time, UTC)
        for index, receipt in enumerate(told):
            mine = [
                (at, log)
                for at, log in enumerate(receipt.logs)
                if log.address == self._contract and log.topics and log.topics[0] in _KINDS
            ]
            if not mine:
                continue
            branch_bytes = cbor.encode(list(trie.branch(patricia.index_key(index))))
            branch = hashlib.sha256(branch_bytes).digest()
            shared[header] = block.header
            shared[branch] = branch_bytes
            packed, reason = self._packed(transactions[index])
            for at, log in mine:
                locus: Locus = {"block": block.hash, "transaction": index, "log": at}
                body = packed.get(log.data[32:])
                if body is None:
                    faults.append(SourceFault(locus, UNREADABLE.code, reason or "no entry has the event's hash"))
                    continue
                try:
                    entry = entries.unpack(body)
                    _agree(entry, log)
                except InputError as error:
                    faults.append(SourceFault(locus, UNREADABLE.code, error.detail))
                    continue
                records.append(
                    SourceRecord(
                        source=self.name,
                        locus=locus,
                        native=NativeRecord(entry.format, entry.body),
                        evidence=Evidence(
                            type=EVIDENCE,
                            network=self._digest,
                            extraction={"source": self.name, "locus": locus},
                            shared=(header, branch),
                            own=own_of(entry),
                        ),
                        time=time,
                        entry=entry.key,
                        relay=Relay(entry.key, entry.mark, entry.path),
                        withdraws=entry.supersedes if entry.withdrawn else None,
                    )
                )
        return _Read(block, tuple(records), shared, tuple(faults))

    def _packed(self, transaction: Any) -> tuple[dict[bytes, bytes], str]:
        """The packed entries of a transaction by their hash, or why there are none."""
        fields = fields_of(transaction, "transaction")
        to = fields.get("to")
        if not isinstance(to, str) or to.lower() != self.name:
            return {}, "the transaction goes to another contract, which called the register"
        try:
            cut = entries.entries_of(data_of(fields.get("input", fields.get("data")), "transaction.input"))
        except InputError as error:
            return {}, error.detail
        return {entries.hash_of(each): each for each in cut}, ""

    # ── what was taken back ─────────────────────────────────────────────────────────────────────────────────────

    async def _differs(self, final: int) -> bool:
        """Whether the network now has another block at `final` than the one that was read there."""
        known = next((digest for number, digest, _ in reversed(self._memory) if number == final), None)
        if known is None:
            await self._node.same_network(self._network)
            return False
        return await self._canonical(final) != known

    async def _canonical(self, number: int) -> bytes | None:
        answer = await self._node.rpc.call("eth_getBlockByNumber", hex(number), False)
        return None if answer is None else data_of(fields_of(answer, "block").get("hash"), "block.hash", 32)

    async def _taken_back(self, here: Position, final: int, seen: datetime) -> AsyncIterator[Batch]:
        """A batch that names what is gone and goes back to the block that both histories share, then Broken."""
        await self._node.same_network(self._network)
        gone: list[Locus] = []
        at, digest = here.height, here.block
        known = {number: (block, loci) for number, block, loci in self._memory}
        for _ in range(REMEMBERED):
            if await self._canonical(at) == digest:
                gone.reverse()
                while self._memory and self._memory[-1][0] > at:
                    self._memory.pop()
                yield Batch(parent=here, position=Position(at, digest), head=final, seen=seen, retracted=tuple(gone))
                raise Broken(FORKED, f"blocks {at + 1} to {here.height}, {len(gone)} records", where=self.name)
            remembered = known.get(at)
            if remembered is not None and remembered[0] == digest and at - 1 in known:
                loci, parent = remembered[1], known[at - 1][0]
            else:
                old = await self._orphan(digest)
                if old is None:
                    break
                loci, parent = tuple([record.locus for record in old.records]), old.block.parent
            gone.extend(reversed(loci))
            at, digest = at - 1, parent
        raise Broken(
            FORKED,
            f"block {here.height}, 0x{here.block.hex()}; the node no longer holds the blocks that it took back, so "
            "the records in them cannot be named",
            where=self.name,
        )

    async def _orphan(self, digest: bytes) -> _Read | None:
        """What a block held that is no longer part of the chain; None where the node has forgotten it."""
        answer = await self._node.rpc.call("eth_getBlockByHash", hexed(digest), True)
        if answer is None:
            return None
        block = block_of(answer)
        if block.hash != digest:
            raise Transient(BAD_ANSWER, "another block than was asked for", where=self.name)
        try:
            (read,) = await self._contents([block])
        except Transient:
            return None  # nodes keep the headers of such blocks longer than their receipts
        return read


_KINDS: Final = frozenset((entries.RECORDED, entries.WITHDRAWN))


def _agree(entry: entries.Entry, log: evm.Log) -> None:
    """Raises InputError where an event says something else than the entry whose hash it carries."""
    kind = entries.WITHDRAWN if entry.withdrawn else entries.RECORDED
    if log.topics != (kind, entry.key, entries.subject_hash(entry.salt, entry.subject)) or len(log.data) != 64:
        raise InputError(UNREADABLE, "the event says something else than the entry whose hash it carries")


def _logs(raw: bytes) -> Sequence[evm.Log]:
    """The logs of a receipt of which only the bytes are known; none where its form is one that is not known here."""
    try:
        return evm.Receipt.decode(raw).logs
    except InputError:
        return ()


def _batches(here: Position | None, read: Sequence[_Read], final: int, seen: datetime) -> Iterator[Batch]:
    records: list[SourceRecord] = []
    faults: list[SourceFault] = []
    shared: dict[bytes, bytes] = {}
    for index, each in enumerate(read):
        records += each.records
        faults += each.faults
        shared.update(each.shared)
        if len(records) >= RECORDS or index == len(read) - 1:
            position = Position(each.block.number, each.block.hash)
            yield Batch(
                parent=here,
                position=position,
                head=final,
                seen=seen,
                records=tuple(records),
                shared=shared,
                faults=tuple(faults),
            )
            here, records, faults, shared = position, [], [], {}
