"""Writes records into the register, many a transaction, each at most once.

An attempt is one signed transaction. The contract keeps the digest of every key and passes over a key that it holds,
so an attempt that lands twice, or beside another with the same records, writes nothing twice. An attempt that was
signed can land until its nonce is spent by another transaction for good; only then is it void.

Nonces are given out in memory, from the node's count of pending transactions on; an attempt that comes back after a
restart brings its own. Two attempts with one nonce are harmless: one of them becomes void. A nonce that nobody uses
would hold up all later ones, so after `stuck_after` an empty transaction takes its place.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from gateway.errors import ConfigError, InputError, Misuse, Permanent, Transient, fault
from gateway.proofs import cbor
from gateway.spi import (
    Absent,
    Conflict,
    DeliveryKey,
    NetworkId,
    Outbound,
    OutcomeOf,
    Pending,
    Prepared,
    Refused,
    Secrets,
    Void,
    Written,
)
from gateway_evm import entry as entries
from gateway_evm import register
from gateway_evm.entry import Entry
from gateway_evm.fees import Prices, prices
from gateway_evm.node import Node, hexed
from gateway_evm.rpc import BAD_ANSWER, REFUSED, NodeError, data_of, fields_of, number_of
from gateway_evm.settings import EvmSettings
from gateway_evm.transaction import Account, Fee
from gateway_evm.wire import logs_of

__all__ = ["EvmSink", "account_of", "gas_of"]

NO_CONTRACT = fault(
    "evm.no-contract",
    "The register's contract does not stand at the configured address.",
    "`gateway network found` puts it there and tells the address; look whether `contract` and `url` belong together.",
)
NO_WRITER = fault(
    "evm.no-writer",
    "No account is configured to write with.",
    "Name a secp256k1 key of the key file as `writer` in the network's settings.",
)
NOT_WRITER = fault(
    "evm.not-writer",
    "The account may not write to the register.",
    "Its owner allows it: setWriter(account, true).",
)
NO_FUNDS = fault(
    "evm.no-funds",
    "The account cannot pay for the transaction.",
    "Send funds to the account; what waits goes on by itself.",
)
TOO_LARGE = fault(
    "evm.too-large",
    "A record does not fit into one transaction of this network.",
    "Raise `transaction_bytes` or `transaction_gas` if the network's nodes take more; else it cannot stand there.",
)
SUPERSEDED = fault(
    "evm.superseded",
    "Another gateway has taken over writing from this account.",
    "Stop one of the two, or give each its own account; the one that is started last takes over.",
)
BAD_ATTEMPT = fault("evm.bad-attempt", "This is not an attempt of this sink.", "Give it back as `prepare` made it.")

_KNOWN: Final = (
    "already known",
    "known transaction",
    "already imported",
    "already exists",
    "nonce too low",
    "underpriced",
    "max fee per gas less",
    "fee cap less",
)
"""What nodes say of a transaction that they have, whose place is taken, or whose price is too low now: `outcome` tells
which, and what to do."""
_NEVER: Final = (
    "intrinsic gas", "exceeds block gas limit", "gas limit too high", "oversized", "exceeds maximum", "invalid sender",
    "invalid chain id", "floor data gas",
)  # fmt: skip
"""What nodes say of a transaction that they will never take."""

_ANSWER_AGE: Final = 1.0
"""Seconds after which an attempt is asked after again although no block came."""


def account_of(settings: EvmSettings, secrets: Secrets) -> Account:
    """The account that writes. Raises ConfigError where none is configured or the key is of another kind."""
    if not settings.writer:
        raise ConfigError(NO_WRITER, where="writer")
    return Account(secrets.private(settings.writer))


def gas_of(data: bytes, packed: Sequence[bytes]) -> int:
    """The gas that a call of `record` with `data` needs at most, if every entry and subject is new.

    Source: EIP-2028 (16 and 4 a byte), EIP-7623 (floor of 40 and 10), EIP-2929 and EIP-3529 (storage), measured for
    what the contract does besides; a test holds it against a node.
    """
    zeros = data.count(0)
    rest = len(data) - zeros
    largest = max(map(len, packed), default=0) // 32
    work = 35_000 + 53_600 * len(packed) + 3 * len(data) + 2 * largest * largest // 512
    return max(21_000 + 4 * zeros + 16 * rest + work, 21_000 + 10 * zeros + 40 * rest)


class _Attempt(msgspec.Struct, frozen=True):
    """What stands in `Prepared.body`."""

    raw: bytes
    hash: bytes
    nonce: int
    most: int
    tip: int
    fence: int
    digests: tuple[bytes, ...]

    def encode(self) -> bytes:
        return cbor.encode(
            {
                "raw": self.raw,
                "hash": self.hash,
                "nonce": self.nonce,
                "most": self.most.to_bytes(32, "big"),
                "tip": self.tip.to_bytes(32, "big"),
                "fence": self.fence,
                "digests": list(self.digests),
            }
        )

    @classmethod
    def decode(cls, prepared: Prepared) -> _Attempt:
        try:
            held = cbor.decode(prepared.body, limit=1 << 27)
            made = cls(
                held["raw"],
                held["hash"],
                held["nonce"],
                int.from_bytes(held["most"], "big"),
                int.from_bytes(held["tip"], "big"),
                held["fence"],
                tuple(held["digests"]),
            )
        except (InputError, KeyError, TypeError) as error:
            raise Misuse(BAD_ATTEMPT, where=prepared.label) from error
        if len(made.digests) != len(prepared.keys):
            raise Misuse(BAD_ATTEMPT, "not as many digests as keys", where=prepared.label)
        return made


def _salts(secret: bytes) -> Callable[[str], bytes]:
    """The salt of each subject's hash: guessed by nobody, and for one subject always the same."""

    @lru_cache(maxsize=65536)
    def salt(subject: str) -> bytes:
        return hmac.digest(secret, b"subject/1" + subject.encode(), "sha256")

    return salt


