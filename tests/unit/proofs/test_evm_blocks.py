from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InputError, LimitError
from gateway.proofs import evm, patricia, rlp
from gateway.proofs.evm import Header, Log, Receipt

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings" / "evm"
FORKS = {"berlin": 15, "london": 16, "shanghai": 17, "cancun": 20, "osaka": 21}

B32 = st.binary(min_size=32, max_size=32)
U64 = st.integers(0, 2**64 - 1)
LOGS = st.builds(
    Log,
    st.binary(min_size=20, max_size=20),
    st.lists(B32, max_size=4).map(tuple),
    st.binary(max_size=100),
)
RECEIPTS = st.builds(
    Receipt,
    st.integers(0, 0x7F),
    st.sampled_from([b"", b"\x01", b"r" * 32]),
    U64,
    st.binary(min_size=256, max_size=256),
    st.lists(LOGS, max_size=5).map(tuple),
)


@st.composite
def headers(draw: st.DrawFn) -> Header:
    size = draw(st.sampled_from(evm.HEADER_SIZES))
    values: list[Any] = []
    for index, each in enumerate(msgspec.structs.fields(Header)):
        if index >= size:
            values.append(None)
        elif each.name in {"difficulty", "base_fee"}:
            values.append(draw(st.integers(0, 2**256 - 1)))
        elif "int" in str(each.type):
            values.append(draw(U64))
        elif each.name == "extra_data":
            values.append(draw(st.binary(max_size=120)))
        else:
            length = {"beneficiary": 20, "logs_bloom": 256, "nonce": 8}.get(each.name, 32)
            values.append(draw(st.binary(min_size=length, max_size=length)))
    return Header(*values)


@given(headers())
def test_headers_of_every_fork_come_back(header: Header) -> None:
    data = header.encode()
    assert Header.decode(data) == header
    assert Header.decode(data).encode() == data


@given(RECEIPTS)
def test_receipts_of_every_type_come_back(receipt: Receipt) -> None:
    data = receipt.encode()
    assert Receipt.decode(data) == receipt
    for log in receipt.logs:
        assert evm.bloom_holds(evm.logs_bloom(receipt.logs), log.address)


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for kind in (Header, Receipt):
        try:
            assert kind.decode(data).encode() == data
        except InputError:
            pass


@given(RECEIPTS, st.data())
def test_changed_receipts_are_refused_or_other_ones(receipt: Receipt, data: st.DataObject) -> None:
    changed = bytearray(receipt.encode())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        read = Receipt.decode(bytes(changed))
    except InputError:
        return
    assert read != receipt
    assert read.encode() == bytes(changed)


def test_the_genesis_of_mainnet() -> None:
    header = Header(
        parent_hash=bytes(32),
        ommers_hash=bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"),
        beneficiary=bytes(20),
        state_root=bytes.fromhex("d7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544"),
        transactions_root=patricia.EMPTY_ROOT,
        receipts_root=patricia.EMPTY_ROOT,
        logs_bloom=bytes(256),
        difficulty=0x400000000,
        number=0,
        gas_limit=5000,
        gas_used=0,
        timestamp=0,
        extra_data=bytes.fromhex("11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa"),
        mix_hash=bytes(32),
        nonce=(0x42).to_bytes(8, "big"),
    )
    assert header.hash.hex() == "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"


@pytest.mark.parametrize("fork", FORKS)
def test_blocks_that_a_real_node_made(fork: str) -> None:
    """Header, receipts, trie and blooms of a recorded block agree with each other, field by field and hash by hash."""
    recorded = json.loads((RECORDINGS / f"{fork}.json").read_text())
    block = recorded["block"]
    receipts = []
    for each in recorded["receipts"]:
        logs = tuple(
            Log(_raw(log["address"]), tuple(map(_raw, log["topics"])), _raw(log["data"])) for log in each["logs"]
        )
        kind, gas = int(each["type"], 16), int(each["cumulativeGasUsed"], 16)
        receipts.append(Receipt(kind, b"\x01", gas, _raw(each["logsBloom"]), logs))
        assert evm.logs_bloom(logs) == receipts[-1].logs_bloom
    trie = patricia.build((patricia.index_key(index), each.encode()) for index, each in enumerate(receipts))
    assert trie.root == _raw(block["receiptsRoot"])
    fields = [_raw(block[name]) if len(block[name]) > 20 else block[name] for name in _NAMES[: FORKS[fork]]]
    assert len([name for name in _NAMES if block.get(name)]) >= FORKS[fork]
    values = [
        each if isinstance(each, bytes) else _raw(each) if name in {"nonce", "extraData"} else int(each, 16)
        for name, each in zip(_NAMES, fields, strict=False)
    ]
    header = Header(*values)
    assert header.hash == _raw(block["hash"])
    assert Header.decode(header.encode()) == header
    assert header.time.timestamp() == int(block["timestamp"], 16)
    assert evm.bloom_holds(header.logs_bloom, bytes.fromhex(recorded["segment"]["contract"]))
    assert not evm.bloom_holds(header.logs_bloom, b"another contract's a")


