"""Settings of a network that speaks Ethereum's JSON-RPC."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["EvmSettings"]

Address = Annotated[str, msgspec.Meta(pattern="^(0x[0-9a-fA-F]{40})?$")]


class EvmSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One contract `RecordRegister` on one network.

    url                The node's JSON-RPC address, e.g. "http://127.0.0.1:8545". It may hold a name and password.
    contract           The contract's address, "0x…". Empty until `gateway network found` has put one on the network.
    chain_id           The chain id that the node must have; 0 takes the node's own.
    finality           When a block counts as final: "instant" (a chain whose blocks are never taken back), "depth"
                       (so many blocks on top of it), or the node's tag "safe" or "finalized".
    depth              Blocks on top of a final block, where finality is "depth".
    start_block        The first block that is read: where the contract came to stand. Blocks before it hold nothing.
    poll               Seconds between two looks for a new block.
    writer             Name, in the key file, of the secp256k1 key whose account writes. Empty: nothing is written.
    subject_key        Name, in the key file, of the secret that salts the hashes of subjects. Empty: it is derived
                       from the writer's key. Give one where several writers share a register.
    gas_price          "auto" follows the network's base fee, or its price where it has none; a number is a fixed price
                       in wei, "0" on networks where gas is free.
    batch              Most records in a transaction.
    transaction_bytes  Most bytes of a transaction. Common nodes take no more than 131072 into their pool.
    transaction_gas    Most gas of a transaction: 16777216 by EIP-7825. A block's own limit counts where it is lower.
    in_flight          Most transactions under way at once. Common nodes hold 16 pending ones of an account.
    stuck_after        Seconds after which a transaction that a missing one holds up is freed by an empty one.
    timeout            Seconds for an answer of the node.
    rpc_batch          Most calls in one request to the node.
    answer_bytes       Most bytes of an answer of the node.
    """

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    contract: Address = ""
    chain_id: Annotated[int, msgspec.Meta(ge=0)] = 0
    finality: Literal["instant", "depth", "safe", "finalized"] = "finalized"
    depth: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 12
    start_block: Annotated[int, msgspec.Meta(ge=0)] = 0
    poll: Annotated[float, msgspec.Meta(ge=0.001, le=3600.0)] = 1.0
    writer: Annotated[str, msgspec.Meta(extra={"key": "secp256k1"})] = ""
    subject_key: Annotated[str, msgspec.Meta(extra={"key": "secret"})] = ""
    gas_price: Annotated[str, msgspec.Meta(pattern="^(auto|[0-9]{1,30})$")] = "auto"
    batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    transaction_bytes: Annotated[int, msgspec.Meta(ge=4096, le=64 * 1024 * 1024)] = 131_072
    transaction_gas: Annotated[int, msgspec.Meta(ge=1_000_000)] = 16_777_216
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 16
    stuck_after: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    timeout: Annotated[float, msgspec.Meta(gt=0, le=3600.0)] = 20.0
    rpc_batch: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    answer_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 64 * 1024 * 1024

    @property
    def address(self) -> bytes:
        """The contract's 20 bytes; empty where there is none yet."""
        return bytes.fromhex(self.contract[2:])

    @property
    def source(self) -> str:
        """The source's global name: the contract's address in lower case."""
        return self.contract.lower()
