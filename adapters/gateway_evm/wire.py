"""From a node's JSON to the bytes that its chain hashes: headers, receipts.

What is rebuilt is checked by its hash, so a field that a node leaves out, trims or misstates is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.errors import Broken, Transient, fault
from gateway.proofs import evm, rlp
from gateway.proofs.keccak import keccak256
from gateway_evm.rpc import BAD_ANSWER, data_of, fields_of, number_of

__all__ = ["FOREIGN_HEADER", "Block", "block_of", "logs_of", "receipt_of"]

FOREIGN_HEADER = fault(
    "evm.foreign-header",
    "The block's hash is not that of its header's fields.",
    "Networks whose consensus leaves seals out of the hash (QBFT, IBFT, Clique) or adds fields need an adapter that "
    "knows their rule; otherwise the node misstates its blocks: use another.",
)
BAD_RECEIPTS = fault(
    "evm.bad-receipts",
    "The node's receipts are not those of the block.",
    "The node misstates or lacks receipts, or the block has types of receipts that are not known here; use another.",
)

_NUMBER: Final = None
_ANY: Final = -1
_FIELDS: Final[tuple[tuple[str, int | None], ...]] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", _NUMBER),
    ("number", _NUMBER),
    ("gasLimit", _NUMBER),
    ("gasUsed", _NUMBER),
    ("timestamp", _NUMBER),
    ("extraData", _ANY),
    ("mixHash", 32),
    ("nonce", 8),
    ("baseFeePerGas", _NUMBER),
    ("withdrawalsRoot", 32),
    ("blobGasUsed", _NUMBER),
    ("excessBlobGas", _NUMBER),
    ("parentBeaconBlockRoot", 32),
    ("requestsHash", 32),
    ("blockAccessListHash", 32),
    ("slotNumber", _NUMBER),
)
"""Names of a header's fields in JSON-RPC, in their order in the header."""
_WIDE: Final = {"difficulty", "baseFeePerGas"}
_LAST: Final = 253_402_300_799
"""The last second of the year 9999."""


class Block(msgspec.Struct, frozen=True):
    """A block's header as bytes, what is needed of it at once, and what the node sent along."""

    number: int
    hash: bytes
    parent: bytes
    time: int
    receipts_root: bytes
    bloom: bytes
    gas: int
    header: bytes
    transactions: list[Any]


def block_of(value: Any) -> Block:
    """The block in a node's answer, its header rebuilt and found to give the block's hash.

    Raises Transient where the answer has no due form, Broken where the header does not give the hash.
    """
    block = fields_of(value, "block")
    said = data_of(block.get("hash"), "block.hash", 32)
    fields: list[bytes] = []
    numbers: dict[str, int] = {}
    for name, size in _FIELDS:
        field = block.get(name)
        if field is None:
            break
        if size is _NUMBER:
            numbers[name] = number_of(field, f"block.{name}")
            if (numbers[name] >> 64 and name not in _WIDE) or (name == "timestamp" and numbers[name] > _LAST):
                raise Transient(BAD_ANSWER, f"block.{name} is out of range")
            fields.append(rlp.integer_bytes(numbers[name]))
        else:
            fields.append(data_of(field, f"block.{name}", None if size == _ANY else size))
    transactions = block.get("transactions")
    if len(fields) < evm.HEADER_SIZES[0] or not isinstance(transactions, list):
        raise Transient(BAD_ANSWER, "a block without all fields of a header")
    for size in reversed(evm.HEADER_SIZES):  # nodes tell fields of later forks than the block's own
        if size > len(fields):
            continue
        header = rlp.encode(fields[:size])
        if keccak256(header) == said:
            return Block(
                number=numbers["number"],
                hash=said,
                parent=fields[0],
                time=numbers["timestamp"],
                receipts_root=fields[5],
                bloom=fields[6],
                gas=numbers["gasUsed"],
                header=header,
                transactions=transactions,
            )
    raise Broken(FOREIGN_HEADER, f"block {numbers['number']}, 0x{said.hex()}")


def receipt_of(value: Any) -> tuple[bytes, list[evm.Log]]:
    """A receipt in a node's answer: as it stands in the receipts trie, and its logs. Raises Transient."""
    receipt = fields_of(value, "receipt")
    kind = number_of(receipt.get("type", "0x0"), "receipt.type")
    if kind > 0x7F:
        raise Transient(BAD_ANSWER, "receipt.type is not a transaction type")
    if receipt.get("status") is not None:
        outcome = rlp.integer_bytes(number_of(receipt["status"], "receipt.status"))
    else:
        outcome = data_of(receipt.get("root"), "receipt.root", 32)
    gas = number_of(receipt.get("cumulativeGasUsed"), "receipt.cumulativeGasUsed")
    bloom = data_of(receipt.get("logsBloom"), "receipt.logsBloom", 256)
    logs = logs_of(receipt)
    return evm.Receipt(kind, outcome, gas, bloom, tuple(logs)).encode(), logs


def logs_of(receipt: Mapping[str, Any]) -> list[evm.Log]:
    """The logs of a receipt in a node's answer. Raises Transient."""
    made: list[evm.Log] = []
    for each in _list(receipt.get("logs"), "receipt.logs"):
        log = fields_of(each, "log")
        topics = tuple([data_of(topic, "log.topic", 32) for topic in _list(log.get("topics"), "log.topics")])
        made.append(
            evm.Log(data_of(log.get("address"), "log.address", 20), topics, data_of(log.get("data"), "log.data"))
        )
    return made


def _list(value: Any, what: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise Transient(BAD_ANSWER, f"{what} is not a list")
