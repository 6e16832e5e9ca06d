"""What a participant of a chain *can* do. These are limits that the threat model states; a change here changes it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from gateway.journey.seal import content_digest
from gateway.model import records
from gateway.spi import Relay, delivery_key, record_key
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.office import own_record, write
from tests.journey.conftest import settle, states
from tests.journey.world import FORMAT, LIBRARY, application, make_world, native


async def test_any_writer_can_withdraw_what_another_wrote(tmp_path: Path) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    [key] = await world["xa"].write(application("XA", 1))
    await settle(world)
    theirs = own_record("text", b"because I say so", "none", supersedes=key, withdrawn=True)
    await write(world["xa"].settings, [theirs], writer="somebody else")
    await settle(world)
    assert [entry.leaf.withdrawn for entry in world["xb"].foreign()] == [False, True]


async def test_who_takes_a_key_first_can_put_a_false_body_under_it(tmp_path: Path) -> None:
    world = make_world(tmp_path, ("xa", "xb"))
    xa, xb, record = world["xa"], world["xb"], application("XA", 1)
    await xa.write(record)
    ledger = Ledger(xa.settings.file)
    [block] = ledger.blocks(0, 1, entries=9, content=2**20)
    ledger.close()
    key = delivery_key(
        record_key(xa.network.digest, "ledger", {"block": block.digest, "index": 0}, 0), xb.network.digest, 1
    )
    common = LIBRARY.by_format(FORMAT).to_common(native(record)).records[0].record
    false = own_record(FORMAT, native(application("XA", 1, "A lie")).content, records.subjects_of(record)[0])
    path = (bytes(xa.network.digest),)
    digest = content_digest(records.encode(common), 1, False)
    await write(
        xb.settings, [msgspec.structs.replace(false, key=key, digest=digest, relay=Relay(key, os.urandom(32), path))]
    )
    await settle(world)
    assert states(world) == {"landed": 1}
    [entry] = xb.foreign()
    assert b"A lie" in entry.content
