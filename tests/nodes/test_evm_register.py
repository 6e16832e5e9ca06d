"""The contract itself, on a real node: who may write, what it keeps, what it tells."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.proofs import abi
from gateway.proofs.keccak import keccak256
from gateway_evm import entry as entries
from gateway_evm import register
from gateway_evm.contract import build
from gateway_evm.entry import Entry
from gateway_evm.sink import gas_of
from gateway_evm.transaction import Account
from tests.nodes.conftest import FUNDED, SECOND, Anvil
from tests.nodes.scenes import Scene, scene

pytestmark = pytest.mark.anvil


def entry(number: int, **changes: Any) -> Entry:
    values: dict[str, Any] = {
        "key": number.to_bytes(32, "big"), "digest": b"d" * 32, "mark": b"m" * 32, "salt": b"s" * 32,
        "subject": f"XA/xa-application/{number}", "format": "register-evm", "body": b"body %d" % number,
    }  # fmt: skip
    return Entry(**{**values, **changes})


def call(*some: Entry, fence: int = 0) -> bytes:
    return entries.calldata(fence, [entries.pack(each) for each in some])


def events(receipt: Any) -> list[tuple[bytes, bytes, bytes]]:
    """Kind, key and data of each log."""
    return [
        (bytes.fromhex(log["topics"][0][2:]), bytes.fromhex(log["topics"][1][2:]), bytes.fromhex(log["data"][2:]))
        for log in receipt["logs"]
    ]


async def subject(place: Scene, salt: bytes, name: str) -> tuple[bytes, int, bool]:
    asked = abi.selector("subjects(bytes32)") + entries.subject_hash(salt, name)
    digest, revision, withdrawn = await place.node.ask(asked, ["bytes27", "uint32", "bool"])
    return digest, revision, withdrawn


async def test_entries_are_kept_and_told(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        one, two = entry(1), entry(2)
        receipt = await place.send(FUNDED, call(one, two))
        assert receipt["status"] == "0x1"
        told = events(receipt)
        assert [(kind, key) for kind, key, _ in told] == [(entries.RECORDED, one.key), (entries.RECORDED, two.key)]
        for each, (_, _, data) in zip((one, two), told, strict=True):
            assert data == (1).to_bytes(32, "big") + entries.hash_of(entries.pack(each))
            digest, revision, withdrawn = await subject(place, each.salt, each.subject)
            assert (digest, revision, withdrawn) == (data[32:59], 1, False)
        assert await place.node.digests([one.key, b"n" * 32, two.key]) == [b"d" * 32, bytes(32), b"d" * 32]


async def test_the_same_again_is_passed_over_and_another_is_a_conflict(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        await place.send(FUNDED, call(entry(1)))
        receipt = await place.send(FUNDED, call(entry(1), entry(1, digest=b"e" * 32), entry(2), entry(2)))
        assert receipt["status"] == "0x1", "no entry holds up its neighbours"
        told = events(receipt)
        assert [(kind, key[-1]) for kind, key, _ in told] == [(entries.CONFLICT, 1), (entries.RECORDED, 2)]
        assert told[0][2] == b"d" * 32
        assert (await subject(place, b"s" * 32, "XA/xa-application/1"))[1] == 1


async def test_an_entry_without_key_or_digest_is_a_conflict_with_nothing(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        receipt = await place.send(FUNDED, call(entry(0), entry(1, digest=bytes(32)), entry(2)))
        told = events(receipt)
        assert [kind for kind, _, _ in told] == [entries.CONFLICT, entries.CONFLICT, entries.RECORDED]
        assert told[0][2] == told[1][2] == bytes(32)


async def test_a_subject_keeps_its_newest_entry(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        name = "XA/xa-application/7"
        first = entry(1, subject=name)
        second = entry(2, subject=name, withdrawn=True, supersedes=first.key)
        receipt = await place.send(FUNDED, call(first, second))
        assert [kind for kind, _, _ in events(receipt)] == [entries.RECORDED, entries.WITHDRAWN]
        digest, revision, withdrawn = await subject(place, b"s" * 32, name)
        assert (digest, revision, withdrawn) == (entries.hash_of(entries.pack(second))[:27], 2, True)


async def test_only_writers_write_and_only_the_owner_names_them(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        second = Account(SECOND).address
        assert (await place.send(SECOND, call(entry(1))))["status"] == "0x0"
        assert (await place.send(SECOND, register.set_writer(second, allowed=True)))["status"] == "0x0"
        assert (await place.send(FUNDED, register.set_writer(second, allowed=True)))["status"] == "0x1"
        assert (await place.send(SECOND, call(entry(1))))["status"] == "0x1"
        assert (await place.send(FUNDED, register.set_writer(second, allowed=False)))["status"] == "0x1"
        assert (await place.send(SECOND, call(entry(2))))["status"] == "0x0"


async def test_ownership_passes_when_it_is_accepted(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        second = Account(SECOND).address
        bequeath = abi.selector("bequeath(address)") + abi.encode(["address"], [second])
        accept = abi.selector("accept()")
        assert (await place.send(SECOND, accept))["status"] == "0x0"
        assert (await place.send(SECOND, bequeath))["status"] == "0x0"
        assert (await place.send(FUNDED, bequeath))["status"] == "0x1"
        assert await place.node.ask(register.ask_owner(), ["address"]) == (Account(FUNDED).address,)
        assert (await place.send(SECOND, accept))["status"] == "0x1"
        assert await place.node.ask(register.ask_owner(), ["address"]) == (second,)


async def test_a_fence_never_falls(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        for number, (fence, status) in enumerate([(5, "0x1"), (5, "0x1"), (4, "0x0"), (6, "0x1"), (5, "0x0")]):
            assert (await place.send(FUNDED, call(entry(number + 1), fence=fence)))["status"] == status
        assert await place.node.ask(register.ask_fence(Account(FUNDED).address), ["uint64"]) == (6,)


@pytest.mark.parametrize("count", [1, 10, 50, 100])
@pytest.mark.parametrize("size", [0, 200, 1800])
async def test_the_gas_model_is_enough_and_not_much_more(
    shared_anvil: Anvil, secrets: Any, count: int, size: int
) -> None:
    """A model that says too little fails transactions, one that says too much fills blocks with nothing."""
    async with scene(shared_anvil.url, secrets) as place:
        for path in ((), (b"p" * 32,) * 4):
            some = [
                entry(number + 1 + 1000 * len(path), body=os.urandom(size), path=path, key=os.urandom(32))
                for number in range(count)
            ]
            packed = [entries.pack(each) for each in some]
            data = entries.calldata(1 + len(path), packed)
            modelled = gas_of(data, packed)
            receipt = await place.send(FUNDED, data, gas=modelled)
            used = int(receipt["gasUsed"], 16)
            assert receipt["status"] == "0x1"
            assert len(receipt["logs"]) == count
            assert used <= modelled <= 1.12 * used + 40_000


async def test_a_large_body_fits(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        packed = [entries.pack(entry(1, body=os.urandom(100_000)))]
        data = entries.calldata(0, packed)
        assert (await place.send(FUNDED, data, gas=gas_of(data, packed)))["status"] == "0x1"


async def test_what_stands_on_the_chain_is_the_artefact(shared_anvil: Anvil, secrets: Any) -> None:
    async with scene(shared_anvil.url, secrets) as place:
        code = await place.node.rpc.call("eth_getCode", place.settings.contract, "latest")
        assert keccak256(bytes.fromhex(code[2:])).hex() == register.artefact().code_hash
        version = abi.selector("version()")
        assert await place.node.ask(version, ["string"]) == ("RecordRegister/1",)


def test_the_artefact_comes_from_the_source(solc_folder: Path, node_binary: str) -> None:
    held = json.loads((Path(build.__file__).parent / "RecordRegister.json").read_bytes())
    assert build.compiled(node_binary, str(solc_folder)) == held
