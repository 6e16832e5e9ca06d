"""One node of one network: who it is, what is final on it, what its contract says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.errors import Broken, InputError, Transient, fault
from gateway.proofs import abi
from gateway.proofs.keccak import EMPTY, keccak256
from gateway.spi import NetworkId
from gateway_evm import register
from gateway_evm.rpc import BAD_ANSWER, NodeError, Rpc, data_of, fields_of, number_of
from gateway_evm.settings import EvmSettings

__all__ = ["KIND", "Node", "hexed"]

KIND: Final = "evm"

OTHER_NETWORK = fault(
    "evm.other-network",
    "The node is of another network than the one that this was configured for.",
    "Set `url` to a node of the network; if the network was begun anew, it is another one and needs its own entry in "
    "the configuration and the registry.",
)


def hexed(data: bytes) -> str:
    """Data as JSON-RPC writes it."""
    return "0x" + data.hex()


class Node:
    """What source, sink and adapter ask the same node."""

    def __init__(self, settings: EvmSettings) -> None:
        self.settings: Final = settings
        self.rpc: Final = Rpc(
            settings.url, timeout=settings.timeout, most=settings.answer_bytes, batch=settings.rpc_batch
        )

    async def aclose(self) -> None:
        """Ends every call that waits."""
        await self.rpc.aclose()

    async def identify(self) -> NetworkId:
        """The network by the node's word. Raises Transient."""
        chain, genesis = await self.rpc.all([("eth_chainId", ()), ("eth_getBlockByNumber", ("0x0", False))])
        return NetworkId(
            KIND, str(number_of(chain, "chain id")), data_of(fields_of(genesis, "genesis").get("hash"), "hash", 32)
        )

    async def same_network(self, network: NetworkId) -> None:
        """Raises Broken where the node is of another network than `network`, Transient where it does not answer."""
        found = await self.identify()
        if found != network:
            raise Broken(
                OTHER_NETWORK,
                f"chain {found.chain} from genesis {hexed(found.genesis)}, not chain {network.chain} from "
                f"{hexed(network.genesis)}",
                where=self.rpc.where,
            )

    async def final(self) -> int:
        """The height of the newest final block; -1 where none is. Raises Transient."""
        finality = self.settings.finality
        if finality in ("instant", "depth"):
            head = number_of(await self.rpc.call("eth_blockNumber"), "block number")
            return head if finality == "instant" else max(head - self.settings.depth, -1)
        (block,) = await self.rpc.many([("eth_getBlockByNumber", (finality, False))])
        if block is None or isinstance(block, NodeError):
            return -1  # the network has not come so far, or the node has no such tag: `diagnose` tells which
        return number_of(fields_of(block, "block").get("number"), "block number")

    async def ask(self, data: bytes, types: Sequence[str], at: str = "latest") -> tuple[Any, ...]:
        """What the contract answers to a call, at a block or tag. Raises Transient."""
        answer = await self.rpc.call("eth_call", {"to": self.settings.contract, "data": hexed(data)}, at)
        return answer_of(answer, types)

    async def code_hash(self, address: bytes) -> bytes | None:
        """Keccak-256 of the code at an address; None where there is none. Raises Transient."""
        code = data_of(await self.rpc.call("eth_getCode", hexed(address), "latest"), "code")
        digest = keccak256(code)
        return None if digest == EMPTY else digest

    async def digests(self, keys: Sequence[bytes], at: str = "latest") -> list[bytes]:
        """The digest under each key, zeros where the contract holds none. Raises Transient."""
        call = {"to": self.settings.contract, "data": hexed(register.ask_digests(keys))}
        answer = await self.rpc.call("eth_call", call, at)
        if answer == "0x" and at != "latest":
            return [bytes(32)] * len(keys)  # at that block the contract did not stand yet
        (held,) = answer_of(answer, ["bytes32[]"])
        if len(held) != len(keys):
            raise Transient(BAD_ANSWER, "not as many digests as keys", where=self.rpc.where)
        return list(held)


def answer_of(answer: Any, types: Sequence[str]) -> tuple[Any, ...]:
    """A contract's answer. Raises Transient."""
    try:
        return abi.decode(types, data_of(answer, "answer of the contract"))
    except InputError as error:
        raise Transient(BAD_ANSWER, f"the contract's answer: {error.detail}") from error
