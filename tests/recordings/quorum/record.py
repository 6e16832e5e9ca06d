"""Makes the recordings beside this file again, on real networks of GoQuorum that it starts and ends. See README.md.

QUORUM_BIN=folder/with/geth python tests/recordings/quorum/record.py [main|twin|epochs|contract]…
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "adapters")]

from gateway.proofs import evm, rlp, state  # noqa: E402
from gateway.proofs.keccak import keccak256  # noqa: E402
from gateway.spi import DeliveryKey, NativeRecord, Outbound, OutcomeOf, Relay, Secrets, Written  # noqa: E402
from gateway_evm.adapter import EvmAdapter  # noqa: E402
from gateway_evm.settings import EvmSettings  # noqa: E402
from tests.nodes.quorum import (  # noqa: E402
    CHAIN,
    STRANGER,
    VALIDATORS_CONTRACT,
    WRITER,
    CallFailed,
    QuorumNetwork,
    QuorumNode,
    address,
    array_storage,
    find_geth,
    header_of,
    hexed,
    transaction_of,
    validators_code,
    wait_until,
)

_DIGESTS, _SUBJECTS = 4, 5
"""Slots of the register's mappings."""


class Keys(Secrets):
    def private(self, name: str) -> bytes:
        return WRITER.secret


def outbound(number: int, *, withdraws: int | None = None) -> Outbound:
    key = hashlib.sha256(b"key %d" % number).digest()
    subject = f"XA/xa-application/2026-{(withdraws or number):06}"
    return Outbound(
        key=DeliveryKey(key),
        digest=hashlib.sha256(b"digest %d" % number).digest(),
        subject=subject,
        revision=1,
        native=NativeRecord("register-evm", json.dumps({"number": number, "subject": subject}).encode()),
        relay=Relay(key, hashlib.sha256(b"mark %d" % number).digest(), (hashlib.sha256(b"origin").digest(),)),
        withdrawn=withdraws is not None,
        supersedes=None if withdraws is None else DeliveryKey(hashlib.sha256(b"key %d" % withdraws).digest()),
    )


class Register:
    """The register on a network, written to through the adapter's own sink."""

    def __init__(self, node: QuorumNode) -> None:
        self._adapter, self._keys = EvmAdapter(), Keys()
        self._settings = EvmSettings(url=node.url, finality="instant", poll=0.1, writer="writer", gas_price="0")

    async def found(self) -> None:
        self._settings = await self._adapter.found(self._settings, self._keys)
        network = await self._adapter.identify(self._settings)
        self._sink = self._adapter.sink(self._settings, network, self._keys)

    @property
    def address(self) -> bytes:
        return self._settings.address

    async def write(self, *runs: list[Outbound]) -> None:
        """Each run as a transaction, all at once; returns when all are written."""
        prepared = [await self._sink.prepare(run, 1) for run in runs]
        for each in prepared:
            await self._sink.submit(each)
        for each in prepared:
            for _ in range(600):
                outcomes = await self._sink.outcome(each)
                if all(isinstance(outcome, Written) for outcome in outcomes):
                    break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError(f"not written: {outcomes}")

    async def find(self, *keys: DeliveryKey) -> Sequence[OutcomeOf]:
        return await self._sink.find(keys)

    async def aclose(self) -> None:
        await self._sink.aclose()


def send(node: QuorumNode, raw: bytes) -> dict[str, Any]:
    """Sends a transaction and gives its receipt."""
    name = node.call("eth_sendRawTransaction", hexed(raw))
    found: list[dict[str, Any]] = []

    def done() -> bool:
        receipt = node.call("eth_getTransactionReceipt", name)
        if receipt is not None:
            found.append(receipt)
        return receipt is not None

    wait_until(done, what=name)
    return found[0]


def receipt_bytes(receipt: dict[str, Any]) -> bytes:
    logs = tuple(
        [
            evm.Log(
                bytes.fromhex(log["address"][2:]),
                tuple([bytes.fromhex(topic[2:]) for topic in log["topics"]]),
                bytes.fromhex(log["data"][2:]),
            )
            for log in receipt["logs"]
        ]
    )
    outcome = rlp.integer_bytes(int(receipt["status"], 16))
    gas, bloom = int(receipt["cumulativeGasUsed"], 16), bytes.fromhex(receipt["logsBloom"][2:])
    return evm.Receipt(int(receipt.get("type", "0x0"), 16), outcome, gas, bloom, logs).encode()


