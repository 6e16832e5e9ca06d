"""Accounts, slots and transactions under their roots: what real nodes gave is proven, all else refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from coincurve import PrivateKey
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.proofs import patricia, rlp, state
from gateway.proofs.keccak import EMPTY, keccak256
from gateway.proofs.state import Transaction
from tests.recordings.quorum.recorded import Slot, StateProof, recording, trie_of

MAIN = recording("main")
PROOFS = MAIN.proofs()
KEY = "0x" + "46" * 32
REGISTER = MAIN.bytes_of("register")


def root_at(proof: StateProof) -> bytes:
    return MAIN.header(proof.block).state_root


def proof_of(address: bytes) -> StateProof:
    return next(proof for proof in PROOFS if proof.address == address)


# ── Accounts and storage ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof.address.hex()[:6]}@{proof.block}")
def test_what_a_node_says_of_an_account_is_what_it_proves(proof: StateProof) -> None:
    found = state.account(root_at(proof), proof.address, proof.nodes)
    if found is None:
        assert (proof.nonce, proof.balance) == (0, 0)
        return
    assert (found.nonce, found.balance) == (proof.nonce, proof.balance)
    assert (found.code_hash, found.storage_root) == (proof.code_hash, proof.storage_root)
    assert found.has_code == (proof.address == REGISTER)
    for slot in proof.slots:
        assert int.from_bytes(state.storage(found.storage_root, slot.key, slot.nodes), "big") == slot.value


def test_the_recording_has_every_case() -> None:
    slots = [slot for proof in PROOFS for slot in proof.slots]
    assert {bool(slot.value) for slot in slots} == {True, False}
    assert any(not slot.nodes for slot in slots)
    assert any(state.account(root_at(proof), proof.address, proof.nodes) is None for proof in PROOFS)
    assert any(0 < slot.value < 2**160 for slot in slots), "a value with leading zeros"


def test_the_registers_writer_stands_in_its_state() -> None:
    proof = proof_of(REGISTER)
    assert state.storage(proof.storage_root, bytes(32), proof.slots[0].nodes)[12:] == MAIN.bytes_of("writer")


def test_a_digest_stands_where_its_mapping_keeps_it() -> None:
    key, digest = hashlib.sha256(b"key 1").digest(), hashlib.sha256(b"digest 1").digest()
    wanted = state.mapping_slot(key, 4)
    (slot,) = [each for each in proof_of(REGISTER).slots if each.key == wanted]
    assert state.storage(proof_of(REGISTER).storage_root, wanted, slot.nodes) == digest


def test_another_slot_account_or_root_is_not_proven_by_a_branch() -> None:
    proof = proof_of(REGISTER)
    first, second = [slot for slot in proof.slots if slot.value][:2]
    with pytest.raises(InputError):
        state.storage(proof.storage_root, first.key, second.nodes)
    with pytest.raises(InputError):
        state.account(root_at(proof), MAIN.bytes_of("writer"), proof.nodes)
    with pytest.raises(InputError):
        state.account(MAIN.header(proof.block - 1).transactions_root, proof.address, proof.nodes)
    other = MAIN.header(5).state_root
    assert other != root_at(proof)
    with pytest.raises(InputError):
        state.account(other, proof.address, proof.nodes)
    with pytest.raises(InputError):
        state.storage(keccak256(b"another contract's storage"), first.key, first.nodes)


@given(data=st.data())
def test_no_flip_in_a_proof_of_state_changes_what_it_says(data: st.DataObject) -> None:
    proof = proof_of(REGISTER)
    slot = data.draw(st.sampled_from([slot for slot in proof.slots if slot.nodes]))
    nodes = [bytearray(node) for node in slot.nodes]
    node = data.draw(st.sampled_from(nodes))
    node[data.draw(st.integers(0, len(node) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InputError):
        state.storage(proof.storage_root, slot.key, [bytes(each) for each in nodes])


@given(drop=st.integers(0, 10))
def test_a_branch_cut_or_lengthened_is_refused(drop: int) -> None:
    proof = proof_of(REGISTER)
    nodes = list(proof.nodes)
    longer = [*nodes, nodes[drop % len(nodes)]]
    del nodes[drop % len(nodes)]
    for changed in (nodes, longer):
        with pytest.raises(InputError):
            state.account(root_at(proof), proof.address, changed)


def in_trie(key: bytes, value: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    trie = patricia.build([(keccak256(key), value), (keccak256(b"neighbour"), b"x" * 40)])
    return trie.root, trie.branch(keccak256(key))


@pytest.mark.parametrize(
    "value",
    [
        rlp.encode(b"\0"),
        rlp.encode(b"\0\x01"),
        rlp.encode(b"\x01" * 33),
        rlp.encode([b"\x01"]),
        b"\x81\x01",
        b"\x01\x02",
        rlp.encode(b""),
    ],
)
def test_a_word_has_one_form(value: bytes) -> None:
    root, nodes = in_trie(b"k" * 32, value)
    with pytest.raises(InputError):
        state.storage(root, b"k" * 32, nodes)


@pytest.mark.parametrize(
    "fields",
    [
        [b"\1", b"\1", b"r" * 32],
        [b"\1", b"\1", b"r" * 32, b"c" * 32, b""],
        [b"\1", b"\1", b"r" * 31, b"c" * 32],
        [b"\1", b"\1", b"r" * 32, [b"c" * 32]],
        [b"\0\1", b"\1", b"r" * 32, b"c" * 32],
        [b"\1" * 9, b"\1", b"r" * 32, b"c" * 32],
        [b"\1", b"\1" * 33, b"r" * 32, b"c" * 32],
        [[b"\1"], b"\1", b"r" * 32, b"c" * 32],
    ],
)
def test_an_account_has_one_form(fields: list[Any]) -> None:
    root, nodes = in_trie(b"a" * 20, rlp.encode(fields))
    with pytest.raises(InputError):
        state.account(root, b"a" * 20, nodes)


def test_names_have_their_size() -> None:
    proof = proof_of(REGISTER)
    with pytest.raises(InputError):
        state.account(root_at(proof), proof.address + b"\0", proof.nodes)
    with pytest.raises(InputError):
        state.storage(proof.storage_root, b"\0", ())
    with pytest.raises(InputError):
        state.mapping_slot(b"\1", 4)


def test_a_branch_without_end_is_not_walked() -> None:
    with pytest.raises(LimitError):
        state.account(bytes(32), bytes(20), [b"\xc0"] * 65)


@given(nodes=st.lists(st.binary(max_size=60), max_size=4), key=st.binary(min_size=32, max_size=32))
def test_whatever_comes_as_a_branch_is_refused(nodes: list[bytes], key: bytes) -> None:
    for read, name in ((state.storage, key), (state.account, key[:20])):
        with pytest.raises(InputError):
            read(keccak256(b"some root"), name, nodes)


def test_members_of_an_array_stand_one_after_another() -> None:
    contract = recording("contract")
    for proof in contract.proofs():
        keys = [slot.key for slot in proof.slots]
        assert keys == [bytes(32), *[state.array_slot(0, index) for index in range(len(keys) - 1)]]
    assert state.array_slot(0, 2**256 - 1) == (int.from_bytes(keccak256(bytes(32)), "big") - 1).to_bytes(32, "big")


# ── Transactions ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", MAIN.bodies)
def test_every_recorded_transaction_is_proven(number: int) -> None:
    leaves = MAIN.transactions(number)
    trie = trie_of(leaves)
    assert trie.root == MAIN.header(number).transactions_root
    for index, raw in enumerate(leaves):
        found = state.transaction(trie.root, index, trie.branch(patricia.index_key(index)))
        assert found == Transaction.decode(raw)
        assert found is not None
        assert found.hash == keccak256(raw)
        assert found.chain == MAIN.chain
        assert found.sender in (MAIN.bytes_of("writer"), bytes.fromhex(MAIN.said["reverted"]["sender"]))
        assert found.to in (REGISTER, None)


def test_a_block_is_proven_to_have_no_more_transactions() -> None:
    number = MAIN.bodies[0]
    trie = trie_of(MAIN.transactions(number))
    with pytest.raises(InputError):
        state.transaction(trie.root, 1, ())
    nodes = trie.branch(patricia.index_key(0))
    assert state.transaction(trie.root, 200, nodes) is None


def test_the_twins_transaction_names_another_chain() -> None:
    twin = recording("twin")
    (mine,) = [Transaction.decode(raw) for raw in MAIN.transactions(MAIN.bodies[1])]
    (theirs,) = [Transaction.decode(raw) for raw in twin.transactions(twin.bodies[1])]
    assert (mine.to, mine.sender, mine.data) == (theirs.to, theirs.sender, theirs.data)
    assert mine.chain != theirs.chain == twin.chain


LEGACY = {"nonce": 7, "gasPrice": 10**9, "gas": 21_000, "to": "0x" + "35" * 20, "value": 10**18, "data": b"hello"}
FEES = {"maxPriorityFeePerGas": 1, "maxFeePerGas": 2}
ACCESS = [{"address": "0x" + "11" * 20, "storageKeys": ["0x" + "22" * 32, "0x" + "33" * 32]}]
TYPED = {key: value for key, value in LEGACY.items() if key != "gasPrice"} | FEES | {"chainId": 5}
AUTHORIZATION = Account.sign_authorization({"chainId": 5, "address": "0x" + "44" * 20, "nonce": 0}, KEY)
KINDS: dict[str, dict[str, Any]] = {
    "before EIP-155": dict(LEGACY),
    "EIP-155": LEGACY | {"chainId": 5},
    "EIP-155 of a long chain id": LEGACY | {"chainId": 2**40 + 1},
    "making a contract": {key: value for key, value in LEGACY.items() if key != "to"} | {"chainId": 5},
    "EIP-2930": LEGACY | {"type": 1, "chainId": 5, "accessList": ACCESS},
    "EIP-1559": TYPED | {"type": 2, "accessList": ACCESS},
    "EIP-1559, plain": TYPED | {"type": 2},
    "EIP-4844": TYPED | {"type": 3, "maxFeePerBlobGas": 3, "blobVersionedHashes": ["0x01" + "55" * 31]},
    "EIP-7702": TYPED | {"type": 4, "authorizationList": [AUTHORIZATION]},
}


@pytest.mark.parametrize("name", KINDS)
def test_each_type_is_read_as_another_library_signs_it(name: str) -> None:
    fields = KINDS[name]
    signed = Account.sign_transaction(fields, KEY)
    found = Transaction.decode(bytes(signed.raw_transaction))
    assert found.hash == bytes(signed.hash)
    assert found.sender == bytes.fromhex(Account.from_key(KEY).address[2:])
    assert found.kind == fields.get("type", 0)
    assert found.chain == fields.get("chainId")
    assert (found.nonce, found.gas, found.value, found.data) == (7, 21_000, 10**18, b"hello")
    assert found.to == (b"\x35" * 20 if "to" in fields else None)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_flipped_transaction_is_not_that_senders(name: str, data: st.DataObject) -> None:
    raw = bytearray(RAW[name])
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = Transaction.decode(bytes(raw))
    except InputError:
        return
    assert found.sender != bytes.fromhex(Account.from_key(KEY).address[2:])


RAW = {name: bytes(Account.sign_transaction(fields, KEY).raw_transaction) for name, fields in KINDS.items()}


def resigned(fields: list[Any], kind: int, v: bytes | None = None) -> bytes:
    """Typed fields (without signature), signed as they are."""
    digest = keccak256(bytes((kind,)) + rlp.encode(fields))
    made = PrivateKey(bytes.fromhex(KEY[2:])).sign_recoverable(digest, hasher=None)
    parity = rlp.integer_bytes(made[64]) if v is None else v
    signature = [parity, made[:32].lstrip(b"\0"), made[32:64].lstrip(b"\0")]
    return bytes((kind,)) + rlp.encode([*fields, *signature])


def fields_of(name: str) -> list[Any]:
    return rlp.items(rlp.decode(RAW[name][1:]))[:-3]


def test_what_hides_in_a_typed_transactions_lists_is_refused() -> None:
    good = fields_of("EIP-1559")
    assert Transaction.decode(resigned(good, 2)).kind == 2
    for at, value in [
        (8, [[b"\x11" * 20]]),
        (8, [[b"\x11" * 19, []]]),
        (8, [[b"\x11" * 20, [b"\x22" * 31]]]),
        (8, [b"\x11"]),
        (8, b""),
        (6, b"\0\1"),
        (5, b"\x35" * 19),
        (7, [b"data"]),
        (0, b"\0"),
        (1, b"\1" * 9),
    ]:
        fields = list(good)
        fields[at] = value
        with pytest.raises(InputError):
            Transaction.decode(resigned(fields, 2))
    for name, kind, at, values in [
        ("EIP-4844", 3, 10, ([], [b"\1" * 31], [[b"\1"]], b"\1")),
        ("EIP-7702", 4, 9, ([], [[b"\5"]], [[b"\5", b"\x44" * 19, b"", b"", b"\1", b"\1"]], [b"\5"])),
        ("EIP-4844", 3, 5, (b"",)),
        ("EIP-7702", 4, 5, (b"",)),
    ]:
        for value in values:
            fields = fields_of(name)
            fields[at] = value
            with pytest.raises(InputError):
                Transaction.decode(resigned(fields, kind))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        b"\x05" + RAW["EIP-1559"][1:],
        b"\0" + RAW["EIP-155"],
        b"\x7f",
        RAW["EIP-155"] + b"\0",
        RAW["EIP-1559"][:-1],
        b"\x01" + RAW["EIP-1559"][1:],
        resigned(fields_of("EIP-1559"), 2, v=b"\2"),
        resigned(fields_of("EIP-1559"), 2, v=b"\x1b"),
        RAW["EIP-155"][0:1] + RAW["EIP-155"],
    ],
)
def test_what_is_no_transaction_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        Transaction.decode(raw)


@pytest.mark.parametrize("v", [0, 1, 26, 29, 35, 36])
def test_an_untyped_transaction_names_its_chain_or_none(v: int) -> None:
    fields = rlp.items(rlp.decode(RAW["EIP-155"]))
    fields[6] = rlp.integer_bytes(v)
    with pytest.raises(InputError):
        Transaction.decode(rlp.encode(fields))


@given(data=st.binary(max_size=300))
def test_whatever_comes_as_a_transaction_is_read_or_refused(data: bytes) -> None:
    try:
        Transaction.decode(data)
    except InputError:
        return


def test_a_large_transaction_is_not_read_over_the_limit() -> None:
    with pytest.raises(LimitError):
        Transaction.decode(RAW["EIP-155"], limit=50)


def test_an_account_without_code_is_told() -> None:
    proof = proof_of(MAIN.bytes_of("writer"))
    found = state.account(root_at(proof), proof.address, proof.nodes)
    assert found is not None
    assert found.code_hash == EMPTY
    assert state.storage(found.storage_root, bytes(32), proof.slots[0].nodes) == bytes(32)
    assert proof.slots == (Slot(bytes(32), 0, ()),)
