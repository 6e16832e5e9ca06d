"""Judging sealed headers: what it costs beside the bare recoveries that it must make.

    python benchmarks/seals.py [--mode quick|full]

Each ratio is within this run, on one core: a header is taken from its bytes to its judged form, beside as many bare
recoveries by the same library. Then following a chain beside judging its headers, and what a follower must keep.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from coincurve import PrivateKey, PublicKey

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "adapters")]

from gateway.proofs import rlp, seals, state  # noqa: E402
from gateway.proofs.evm import Header  # noqa: E402
from gateway.proofs.keccak import keccak256  # noqa: E402
from gateway.proofs.seals import BFT_MIX_HASH, SealForm  # noqa: E402
from gateway.proofs.secp256k1 import address_of  # noqa: E402
from gateway.proofs.validators import Consensus, Epoch, Follower, ValidatorSet, encode_change, judge  # noqa: E402

ROUNDS: Final = {"quick": 25, "full": 150}
"""Each pair is measured this often, alternating; the value is the median of the rounds' ratios."""
RECORDED: Final = ROOT / "tests" / "recordings" / "quorum" / "main.json"


def sealed(number: int, keys: Sequence[PrivateKey], parent: bytes = bytes(32)) -> bytes:
    """The RLP of a QBFT header that all of `keys` list and seal."""
    members = sorted(address_of(key.public_key.format(compressed=False)) for key in keys)
    items: list[object] = [bytes(32), members, [], b""]
    fields: dict[str, Any] = {
        "parent_hash": parent,
        "ommers_hash": keccak256(rlp.encode([])),
        "beneficiary": members[number % len(members)],
        "state_root": keccak256(b"state"),
        "transactions_root": keccak256(b"transactions"),
        "receipts_root": keccak256(b"receipts"),
        "logs_bloom": bytes(256),
        "difficulty": 1,
        "number": number,
        "gas_limit": 0xE000_0000,
        "gas_used": 21_000,
        "timestamp": 1_780_000_000 + number,
        "mix_hash": BFT_MIX_HASH,
        "nonce": bytes(8),
    }
    digest = keccak256(Header(**fields, extra_data=rlp.encode([*items, []])).encode())
    made = [key.sign_recoverable(digest, hasher=None) for key in keys]
    return Header(**fields, extra_data=rlp.encode([*items, made])).encode()


def seconds(act: Callable[[], object], times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - start) / times


def ratio(act: Callable[[], object], bare: Callable[[], object], times: int, rounds: int) -> float:
    """The median over rounds of the time of `act` ÷ that of `bare`, both measured side by side."""
    act(), bare()
    found = []
    for _ in range(rounds):
        first = seconds(act, times)
        found.append(first / seconds(bare, times))
    return statistics.median(found)


def figure(name: str, value: float, unit: str, most: float | None = None) -> dict[str, Any]:
    holds = None if most is None else value <= most
    target = "" if most is None else f"≤ {most:g}"
    return {"name": name, "value": round(value, 3), "unit": unit, "target": target, "holds": holds}


def keys_of(count: int) -> list[PrivateKey]:
    return [PrivateKey(keccak256(b"for benchmarks alone %d" % index)) for index in range(count)]


def judging(count: int, rounds: int) -> dict[str, Any]:
    """From bytes to a judged header of `count` validators that all sealed, ÷ that many bare recoveries."""
    keys = keys_of(count)
    data = sealed(7, keys)
    header = Header.decode(data)
    extra = seals.read_extra(SealForm.QBFT, header)
    members = ValidatorSet(0, extra.validators)
    digest = seals.seal_digest(header, extra)

    def bare() -> None:
        for seal in extra.seals:
            PublicKey.from_signature_and_message(seal, digest, hasher=None)

    value = ratio(lambda: judge(SealForm.QBFT, data, members), bare, 200 // count, rounds)
    return figure(f"a QBFT header of {count} validators ÷ {count} bare recoveries", value, "ratio", 1.5)


def following(rounds: int) -> list[dict[str, Any]]:
    """A recorded chain followed from its genesis, ÷ judging each of its headers; and what of it must be kept."""
    said = json.loads(RECORDED.read_bytes())
    headers = [bytes.fromhex(each) for each in said["headers"]][1:]
    start = ValidatorSet(0, tuple([bytes.fromhex(each) for each in said["validators"]]))
    rules = Consensus(SealForm.QBFT, start, Epoch(said["epoch"]))
    whole = Follower(rules)
    changes = [encode_change(bytes(32), change) for data in headers if (change := whole.take(data)[1]) is not None]
    sets = [next(each for each in reversed(whole.path) if each.since <= n + 1) for n in range(len(headers))]

    def followed() -> None:
        follower = Follower(rules)
        for data in headers:
            follower.take(data)

    def judged() -> None:
        for data, members in zip(headers, sets, strict=True):
            judge(SealForm.QBFT, data, members)

    value = ratio(followed, judged, 2, rounds)
    return [
        figure("following a chain ÷ judging its headers", value, "ratio"),
        figure("a change of validators as a document", statistics.mean(map(len, changes)), "bytes"),
    ]


def sender(rounds: int) -> dict[str, Any]:
    said = json.loads(RECORDED.read_bytes())
    number = next(iter(said["bodies"]))
    raw = min((bytes.fromhex(each) for body in said["bodies"].values() for each in body["transactions"]), key=len)
    header = Header.decode(bytes.fromhex(said["headers"][int(number)]))
    extra = seals.read_extra(SealForm.QBFT, header)
    digest = seals.seal_digest(header, extra)
    seal = extra.seals[0]
    value = ratio(
        lambda: state.Transaction.decode(raw),
        lambda: PublicKey.from_signature_and_message(seal, digest, hasher=None),
        200,
        rounds,
    )
    return figure("a transaction with its sender ÷ a bare recovery", value, "ratio")


def measure(mode: str = "quick") -> list[dict[str, Any]]:
    """The figures of this benchmark, as `benchmarks/latest.json` lists them."""
    rounds = ROUNDS[mode]
    return [
        {**each, "mode": mode} for each in (judging(4, rounds), judging(20, rounds), *following(rounds), sender(rounds))
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=list(ROUNDS), default="quick")
    made = measure(parser.parse_args().mode)
    print(json.dumps(made, indent=1, ensure_ascii=False))
    sys.exit(1 if any(each["holds"] is False for each in made) else 0)
