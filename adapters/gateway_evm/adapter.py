"""The adapter `evm`: any network whose nodes speak Ethereum's JSON-RPC, with `RecordRegister` as its register."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.errors import GatewayError, Permanent, Transient, fault
from gateway.spi import Basis, Capabilities, Claim, Diagnosis, NetworkId, Secrets
from gateway_evm import register
from gateway_evm.fees import prices
from gateway_evm.node import KIND, Node, hexed
from gateway_evm.rpc import BAD_ANSWER, NodeError, data_of, fields_of, number_of
from gateway_evm.settings import EvmSettings
from gateway_evm.sink import NO_CONTRACT, NOT_WRITER, EvmSink, account_of
from gateway_evm.source import EvmSource
from gateway_evm.transaction import Account, contract_address
from gateway_evm.wire import block_of

__all__ = ["EvmAdapter"]

OTHER_CHAIN = fault(
    "evm.other-chain",
    "The node has another chain id than the settings ask for.",
    "Set `url` to a node of the network, or `chain_id` to the chain's own.",
)
NOT_FOUNDED = fault(
    "evm.not-founded",
    "The contract could not be put on the network.",
    "Look at the account's funds, and whether the network takes contracts from it.",
)

_ENTRY: Final = 640
"""Bytes that an entry takes besides its body, at a path of four networks."""
_FOUNDING: Final = 120.0
"""Seconds that the network has to take the contract."""
_FINALITY: Final = {
    "instant": "A block is final when it is made.",
    "depth": "A block is final with {depth} blocks on top of it.",
    "safe": "A block is final when the node calls it safe.",
    "finalized": "A block is final when the node calls it finalized.",
}


class EvmAdapter:
    """A network that speaks Ethereum's JSON-RPC, with a contract that holds the records."""

    kind: Final = KIND
    settings: type[msgspec.Struct] = EvmSettings

    def capabilities(self, settings: EvmSettings) -> Capabilities:
        """What such a network can do with these settings."""
        return Capabilities(
            claims=(Claim.RECORDED, Claim.VALID),
            basis=Basis.ATTESTED,
            idempotent=True,
            batch=settings.batch,
            batch_bytes=max(settings.transaction_bytes - settings.batch * _ENTRY - 1024, 1024),
            in_flight=settings.in_flight,
            finality=_FINALITY[settings.finality].format(depth=settings.depth),
        )

    async def identify(self, settings: EvmSettings) -> NetworkId:
        """Chain id and genesis block, by the node's word. Raises Transient, Permanent where the chain is another."""
        node = Node(settings)
        try:
            return await _identified(node)
        finally:
            await node.aclose()

    async def found(self, settings: EvmSettings, secrets: Secrets) -> EvmSettings:
        """Puts the contract on the network where `contract` names none, and lets the account write to it where the
        account owns it. Raises Transient, Permanent, ConfigError without `writer`."""
        account = account_of(settings, secrets)
        node = Node(settings)
        try:
            network = await _identified(node)
            if settings.contract:
                found = await node.code_hash(settings.address)
                if found is None or not register.is_known(found):
                    told = "no code" if found is None else f"other code, 0x{found.hex()},"
                    raise Permanent(NO_CONTRACT, f"{told} at {settings.contract}")
                await _allow(node, account, int(network.chain))
                return settings
            code = bytes.fromhex(register.artefact().bytecode)
            receipt = await _send(node, account, int(network.chain), b"", code)
            address = data_of(receipt.get("contractAddress"), "receipt.contractAddress", 20)
            height = number_of(receipt.get("blockNumber"), "receipt.blockNumber")
            return msgspec.structs.replace(
                settings, contract=hexed(address), start_block=height, chain_id=int(network.chain)
            )
        finally:
            await node.aclose()

    async def segment(self, settings: EvmSettings) -> Mapping[str, Any]:
        """What a registry's segment says of this network: chain, genesis, contract, its code."""
        node = Node(settings)
        try:
            network = await _identified(node)
            code = await node.code_hash(settings.address) if settings.contract else None
            if code is None:
                raise Permanent(NO_CONTRACT, f"no code at {settings.contract or 'no address'}")
            return {
                "kind": network.kind,
                "chain": network.chain,
                "genesis": network.genesis.hex(),
                "contract": settings.address.hex(),
                "code": code.hex(),
            }
        finally:
            await node.aclose()

    def source(self, settings: EvmSettings, network: NetworkId) -> EvmSource:
        """The register's entries. Raises Permanent where no contract is named."""
        if not settings.contract:
            raise Permanent(NO_CONTRACT, "no address is configured", where="contract")
        return EvmSource(settings, network, Node(settings))

    def sink(self, settings: EvmSettings, network: NetworkId, secrets: Secrets) -> EvmSink:
        """The way into the register. Raises Permanent where no contract is named, ConfigError without `writer`."""
        if not settings.contract:
            raise Permanent(NO_CONTRACT, "no address is configured", where="contract")
        return EvmSink(settings, network, Node(settings), secrets)

    async def diagnose(self, settings: EvmSettings) -> Sequence[Diagnosis]:
        """Node, chain, contract, finality, receipts, in this order; what a failure hides is left out."""
        node = Node(settings)
        told: list[Diagnosis] = []
        try:
            for look in (_see_node, _see_contract, _see_finality, _see_receipts):
                told += await look(node)
        except GatewayError as error:
            told.append(Diagnosis("node", False, error.detail, error.hint))
        finally:
            await node.aclose()
        return told


async def _identified(node: Node) -> NetworkId:
    network = await node.identify()
    wanted = node.settings.chain_id
    if wanted and network.chain != str(wanted):
        raise Permanent(OTHER_CHAIN, f"chain id {network.chain}, not {wanted}", where=node.rpc.where)
    return network