_NAMES = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot",
    "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
)  # fmt: skip


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


HEADER = Header(*[b"x" * 32] * 2, b"x" * 20, *[b"x" * 32] * 3, b"x" * 256, 1, 2, 3, 4, 5, b"", b"x" * 32, b"x" * 8)


@pytest.mark.parametrize(
    ("index", "value"),
    [(0, b"x" * 31), (2, b"x" * 32), (6, b""), (8, b"\x00"), (8, b"\x01" * 9), (12, [b""]), (14, b"x" * 7)],
)
def test_headers_of_another_shape_are_refused(index: int, value: Any) -> None:
    fields: list[Any] = rlp.items(rlp.decode(HEADER.encode()))
    fields[index] = value
    with pytest.raises(InputError):
        Header.decode(rlp.encode(fields))


@pytest.mark.parametrize("size", [0, 1, 14, 18, 19, 24])
def test_headers_of_other_sizes_are_refused(size: int) -> None:
    fields = [*rlp.items(rlp.decode(HEADER.encode())), *[b""] * 9][:size]
    with pytest.raises(InputError):
        Header.decode(rlp.encode(fields))


def test_a_header_beyond_its_limit_is_refused() -> None:
    with pytest.raises(LimitError):
        Header.decode(msgspec.structs.replace(HEADER, extra_data=bytes(70_000)).encode())


def test_a_time_that_no_calendar_has() -> None:
    header = msgspec.structs.replace(HEADER, timestamp=2**63)
    with pytest.raises(InputError):
        _ = Header.decode(header.encode()).time


LOG = [b"a" * 20, [b"t" * 32], b"data"]


@dataclasses.dataclass
class Shape:
    why: str
    fields: Any


@pytest.mark.parametrize(
    "shape",
    [
        Shape("bytes for a list", b"receipt"),
        Shape("three fields", [b"\x01", b"\x01", b"b" * 256]),
        Shape("a status of two", [b"\x02", b"\x01", b"b" * 256, []]),
        Shape("a bloom too short", [b"\x01", b"\x01", b"b" * 255, []]),
        Shape("gas with a leading zero", [b"\x01", b"\x00\x01", b"b" * 256, []]),
        Shape("bytes for logs", [b"\x01", b"\x01", b"b" * 256, b"logs"]),
        Shape("an address too short", [b"\x01", b"\x01", b"b" * 256, [[b"a" * 19, [], b""]]]),
        Shape("five topics", [b"\x01", b"\x01", b"b" * 256, [[b"a" * 20, [b"t" * 32] * 5, b""]]]),
        Shape("a topic too short", [b"\x01", b"\x01", b"b" * 256, [[b"a" * 20, [b"t"], b""]]]),
        Shape("a list for data", [b"\x01", b"\x01", b"b" * 256, [[b"a" * 20, [], []]]]),
        Shape("a log of two parts", [b"\x01", b"\x01", b"b" * 256, [LOG[:2]]]),
    ],
    ids=lambda shape: shape.why,
)
def test_receipts_of_another_shape_are_refused(shape: Shape) -> None:
    with pytest.raises(InputError):
        Receipt.decode(rlp.encode(shape.fields))


def test_whether_it_succeeded() -> None:
    for outcome, told in ((b"\x01", True), (b"", False), (b"r" * 32, None)):
        assert Receipt(0, outcome, 1, bytes(256), ()).succeeded is told
