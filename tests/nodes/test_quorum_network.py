"""A living QBFT network of GoQuorum: its blocks are judged as they come, through changes, a halt and its end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import InputError
from gateway.proofs import evm, patricia, seals, state, validators
from gateway.proofs.evm import Header
from gateway.proofs.seals import SealForm
from gateway.proofs.validators import (
    Change,
    Consensus,
    Contract,
    ContractChange,
    Epoch,
    Follower,
    ListedChange,
    ValidatorSet,
    judge,
)
from tests.conftest import required_nodes
from tests.nodes.quorum import (
    VALIDATORS_CONTRACT,
    WRITER,
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

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def geth() -> str:
    """GoQuorum's geth; skipped, or failed where it is required, when there is none."""
    found = find_geth()
    if found:
        return found
    named = os.environ.get("QUORUM_BIN")
    reason = "no GoQuorum: QUORUM_BIN names a folder with its geth" + (f", {named} has none" if named else "")
    if "quorum" in required_nodes():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def network(geth: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuorumNetwork]:
    made = QuorumNetwork(geth, tmp_path_factory.mktemp("quorum"), epoch=40)
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Watch:
    """A follower at a node's side, from the genesis on."""

    def __init__(self, network: QuorumNetwork) -> None:
        self.network = network
        genesis = network.nodes[0].block(0)
        name = bytes.fromhex(genesis["hash"][2:])
        start = validators.founders(SealForm.QBFT, header_of(genesis), name)
        assert set(start.members) == set(network.first)
        self.rules = Consensus(SealForm.QBFT, start, Epoch(network.epoch))
        self.follower = Follower(self.rules, last=(0, name))
        self.changes: list[Change] = []
        self.height = 0

    def catch_up(self, on: int = 0) -> list[validators.Sealed]:
        """Takes every block that node `on` has more; each must have the hash and validators that the node says."""
        made = []
        node = self.network.nodes[on]
        for number in range(self.height + 1, node.head + 1):
            block = node.block(number)
            sealed, change = self.follower.take(header_of(block))
            assert hexed(sealed.hash) == block["hash"]
            said = node.call("istanbul_getValidators", hex(number - 1))
            assert sorted(hexed(each) for each in self.follower.path[-1].members) == sorted(said)
            self.height = number
            made.append(sealed)
            if change is not None:
                self.changes.append(change)
        assert validators.follow(self.rules, self.changes) == self.follower.path
        return made


@pytest.fixture(scope="module")
def watch(network: QuorumNetwork) -> Watch:
    return Watch(network)


def test_blocks_are_judged_as_they_come(network: QuorumNetwork, watch: Watch) -> None:
    network.wait_for(3)
    for sealed in watch.catch_up():
        assert len(sealed.signers) >= sealed.required == 3


def test_two_nodes_tell_one_block_with_different_seals_and_one_hash(network: QuorumNetwork) -> None:
    number = network.nodes[0].head - 1
    told = [Header.decode(header_of(node.block(number))) for node in network.nodes]
    members = ValidatorSet(0, network.first)
    assert len({judge(SealForm.QBFT, header, members).hash for header in told}) == 1


def test_what_goquorum_lacks_is_told_as_an_unknown_method(network: QuorumNetwork) -> None:
    node = network.nodes[0]
    for method in ("eth_getBlockReceipts", "debug_getRawHeader", "debug_getRawReceipts"):
        with pytest.raises(Exception, match="-32601"):
            node.call(method, "latest")
    for tag in ("finalized", "safe"):
        with pytest.raises(Exception, match="-32602"):
            node.call("eth_getBlockByNumber", tag, False)


def receipt_of(node: QuorumNode, name: str) -> dict[str, object]:
    def mined() -> bool:
        return node.call("eth_getTransactionReceipt", name) is not None

    wait_until(mined, what=name)
    found: dict[str, object] = node.call("eth_getTransactionReceipt", name)
    return found