class EvmSink:
    """The sink of one contract and one account. Made by `EvmAdapter.sink`."""

    def __init__(self, settings: EvmSettings, network: NetworkId, node: Node, secrets: Secrets) -> None:
        self._settings: Final = settings
        self._network: Final = network
        self._node: Final = node
        self._account: Final = account_of(settings, secrets)
        self._chain: Final = int(network.chain)
        private = secrets.private(settings.subject_key or settings.writer)
        secret = hmac.digest(private, b"gateway-evm/subjects/1", "sha256")
        self._salt = lru_cache(maxsize=65536)(
            lambda subject: hmac.digest(secret, b"subject/1" + subject.encode(), "sha256")
        )
        self._signing: Final = asyncio.Lock()
        self._opening: Final = asyncio.Lock()
        self._open = False
        self._fence = 0
        """The fence that the contract had seen when this sink was opened: a lower one would be refused."""
        self._overtaken = 0
        """A higher fence that the contract has seen since: another holder of the account has taken over."""
        self._next = 0
        """The lowest nonce that no attempt known here has."""
        self._scale = 1.0
        """How much more gas this network takes than `gas_of` says."""
        self._estimated = False
        self._prices: tuple[float, Prices] | None = None
        self._head: tuple[float, int] | None = None
        self._asking: asyncio.Future[int] | None = None
        self._sent: Final[dict[bytes, float]] = {}
        """When each attempt was sent first."""
        self._asked: Final[dict[bytes, tuple[float, int]]] = {}
        """When, and at which final block, each pending attempt was asked after last."""
        self._moved: tuple[float, int] = (0.0, -1)
        """Since when the account's count of mined transactions has stood where it stands."""

    @property
    def address(self) -> bytes:
        """The account that writes."""
        return self._account.address

    async def aclose(self) -> None:
        """Ends every call that waits."""
        await self._node.aclose()

    # ── prepare ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def prepare(self, records: Sequence[Outbound], fence: int) -> Prepared:
        """One signed transaction with all of `records`.

        Raises Transient; Permanent where the account may not write, or, with the record's index in `where`, where a
        record fits into no transaction; Misuse where only all of them together do not.
        """
        await self._opened()
        packed = [entries.pack(self._entry(record)) for record in records]
        used = max(fence, self._fence)
        if used < self._overtaken:
            raise Transient(SUPERSEDED, f"the register has seen fence {self._overtaken}, ours is {used}")
        data = entries.calldata(used, packed)
        current = await self._current_prices()
        gas = await self._gas(data, packed)
        room = self._settings.transaction_bytes - 256
        most_gas = min(self._settings.transaction_gas, current.block_gas)
        if len(data) > room or gas > most_gas:
            for index, each in enumerate(packed):
                alone = entries.calldata(used, [each])
                if len(alone) > room or int(gas_of(alone, [each]) * self._scale) > most_gas:
                    raise Permanent(
                        TOO_LARGE,
                        f"{len(each)} bytes; a transaction holds {room} bytes and {most_gas} gas",
                        where=str(index),
                    )
            raise Misuse(TOO_LARGE, f"{len(records)} records need {len(data)} bytes and {gas} gas: give fewer at once")
        async with self._signing:
            nonce = await self._nonce()
            signed = self._account.sign(
                chain=self._chain, nonce=nonce, fee=current.fee, gas=gas, to=self._settings.address, data=data
            )
            self._next = max(self._next, nonce + 1)
        attempt = _Attempt(
            raw=signed.raw,
            hash=signed.hash,
            nonce=nonce,
            most=current.fee.most,
            tip=current.fee.most if current.fee.tip is None else current.fee.tip,
            fence=used,
            digests=tuple([bytes(record.digest) for record in records]),
        )
        return Prepared(tuple([record.key for record in records]), attempt.encode(), hexed(signed.hash))

    def _entry(self, record: Outbound) -> Entry:
        return Entry(
            key=record.key,
            digest=record.digest,
            mark=record.relay.mark,
            salt=self._salt(record.subject),
            subject=record.subject,
            format=record.native.format,
            body=record.native.content,
            path=record.relay.path,
            withdrawn=record.withdrawn,
            supersedes=record.supersedes,
        )

    async def _opened(self) -> None:
        """Looks once whether node, contract and account are what they must be."""
        if not self._open:
            async with self._opening:
                await self._look()

    async def _look(self) -> None:
        if self._open:  # another attempt has looked meanwhile
            return
        await self._node.same_network(self._network)
        found = await self._node.code_hash(self._settings.address) if self._settings.contract else None
        if found is None:
            raise Permanent(NO_CONTRACT, f"no code at {self._settings.contract or 'no address'}")
        if not register.is_known(found):
            raise Permanent(NO_CONTRACT, f"other code at {self._settings.contract}: 0x{found.hex()}")
        (allowed,) = await self._node.ask(register.ask_writer(self.address), ["bool"])
        if not allowed:
            raise Permanent(NOT_WRITER, f"account {hexed(self.address)}")
        (self._fence,) = await self._node.ask(register.ask_fence(self.address), ["uint64"])
        self._open = True

    async def _nonce(self) -> int:
        """The nonce of the next attempt."""
        if self._next == 0:
            pending = await self._node.rpc.call("eth_getTransactionCount", hexed(self.address), "pending")
            self._next = number_of(pending, "count")
        return self._next

    async def _gas(self, data: bytes, packed: Sequence[bytes]) -> int:
        modelled = gas_of(data, packed)
        if not self._estimated:
            call = {"from": hexed(self.address), "to": self._settings.contract, "data": hexed(data)}
            (told,) = await self._node.rpc.many([("eth_estimateGas", (call,))])
            # one that fails says nothing of the model: the records may be too large, or the node know no such call
            if isinstance(told, str):
                self._scale = max(1.0, 1.05 * number_of(told, "gas") / modelled)
            self._estimated = True
        return int(modelled * self._scale * 1.02) + 1_000

    async def _current_prices(self) -> Prices:
        """What gas costs now; asked at most once a second."""
        if self._prices is None or time.monotonic() - self._prices[0] >= 1.0:
            self._prices = (time.monotonic(), await prices(self._node, self.address))
        return self._prices[1]

    # ── submit ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def submit(self, prepared: Prepared) -> None:
        """Sends the attempt. What the node has, or has another one in place of, is no failure: `outcome` tells.

        Raises Transient; Permanent where the node says that it will never take the transaction.
        """
        attempt = self._known(prepared)
        self._sent.setdefault(attempt.hash, time.monotonic())
        self._asked.pop(attempt.hash, None)
        await self._send(attempt.raw)

    async def _send(self, raw: bytes) -> None:
        (answer,) = await self._node.rpc.many([("eth_sendRawTransaction", (hexed(raw),))])
        if not isinstance(answer, NodeError):
            return
        text = answer.message.lower()
        if any(each in text for each in _KNOWN):
            return
        if "insufficient funds" in text:
            raise Transient(NO_FUNDS, f"account {hexed(self.address)}: {answer.message[:200]}")
        raise answer.raised("eth_sendRawTransaction", Permanent if any(each in text for each in _NEVER) else Transient)

    def _known(self, prepared: Prepared) -> _Attempt:
        """The attempt, whose nonce is from now on not given out again."""
        attempt = _Attempt.decode(prepared)
        self._next = max(self._next, attempt.nonce + 1)
        return attempt

    # ── outcome ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def outcome(self, prepared: Prepared) -> Sequence[OutcomeOf]:
        """What became of each key of the attempt. Raises Transient."""
        attempt = self._known(prepared)
        final = await self._final()
        asked = self._asked.get(attempt.hash)
        if asked is not None and asked[1] == final and time.monotonic() - asked[0] < _ANSWER_AGE:
            return [_PENDING] * len(prepared.keys)
        receipt = await self._node.rpc.call("eth_getTransactionReceipt", hexed(attempt.hash))
        made = (
            await self._unmined(prepared, attempt, final)
            if receipt is None
            else await self._mined(prepared, attempt, final, fields_of(receipt, "receipt"))
        )
        self._asked.pop(attempt.hash, None)
        if all(each is _PENDING for each in made):
            self._asked[attempt.hash] = (time.monotonic(), final)
        elif not any(isinstance(each, (Absent, Pending)) for each in made):
            self._sent.pop(attempt.hash, None)
        return made

    async def _final(self) -> int:
        """The newest final block, asked for at most once in half of `poll`, however many attempts ask."""
        if self._head is not None and time.monotonic() - self._head[0] < self._settings.poll / 2:
            return self._head[1]
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._node.final())
        asking = self._asking
        try:
            height = await asyncio.shield(asking)
        finally:
            if self._asking is asking and asking.done():
                self._asking = None
        self._head = (time.monotonic(), height)
        return height

    async def _mined(self, prepared: Prepared, attempt: _Attempt, final: int, receipt: Any) -> list[OutcomeOf]:
        """The outcomes of an attempt that stands in a block."""
        if number_of(receipt.get("blockNumber"), "receipt.blockNumber") > final:
            return [_PENDING] * len(prepared.keys)
        if number_of(receipt.get("status"), "receipt.status") != 1:
            return await self._reverted(prepared, attempt, final)
        told = _told(receipt, self._settings.address)
        made: list[OutcomeOf | None] = [told.get(key) for key in prepared.keys]
        missing = [key for key, each in zip(prepared.keys, made, strict=True) if each is None]
        if missing:
            # passed over by the contract: an earlier attempt has written them, with the same digest
            found = iter(await self.find(missing))
            made = [next(found) if each is None else each for each in made]
        return [each for each in made if each is not None]

    async def _reverted(self, prepared: Prepared, attempt: _Attempt, final: int) -> list[OutcomeOf]:
        (allowed,) = await self._node.ask(register.ask_writer(self.address), ["bool"])
        (seen,) = await self._node.ask(register.ask_fence(self.address), ["uint64"])
        if not allowed:
            otherwise: OutcomeOf = Refused(f"the account {hexed(self.address)} may no longer write to the register")
        elif seen > attempt.fence:
            self._overtaken = seen
            otherwise = Void(f"fence {attempt.fence} is older than {seen}, which the register has seen")
        else:
            self._scale *= 1.5
            otherwise = Void("the transaction was mined and failed; the next one is given more gas")
        return await self._held(prepared, attempt, final, otherwise)

    async def _unmined(self, prepared: Prepared, attempt: _Attempt, final: int) -> list[OutcomeOf]:
        """The outcomes of an attempt that stands in no block."""
        at = hex(max(final, 0))
        # the counts before the transaction: where one says that the nonce is spent, a receipt of ours would be there
        spent, mined, known, receipt = await self._node.rpc.all(
            [
                ("eth_getTransactionCount", (hexed(self.address), at)),
                ("eth_getTransactionCount", (hexed(self.address), "latest")),
                ("eth_getTransactionByHash", (hexed(attempt.hash),)),
                ("eth_getTransactionReceipt", (hexed(attempt.hash),)),
            ]
        )
        count = number_of(mined, "count")
        if receipt is not None:
            return [_PENDING] * len(prepared.keys)
        if known is not None:
            await self._free_stuck(attempt, count)
            return [_PENDING] * len(prepared.keys)
        if number_of(spent, "count") > attempt.nonce:
            gone = Void(f"nonce {attempt.nonce} was spent by another transaction")
            return await self._held(prepared, attempt, final, gone)
        if count > attempt.nonce:
            return [_PENDING] * len(prepared.keys)
        await self._free_stuck(attempt, count)
        return await self._held(prepared, attempt, final, Absent())

    async def _held(self, prepared: Prepared, attempt: _Attempt, final: int, otherwise: OutcomeOf) -> list[OutcomeOf]:
        """For each key what the register holds under it, `otherwise` where it holds nothing."""
        held = await self._node.digests(prepared.keys, hex(max(final, 0)))
        same = [key for key, mine, theirs in zip(prepared.keys, attempt.digests, held, strict=True) if mine == theirs]
        found = dict(zip(same, await self.find(same), strict=True)) if same else {}
        made: list[OutcomeOf] = []
        for key, mine, theirs in zip(prepared.keys, attempt.digests, held, strict=True):
            if theirs == entries.ZERO:
                made.append(otherwise)
            else:
                made.append(found[key] if mine == theirs else Conflict(theirs))
        return made

    async def _free_stuck(self, attempt: _Attempt, mined: int) -> None:
        """Spends the nonce that holds up the account with an empty transaction, once nothing else will.

        `mined` is the nonce that the next block can take. It is missing, or its transaction offers less than a block
        asks for; either has lasted for `stuck_after`.
        """
        now = time.monotonic()
        if self._moved[1] != mined:
            self._moved = (now, mined)
        since = max(self._moved[0], self._sent.get(attempt.hash, now))
        if attempt.nonce < mined or now - since < self._settings.stuck_after:
            return
        current = await self._current_prices()
        answer = await self._node.rpc.call("eth_getTransactionCount", hexed(self.address), "pending")
        missing = number_of(answer, "count") <= mined < attempt.nonce
        cheap = attempt.nonce == mined and attempt.most < current.base
        if not missing and not cheap:
            return
        # nodes take the place of a waiting transaction only for a tenth more of both parts of the price
        most = max(2 * current.fee.most, 2 * attempt.most)
        fee = Fee(most, None if current.fee.tip is None else min(most, 2 * max(current.fee.tip, attempt.tip)))
        filler = self._account.sign(chain=self._chain, nonce=mined, fee=fee, gas=30_000, to=self.address, data=b"")
        self._moved = (now, mined)
        await self._send(filler.raw)

    # ── find ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def find(self, keys: Sequence[DeliveryKey]) -> Sequence[OutcomeOf]:
        """What the register holds under each key, whoever wrote it. Raises Transient."""
        if not keys:
            return []
        final = await self._final()
        now = await self._node.digests(keys)
        then = now if self._settings.finality == "instant" else await self._node.digests(keys, hex(max(final, 0)))
        wanted = [key for key, digest in zip(keys, then, strict=True) if digest != entries.ZERO]
        places = await self._places(wanted, final) if wanted else {}
        made: list[OutcomeOf] = []
        for key, digest in zip(keys, now, strict=True):
            if key in places:
                made.append(places[key])
            else:
                # held, but its event is not to be seen yet: not final, or the node's index of logs lags
                made.append(Absent() if digest == entries.ZERO else _PENDING)
        return made

    async def _places(self, keys: Sequence[bytes], final: int) -> dict[bytes, Written]:
        """Where the entries of keys stand."""
        made: dict[bytes, Written] = {}
        for start in range(0, len(keys), 100):
            wanted = [hexed(key) for key in keys[start : start + 100]]
            logs = await self._logs(wanted, self._settings.start_block, final)
            hashes = sorted({str(fields_of(log, "log").get("transactionHash")) for log in logs})
            receipts = await self._node.rpc.all([("eth_getTransactionReceipt", (each,)) for each in hashes])
            for receipt in receipts:
                if receipt is None:
                    continue
                told = _told(fields_of(receipt, "receipt"), self._settings.address)
                made.update({key: each for key, each in told.items() if isinstance(each, Written)})
        return made

    async def _logs(self, keys: Sequence[str], first: int, last: int) -> list[Any]:
        """Events about keys; the range is halved as often as the node finds it too long."""
        if first > last:
            return []
        query = {
            "address": self._settings.contract,
            "topics": [[hexed(entries.RECORDED), hexed(entries.WITHDRAWN)], list(keys)],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        (answer,) = await self._node.rpc.many([("eth_getLogs", (query,))])
        if isinstance(answer, list):
            return answer
        if not isinstance(answer, NodeError):
            raise Transient(BAD_ANSWER, "logs that are no list", where=self._node.rpc.where)
        if first == last:
            raise Transient(REFUSED, f"eth_getLogs: {answer.message[:300]}", where=self._node.rpc.where)
        middle = (first + last) // 2
        return await self._logs(keys, middle + 1, last) + await self._logs(keys, first, middle)


_PENDING: Final = Pending()


def _told(receipt: Any, contract: bytes) -> dict[bytes, OutcomeOf]:
    """What the register's events in a receipt say of keys; of a key named twice the first counts."""
    made: dict[bytes, OutcomeOf] = {}
    block = data_of(receipt.get("blockHash"), "receipt.blockHash", 32)
    index = number_of(receipt.get("transactionIndex"), "receipt.transactionIndex")
    for at, log in enumerate(logs_of(receipt)):
        if log.address != contract or len(log.topics) < 2:
            continue
        if log.topics[0] in (entries.RECORDED, entries.WITHDRAWN):
            made.setdefault(log.topics[1], Written({"block": block, "transaction": index, "log": at}))
        elif log.topics[0] == entries.CONFLICT:
            made.setdefault(log.topics[1], Conflict(log.data[:32]))
    return made
