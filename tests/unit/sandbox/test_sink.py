"""Writing to a ledger: once, whatever happens between the three calls."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from gateway.errors import Broken, Permanent, Transient
from gateway.spi import (
    Absent,
    Conflict,
    DeliveryKey,
    NativeRecord,
    NetworkId,
    Outbound,
    Prepared,
    Relay,
    Void,
    Written,
)
from gateway_sandbox.blocks import CHANGE_FORMAT
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.sink import MOST_CONTENT, SandboxSink
from tests.unit.sandbox.scenes import entry


def outbound(number: int, **fields: Any) -> Outbound:
    each = entry(number)
    plain: dict[str, Any] = {
        "key": DeliveryKey(each.key),
        "digest": each.digest,
        "subject": each.subject,
        "revision": 1,
        "native": NativeRecord(each.format, each.content),
        "relay": Relay(each.key, each.mark, (os.urandom(32),)),
    }
    return Outbound(**(plain | fields))


def place(ledger: Ledger, number: int, index: int) -> Written:
    return Written({"block": ledger.digest(number) or b"", "index": index})


async def test_prepared_submitted_written(ledger: Ledger, sink: SandboxSink) -> None:
    attempt = await sink.prepare([outbound(0), outbound(1)], fence=1)
    assert attempt.keys == (entry(0).key, entry(1).key)
    assert await sink.outcome(attempt) == [Absent(), Absent()]
    assert ledger.head().number == 0, "preparing writes nothing"
    await sink.submit(attempt)
    assert await sink.outcome(attempt) == [place(ledger, 1, 0), place(ledger, 1, 1)]
    assert await sink.find([attempt.keys[1], DeliveryKey(bytes(32))]) == [place(ledger, 1, 1), Absent()]


async def test_what_is_written_is_what_was_handed_in(ledger: Ledger, sink: SandboxSink) -> None:
    given = outbound(0, withdrawn=True, supersedes=DeliveryKey(os.urandom(32)))
    await sink.submit(await sink.prepare([given], fence=1))
    (block,) = ledger.blocks(0, 1, entries=1, content=1)
    (kept,) = block.entries
    assert (kept.leaf.key, kept.leaf.withdrawn, kept.leaf.supersedes) == (given.key, True, given.supersedes)
    assert (kept.mark, kept.path, kept.subject) == (given.relay.mark, given.relay.path, given.subject)
    assert NativeRecord(kept.format, kept.content) == given.native


async def test_submitting_again_is_harmless(ledger: Ledger, sink: SandboxSink) -> None:
    attempt = await sink.prepare([outbound(0)], fence=1)
    for _ in range(3):
        await sink.submit(attempt)
    assert ledger.head().number == 1
    assert await sink.outcome(attempt) == [place(ledger, 1, 0)]


async def test_an_attempt_outlives_the_process_that_prepared_it(
    ledger: Ledger, settings: SandboxSettings, network: NetworkId
) -> None:
    before = SandboxSink(settings, network)
    stored = msgspec.msgpack.encode(await before.prepare([outbound(0)], fence=1))
    await before.aclose()
    after = SandboxSink(settings, network)
    attempt = msgspec.msgpack.decode(stored, type=Prepared)
    assert await after.outcome(attempt) == [Absent()]
    await after.submit(attempt)
    assert await after.outcome(attempt) == [place(ledger, 1, 0)]
    await after.aclose()


async def test_the_same_key_with_the_same_digest_is_success_with_the_first_place(
    ledger: Ledger, sink: SandboxSink
) -> None:
    await sink.submit(await sink.prepare([outbound(0)], fence=1))
    again = await sink.prepare([outbound(1), outbound(0, relay=Relay(entry(0).key, os.urandom(32)))], fence=1)
    await sink.submit(again)
    assert await sink.outcome(again) == [place(ledger, 2, 0), place(ledger, 1, 0)]


async def test_the_same_key_with_another_digest_is_a_conflict(ledger: Ledger, sink: SandboxSink) -> None:
    await sink.submit(await sink.prepare([outbound(0)], fence=1))
    again = await sink.prepare([outbound(0, digest=os.urandom(32)), outbound(1)], fence=1)
    await sink.submit(again)
    assert await sink.outcome(again) == [Conflict(entry(0).digest), place(ledger, 2, 0)]
    assert await sink.find([again.keys[0]]) == [place(ledger, 1, 0)]


async def test_an_attempt_under_an_older_fence_is_void(ledger: Ledger, sink: SandboxSink) -> None:
    old = await sink.prepare([outbound(0), outbound(1)], fence=3)
    await sink.submit(await sink.prepare([outbound(1)], fence=4))
    await sink.submit(old)
    missing, held = await sink.outcome(old)
    assert isinstance(missing, Void)
    assert "fence 4" in missing.reason
    assert held == place(ledger, 1, 0), "what another attempt has written is written"
    assert ledger.head().number == 1


async def test_two_gateways_do_not_fence_each_other(
    ledger: Ledger, settings: SandboxSettings, network: NetworkId
) -> None:
    one, two = SandboxSink(settings, network), SandboxSink(msgspec.structs.replace(settings, writer="hub"), network)
    await one.submit(await one.prepare([outbound(0)], fence=9))
    attempt = await two.prepare([outbound(1)], fence=1)
    await two.submit(attempt)
    assert await two.outcome(attempt) == [place(ledger, 2, 0)]
    await one.aclose()
    await two.aclose()


UNFIT: dict[str, dict[str, Any]] = {
    "a short key": {"key": DeliveryKey(bytes(31))},
    "a long digest": {"digest": bytes(33)},
    "a short mark": {"relay": Relay(bytes(32), bytes(16))},
    "a path too far": {"relay": Relay(bytes(32), bytes(32), (bytes(32),) * 9)},
    "no subject": {"subject": ""},
    "a long subject": {"subject": "x" * 513},
    "half a surrogate pair": {"subject": "\ud83d"},
    "no format": {"native": NativeRecord("", b"")},
    "the ledger's own format": {"native": NativeRecord(CHANGE_FORMAT, b"")},
    "a content too large": {"native": NativeRecord("register-sandbox", bytes(MOST_CONTENT + 1))},
    "a withdrawal of nothing": {"withdrawn": True},
    "itself": {"supersedes": DeliveryKey(entry(1).key)},
}


@pytest.mark.parametrize("what", sorted(UNFIT))
async def test_what_can_never_be_taken_is_said_before_it_is_sent(sink: SandboxSink, what: str) -> None:
    with pytest.raises(Permanent) as refused:
        await sink.prepare([outbound(0), outbound(1, **UNFIT[what]), outbound(2)], fence=1)
    assert refused.value.where == "1"
    assert refused.value.code == "sandbox.unfit"


async def test_a_content_larger_than_a_gateway_reads_is_taken(ledger: Ledger, sink: SandboxSink) -> None:
    large = NativeRecord("register-sandbox", bytes(5 * 1024 * 1024))
    attempt = await sink.prepare([outbound(0, native=large)], fence=1)
    await sink.submit(attempt)
    assert await sink.outcome(attempt) == [place(ledger, 1, 0)]


async def test_another_chain_in_the_file(settings: SandboxSettings) -> None:
    Ledger.found(settings.file, settings.chain).close()
    sink = SandboxSink(settings, NetworkId("sandbox", settings.chain, bytes(32)))
    attempt = await sink.prepare([outbound(0)], fence=1)
    for call in (sink.submit(attempt), sink.outcome(attempt), sink.find(attempt.keys)):
        with pytest.raises(Broken, match="another chain"):
            await call
    await sink.aclose()


async def test_nothing_is_asked_of_a_closed_sink(sink: SandboxSink) -> None:
    attempt = await sink.prepare([outbound(0)], fence=1)
    await sink.aclose()
    with pytest.raises(Transient):
        await sink.submit(attempt)