def test_a_transaction_is_proven_beside_its_receipt(network: QuorumNetwork, watch: Watch) -> None:
    node = network.nodes[0]
    raw = transaction_of(WRITER, chain=network.chain, nonce=0, to=address(WRITER), data=b"a record's bytes")
    name = node.call("eth_sendRawTransaction", hexed(raw))
    receipt = receipt_of(node, name)
    number = int(str(receipt["blockNumber"]), 16)
    watch.catch_up()
    header = Header.decode(header_of(node.block(number)))
    trie = patricia.build([(patricia.index_key(0), raw)])
    found = state.transaction(header.transactions_root, 0, trie.branch(patricia.index_key(0)))
    assert found is not None
    assert (found.sender, found.chain, found.data) == (address(WRITER), network.chain, b"a record's bytes")
    assert hexed(found.hash) == name
    gas = int(str(receipt["gasUsed"]), 16)
    made = evm.Receipt(0, b"\x01", gas, bytes(256), ()).encode()
    assert patricia.build([(patricia.index_key(0), made)]).root == header.receipts_root


def test_state_is_proven_by_a_sealed_header(network: QuorumNetwork) -> None:
    node = network.nodes[0]
    number = node.head
    told = node.call("eth_getProof", hexed(address(WRITER)), [hexed(bytes(32))], hex(number))
    header = Header.decode(header_of(node.block(number)))
    nodes = [bytes.fromhex(each[2:]) for each in told["accountProof"]]
    found = state.account(header.state_root, address(WRITER), nodes)
    assert found is not None
    assert (found.nonce, found.balance) == (int(told["nonce"], 16), int(told["balance"], 16))
    assert state.storage(found.storage_root, bytes(32), ()) == bytes(32)


def test_a_fifth_validator_comes_while_the_chain_is_followed(network: QuorumNetwork, watch: Watch) -> None:
    fifth = network.nodes[4].address
    network.vote([0, 1, 2], fifth, add=True)
    network.wait_for(network.nodes[0].head + 2)
    watch.catch_up()
    assert fifth in watch.follower.path[-1].members
    assert len(watch.changes) == 1


def test_two_of_five_fall_silent_and_the_chain_halts_and_goes_on(network: QuorumNetwork, watch: Watch) -> None:
    """Four of five must seal: with two gone no block comes, nothing is judged wrongly, and all goes on after."""
    network.nodes[3].stop()
    network.nodes[4].pause()
    try:
        wait_until(lambda: still(network), seconds=60, what="a halt")
        watch.catch_up()
        halted = watch.height
        assert halted == network.nodes[0].head
    finally:
        network.nodes[4].resume()
        network.nodes[3].start()
    network.wait_for(halted + 3, seconds=150)
    rounds = [sealed.extra.round for sealed in watch.catch_up()]
    assert any(rounds), "the block after the halt is of a later round"


def still(network: QuorumNetwork) -> bool:
    before = network.nodes[0].head
    time.sleep(5)
    return network.nodes[0].head == before


def test_the_fifth_goes_and_the_four_go_on(network: QuorumNetwork, watch: Watch) -> None:
    fifth = network.nodes[4].address
    network.vote([0, 1, 2], fifth, add=False)
    network.wait_for(network.nodes[0].head + 2)
    watch.catch_up()
    assert set(watch.follower.path[-1].members) == set(network.first)
    assert len(watch.changes) == 2


def test_two_of_four_end_and_the_chain_goes_on_with_three(network: QuorumNetwork, watch: Watch) -> None:
    network.nodes[2].stop()
    network.nodes[3].stop(kill=True)
    try:
        wait_until(lambda: still(network), seconds=60, what="a halt")
        watch.catch_up()
        halted = watch.height
    finally:
        network.nodes[2].start()
    network.wait_for(halted + 2, seconds=150)
    for sealed in watch.catch_up():
        assert len(sealed.signers) == sealed.required == 3
        assert network.nodes[3].address not in sealed.signers
    network.nodes[3].start()
    network.wait(lambda: network.nodes[3].head > halted, what="the return of the last")


