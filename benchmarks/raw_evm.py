"""The same contract driven raw: what a client without a gateway's promises reaches, to compare the gateway with.

It does what writing needs and no more: encodes entries, signs transactions, sends them with several under way, and
fetches every transaction's receipt. No stored attempts, no outcomes, no evidence, no reading back.

    python benchmarks/raw_evm.py --anvil PATH [--records 20000] [--mode mixed|block]
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

ROOT: Final = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "adapters"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from gateway_evm import entry as entries  # noqa: E402  # the tree must be on the path first
from gateway_evm.entry import Entry  # noqa: E402
from gateway_evm.sink import gas_of  # noqa: E402
from gateway_evm.transaction import Account, Fee  # noqa: E402

FUNDED: Final = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The key of anvil's first account, known to everyone."""
MIXED: Final = ("--block-time", "1", "--mixed-mining")
BLOCK: Final = ("--block-time", "1")


@dataclass(frozen=True)
class Raw:
    """What one drive took."""

    records: int
    transactions: int
    seconds: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def entry(number: int, body: bytes, *, secret: bytes = b"raw") -> Entry:
    """An entry as a client makes it for a body."""
    name = number.to_bytes(8, "big")
    return Entry(
        key=hashlib.sha256(b"key" + name).digest(),
        digest=hashlib.sha256(body).digest(),
        mark=hmac.digest(secret, name, "sha256"),
        salt=hmac.digest(secret, b"salt" + name, "sha256"),
        subject=f"XA/us-application/{number}",
        format="register-evm",
        body=body,
        path=(hashlib.sha256(b"origin").digest(),),
    )


async def drive(
    url: str,
    contract: bytes,
    bodies: Sequence[bytes],
    *,
    private: bytes = FUNDED,
    per_transaction: int = 50,
    in_flight: int = 16,
    fee: Fee | None = None,
    first: int = 0,
    poll: float = 0.005,
) -> Raw:
    """Writes `bodies` and returns when every transaction's receipt is there. Raises RuntimeError where one failed."""
    account = Account(private)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Content-Type": "application/json"}) as session:

        async def call(method: str, *params: Any) -> Any:
            asked = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
            async with session.post(url, data=asked) as response:
                answer = orjson.loads(await response.read())
            if "error" in answer:
                raise RuntimeError(f"{method}: {answer['error']}")
            return answer["result"]

        chain = int(await call("eth_chainId"), 16)
        start = int(await call("eth_getTransactionCount", "0x" + account.address.hex(), "pending"), 16)
        offered = fee or Fee(2 * int(await call("eth_gasPrice"), 16) + 10**9, 10**9)
        runs = [bodies[at : at + per_transaction] for at in range(0, len(bodies), per_transaction)]
        gate = asyncio.Semaphore(in_flight)
        began = time.perf_counter()

        async def settle(digest: bytes) -> None:
            name = "0x" + digest.hex()
            try:
                while (receipt := await call("eth_getTransactionReceipt", name)) is None:  # the event is the node's
                    await asyncio.sleep(poll)
                if receipt["status"] != "0x1":
                    raise RuntimeError(f"{name} failed")
            finally:
                gate.release()

        waiting: list[asyncio.Task[None]] = []
        number = first
        for index, run in enumerate(runs):
            await gate.acquire()
            packed = [entries.pack(entry(number + at, body)) for at, body in enumerate(run)]
            number += len(run)
            data = entries.calldata(0, packed)
            signed = account.sign(
                chain=chain, nonce=start + index, fee=offered, gas=gas_of(data, packed), to=contract, data=data
            )
            await call("eth_sendRawTransaction", "0x" + signed.raw.hex())
            waiting.append(asyncio.create_task(settle(signed.hash)))
        await asyncio.gather(*waiting)
        return Raw(len(bodies), len(runs), time.perf_counter() - began)


def bodies(count: int, size: int = 1800) -> list[bytes]:
    """Bodies of `size` bytes, all different."""
    return [os.urandom(size) for _ in range(count)]


def start_anvil(binary: str, *options: str) -> tuple[subprocess.Popen[str], str]:
    """A node on a free loopback port, and its address. The caller ends it."""
    process = subprocess.Popen([binary, "--port", "0", *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"Listening on (\S+)", line):
            # a full pipe would stop the node
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, f"http://{found[1]}"
    raise RuntimeError("anvil did not start")


async def _main(arguments: argparse.Namespace) -> None:
    from gateway_evm.adapter import EvmAdapter
    from gateway_evm.settings import EvmSettings

    class Keys:
        def private(self, name: str) -> bytes:
            return FUNDED

    process, url = start_anvil(arguments.anvil, *(MIXED if arguments.mode == "mixed" else BLOCK))
    try:
        settings = EvmSettings(url=url, finality="instant", poll=0.01, writer="writer")
        founded = await EvmAdapter().found(settings, Keys())
        made = await drive(url, founded.address, bodies(arguments.records), in_flight=arguments.in_flight)
        told = {"records": made.records, "seconds": round(made.seconds, 2), "rate": round(made.rate)}
        print(json.dumps(told))
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--anvil", required=True)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--mode", choices=("mixed", "block"), default="mixed")
    parser.add_argument("--in-flight", type=int, default=16)
    asyncio.run(_main(parser.parse_args()))
