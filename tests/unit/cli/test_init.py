"""`gateway init`: all or nothing, and what it cannot finish it says how to go on with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.founding import amend
from tests.unit.cli.conftest import Command

TWO = ["--network", "xa=sandbox", "--network", "xb=sandbox"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str) -> None:
    monkeypatch.chdir(tmp_path)


def test_what_it_makes_works_at_once(tmp_path: Path, gateway: Command) -> None:
    said = gateway("init", "bridge", *TWO, "--json")
    assert said.code == 0, said.err
    assert len(said.json["fingerprint"]) == 64
    assert all(each["founded"] for each in said.json["networks"].values())
    assert gateway("check", "-c", "bridge/gateway.toml").code == 0
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "bridge").iterdir()}
    assert modes["keys.jwe"] == 0o600
    assert modes["state"] == 0o700
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bridge"]


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ([*TWO, "--set", "xa.pole=3"], 2, "pole"),
        ([*TWO, "--set", "xz.poll=3"], 2, "NAME.KEY=VALUE"),
        ([*TWO, "--set", "xa.poll=fast"], 2, "poll"),
        ([*TWO, "--office", "xz=XZ"], 2, "xz"),
        ([*TWO, "--office", "xa=Xanadu"], 2, "Xanadu"),
        ([*TWO, "--did", "xa=no did"], 2, "no did"),
        ([*TWO, "--writes", "xa=register-paper"], 2, "register-paper"),
        (["--network", "xa=sandbox"], 2, "two networks"),
        (["--network", "xa=sandbox", "--network", "xa=sandbox"], 2, "two networks are called"),
        (["--network", "xa=sandbox", "--network", "xb=sandbocks"], 2, "did you mean 'sandbox'"),
        (["--network", "xa=sandbox", "--network", "xb=besu"], 2, "no adapter of the kind 'besu'"),
        (["--network", "Xa=sandbox", "--network", "xb=sandbox"], 2, "no name of a network"),
        (["--network", "xa=sandbox", "--network", "xb=evm"], 2, "url"),
        (["--network", "xa=sandbox", "--network", "office=sandbox"], 2, "--office office="),
        ([], 2, "--network"),
    ],
)
def test_what_is_wrong_is_told_and_leaves_nothing(
    tmp_path: Path, gateway: Command, arguments: list[str], code: int, word: str
) -> None:
    said = gateway("init", "bridge", *arguments)
    assert said.code == code, said.out + said.err
    assert word in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_weak_passphrase_leaves_nothing(tmp_path: Path, gateway: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PASSPHRASE", "short")
    assert gateway("init", "bridge", *TWO).code == 4
    monkeypatch.delenv("GATEWAY_PASSPHRASE")
    assert gateway("init", "bridge", *TWO).code == 4
    assert list(tmp_path.iterdir()) == []


def test_a_passphrase_file_is_remembered(
    tmp_path: Path, gateway: Command, monkeypatch: pytest.MonkeyPatch, passphrase: str
) -> None:
    monkeypatch.delenv("GATEWAY_PASSPHRASE")
    file = tmp_path / "passphrase"
    file.write_text(passphrase + "\n", encoding="utf-8")
    file.chmod(0o600)
    assert gateway("init", "bridge", *TWO, "--passphrase-file", "passphrase").code == 0
    monkeypatch.delenv("GATEWAY_PASSPHRASE", raising=False)
    assert gateway("check", "-c", "bridge/gateway.toml").code == 0


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, gateway: Command) -> None:
    (tmp_path / "bridge").mkdir()
    (tmp_path / "bridge" / "mine").write_text("mine", encoding="utf-8")
    said = gateway("init", "bridge", *TWO)
    assert said.code == 2
    assert "init.not-empty" in said.err
    assert [path.name for path in (tmp_path / "bridge").iterdir()] == ["mine"]


def test_a_network_that_does_not_answer_is_left_for_later(tmp_path: Path, gateway: Command, free_port: int) -> None:
    network = f"xb=evm:http://127.0.0.1:{free_port}"
    said = gateway("init", "bridge", "--network", "xa=sandbox", "--network", network)
    assert said.code == 5
    assert "gateway network found xb" in said.out
    assert gateway("network", "doctor", "xa", "-c", "bridge/gateway.toml").code == 0
    assert gateway("network", "doctor", "xb", "-c", "bridge/gateway.toml").code == 1
    assert gateway("network", "found", "xb", "-c", "bridge/gateway.toml").code == 5
    check = gateway("check", "-c", "bridge/gateway.toml", "--json")
    assert check.code == 1
    assert all(line["subject"].startswith("xb") for line in check.json["lines"] if not line["ok"])


def test_founding_twice_changes_nothing(tmp_path: Path, gateway: Command) -> None:
    assert gateway("init", "bridge", *TWO, "--no-found").code == 0
    assert gateway("check", "-c", "bridge/gateway.toml").code == 1
    for name in ("xa", "xb", "xa"):
        assert gateway("network", "found", name, "-c", "bridge/gateway.toml").code == 0
    before = {
        path.name: path.read_bytes() for path in (tmp_path / "bridge").iterdir() if path.suffix in (".toml", ".json")
    }
    assert gateway("network", "found", "xb", "-c", "bridge/gateway.toml").code == 0
    assert all((tmp_path / "bridge" / name).read_bytes() == content for name, content in before.items())
    assert gateway("check", "-c", "bridge/gateway.toml").code == 0


TOML = """# mine
[networks.xb]
adapter = "evm"   # keep
[networks.xb.settings] # these
url = "http://x"

[[routes]]
name = "a"
"""


def test_amending_changes_the_keys_that_are_named_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(TOML, encoding="utf-8")
    amend(file, "xb", {"contract": "0x12", "start_block": 7})
    made = file.read_text(encoding="utf-8")
    assert made == TOML.replace('url = "http://x"\n', 'url = "http://x"\ncontract = "0x12"\nstart_block = 7\n')
    amend(file, "xb", {"contract": "0x34"})
    assert file.read_text(encoding="utf-8") == made.replace("0x12", "0x34")


def test_a_file_that_cannot_be_amended_is_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    text = '[networks]\nxb = { adapter = "evm", settings = { url = "http://x" } }\n'
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        amend(file, "xb", {"contract": "0x12"})
    assert 'contract = "0x12"' in caught.value.detail
    assert file.read_text(encoding="utf-8") == text
    assert tomllib.loads(text)
