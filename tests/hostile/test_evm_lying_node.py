"""A node that lies, breaks off or talks nonsense: nothing false is read, and every failure is one that is foreseen."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import Broken, GatewayError, Permanent, Transient
from gateway.proofs.keccak import keccak256
from gateway.spi import Batch, DeliveryKey, NativeRecord, NetworkId, Outbound, Position, Relay
from gateway_evm.adapter import EvmAdapter
from gateway_evm.node import Node
from gateway_evm.rpc import Rpc, data_of, number_of
from gateway_evm.settings import EvmSettings
from gateway_evm.sink import EvmSink
from gateway_evm.source import EvmSource
from tests.unit.evm.recorded import recording, records

RECORDED = recording("osaka")
HEIGHT = int(RECORDED["block"]["number"], 16)
MATERIAL = RECORDED["segment"]
NETWORK = NetworkId("evm", MATERIAL["chain"], bytes.fromhex(MATERIAL["genesis"]))
TRUE = {record.evidence.digest for record in records("osaka")}
Lie = Callable[[str, list[Any], Any], Any]


class Liar:
    """A node that holds one recorded block, and answers what its lie makes of the truth."""

    def __init__(self) -> None:
        self.lie: Lie = lambda method, params, truth: truth
        self.whole: Callable[[bytes], web.Response | None] = lambda answer: None
        self.asked: list[str] = []
        self.url = ""

    def truth(self, method: str, params: list[Any]) -> Any:
        block = RECORDED["block"]
        if method == "eth_chainId":
            return hex(int(MATERIAL["chain"]))
        if method == "eth_blockNumber":
            return hex(HEIGHT)
        if method == "eth_getBlockByNumber" and params[0] == "0x0":
            return {"hash": "0x" + MATERIAL["genesis"]}
        if method in ("eth_getBlockByNumber", "eth_getBlockByHash"):
            if params[0] not in (block["number"], block["hash"], "latest"):
                return None
            made = copy.deepcopy(block)
            if not params[1]:
                made["transactions"] = [each["hash"] for each in block["transactions"]]
            return made
        if method == "eth_getBlockReceipts":
            return copy.deepcopy(RECORDED["receipts"])
        if method == "eth_getTransactionReceipt":
            return next((each for each in RECORDED["receipts"] if each["transactionHash"] == params[0]), None)
        return msgspec.UNSET

    async def answer(self, request: web.Request) -> web.StreamResponse:
        asked = orjson.loads(await request.read())
        several = isinstance(asked, list)
        answers = []
        for each in asked if several else [asked]:
            self.asked.append(each["method"])
            told = self.lie(each["method"], each["params"], self.truth(each["method"], each["params"]))
            answer = {"jsonrpc": "2.0", "id": each["id"]}
            if told is msgspec.UNSET:
                told = Failure(-32601, "the method does not exist")
            answer |= (
                {"error": {"code": told.code, "message": told.message}}
                if isinstance(told, Failure)
                else {"result": told}
            )
            answers.append(answer)
        body = orjson.dumps(answers if several else answers[0])
        return self.whole(body) or web.Response(body=body, content_type="application/json")


class Failure(msgspec.Struct, frozen=True):
    code: int
    message: str


class Served:
    """The liar on a loop of its own, so that tests without one can ask it."""

    def __init__(self) -> None:
        self.liar = Liar()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.run(self._start())

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/", self.liar.answer)
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.liar.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}/"

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def stop(self) -> None:
        self.run(self.runner.cleanup())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.stop()


@pytest.fixture
def liar(served: Served) -> Iterator[Liar]:
    yield served.liar
    Liar.__init__(served.liar)
    served.liar.url = f"http://127.0.0.1:{served.runner.addresses[0][1]}/"


def options(liar: Liar, **changes: Any) -> EvmSettings:
    made = EvmSettings(
        url=liar.url, contract="0x" + MATERIAL["contract"], finality="instant", start_block=HEIGHT, poll=0.001,
        timeout=2.0, writer="writer", answer_bytes=1 << 20,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


async def read(liar: Liar, after: Position | None = None, **changes: Any) -> list[Batch]:
    """All up to the recorded block."""
    used = options(liar, **changes)
    source = EvmSource(used, NETWORK, Node(used))
    try:
        async with asyncio.timeout(10):
            return [batch async for batch in source.read(after, Position(HEIGHT, b""))]
    finally:
        await source.aclose()


def only_truth(batches: list[Batch]) -> int:
    """How many records there are; every one of them is one that the contract took."""
    found = [record for batch in batches for record in batch.records]
    for batch in batches:
        for record in batch.records:
            assert record.evidence.digest in TRUE
            assert all(digest in batch.shared for digest in record.evidence.shared)
    return len(found)


def test_the_truth_is_read(served: Served, liar: Liar) -> None:
    assert only_truth(served.run(read(liar))) == 6


# ── named lies ───────────────────────────────────────────────────────────────────────────────────────────────────


def change(method: str, bend: Callable[[Any], Any]) -> Lie:
    def lie(asked: str, params: list[Any], truth: Any) -> Any:
        return bend(truth) if asked == method and params != ["0x0", False] else truth

    return lie


def at(*path: Any, value: Any) -> Callable[[Any], Any]:
    """The answer with one member changed."""

    def bend(truth: Any) -> Any:
        held = truth
        for step in path[:-1]:
            held = held[step]
        if value is msgspec.UNSET:
            del held[path[-1]]
        else:
            held[path[-1]] = value
        return truth

    return bend


def without_first(receipt: dict[str, Any]) -> dict[str, Any]:
    return {**receipt, "logs": receipt["logs"][1:]}


BLOCK, RECEIPTS, WHOLE = "eth_getBlockByNumber", "eth_getBlockReceipts", "eth_getBlockByHash"
GONE = msgspec.UNSET

LIES: dict[str, tuple[Lie, type[Exception] | None]] = {
    "an entry kept back": (
        change(RECEIPTS, lambda truth: [{**truth[0], "logs": truth[0]["logs"][1:]}, truth[1]]),
        Transient,
    ),
    "all entries kept back": (change(RECEIPTS, lambda truth: [{**each, "logs": []} for each in truth]), Transient),
    "a receipt kept back": (change(RECEIPTS, lambda truth: truth[:1]), Transient),
    "no receipts": (change(RECEIPTS, lambda truth: []), Transient),
    "receipts in another order": (change(RECEIPTS, lambda truth: truth[::-1]), Transient),
    "receipts that are none": (change(RECEIPTS, lambda truth: "0x"), Transient),
    "a null for receipts": (change(RECEIPTS, lambda truth: None), Transient),
    "an event changed": (change(RECEIPTS, at(0, "logs", 0, "data", value="0x" + "11" * 64)), Transient),
    "another contract's event": (change(RECEIPTS, at(0, "logs", 0, "address", value="0x" + "11" * 20)), Transient),
    "a failed transaction": (change(RECEIPTS, at(0, "status", value="0x0")), Transient),
    "a bloom that hides entries": (change(BLOCK, at("logsBloom", value="0x" + "00" * 256)), Broken),
    "another receipts root": (change(BLOCK, at("receiptsRoot", value="0x" + "11" * 32)), Broken),
    "another time": (change(BLOCK, at("timestamp", value="0x1")), Broken),
    "another hash": (change(BLOCK, at("hash", value="0x" + "11" * 32)), Broken),
    "another parent": (change(BLOCK, at("parentHash", value="0x" + "11" * 32)), Broken),
    "another number": (change(BLOCK, at("number", value="0x7")), Broken),
    "a field left out": (change(BLOCK, at("mixHash", value=GONE)), Transient),
    "a later field left out": (change(BLOCK, at("requestsHash", value=GONE)), Broken),
    "a time beyond all calendars": (change(BLOCK, at("timestamp", value=hex(2**63))), Transient),
    "a number without end": (change(BLOCK, at("number", value="0x" + "f" * 1000)), Transient),
    "no transactions": (change(BLOCK, at("transactions", value=GONE)), Transient),
    "no block": (change(BLOCK, lambda truth: None), Transient),
    "a text for a block": (change(BLOCK, lambda truth: "block"), Transient),
    "fewer transactions": (
        change(WHOLE, lambda truth: {**truth, "transactions": truth["transactions"][:1]}),
        Transient,
    ),
    "transactions that are none": (change(WHOLE, lambda truth: {**truth, "transactions": [1, 2]}), Transient),
    "no whole block": (change(WHOLE, lambda truth: None), Transient),
    "another chain id": (change("eth_chainId", lambda truth: "0x1"), Broken),
    "no chain id": (change("eth_chainId", lambda truth: None), Transient),
    "a head that is no number": (change("eth_blockNumber", lambda truth: "many"), Transient),
    "a head as a number": (change("eth_blockNumber", lambda truth: 2), Transient),
    "a refusal": (change(BLOCK, lambda truth: Failure(-32000, "header not found")), Transient),
    "receipts refused": (change(RECEIPTS, lambda truth: Failure(-32000, "busy")), Transient),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_an_error_that_is_foreseen(served: Served, liar: Liar, name: str) -> None:
    liar.lie, expected = LIES[name]
    assert expected is not None
    with pytest.raises(expected) as caught:
        served.run(read(liar))
    assert isinstance(caught.value, GatewayError)
    assert caught.value.code.startswith("evm.")
    assert caught.value.hint


@pytest.mark.parametrize(
    "bend",
    [
        at("transactions", 0, "input", value="0x"),
        at("transactions", 0, "input", value="0x12345678" + "00" * 96),
        at("transactions", 0, "to", value="0x" + "11" * 20),
        at("transactions", 0, "to", value=None),
        lambda truth: {**truth, "transactions": truth["transactions"][::-1]},
    ],
)
def test_bodies_that_are_not_the_events_are_told_and_not_read(served: Served, liar: Liar, bend: Any) -> None:
    liar.lie = change(WHOLE, bend)
    batches = served.run(read(liar))
    faults = [fault for batch in batches for fault in batch.faults]
    assert only_truth(batches) + len(faults) == 6
    assert {fault.code for fault in faults} == {"evm.unreadable-entry"}


def test_a_changed_byte_of_calldata_hides_at_most_its_own_entry(served: Served, liar: Liar) -> None:
    data = RECORDED["block"]["transactions"][0]["input"]
    for place in range(2 + 8 + 64 * 8, len(data), 331):
        digit = "0" if data[place] != "0" else "1"
        liar.lie = change(WHOLE, at("transactions", 0, "input", value=data[:place] + digit + data[place + 1 :]))
        batches = served.run(read(liar))
        faults = sum(len(batch.faults) for batch in batches)
        assert faults == 1
        assert only_truth(batches) == 5


# ── answers that are no answers ──────────────────────────────────────────────────────────────────────────────────


def raw(body: bytes, status: int = 200, **headers: str) -> Callable[[bytes], web.Response]:
    return lambda answer: web.Response(body=body, status=status, headers=headers)


@pytest.mark.parametrize(
    "whole",
    [
        raw(b""), raw(b"<html>no</html>", 502), raw(b"null"), raw(b"[]"), raw(b"{}"), raw(b"7"), raw(b"[[]]"),
        raw(b"[" * 100_000), raw(b'{"a":' * 5_000), raw(b"\xff\xfe"), raw(b"x" * (1 << 21)),
        raw(b"", 307, Location="http://127.0.0.1:1/"),
        raw(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches"}}'),
        raw(b'{"jsonrpc":"2.0","id":0,"error":"none"}'),
        lambda answer: web.Response(body=answer[:-1]),
        lambda answer: web.Response(body=answer.replace(b'"id":', b'"id":1')),
        lambda answer: web.Response(body=answer.replace(b'"result"', b'"outcome"')),
        lambda answer: web.Response(body=b"[" + answer.strip(b"[]") + b"," + answer.strip(b"[]") + b"]"),
        lambda answer: web.Response(body=answer, headers={"Content-Encoding": "gzip"}),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_asked_again_later(served: Served, liar: Liar, whole: Any) -> None:
    liar.whole = whole
    with pytest.raises(Transient):
        served.run(read(liar))


def test_a_node_that_does_not_answer_in_time(served: Served, liar: Liar) -> None:
    async def slowly() -> None:
        over = asyncio.Event()

        async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await over.wait()
            writer.close()

        server = await asyncio.start_server(keep, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            with pytest.raises(Transient) as caught:
                await read(liar, url=f"http://name:secret@127.0.0.1:{port}/path?key=secret", timeout=0.2)
            assert caught.value.code == "evm.unreachable"
            assert "secret" not in str(caught.value), "what opens the node stands in no message"
        finally:
            over.set()
            await asyncio.sleep(0.05)
            server.close()

    served.run(slowly())


def test_a_node_that_breaks_off(served: Served, liar: Liar) -> None:
    async def broken() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            with pytest.raises(Transient):
                await read(liar, url=f"http://127.0.0.1:{port}/")
        finally:
            server.close()

    served.run(broken())


# ── nodes that can less ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_node_without_receipts_of_whole_blocks(served: Served, liar: Liar) -> None:
    for refusal in (Failure(-32601, "Method not found"), Failure(-32000, "the method is not supported")):
        liar.lie = lambda method, params, truth, told=refusal: told if method == RECEIPTS else truth
        assert only_truth(served.run(read(liar))) == 6
    assert "eth_getTransactionReceipt" in liar.asked


def test_a_node_that_takes_one_call_at_a_time(served: Served, liar: Liar) -> None:
    assert only_truth(served.run(read(liar, rpc_batch=1))) == 6


def test_receipts_that_json_does_not_tell_whole(served: Served, liar: Liar) -> None:
    """Types of receipts with more fields than are known here: the node's own bytes of them are taken."""
    from gateway_evm.wire import receipt_of

    receipts = ["0x" + receipt_of(each)[0].hex() for each in RECORDED["receipts"]]

    def lie(method: str, params: list[Any], truth: Any) -> Any:
        if method == RECEIPTS:
            return [{**each, "cumulativeGasUsed": "0x1"} for each in truth]
        return receipts if method == "debug_getRawReceipts" else truth

    liar.lie = lie
    assert only_truth(served.run(read(liar))) == 6