def chain_of(network: QuorumNetwork, last: int | None = None) -> dict[str, Any]:
    """Every header up to `last`, and the transactions and receipts of every block that has some."""
    node = network.nodes[0]
    last = node.head if last is None else last
    headers, hashes, bodies = [], [], {}
    for number in range(last + 1):
        block = node.block(number, full=True)
        headers.append(header_of(block).hex())
        hashes.append(block["hash"][2:])
        if block["transactions"]:
            names = [each["hash"] for each in block["transactions"]]
            bodies[str(number)] = {
                "transactions": [node.call("eth_getRawTransactionByHash", name)[2:] for name in names],
                "receipts": [receipt_bytes(node.call("eth_getTransactionReceipt", name)).hex() for name in names],
            }
    return {
        "chain": network.chain,
        "epoch": network.epoch,
        "validators": [each.hex() for each in network.first],
        "headers": headers,
        "hashes": hashes,
        "bodies": bodies,
        "members": [[each.hex() for each in network.members(number)] for number in range(last + 1)],
        "signers": [
            sorted(each[2:].lower() for each in node.call("istanbul_getSignersFromBlock", hex(number))["Committers"])
            for number in range(1, last + 1)
        ],
    }


def proofs_of(node: QuorumNode, holder: bytes, slots: list[bytes], number: int) -> dict[str, Any]:
    told = node.call("eth_getProof", hexed(holder), [hexed(slot) for slot in slots], hex(number))
    return {
        "block": number,
        "address": holder.hex(),
        "balance": told["balance"],
        "nonce": told["nonce"],
        "code_hash": told["codeHash"][2:],
        "storage_root": told["storageHash"][2:],
        "nodes": [each[2:] for each in told["accountProof"]],
        "slots": [
            {"key": slot.hex(), "value": each["value"], "nodes": [one[2:] for one in each["proof"]]}
            for slot, each in zip(slots, told["storageProof"], strict=True)
        ],
    }


async def main(network: QuorumNetwork) -> dict[str, Any]:
    """Four validators; a fifth voted in and out; a later round; batches; a reverted transaction; proofs of state."""
    nodes, fifth = network.nodes, network.nodes[4].address
    register = Register(nodes[0])
    await register.found()
    await register.write([outbound(1)])
    await register.write([outbound(number) for number in range(2, 5)], [outbound(5), outbound(6, withdraws=2)])
    data = bytes.fromhex("13af4035") + address(STRANGER).rjust(32, b"\0")  # no function of the register
    raw = transaction_of(STRANGER, chain=network.chain, nonce=0, to=register.address, data=data)
    reverted = send(nodes[0], raw)
    assert reverted["status"] == "0x0"
    network.vote([0, 1, 2], fifth, add=True)
    network.wait_for(nodes[0].head + 3)
    await register.write([outbound(number) for number in range(10, 50)])
    nodes[3].stop()  # blocks that were its turn are decided in a later round
    network.wait_for(nodes[0].head + 6, seconds=120)
    nodes[3].start()
    network.wait(lambda: nodes[3].head >= nodes[0].head - 1, what="the stopped node's return")
    await register.write([outbound(number) for number in range(50, 60)])
    network.vote([0, 1, 2], fifth, add=False)
    network.wait_for(nodes[0].head + 2)
    await register.write([outbound(60)], [outbound(61)])
    network.wait_for(nodes[0].head + 1)
    await register.aclose()
    last = nodes[0].head
    salts = {}
    slots = [n.to_bytes(32, "big") for n in range(8)]
    slots += [state.mapping_slot(outbound(number).key, _DIGESTS) for number in (1, 2, 50, 999)]
    for receipt in (nodes[0].call("eth_getLogs", {"address": hexed(register.address), "fromBlock": "0x0"}),):
        subjects = [log["topics"][2] for log in receipt if len(log["topics"]) == 3]
        slots += [state.mapping_slot(bytes.fromhex(each[2:]), _SUBJECTS) for each in subjects[:3]]
        salts = {"subjects": [each[2:] for each in subjects[:3]]}
    heights = [last, int(reverted["blockNumber"], 16)]
    return {
        **chain_of(network, last),
        **salts,
        "register": register.address.hex(),
        "reverted": {
            "block": int(reverted["blockNumber"], 16),
            "transaction": int(reverted["transactionIndex"], 16),
            "sender": address(STRANGER).hex(),
        },
        "writer": address(WRITER).hex(),
        "fifth": fifth.hex(),
        "proofs": [
            *[proofs_of(nodes[0], register.address, slots, height) for height in heights],
            proofs_of(nodes[0], address(WRITER), [bytes(32)], last),
            proofs_of(nodes[0], bytes.fromhex("ab" * 20), [bytes(32)], last),
        ],
    }


async def twin(network: QuorumNetwork) -> dict[str, Any]:
    """Another network of the same validators, with the same contract and record: a test network beside the real one."""
    register = Register(network.nodes[0])
    await register.found()
    await register.write([outbound(1)])
    await register.aclose()
    return {**chain_of(network), "register": register.address.hex()}


