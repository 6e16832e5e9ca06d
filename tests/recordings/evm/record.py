"""Makes the recordings beside this file again: blocks of anvil with entries of the register, one fork each.

python tests/recordings/evm/record.py path/to/anvil
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "adapters")]

from gateway.spi import DeliveryKey, NativeRecord, Outbound, Relay  # noqa: E402
from gateway_evm.adapter import EvmAdapter  # noqa: E402
from gateway_evm.node import Node  # noqa: E402
from gateway_evm.settings import EvmSettings  # noqa: E402
from tests.nodes.conftest import FUNDED, Anvil, KeysByName  # noqa: E402

FORKS = ("berlin", "london", "shanghai", "cancun", "osaka")


def outbound(number: int, *, withdraws: int | None = None) -> Outbound:
    key = hashlib.sha256(b"key %d" % number).digest()
    body = b"body of record %d, " % number * (number + 1)
    return Outbound(
        key=DeliveryKey(key),
        digest=hashlib.sha256(b"digest %d" % number).digest(),
        subject=f"XA/xa-application/2026-{(withdraws or number):06}",
        revision=1,
        native=NativeRecord("register-evm", body),
        relay=Relay(key, hashlib.sha256(b"mark %d" % number).digest(), (hashlib.sha256(b"origin").digest(),)),
        withdrawn=withdraws is not None,
        supersedes=None if withdraws is None else DeliveryKey(hashlib.sha256(b"key %d" % withdraws).digest()),
    )


async def record(binary: str, fork: str) -> dict[str, object]:
    anvil = Anvil(binary, ("--hardfork", fork))
    anvil.start()
    try:
        adapter, secrets = EvmAdapter(), KeysByName(writer=FUNDED)
        price = "2000000000" if fork == "berlin" else "auto"
        settings = EvmSettings(url=anvil.url, finality="instant", poll=0.02, writer="writer", gas_price=price)
        settings = await adapter.found(settings, secrets)
        network = await adapter.identify(settings)
        segment = dict(await adapter.segment(settings))
        node = Node(settings)
        await node.rpc.call("evm_setAutomine", False)
        sink = adapter.sink(settings, network, secrets)
        first = [outbound(number) for number in (1, 2, 3)]
        second = [outbound(4), outbound(5, withdraws=2), outbound(1), outbound(6)]
        for run in (first, second):
            await sink.submit(await sink.prepare(run, 1))
        await node.rpc.call("evm_mine")
        head = await node.rpc.call("eth_blockNumber")
        block = await node.rpc.call("eth_getBlockByNumber", head, True)
        receipts = await node.rpc.call("eth_getBlockReceipts", head)
        assert len(block["transactions"]) == len(receipts) == 2
        await sink.aclose()
        await node.aclose()
        return {"fork": fork, "segment": segment, "block": block, "receipts": receipts}
    finally:
        anvil.stop()


def main() -> None:
    for fork in FORKS:
        made = asyncio.run(record(sys.argv[1], fork))
        (HERE / f"{fork}.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
