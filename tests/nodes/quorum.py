"""A real QBFT network for tests: GoQuorum's geth, several nodes on free loopback ports.

`QUORUM_BIN` names the folder that holds geth. Keys are made from names and known to everyone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coincurve import PrivateKey

from gateway.proofs import rlp
from gateway.proofs.evm import Header
from gateway.proofs.keccak import keccak256
from gateway.proofs.seals import BFT_MIX_HASH
from gateway.proofs.secp256k1 import address_of

CHAIN = 48_291
GAS = 0xE000_0000
GENESIS_TIME = 1_753_000_000
_FIRST = "692478135"
"""The leading digit of each node's address, all different: GoQuorum sorts validators by bytes, and after a restart by
their checksummed text. So both orders are one."""


def key_of(name: str) -> PrivateKey:
    return PrivateKey(keccak256(b"a QBFT network for tests alone: " + name.encode()))


def address(key: PrivateKey) -> bytes:
    return address_of(key.public_key.format(compressed=False))


def node_key(index: int) -> PrivateKey:
    """The key of node `index`, counted from 0."""
    attempt = 0
    while True:
        key = key_of(f"node {index} {attempt}")
        if address(key).hex()[0] == _FIRST[index]:
            return key
        attempt += 1


WRITER = key_of("writer")
STRANGER = key_of("stranger")


def find_geth() -> str | None:
    """GoQuorum's geth in the folder that QUORUM_BIN names."""
    folder = os.environ.get("QUORUM_BIN")
    found = Path(folder) / "geth" if folder else None
    return str(found) if found is not None and os.access(found, os.X_OK) else None


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on; they may be taken before they are used, which a start then tells."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


class CallFailed(Exception):
    """The node answered with an error, or not at all."""


