"""The adapter's face, as a gateway finds it."""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec
import pytest

from gateway import plugins
from gateway.errors import Permanent, Transient
from gateway.spi import Basis, Claim, NetworkId, Secrets, Written
from gateway_sandbox.adapter import SandboxAdapter
from gateway_sandbox.ledger import Ledger
from gateway_sandbox.office import own_record, write
from gateway_sandbox.settings import SandboxSettings
from gateway_sandbox.verifier import Anchor, SandboxVerifier
from tests.unit.sandbox.scenes import outcomes, segment, verify

ADAPTER = SandboxAdapter()


class NoSecrets:
    def private(self, name: str) -> bytes:
        raise AssertionError("a sandbox ledger asks for no key of the gateway's")


SECRETS: Secrets = NoSecrets()


def test_it_is_found_by_its_entry_points() -> None:
    assert isinstance(plugins.adapters()["sandbox"], SandboxAdapter)
    assert isinstance(plugins.verifiers()["sandbox/1"], SandboxVerifier)


def test_capabilities(settings: SandboxSettings) -> None:
    can = ADAPTER.capabilities(settings)
    assert can.claims == (Claim.RECORDED, Claim.VALID)
    assert can.basis == Basis.CONSENSUS
    assert can.idempotent


def test_every_setting_is_explained_and_no_other_is_taken() -> None:
    explained = inspect.getdoc(SandboxSettings) or ""
    for field in msgspec.structs.fields(SandboxSettings):
        assert f"\n{field.name}  " in explained
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"file": "x", "chain": "y", "chian": "z"}, SandboxSettings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"file": "x", "chain": "y", "poll": 0}, SandboxSettings)


async def test_founding_and_identity(settings: SandboxSettings) -> None:
    with pytest.raises(Transient):
        await ADAPTER.identify(settings)
    assert await ADAPTER.found(settings, SECRETS) == settings
    network = await ADAPTER.identify(settings)
    assert (network.kind, network.chain) == ("sandbox", settings.chain)
    assert await ADAPTER.found(settings, SECRETS) == settings
    assert await ADAPTER.identify(settings) == network, "founding again changes nothing"
    with pytest.raises(Permanent):
        await ADAPTER.identify(msgspec.structs.replace(settings, chain="xb"))
    with pytest.raises(Permanent):
        await ADAPTER.found(msgspec.structs.replace(settings, chain="xb"), SECRETS)


async def test_the_segment_is_plain_json_and_anchors_the_genesis_set(settings: SandboxSettings, ledger: Ledger) -> None:
    material = await ADAPTER.segment(settings)
    assert msgspec.json.decode(msgspec.json.encode(material)) == material
    anchor = Anchor.read(material)
    assert anchor == (settings.chain, ledger.genesis.digest, ledger.genesis.set, 0)
    ledger.change_validators()
    assert await ADAPTER.segment(settings) == material


async def test_an_office_writes_and_a_gateway_reads_and_proves(settings: SandboxSettings) -> None:
    await ADAPTER.found(settings, SECRETS)
    network = await ADAPTER.identify(settings)
    own = [own_record("register-sandbox", b'{"n":%d}' % number, f"XA/xa/{number}") for number in range(3)]
    own.append(own_record("register-sandbox", b"{}", "XA/xa/0", supersedes=own[0].key, withdrawn=True))
    written = await write(settings, own)
    assert all(isinstance(each, Written) for each in written)

    anchor = segment(network.digest, await ADAPTER.segment(settings))
    source = ADAPTER.source(settings, network)
    async for batch in source.read(None):
        assert [record.locus for record in batch.records] == [each.locus for each in written]
        assert [record.relay.path for record in batch.records] == [()] * 4, "an office's own record comes from nowhere"
        assert len({record.relay.mark for record in batch.records}) == 4
        assert batch.records[3].withdraws == own[0].key
        for record in batch.records:
            assert outcomes(verify(record, batch.shared, anchor)) == {"passed"}
        break
    await source.aclose()


async def test_an_office_is_told_what_the_ledger_did_not_take(settings: SandboxSettings, ledger: Ledger) -> None:
    first = own_record("register-sandbox", b"1", "XA/xa/1")
    await write(settings, [first])
    with pytest.raises(Permanent, match="onflict"):
        await write(settings, [msgspec.structs.replace(first, digest=bytes(32))])


class TestDiagnosis:
    async def test_all_is_well(self, settings: SandboxSettings, ledger: Ledger) -> None:
        await write(settings, [own_record("register-sandbox", b"1", "XA/xa/1")])
        lines = await ADAPTER.diagnose(settings)
        assert [line.ok for line in lines] == [True, True, True]
        assert "number 1" in lines[1].found

    async def test_no_file(self, settings: SandboxSettings) -> None:
        (line,) = await ADAPTER.diagnose(settings)
        assert not line.ok
        assert "gateway network found" in line.cure

    async def test_another_chain(self, settings: SandboxSettings, ledger: Ledger) -> None:
        (line,) = await ADAPTER.diagnose(msgspec.structs.replace(settings, chain="xb"))
        assert not line.ok
        assert "xa-register" in line.found

    async def test_a_damaged_block(self, settings: SandboxSettings, ledger: Ledger) -> None:
        await write(settings, [own_record("register-sandbox", b"1", "XA/xa/1")])
        ledger._database.execute("UPDATE blocks SET body = x'00'")
        lines = await ADAPTER.diagnose(settings)
        assert [line.ok for line in lines] == [True, False]

    async def test_a_file_of_another_kind(self, settings: SandboxSettings) -> None:
        Path(settings.file).write_bytes(b"\x00" * 5000)
        (line,) = await ADAPTER.diagnose(settings)
        assert not line.ok


def test_a_network_is_named_by_what_cannot_be_renamed(ledger: Ledger, network: NetworkId) -> None:
    assert Anchor(ledger.genesis.chain, ledger.genesis.digest, ledger.genesis.set, 0).network == network.digest