def test_blocks_that_a_node_remembers_after_a_fork_are_named(served: Served, liar: Liar) -> None:
    """A new process knows only where it stood; a node that still holds the lost block says what was in it."""
    block = RECORDED["block"]
    parent = {"hash": block["parentHash"]}

    def lie(method: str, params: list[Any], truth: Any) -> Any:
        if method == "eth_blockNumber":
            return hex(HEIGHT + 1)
        if method == BLOCK and params[0] == hex(HEIGHT - 1):
            return parent
        if method == BLOCK and params[0] == hex(HEIGHT):
            return {"hash": "0x" + "22" * 32}
        if method == BLOCK and params[0] == hex(HEIGHT + 1):
            return _child_of_another(block)
        return truth

    liar.lie = lie

    async def follow() -> list[Batch]:
        used = options(liar)
        source = EvmSource(used, NETWORK, Node(used))
        made: list[Batch] = []
        try:
            with pytest.raises(Broken) as caught:
                async for batch in source.read(Position(HEIGHT, bytes.fromhex(block["hash"][2:]))):
                    made.append(batch)  # noqa: PERF401  # what came before the error is wanted
            assert caught.value.code == "evm.forked"
        finally:
            await source.aclose()
        return made

    (batch,) = served.run(follow())
    assert batch.position == Position(HEIGHT - 1, bytes.fromhex(block["parentHash"][2:]))
    assert batch.retracted == tuple(record.evidence.extraction["locus"] for record in records("osaka"))


