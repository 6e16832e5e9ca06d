"""The recordings beside this file, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gateway.proofs.evm import Header
from gateway.proofs.patricia import Trie, build, index_key
from gateway.proofs.seals import SealForm
from gateway.proofs.validators import Consensus, Contract, ContractChange, Epoch, ValidatorSet

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Slot:
    key: bytes
    value: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True)
class StateProof:
    """What `eth_getProof` answered about `address` at `block`."""

    block: int
    address: bytes
    nonce: int
    balance: int
    code_hash: bytes
    storage_root: bytes
    nodes: tuple[bytes, ...]
    slots: tuple[Slot, ...]


class Recording:
    """One recorded chain. `said` is the file."""

    def __init__(self, name: str) -> None:
        self.said: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_bytes())
        self.chain: int = self.said["chain"]
        self.headers = tuple([bytes.fromhex(each) for each in self.said["headers"]])
        self.hashes = tuple([bytes.fromhex(each) for each in self.said["hashes"]])
        self.members = tuple([tuple([bytes.fromhex(one) for one in each]) for each in self.said["members"]])
        """By the node's word: after each block, the validators of the next."""
        self.start = ValidatorSet(0, tuple([bytes.fromhex(each) for each in self.said["validators"]]))
        contract = self.said.get("contract")
        self.rules = Consensus(
            SealForm.QBFT,
            self.start,
            Epoch(self.said["epoch"]),
            None if contract is None else Contract(bytes.fromhex(contract)),
        )

    def header(self, number: int) -> Header:
        return Header.decode(self.headers[number])

    def bytes_of(self, name: str) -> bytes:
        return bytes.fromhex(self.said[name])

    @property
    def bodies(self) -> list[int]:
        """Blocks that have transactions."""
        return [int(number) for number in self.said["bodies"]]

    def transactions(self, number: int) -> list[bytes]:
        return [bytes.fromhex(each) for each in self.said["bodies"][str(number)]["transactions"]]

    def receipts(self, number: int) -> list[bytes]:
        return [bytes.fromhex(each) for each in self.said["bodies"][str(number)]["receipts"]]

    def proofs(self) -> list[StateProof]:
        return [
            StateProof(
                block=each["block"],
                address=bytes.fromhex(each["address"]),
                nonce=int(each["nonce"], 16),
                balance=int(each["balance"], 16),
                code_hash=bytes.fromhex(each["code_hash"]),
                storage_root=bytes.fromhex(each["storage_root"]),
                nodes=tuple([bytes.fromhex(node) for node in each["nodes"]]),
                slots=tuple(
                    [
                        Slot(
                            bytes.fromhex(slot["key"]),
                            int(slot["value"], 16),
                            tuple([bytes.fromhex(node) for node in slot["nodes"]]),
                        )
                        for slot in each["slots"]
                    ]
                ),
            )
            for each in self.said["proofs"]
        ]

    def contract_change(self, proof: StateProof) -> ContractChange:
        return ContractChange(self.headers[proof.block], proof.nodes, tuple([slot.nodes for slot in proof.slots]))


@cache
def recording(name: str) -> Recording:
    return Recording(name)


def trie_of(leaves: list[bytes]) -> Trie:
    """The trie of a block's transactions or receipts."""
    return build([(index_key(index), leaf) for index, leaf in enumerate(leaves)])
