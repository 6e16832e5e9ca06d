"""`gateway verify`: what it prints, how it ends, and that nothing but a verdict or an error with a cure comes out."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway import cli
from gateway.cli import verify as command
from gateway.dossier.verdict import Verdict, schema
from tests.unit.dossier import corpus, corpus_evm
from tests.unit.dossier.corpus import CASES, NOW, REGISTRY, XA, draft, native_of

AT = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "record.dossier").write_bytes(corpus.GOOD.data)
    (tmp_path / "evm.dossier").write_bytes(corpus_evm.GOOD.data)
    (tmp_path / "credential.json").write_bytes(draft().sealed()[0])
    (tmp_path / "registry.json").write_bytes(REGISTRY.encode())
    (tmp_path / "evm-registry.json").write_bytes(corpus_evm.REGISTRY.encode())
    return tmp_path


class Said:
    """How a command ended and what it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


def run(*arguments: Any, given: bytes | None = None) -> Said:
    """The command as `gateway` runs it, through its entry point."""
    runner = CliRunner()

    def call() -> None:
        cli.main(["verify", *map(str, arguments)])

    import click

    @click.command(context_settings={"ignore_unknown_options": True})
    def whole() -> None:
        call()

    result: Result = runner.invoke(whole, [], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return Said(result.exit_code, result.stdout, result.stderr)


def good(files: Path, *more: Any) -> Said:
    return run(files / "record.dossier", "--anchors", files / "registry.json", "--at", AT, *more)


# ── exit codes ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_passed_is_0_and_says_each_claim_with_basis_and_time(files: Path) -> None:
    said = good(files)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "TOTAL-PASSED"
    assert "XA/xa-application/XA-2026-000417" in said.out
    assert (
        "The native record stands on the network that the file names — basis consensus: the network's validators"
        in said.out
    )
    assert "3 signed and 3 were required" in said.out
    assert "2026-05-04 03:02:01 UTC" in said.out
    assert XA in said.out
    assert "6 years old" in said.out, "the age of the registry's state"
    assert "Checks that did not pass" not in said.out


def test_the_other_chain_passes_on_the_offices_word(files: Path) -> None:
    said = run(files / "evm.dossier", "--anchors", files / "evm-registry.json", "--at", AT)
    assert said.code == 0
    assert "basis attested: the office's word alone, did:web:register.xb.example" in said.out


def test_failed_is_1_and_shows_only_what_did_not_pass(files: Path) -> None:
    (files / "bad.dossier").write_bytes(CASES["translation.losses"]().data)
    said = run(files / "bad.dossier", "--anchors", files / "registry.json", "--at", AT)
    assert said.code == 1
    assert said.out.startswith("TOTAL-FAILED  HASH_FAILURE\n")
    _, _, shown = said.out.partition("Checks that did not pass:\n")
    assert "translation.losses  failed  HASH_FAILURE" in shown
    assert "do        What was lost is other than the file says: tell the issuer." in shown
    assert "credential.signature" not in shown


def test_indeterminate_is_3(files: Path) -> None:
    said = run(files / "record.dossier", "--at", AT)
    assert said.code == 3
    assert said.out.startswith("INDETERMINATE  NO_CERTIFICATE_CHAIN_FOUND\n")
    assert "--anchors FILE" in said.out
    assert run(files / "credential.json", "--anchors", files / "registry.json", "--at", AT).code == 3
    assert good(files, "--policy", "inspect").code == 3
    assert good(files, "--policy", "court").code == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--policy", "lenient"],
        ["--at", "soon"],
        ["--at", "0000-00-00"],
        ["--at", "0001-01-01T00:00:00+23:59"],
        ["--anchors", "missing.json"],
        ["--anchors", "."],
        ["--root", "ab"],
        ["--explain", "no.such.check"],
        ["--nonsense"],
        ["another"],
    ],
)
def test_wrong_use_is_2(files: Path, arguments: list[str]) -> None:
    said = run(files / "record.dossier", *arguments)
    assert said.code == 2
    assert said.err


def test_no_argument_is_2() -> None:
    assert run().code == 2


def test_anchors_that_are_no_registry_are_wrong_use_and_not_the_files_fault(files: Path) -> None:
    broken = files / "broken.json"
    for content in (b"", b"{}", REGISTRY.encode()[:-10], REGISTRY.encode().replace(b"XA", b"XC"), corpus.GOOD.data):
        broken.write_bytes(content)
        said = run(files / "record.dossier", "--anchors", broken)
        assert said.code == 2
        assert "registry" in said.err


def test_the_root_can_be_pinned(files: Path) -> None:
    assert good(files, "--root", REGISTRY.fingerprint).code == 0
    assert good(files, "--root", REGISTRY.fingerprint.upper()).code == 0
    said = good(files, "--root", "0" * 64)
    assert said.code == 2
    assert REGISTRY.fingerprint in said.err


def test_what_is_neither_a_dossier_nor_a_credential_is_4(files: Path) -> None:
    for content in (b"", b"hello", b"{}", b"PK\x03\x04" + bytes(100), os.urandom(1000), REGISTRY.encode()):
        (files / "other").write_bytes(content)
        said = run(files / "other")
        assert said.code == 4
        assert "verify.unrecognised" in said.err
        assert "cure" in said.err