def wait_until(done: Callable[[], bool], *, seconds: float = 60.0, what: str = "") -> None:
    """Until `done`; a node that does not answer counts as not yet. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except CallFailed:
            pass
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


class QuorumNode:
    """One node: its key, its ports, its process."""

    def __init__(self, geth: str, folder: Path, key: PrivateKey, rpc_port: int, peer_port: int, chain: int) -> None:
        self.geth, self.folder, self.key, self.chain = geth, folder, key, chain
        self.rpc_port, self.peer_port = rpc_port, peer_port
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> bytes:
        return address(self.key)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def enode(self) -> str:
        public = self.key.public_key.format(compressed=False)[1:].hex()
        return f"enode://{public}@127.0.0.1:{self.peer_port}?discport=0"

    def found(self, genesis: Path, enodes: Sequence[str]) -> None:
        (self.folder / "geth").mkdir(parents=True)
        (self.folder / "geth" / "nodekey").write_text(self.key.secret.hex())
        for place in (self.folder, self.folder / "geth"):
            (place / "static-nodes.json").write_text(json.dumps(list(enodes)))
        self._run("--datadir", str(self.folder), "init", str(genesis))

    def _run(self, *options: str) -> None:
        environment = dict(os.environ, PRIVATE_CONFIG="ignore")
        made = subprocess.run([self.geth, *options], env=environment, capture_output=True, text=True, timeout=60)
        if made.returncode:
            raise RuntimeError("geth init: " + made.stderr[-1000:])

    def start(self) -> None:
        """Starts the process, from the state that it was stopped in."""
        options = {
            "datadir": str(self.folder),
            "nat": "none",
            "netrestrict": "127.0.0.0/8",
            "gcmode": "archive",
            "syncmode": "full",
            "networkid": str(self.chain),
            "port": str(self.peer_port),
            "http.addr": "127.0.0.1",
            "http.port": str(self.rpc_port),
            "http.api": "eth,net,web3,istanbul,admin,miner,txpool",
            "miner.threads": "1",
            "miner.gasprice": "0",
            "miner.gaslimit": str(GAS),
            "miner.gastarget": str(GAS),
            "cache": "64",
            "verbosity": "3",
        }
        command = [self.geth, "--http", "--mine", "--nodiscover", "--ipcdisable", "--allow-insecure-unlock"]
        for name, value in options.items():
            command += [f"--{name}", value]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=dict(os.environ, PRIVATE_CONFIG="ignore"),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def stop(self, *, kill: bool = False) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def pause(self) -> None:
        """The process stands still, its connections stay open: a node that fell silent."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def call(self, method: str, *params: Any, timeout: float = 20.0) -> Any:
        """The result of a call. Raises CallFailed."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=timeout) as answer:
                made = json.load(answer)
        except OSError as error:
            raise CallFailed(f"{method}: {error}") from error
        if "error" in made:
            raise CallFailed(f"{method}: {made['error']}")
        return made["result"]

    @property
    def head(self) -> int:
        return int(self.call("eth_blockNumber"), 16)

    def block(self, number: int, *, full: bool = False) -> dict[str, Any]:
        return self.call("eth_getBlockByNumber", hex(number), full)

    def tail(self) -> str:
        return (self.folder / "log").read_text(errors="replace")[-2000:]


class QuorumNetwork:
    """Nodes 0 to `validators` − 1 seal from the genesis on; the others are candidates."""

    def __init__(
        self,
        geth: str,
        folder: Path,
        *,
        nodes: int = 5,
        validators: int = 4,
        chain: int = CHAIN,
        epoch: int = 30_000,
        qbft: dict[str, Any] | None = None,
        alloc: dict[str, Any] | None = None,
    ) -> None:
        self.chain, self.epoch = chain, epoch
        ports = free_ports(2 * nodes)
        self.nodes = [
            QuorumNode(geth, folder / f"n{index}", node_key(index), ports[2 * index], ports[2 * index + 1], chain)
            for index in range(nodes)
        ]
        self.first = tuple(sorted(node.address for node in self.nodes[:validators]))
        self.folder = folder
        self._qbft = qbft or {}
        self._alloc = alloc or {}

    def genesis(self) -> dict[str, Any]:
        forks = (
            "homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul",
            "muirGlacier", "berlin",
        )  # fmt: skip
        listed = [] if "validatorcontractaddress" in self._qbft else list(self.first)
        funds = {hexed(address(each)): {"balance": hex(10**24)} for each in (WRITER, STRANGER)}
        return {
            "config": {
                "chainId": self.chain,
                **{fork + "Block": 0 for fork in forks},
                "isQuorum": True,
                "txnSizeLimit": 128,
                "maxCodeSizeConfig": [{"block": 0, "size": 35}],
                "qbft": {
                    "policy": 0,
                    "epochlength": self.epoch,
                    "blockperiodseconds": 1,
                    "requesttimeoutseconds": 2,
                    "ceil2Nby3Block": 0,
                    **self._qbft,
                },
            },
            "nonce": "0x0",
            "timestamp": hex(GENESIS_TIME),
            "extraData": hexed(rlp.encode([bytes(32), listed, [], b"", []])),
            "gasLimit": hex(GAS),
            "difficulty": "0x1",
            "mixHash": hexed(BFT_MIX_HASH),
            "coinbase": "0x" + "00" * 20,
            "alloc": funds | self._alloc,
            "number": "0x0",
            "gasUsed": "0x0",
            "parentHash": "0x" + "00" * 32,
        }

    def start(self) -> None:
        """Founds all nodes, starts them and waits for block 2."""
        self.folder.mkdir(parents=True, exist_ok=True)
        genesis = self.folder / "genesis.json"
        genesis.write_text(json.dumps(self.genesis()))
        for node in self.nodes:
            node.found(genesis, [each.enode for each in self.nodes])
        for node in self.nodes:
            node.start()
        self.wait_for(2, seconds=60)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def wait(self, done: Callable[[], bool], *, seconds: float = 60.0, what: str = "") -> None:
        try:
            wait_until(done, seconds=seconds, what=what)
        except TimeoutError as error:
            raise RuntimeError(f"the network did not come so far: {what}; {self.nodes[0].tail()}") from error

    def wait_for(self, height: int, *, on: int = 0, seconds: float = 60.0) -> None:
        """Until node `on` has block `height`."""
        self.wait(lambda: self.nodes[on].head >= height, seconds=seconds, what=f"block {height}")

    def propose(self, who: Sequence[int], candidate: bytes, *, add: bool) -> None:
        """These nodes vote in the blocks that they propose, until the vote is decided."""
        for index in who:
            self.nodes[index].call("istanbul_propose", hexed(candidate), add)

    def members(self, number: int | str = "latest") -> tuple[bytes, ...]:
        """By the node's word: the validators of the block after `number`."""
        at = hex(number) if isinstance(number, int) else number
        return tuple(sorted(bytes.fromhex(each[2:]) for each in self.nodes[0].call("istanbul_getValidators", at)))

    def vote(self, who: Sequence[int], candidate: bytes, *, add: bool) -> None:
        """Votes, and waits until they have passed."""
        self.propose(who, candidate, add=add)
        self.wait(lambda: (candidate in self.members()) == add, what="a vote")
        for index in who:
            self.nodes[index].call("istanbul_discard", hexed(candidate))