def _child_of_another(block: dict[str, Any]) -> dict[str, Any]:
    """A block of the next height whose parent is not `block`, with the hash that its fields give."""
    from gateway.proofs.evm import Header
    from gateway_evm.wire import block_of

    header = Header.decode(block_of(block).header)
    header = msgspec.structs.replace(header, number=HEIGHT + 1, parent_hash=b"\x22" * 32)
    return {
        **block,
        "number": hex(HEIGHT + 1),
        "parentHash": "0x" + "22" * 32,
        "hash": "0x" + keccak256(header.encode()).hex(),
    }


# ── anything at all ──────────────────────────────────────────────────────────────────────────────────────────────

MEMBERS = ["hash", "number", "transactions", "logs", "type", "status", "to", "topics"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["0x", "0x0", "0x1", "0x2", "0x00", "0xzz", "latest", "0x" + "00" * 32, "0x" + "11" * 20])
    | st.text(alphabet="0123456789abcdefx", max_size=12),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(MEMBERS), inner),
    max_leaves=8,
)  # fmt: skip
METHODS = [
    "eth_chainId",
    "eth_blockNumber",
    BLOCK,
    RECEIPTS,
    WHOLE,
    "debug_getRawReceipts",
    "eth_getTransactionReceipt",
]


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for name, member in members for path in paths(member, (*here, name)))]