async def _allow(node: Node, account: Account, chain: int) -> None:
    (allowed,) = await node.ask(register.ask_writer(account.address), ["bool"])
    if allowed:
        return
    (owner,) = await node.ask(register.ask_owner(), ["address"])
    if owner != account.address:
        raise Permanent(NOT_WRITER, f"account {hexed(account.address)}; the owner is {hexed(owner)}")
    data = register.set_writer(account.address, allowed=True)
    await _send(node, account, chain, node.settings.address, data)


async def _send(node: Node, account: Account, chain: int, to: bytes, data: bytes) -> Mapping[str, Any]:
    """Sends one transaction of founding and waits for its receipt."""
    sender = hexed(account.address)
    call = {"from": sender, "data": hexed(data)} | ({"to": hexed(to)} if to else {})
    count, gas = await node.rpc.many([("eth_getTransactionCount", (sender, "pending")), ("eth_estimateGas", (call,))])
    for answer in (count, gas):
        if isinstance(answer, NodeError):
            raise Permanent(NOT_FOUNDED, f"account {sender}: {answer.message[:300]}", where=node.rpc.where)
    current = await prices(node, account.address)
    signed = account.sign(
        chain=chain,
        nonce=number_of(count, "count"),
        fee=current.fee,
        gas=number_of(gas, "gas") * 5 // 4,
        to=to,
        data=data,
    )
    (answer,) = await node.rpc.many([("eth_sendRawTransaction", (hexed(signed.raw),))])
    if isinstance(answer, NodeError):
        raise Permanent(NOT_FOUNDED, f"account {sender}: {answer.message[:300]}", where=node.rpc.where)
    waited = 0.0
    while waited < _FOUNDING:
        answer = await node.rpc.call("eth_getTransactionReceipt", hexed(signed.hash))
        if answer is not None:
            receipt = fields_of(answer, "receipt")
            if number_of(receipt.get("status"), "receipt.status") != 1:
                raise Permanent(NOT_FOUNDED, f"transaction {hexed(signed.hash)} failed", where=node.rpc.where)
            if not to and data_of(receipt.get("contractAddress"), "receipt.contractAddress", 20) != contract_address(
                account.address, number_of(count, "count")
            ):
                raise Transient(BAD_ANSWER, "the contract stands at another address than it must", where=node.rpc.where)
            return receipt
        pause = min(max(node.settings.poll, 0.02), 1.0)
        await asyncio.sleep(pause)
        waited += pause
    raise Transient(NOT_FOUNDED, f"transaction {hexed(signed.hash)} is in no block after {_FOUNDING:.0f} s")


# ── What `diagnose` looks at ─────────────────────────────────────────────────────────────────────────────────────


async def _see_node(node: Node) -> list[Diagnosis]:
    found = await node.identify()
    told = [Diagnosis("node", True, f"{node.rpc.where} answers")]
    wanted = node.settings.chain_id
    same = not wanted or found.chain == str(wanted)
    told.append(
        Diagnosis(
            "chain", same, f"chain id {found.chain}, genesis {hexed(found.genesis)}", "" if same else OTHER_CHAIN.hint
        )
    )
    return told


async def _see_contract(node: Node) -> list[Diagnosis]:
    settings = node.settings
    if not settings.contract:
        return [Diagnosis("contract", False, "none is configured", NO_CONTRACT.hint)]
    found = await node.code_hash(settings.address)
    if found is None:
        return [Diagnosis("contract", False, f"no code at {settings.contract}", NO_CONTRACT.hint)]
    if not register.is_known(found):
        cure = "Look whether `contract` is right: this release does not know that code."
        return [Diagnosis("contract", False, f"other code at {settings.contract}, 0x{found.hex()}", cure)]
    told = [Diagnosis("contract", True, f"{settings.contract}, code 0x{found.hex()}")]
    (owner,) = await node.ask(register.ask_owner(), ["address"])
    funds = number_of(await node.rpc.call("eth_getBalance", hexed(owner), "latest"), "balance")
    price = number_of(await node.rpc.call("eth_gasPrice"), "gas price")
    enough = price == 0 or node.settings.gas_price == "0" or funds > price * node.settings.transaction_gas
    cure = "" if enough else "Send funds to it, if it is the account that writes: it cannot pay for a full transaction."
    told.append(Diagnosis("funds", enough, f"the register's owner {hexed(owner)} holds {funds} wei", cure))
    return told


async def _see_finality(node: Node) -> list[Diagnosis]:
    final = await node.final()
    head = number_of(await node.rpc.call("eth_blockNumber"), "block number")
    finality = node.settings.finality
    if final >= 0 and not (finality in ("safe", "finalized") and final == 0 and head > 0):
        return [Diagnosis("finality", True, f"{finality}: block {final} of {head}")]
    cure = (
        "Wait for more blocks."
        if finality == "depth"
        else f"If the node never calls a block {finality}, set `finality` to instant or depth, as the network warrants."
    )
    return [Diagnosis("finality", False, f"{finality}: no block of {head} is final", cure)]


async def _see_receipts(node: Node) -> list[Diagnosis]:
    block, receipts = await node.rpc.many(
        [("eth_getBlockByNumber", ("latest", False)), ("eth_getBlockReceipts", ("latest",))]
    )
    if isinstance(block, NodeError):
        raise block.raised("eth_getBlockByNumber")
    try:
        made = block_of(block)
    except Permanent as error:
        return [Diagnosis("headers", False, error.detail, error.hint)]
    told = [Diagnosis("headers", True, f"block {made.number} gives its hash")]
    whole = isinstance(receipts, list)
    told.append(
        Diagnosis("receipts", True, "of whole blocks" if whole else "one by one: the node has no eth_getBlockReceipts")
    )
    return told