def test_a_node_that_lies_about_validators_moves_nobody(network: QuorumNetwork, watch: Watch) -> None:
    """The next block as a liar would tell it: with a list of its own, and sealed by that list."""
    node = network.nodes[0]
    network.wait_for(watch.height + 1)
    truth = Header.decode(header_of(node.block(watch.height + 1)))
    extra = seals.read_extra(SealForm.QBFT, truth)
    data = truth.extra_data
    swapped = data.replace(extra.validators[0], address(WRITER), 1)
    lie = Header.decode(header_of(node.block(watch.height + 1)).replace(data, swapped, 1))
    with pytest.raises(InputError):
        watch.follower.take(lie.encode())
    with pytest.raises(InputError):
        validators.follow(watch.rules, [*watch.changes, ListedChange(lie.encode())])
    watch.catch_up()


async def test_the_adapters_sink_writes_to_it(network: QuorumNetwork, watch: Watch) -> None:
    """The register put there and a record written at no price; its block is judged like any other."""
    from gateway.spi import Written
    from tests.recordings.quorum.record import Register, outbound

    register = Register(network.nodes[0])
    await register.found()
    await register.write([outbound(1), outbound(2)])
    found = await register.find(outbound(1).key, outbound(2).key)
    await register.aclose()
    assert all(isinstance(each, Written) for each in found)
    await asyncio.to_thread(watch.catch_up)


def test_validators_in_a_contract_are_followed(geth: str, tmp_path: Path) -> None:
    first = QuorumNetwork(geth, tmp_path / "none").first
    chosen = {"validatorcontractaddress": hexed(VALIDATORS_CONTRACT), "validatorselectionmode": "contract"}
    held = {"balance": "0x0", "code": hexed(validators_code()), "storage": array_storage(first)}
    network = QuorumNetwork(geth, tmp_path / "network", qbft=chosen, alloc={hexed(VALIDATORS_CONTRACT): held})
    try:
        network.start()
        node = network.nodes[0]
        rules = Consensus(SealForm.QBFT, ValidatorSet(0, first), contract=Contract(VALIDATORS_CONTRACT))
        follower = Follower(rules)
        height = take_to(follower, node, 0)
        fifth = network.nodes[4].address
        values = [(state.array_slot(0, 4), fifth), (bytes(32), b"\5")]
        for nonce, (slot, value) in enumerate(values):
            raw = transaction_of(
                WRITER, chain=network.chain, nonce=nonce, to=VALIDATORS_CONTRACT, data=slot + value.rjust(32, b"\0")
            )
            receipt = receipt_of(node, node.call("eth_sendRawTransaction", hexed(raw)))
        changed = int(str(receipt["blockNumber"]), 16)
        network.wait_for(changed + 2)
        height = take_to(follower, node, height, changed)
        slots = [hexed(bytes(32)), *[hexed(state.array_slot(0, index)) for index in range(5)]]
        told = node.call("eth_getProof", hexed(VALIDATORS_CONTRACT), slots, hex(changed))
        proof = ContractChange(
            header_of(node.block(changed)),
            tuple([bytes.fromhex(each[2:]) for each in told["accountProof"]]),
            tuple([tuple([bytes.fromhex(each[2:]) for each in one["proof"]]) for one in told["storageProof"]]),
        )
        found = follower.learn(proof)
        assert (found.since, set(found.members)) == (changed + 1, {*first, fifth})
        take_to(follower, node, height)
        assert found.quorum == 4
    finally:
        network.stop()


def take_to(follower: Follower, node: QuorumNode, height: int, last: int | None = None) -> int:
    """Takes the blocks after `height`, up to `last` or the head; the height that was reached."""
    end = node.head if last is None else last
    for number in range(height + 1, end + 1):
        follower.take(header_of(node.block(number)))
    return end