PLACES = [(method, path) for method in (BLOCK, RECEIPTS, WHOLE) for path in paths(
    RECORDED["receipts"] if method == RECEIPTS else RECORDED["block"]) if path]  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.dictionaries(st.sampled_from(METHODS), JSON, min_size=1, max_size=3))
def test_any_answer_is_read_or_refused(served: Served, liar: Liar, told: dict[str, Any]) -> None:
    liar.lie = lambda method, params, truth: told.get(method, truth)
    try:
        only_truth(served.run(read(liar, timeout=0.3)))
    except (Transient, Broken):
        pass
    except TimeoutError:
        assert "eth_blockNumber" in told, "it waits for a block that never comes"


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=JSON | st.just(GONE))
def test_any_member_of_an_answer_may_be_anything(
    served: Served, liar: Liar, place: tuple[str, tuple[Any, ...]], value: Any
) -> None:
    method, path = place

    def bend(truth: Any) -> Any:
        try:
            return at(*path, value=value)(truth)
        except (KeyError, IndexError, TypeError):
            return truth  # a block asked for without its transactions has less

    liar.lie = change(method, bend)
    try:
        batches = served.run(read(liar))
    except (Transient, Broken):
        return
    faults = sum(len(batch.faults) for batch in batches)
    assert only_truth(batches) + faults == 6