def test_what_cannot_be_read_is_4(files: Path) -> None:
    for name in (files / "missing", files, "a\0b"):
        said = run(name)
        assert said.code == 4
        assert "verify.unreadable" in said.err


def test_what_is_far_too_large_is_4(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_MOST", 1000)
    said = good(files)
    assert said.code == 4
    assert "verify.too-large" in said.err


def test_a_dossier_over_the_limit_is_1(files: Path) -> None:
    (files / "large.dossier").write_bytes(corpus.GOOD.data + bytes(5 * 1024 * 1024))
    said = run(files / "large.dossier", "--anchors", files / "registry.json")
    assert said.code == 1
    assert "container.limits" in said.out


# ── standard input, JSON, explanations ───────────────────────────────────────────────────────────────────────────


def test_a_dash_reads_standard_input(files: Path) -> None:
    said = run("-", "--anchors", files / "registry.json", "--at", AT, given=corpus.GOOD.data)
    assert said.code == 0
    assert run("-", given=b"").code == 4


def test_json_is_the_verdict_in_its_published_form(files: Path) -> None:
    import jsonschema
    import msgspec

    said = good(files, "--json")
    value = json.loads(said.out)
    jsonschema.Draft202012Validator(schema()).validate(value)
    assert (said.code, value["indication"], value["sub_indication"]) == (0, "TOTAL-PASSED", None)
    assert msgspec.json.decode(said.out, type=Verdict).encode().decode() == said.out.rstrip("\n")
    assert said.out == good(files, "--json").out


def test_json_of_what_cannot_be_opened_is_an_error_with_its_code(files: Path) -> None:
    said = run(files / "missing", "--json")
    assert said.code == 4
    assert json.loads(said.out)["errors"][0]["code"] == "verify.unreadable"


def test_explaining_a_check_shows_what_it_used_and_its_parents(files: Path) -> None:
    said = good(files, "--explain", "credential.signature")
    assert said.code == 0
    assert said.out.startswith("TOTAL-PASSED\ncredential.signature  passed\n")
    assert "used" in said.out
    assert "after     credential.issuer.segment" in said.out
    assert "\ncredential.issuer.segment  passed" in said.out
    assert "claims    issued" in said.out
    native = good(files, "--explain", "binding.native").out
    assert f"{native_of().digest.hex()}  native" in native
    found = json.loads(good(files, "--explain", "binding.native", "--json").out)
    assert [check["id"] for check in found["checks"]] == ["binding.native"]


def test_an_unknown_check_is_told_with_the_nearest(files: Path) -> None:
    assert "'credential.signature'" in good(files, "--explain", "credential.signatur").err


def test_help_has_examples() -> None:
    said = run("--help")
    assert said.code == 0
    assert "gateway verify record.dossier --anchors registry.json" in said.out
    assert "Exit codes" in said.out


# ── hostile ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_cannot_write_to_the_terminal(files: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    case = replace(corpus.GOOD, data=draft(credential=lambda sealed: sealed.replace(b"2026-05", evil.encode())).file())
    (files / "evil.dossier").write_bytes(case.data)
    (files / "evil.json").write_bytes(json.dumps({"credentialSubject": 1, evil: evil}, ensure_ascii=False).encode())
    for name in ("evil.dossier", "evil.json"):
        for more in ([], ["--json"], ["--explain", "credential.json"]):
            said = run(files / name, *more)
            assert not {"\x1b", "\x07", "\u202e"} & set(said.out + said.err) or more == ["--json"]
            assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("name", CASES)
def test_every_case_of_the_corpus_ends_in_a_verdict(files: Path, name: str) -> None:
    case = CASES[name]()
    (files / "case").write_bytes(case.data)
    assert run(files / "case", "--anchors", files / "registry.json", "--at", AT).code in (0, 1, 3)


def test_flipped_files_end_in_a_verdict_or_an_error_with_a_cure(files: Path) -> None:
    dice = random.Random(7)
    for _ in range(60):
        data = bytearray(dice.choice((corpus.GOOD.data, draft().sealed()[0])))
        for _ in range(dice.choice((1, 3, 30))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        (files / "flipped").write_bytes(data)
        assert run(files / "flipped", "--anchors", files / "registry.json", "--at", AT).code in (1, 3, 4)


# ── alone ────────────────────────────────────────────────────────────────────────────────────────────────────────

CLOSED = """
import socket, sys
def refuse(*_, **__): raise OSError("sockets are closed")
socket.socket.connect = socket.socket.bind = socket.getaddrinfo = refuse
class Closed(socket.socket):
    def __init__(self, *_, **__): refuse()
socket.socket = Closed
from gateway.cli import main
try:
    main(sys.argv[1:])
finally:
    loaded = {name.partition(".")[0] for name in sys.modules}
    network = loaded & {"aiohttp", "sqlalchemy", "asyncio", "ssl", "http", "urllib3", "jwcrypto", "rich"}
    print("LOADED", sorted(network), file=sys.stderr)
"""


def test_it_runs_with_sockets_closed_and_loads_no_network_code(files: Path) -> None:
    """In a process of its own, as a court's clerk runs it."""
    arguments = ["verify", str(files / "record.dossier"), "--anchors", str(files / "registry.json"), "--at", AT]
    done = subprocess.run([sys.executable, "-c", CLOSED, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("TOTAL-PASSED"), done.stderr
    assert done.returncode == 0
    assert "LOADED []" in done.stderr