async def epochs(network: QuorumNetwork) -> dict[str, Any]:
    """Votes that epochs clear before they are enough, then a fifth and a sixth validator in and the fifth out again;
    with the node's own tally after every block."""
    nodes = network.nodes
    fifth, sixth = nodes[4].address, nodes[5].address

    def until(done: Callable[[], bool]) -> None:
        network.wait(done, what="votes", seconds=90)

    network.propose([0, 1], fifth, add=True)  # two of four: cleared again and again, never enough
    start = nodes[0].head
    network.wait_for(start + 2 * network.epoch + 1)
    network.propose([0], sixth, add=True)  # stands beside the votes that decide about the fifth
    network.wait_for(nodes[0].head + 4)
    network.propose([2], fifth, add=True)
    until(lambda: fifth in network.members())
    network.propose([1, 2, 3], sixth, add=True)
    until(lambda: sixth in network.members())
    for node in nodes[:4]:
        for candidate in (fifth, sixth):
            node.call("istanbul_discard", hexed(candidate))
    network.propose([0, 1, 2, 3], fifth, add=False)
    until(lambda: fifth not in network.members())
    last = nodes[0].head + 2
    network.wait_for(last)
    snapshots = [nodes[0].call("istanbul_getSnapshot", hex(number)) for number in range(last + 1)]
    return {
        **chain_of(network, last),
        "fifth": fifth.hex(),
        "sixth": sixth.hex(),
        "votes": [
            sorted(
                [each["block"], each["validator"][2:].lower(), each["address"][2:].lower(), each["authorize"]]
                for each in snapshot["votes"] or []
            )
            for snapshot in snapshots
        ],
    }


async def contract(network: QuorumNetwork) -> dict[str, Any]:
    """Validators in a contract: the fifth written into its array, then taken out again by shortening it."""
    node, fifth = network.nodes[0], network.nodes[4].address
    base = int.from_bytes(keccak256(bytes(32)), "big")

    def write(slot: int, value: bytes) -> int:
        nonce = int(node.call("eth_getTransactionCount", hexed(address(WRITER)), "pending"), 16)
        data = slot.to_bytes(32, "big") + value.rjust(32, b"\0")
        raw = transaction_of(WRITER, chain=network.chain, nonce=nonce, to=VALIDATORS_CONTRACT, data=data)
        receipt = send(node, raw)
        assert receipt["status"] == "0x1"
        return int(receipt["blockNumber"], 16)

    write(base + 4, fifth)
    heights = [write(0, b"\5")]
    network.wait_for(heights[0] + 4)
    heights.append(write(0, b"\4"))
    network.wait_for(heights[1] + 3)
    proofs = []
    for height, count in zip([0, *heights], (4, 5, 4), strict=True):
        slots = [bytes(32), *[(base + index).to_bytes(32, "big") for index in range(count)]]
        proofs.append(proofs_of(node, VALIDATORS_CONTRACT, slots, height))
    return {**chain_of(network), "contract": VALIDATORS_CONTRACT.hex(), "fifth": fifth.hex(), "proofs": proofs}


def networks(geth: str, name: str, folder: Path) -> QuorumNetwork:
    match name:
        case "twin":
            return QuorumNetwork(geth, folder, nodes=4, chain=CHAIN + 1)
        case "epochs":
            return QuorumNetwork(geth, folder, nodes=6, epoch=6)
        case "contract":
            probe = QuorumNetwork(geth, folder / "probe")
            account = {"balance": "0x0", "code": hexed(validators_code()), "storage": array_storage(probe.first)}
            chosen = {"validatorcontractaddress": hexed(VALIDATORS_CONTRACT), "validatorselectionmode": "contract"}
            return QuorumNetwork(geth, folder, qbft=chosen, alloc={hexed(VALIDATORS_CONTRACT): account})
        case _:
            return QuorumNetwork(geth, folder)


_MADE = {"main": main, "twin": twin, "epochs": epochs, "contract": contract}


def record(geth: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        network = networks(geth, name, Path(folder) / "network")
        try:
            network.start()
            made = asyncio.run(_MADE[name](network))
        except (RuntimeError, CallFailed):
            print(network.nodes[0].tail(), file=sys.stderr)
            raise
        finally:
            network.stop()
    (HERE / f"{name}.json").write_text(json.dumps(made, indent=0) + "\n")


if __name__ == "__main__":
    found = find_geth()
    if found is None:
        raise SystemExit("QUORUM_BIN names no folder with geth in it")
    for which in sys.argv[1:] or list(_MADE):
        record(found, which)