class Keys:
    def private(self, name: str) -> bytes:
        return b"\x01" * 32


SINK_METHODS = [
    "eth_chainId", "eth_blockNumber", BLOCK, "eth_getCode", "eth_call", "eth_getTransactionCount", "eth_gasPrice",
    "eth_maxPriorityFeePerGas", "eth_getBalance", "eth_estimateGas", "eth_sendRawTransaction", "eth_getLogs",
    "eth_getTransactionReceipt", "eth_getTransactionByHash",
]  # fmt: skip


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_sink_bears_any_answer(served: Served, liar: Liar, data: st.DataObject) -> None:
    from gateway_evm import register

    code = "0x" + "00" * 10
    truths: dict[str, Any] = {
        "eth_getCode": code, "eth_getTransactionCount": "0x5", "eth_gasPrice": "0x1", "eth_getBalance": "0x1",
        "eth_maxPriorityFeePerGas": "0x1", "eth_estimateGas": "0x5000", "eth_sendRawTransaction": "0x" + "11" * 32,
        "eth_getTransactionReceipt": RECORDED["receipts"][0], "eth_getTransactionByHash": None, "eth_getLogs": [],
        "eth_call": "0x" + "00" * 31 + "01",
    }  # fmt: skip
    told = data.draw(st.dictionaries(st.sampled_from(SINK_METHODS), JSON | st.just(Failure(3, "no")), max_size=4))
    liar.lie = lambda method, params, truth: told.get(method, truths.get(method, truth))
    key = DeliveryKey(b"k" * 32)
    record = Outbound(key, b"d" * 32, "XA/x/1", 1, NativeRecord("f", b"body"), Relay(key, b"m" * 32))

    async def work() -> None:
        used = options(liar, stuck_after=0.0001)
        sink = EvmSink(used, NETWORK, Node(used), Keys())
        try:
            prepared = await sink.prepare([record], 1)
            await sink.submit(prepared)
            for _ in range(2):
                assert len(await sink.outcome(prepared)) == 1
                assert len(await sink.find([key])) == 1
        except (Transient, Permanent):
            pass
        finally:
            await sink.aclose()

    known = register.ACCEPTED
    known[keccak256(bytes(10)).hex()] = "a code for this test"
    try:
        served.run(work())
    finally:
        known.clear()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.dictionaries(st.sampled_from(SINK_METHODS + METHODS), JSON | st.just(Failure(3, "no")), max_size=4))
def test_diagnosis_never_raises(served: Served, liar: Liar, told: dict[str, Any]) -> None:
    liar.lie = lambda method, params, truth: told.get(method, truth)
    for each in served.run(EvmAdapter().diagnose(options(liar, finality="finalized"))):
        assert each.ok or each.cure


@given(JSON)
def test_values_are_numbers_data_or_refused(value: Any) -> None:
    for read_value in (number_of, data_of):
        try:
            read_value(value, "value")
        except Transient:
            pass
    for wrong in ("0x", "0x1g", "1", 1, None, True, "0x" + "1" * 65, "0x1_0", "0x 1", "0x-1"):
        with pytest.raises(Transient):
            number_of(wrong, "value")
    for wrong in ("0x1", "0xzz", "00", b"00", "0x0 0", "0x00 "):
        with pytest.raises(Transient):
            data_of(wrong, "value")


async def test_a_closed_client_says_so() -> None:
    rpc = Rpc("http://127.0.0.1:1/", timeout=1, most=1000, batch=10)
    with pytest.raises(Transient):
        await rpc.call("eth_chainId")
    await rpc.aclose()
    with pytest.raises(Transient) as caught:
        await rpc.call("eth_chainId")
    assert "closed" in str(caught.value)