# ── What a node tells, as the bytes that the chain hashes ────────────────────────────────────────────────────────


def header_of(block: dict[str, Any]) -> bytes:
    """The RLP of the header in a node's answer (GoQuorum has no call for it)."""
    data = {name: bytes.fromhex(block[name][2:]) for name in _DATA}
    number = {name: int(block[name], 16) for name in _NUMBERS}
    return Header(
        parent_hash=data["parentHash"],
        ommers_hash=data["sha3Uncles"],
        beneficiary=data["miner"],
        state_root=data["stateRoot"],
        transactions_root=data["transactionsRoot"],
        receipts_root=data["receiptsRoot"],
        logs_bloom=data["logsBloom"],
        difficulty=number["difficulty"],
        number=number["number"],
        gas_limit=number["gasLimit"],
        gas_used=number["gasUsed"],
        timestamp=number["timestamp"],
        extra_data=data["extraData"],
        mix_hash=data["mixHash"],
        nonce=data["nonce"],
    ).encode()


_DATA = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "extraData",
    "mixHash", "nonce",
)  # fmt: skip
_NUMBERS = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")


def transaction_of(key: PrivateKey, *, chain: int, nonce: int, to: bytes, data: bytes, gas: int = 2_000_000) -> bytes:
    """An untyped transaction under EIP-155 at no price."""
    number = rlp.integer_bytes
    fields = [number(nonce), b"", number(gas), to, b"", data]
    made = key.sign_recoverable(keccak256(rlp.encode([*fields, number(chain), b"", b""])), hasher=None)
    r, s = made[:32].lstrip(b"\0"), made[32:64].lstrip(b"\0")
    return rlp.encode([*fields, number(2 * chain + 35 + made[64]), r, s])


# ── A contract that holds validators ─────────────────────────────────────────────────────────────────────────────

VALIDATORS_CONTRACT = bytes.fromhex("00000000000000000000000000000000000c0de5")
_ARRAY = keccak256(bytes(32))
"""Where the members of an array in slot 0 stand."""


def validators_code() -> bytes:
    """Runtime code of a contract with `getValidators()` over an array of addresses in slot 0; call data of two words
    writes the second into the slot that the first names, for anyone: a test's contract."""
    write = bytes.fromhex("6020356000355500")
    start = bytes.fromhex("36600414") + b"\x60" + bytes((7 + len(write),)) + b"\x57"
    code = start + write + b"\x5b" + bytes.fromhex("602060005260005480602052") + bytes.fromhex("6000")
    loop = len(code)
    code += b"\x5b" + bytes.fromhex("8181101560") + b"\x00" + b"\x57"
    hole = len(code) - 2
    code += b"\x80\x7f" + _ARRAY + bytes.fromhex("0154") + bytes.fromhex("8160051b60400152")
    code += bytes.fromhex("600101") + b"\x60" + bytes((loop,)) + b"\x56"
    end = len(code)
    code += b"\x5b" + bytes.fromhex("60051b6040016000f3")
    return code[:hole] + bytes((end,)) + code[hole + 1 :]


def array_storage(members: Sequence[bytes]) -> dict[str, str]:
    """The slots of an array of addresses in slot 0, for a genesis."""
    base = int.from_bytes(_ARRAY, "big")
    made = {hexed(bytes(32)): hexed(len(members).to_bytes(32, "big"))}
    for index, member in enumerate(members):
        made[hexed((base + index).to_bytes(32, "big"))] = hexed(member.rjust(32, b"\0"))
    return made
