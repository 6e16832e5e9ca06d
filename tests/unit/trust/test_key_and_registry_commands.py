"""`gateway keys` and `gateway registry`, as a person types them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.trust import did
from gateway.trust.keys import KeyStore
from gateway.trust.registry import Registry, RegistryWriter
from tests.unit.trust.samples import BEGAN, XB_KEY, key


class Shell:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        with pytest.raises(SystemExit) as caught:
            main(list(arguments))
        told = self._capsys.readouterr()
        assert caught.value.code == expect, told
        return told.out if expect == 0 else told.out + told.err

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", expect=expect))


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str, capsys: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    # The number of rounds has tests of its own; here every command would pay for them.
    monkeypatch.setattr(KeyStore.create.__func__, "__kwdefaults__", {"rounds": 1000})  # type: ignore[attr-defined]  # of a classmethod
    return Shell(capsys)


@pytest.fixture
def office(shell: Shell) -> Shell:
    shell("keys", "new", "registry-root", "issuer", "mark:secret", "chain:secp256k1")
    shell("registry", "new", "--name", "Pilot")
    shell("registry", "add-office", "did:web:xa.example", "XA", "XC", "--name", "Xanadu", "--key", "issuer")
    return shell


def test_keys_are_made_listed_and_exported(shell: Shell, passphrase: str) -> None:
    made = shell.json("keys", "new", "issuer", "mark:secret", "chain:secp256k1")
    assert {one["name"]: one["kind"] for one in made["keys"]} == {
        "issuer": "ed25519",
        "mark": "secret",
        "chain": "secp256k1",
    }
    assert stat.S_IMODE(Path("keys.jwe").stat().st_mode) == 0o600
    shell("keys", "new", "receipts")
    store = KeyStore.open(Path("keys.jwe"), passphrase)
    assert store.names() == ("chain", "issuer", "mark", "receipts")
    public = store.info("issuer").public
    assert shell("keys", "export", "issuer").strip() == did.encode_key(public)
    assert shell("keys", "export", "issuer", "--as", "did").strip() == did.key_did(public)
    assert shell("keys", "export", "issuer", "--as", "method").strip() == did.key_method(public)
    assert shell("keys", "export", "issuer", "--as", "hex").strip() == public.hex()
    assert shell("keys", "export", "chain").strip() == store.info("chain").public.hex()
    listed = shell("keys", "list") + shell("keys", "list", "--json")
    for name in store.names():
        assert name in listed
        assert store.private(name).hex() not in listed


def test_a_chain_keys_address_is_that_of_another_library(shell: Shell, passphrase: str) -> None:
    accounts = pytest.importorskip("eth_account")
    shell("keys", "new", "chain:secp256k1")
    private = KeyStore.open(Path("keys.jwe"), passphrase).private("chain")
    assert shell("keys", "export", "chain", "--as", "address").strip() == accounts.Account.from_key(private).address


def test_what_the_keys_command_refuses(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell("keys", "new", "issuer", "mark:secret")
    assert "keys.name-taken" in shell("keys", "new", "issuer", expect=4)
    assert "is no name" in shell("keys", "new", "Issuer", expect=2)
    assert "no kind of key" in shell("keys", "new", "x:rsa", expect=2)
    assert "two keys" in shell("keys", "new", "x", "x", expect=2)
    assert "no public part" in shell("keys", "export", "mark", expect=2)
    assert "has no address" in shell("keys", "export", "issuer", "--as", "address", expect=2)
    assert "keys.no-such-key" in shell("keys", "export", "other", expect=4)
    monkeypatch.setenv("GATEWAY_PASSPHRASE", "another passphrase")
    assert "keys.locked" in shell("keys", "list", expect=4)
    monkeypatch.delenv("GATEWAY_PASSPHRASE")
    assert "keys.no-passphrase" in shell("keys", "list", expect=4)
    assert shell.json("keys", "list", expect=4)["errors"][0]["hint"]


def test_the_passphrase_may_lie_in_a_file(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_PASSPHRASE")
    Path("phrase").write_text("a passphrase in a file\n")
    Path("phrase").chmod(0o600)
    shell("keys", "new", "issuer", "--passphrase-file", "phrase")
    assert "issuer" in shell("keys", "list", "--passphrase-file", "phrase")
    Path("phrase").chmod(0o644)
    assert "file.exposed" in shell("keys", "list", "--passphrase-file", "phrase", expect=4)


def test_a_registry_is_made_and_its_fingerprint_told(office: Shell) -> None:
    found = Registry.read(Path("registry.json").read_bytes())
    assert office("registry", "fingerprint").strip() == found.fingerprint
    assert found.fingerprint[:4] in office("registry", "show")
    assert office.json("registry", "show", "--fingerprint", found.fingerprint)["fingerprint"] == found.fingerprint
    assert "registry.foreign-root" in office("registry", "show", "--fingerprint", "00" * 32, expect=4)
    assert stat.S_IMODE(Path("registry.json").stat().st_mode) == 0o644
    assert "registry.exists" in office("registry", "new", expect=4)


def test_offices_networks_and_mappings_are_stated(office: Shell) -> None:
    Path("xa.json").write_text('{"contract": "0xabc", "codeHash": "00ff"}')
    office(
        "registry", "add-network", "XA", "--kind", "evm", "--chain", "31337", "--genesis", "0x00ff",
        "--basis", "attested", "--material", "xa.json", "--first", "3",
    )  # fmt: skip
    office("registry", "add-mapping", "national-x", "1.0", "ab" * 32)
    office(
        "registry", "add-office", "did:web:xb.example", "XB", "--name", "B",
        "--public", did.encode_key(XB_KEY.public), "--method", "did:web:xb.example#2026",
    )  # fmt: skip
    office(
        "registry",
        "add-office",
        did.key_did(key("d").public),
        "XD",
        "--name",
        "D",
        "--public",
        did.encode_key(key("d").public),
    )
    office(
        "registry", "add-key", "did:web:xb.example", "--public", did.encode_key(key("b2").public),
        "--method", "did:web:xb.example#spare", "--since", "2026-02-01",
    )  # fmt: skip
    told = office.json("registry", "show")
    assert [one["codes"] for one in told["offices"]] == [["XA", "XC"], ["XB"], ["XD"]]
    assert told["networks"][0]["material"]["codeHash"] == "00ff"
    assert told["networks"][0]["first"] == 3
    assert told["mappings"] == [{"name": "national-x", "version": "1.0", "digest": "ab" * 32, "ended": "open"}]
    shown = office("registry", "show")
    for text in ("Xanadu", "XA XC", "did:web:xb.example", "31337", "national-x", "spare"):
        assert text in shown
    assert json.loads(office("registry", "did", "did:web:xa.example"))["assertionMethod"] == [
        "did:web:xa.example#issuer"
    ]


def test_keys_are_rotated_and_revoked(office: Shell) -> None:
    office("keys", "new", "issuer-2")
    office("registry", "rotate", "did:web:xa.example#issuer", "--key", "issuer-2")
    found = Registry.read(Path("registry.json").read_bytes())
    assert [one.ended for one in found.all("issuer", "did:web:xa.example")] == ["rotated", "open"]
    added = office.json(
        "registry", "revoke", "did:web:xa.example#issuer-2", "--how", "compromised", "--at", "2100-01-01T00:00:00Z"
    )
    assert [one["how"] for one in added["added"]] == ["compromised"]
    assert "registry.duplicate" in office("registry", "revoke", "did:web:xa.example#issuer-2", expect=4)
    assert "registry.unknown-subject" in office("registry", "revoke", "did:web:no.example", expect=4)
    office("registry", "revoke", "did:web:xa.example")


def test_the_root_is_handed_over(office: Shell) -> None:
    before = office("registry", "fingerprint")
    office("keys", "new", "heir")
    office("registry", "rotate-root", "--to", "heir")
    assert "registry.not-root" in office("registry", "revoke", "did:web:xa.example", expect=4)
    office("registry", "revoke", "did:web:xa.example", "--root", "heir")
    assert office("registry", "fingerprint") == before


def test_two_root_keys_sign(shell: Shell) -> None:
    shell("keys", "new", "one", "two", "issuer")
    shell("registry", "new", "--root", "one", "--root", "two")
    adding = ("registry", "add-office", "did:web:xa.example", "XA", "--name", "X", "--key", "issuer")
    assert "registry.not-root" in shell(*adding, "--root", "one", expect=4)
    shell(*adding, "--root", "one", "--root", "two")
    assert shell.json("registry", "show")["root"]["threshold"] == 2


def test_copies_are_compared(office: Shell) -> None:
    Path("old.json").write_bytes(Path("registry.json").read_bytes())
    office("registry", "add-mapping", "m", "1", "00" * 32)
    assert office.json("registry", "compare", "old.json")["relation"] == "newer"
    office("registry", "add-mapping", "n", "1", "11" * 32, "--registry", "old.json")
    assert "two histories" in office("registry", "compare", "old.json", expect=1)
    Path("foreign.json").write_bytes(RegistryWriter.new([key("x")], issued=BEGAN).encode())
    assert "foreign" in office("registry", "compare", "foreign.json", expect=1)


def test_what_the_registry_command_refuses(office: Shell) -> None:
    before = Path("registry.json").read_bytes()
    adding = ("registry", "add-office", "did:web:xe.example", "XE", "--name", "E")
    assert "either by" in office(*adding, expect=2)
    assert "either by" in office(*adding, "--key", "issuer", "--public", "z6Mk", expect=2)
    assert "--method" in office(*adding, "--public", did.encode_key(key("e").public), expect=2)
    assert "registry.key-reused" in office(*adding, "--key", "issuer", expect=4)
    assert "did.malformed" in office(
        "registry", "add-office", "xa.example", "XE", "--name", "E", "--key", "issuer", expect=4
    )
    assert "is no time" in office("registry", "revoke", "did:web:xa.example", "--at", "yesterday", expect=2)
    assert "no hexadecimal" in office("registry", "add-mapping", "m", "1", "xyz", expect=2)
    assert "registry.form" in office("registry", "add-mapping", "m", "1", "00", expect=4)
    Path("list.json").write_text("[]")
    network = (
        "registry",
        "add-network",
        "XA",
        "--kind",
        "evm",
        "--chain",
        "1",
        "--genesis",
        "00",
        "--basis",
        "attested",
    )
    assert "registry.material" in office(*network, "--material", "list.json", expect=4)
    assert "registry.unreadable" in office("registry", "show", "--registry", "none.json", expect=4)
    assert Path("registry.json").read_bytes() == before


def test_the_files_that_the_configuration_names_are_taken(office: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.cli import keys

    class Named:
        key_file = Path("keys.jwe").absolute()
        registry_file = Path("registry.json").absolute()
        passphrase_file = None

    Path("gateway.toml").write_text("")
    monkeypatch.setattr("gateway.config.load", lambda _: Named)
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    monkeypatch.setenv("GATEWAY_CONFIG", str(Path("gateway.toml").absolute()))
    monkeypatch.chdir(elsewhere)
    assert keys.place(None, "key_file", "keys.jwe") == Named.key_file
    assert keys.place(Path("x"), "key_file", "keys.jwe") == Path("x")
    assert "Xanadu" in office("registry", "show")
    assert "issuer" in office("keys", "list")
