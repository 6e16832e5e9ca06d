"""What the commands tell and do in the folder of a bridge whose records have crossed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from gateway.model import records as model
from gateway_sandbox.office import own_record, write
from gateway_sandbox.settings import SandboxSettings
from tests.unit.cli.conftest import PROGRAM, SAMPLES, Command


def one_key(gateway: Command, **wanted: str) -> str:
    arguments = [part for name, value in wanted.items() for part in (f"--{name}", value)]
    found = gateway("record", "list", "--json", *arguments).json["records"]
    assert found
    return str(found[-1]["key"])


# ── check ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_check_says_that_all_works(bridge: Path, gateway: Command) -> None:
    said = gateway("check")
    assert said.code == 0, said.out
    assert said.out.rstrip().endswith("all works")
    lines = gateway("check", "--json").json["lines"]
    subjects = [line["subject"] for line in lines]
    for wanted in ("configuration", "keys", "registry", "database", "xa in the registry", "xb in the registry"):
        assert wanted in subjects


@pytest.mark.parametrize(
    ("spoil", "subject", "cure"),
    [
        (lambda folder: (folder / "state" / "gateway.db").unlink(), "database", "gateway migrate"),
        (lambda folder: (folder / "keys.jwe").unlink(), "keys", "gateway keys new"),
        (lambda folder: (folder / "keys.jwe").chmod(0o644), "keys", "chmod 600"),
        (lambda folder: (folder / "registry.json").unlink(), "registry", "registrar"),
        (lambda folder: (folder / "xa.ledger").unlink(), "xa ledger file", "gateway network found"),
    ],
)  # fmt: skip
def test_check_names_what_does_not_work_with_a_cure(
    bridge: Path, gateway: Command, spoil: object, subject: str, cure: str
) -> None:
    spoil(bridge)  # type: ignore[operator]  # one of the functions above
    said = gateway("check", "--json")
    assert said.code == 1
    wrong = [line for line in said.json["lines"] if not line["ok"]]
    assert [line["subject"] for line in wrong] == [subject]
    assert cure in wrong[0]["cure"]


def test_a_wrong_passphrase_is_told(bridge: Path, gateway: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PASSPHRASE", "another passphrase")
    said = gateway("check", "--json")
    assert said.code == 1
    assert any("passphrase" in line["cure"] for line in said.json["lines"] if not line["ok"])


def test_run_tells_every_fault_of_what_it_puts_together_and_opens_nothing(bridge: Path, gateway: Command) -> None:
    file = bridge / "gateway.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace('key = "xa-issuer"', 'key = "xb-issuer"').replace('office = "XB"', 'office = "XC"')
    text = text.replace('writes = "register-sandbox"', 'writes = "register-paper"', 1)
    text = text.replace('to = ["xb"]', 'to = ["xb"]\nrecords = ["Patent"]\nwhen = "record.office = 1"', 1)
    file.write_text('[gateway]\nmark = "registry-root"\n' + text, encoding="utf-8")
    before = (bridge / "state" / "gateway.db").stat().st_mtime_ns
    said = gateway("run", "--json")
    assert said.code == 2
    where = " ".join(each["where"] for each in said.json["errors"])
    for key in (
        "gateway.mark",
        "networks.xa.key",
        "networks.xa.writes",
        "networks.xb.office",
        "routes[0].when",
        "routes[0].records",
    ):
        assert key in where, where
    assert (bridge / "state" / "gateway.db").stat().st_mtime_ns == before


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_status_counts_what_landed(bridge: Path, gateway: Command) -> None:
    said = gateway("status", "--json")
    assert said.code == 0
    networks = {each["name"]: each for each in said.json["networks"]}
    assert networks["xb"]["deliveries"] == {"landed": 6}
    assert networks["xa"]["deliveries"] == {"landed": 1}
    assert networks["xa"]["height"] == networks["xa"]["head"]
    assert "xb" in gateway("status").out


@pytest.mark.parametrize("number", ["XA-2025-000117", "xa 2025/000117", "99/123,457"])
def test_a_number_is_found_however_it_is_written(bridge: Path, gateway: Command, number: str) -> None:
    said = gateway("trace", number, "--json")
    assert said.code == 0
    what = {each["what"] for each in said.json["happenings"]}
    assert {"recorded", "sealed", "landed"} <= what
    assert "landed" in gateway("trace", number).out


def test_what_is_not_known_is_said_so(bridge: Path, gateway: Command) -> None:
    assert gateway("trace", "XA-1999-000001").code == 3
    assert gateway("record", "show", "ffffffffffff").code == 3
    assert gateway("record", "show", "no key").code == 3
    assert gateway("network", "doctor", "xz").code == 3
    assert gateway("record", "list", "--number", "none", "--json").json == {"records": []}


def test_a_record_is_shown_in_all_its_forms(bridge: Path, gateway: Command) -> None:
    key = one_key(gateway, number="99123457", kind="Application")
    native = (SAMPLES / "folding-wind-vane.uspto-odp.json").read_bytes()
    assert gateway("record", "show", key, "--native").out.encode() == native
    common = gateway("record", "show", key[:10], "--common").out
    assert isinstance(model.decode(common.encode()), model.Application)
    said = gateway("record", "show", key).out
    assert "native, xa uspto-odp" in said
    assert "foreign, xb register-sandbox" in said
    assert "FOLDING WIND VANE" in said
    told = gateway("record", "show", key, "--json").json
    assert told["credential"]["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    assert told["losses"]


def test_a_beginning_that_several_keys_share_is_refused(bridge: Path, gateway: Command) -> None:
    with closing(sqlite3.connect(bridge / "state" / "gateway.db")) as database, database:
        rows = [row for (row,) in database.execute("SELECT id FROM records LIMIT 2")]
        for number, row in enumerate(rows):
            database.execute("UPDATE records SET key = ? WHERE id = ?", (b"\xaa" * 31 + bytes([number]), row))
    said = gateway("record", "show", "aaaa")
    assert said.code == 3
    assert "begins so" in said.err


# ── dossiers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_is_written_whole_and_passes(bridge: Path, gateway: Command) -> None:
    key = one_key(gateway, number="XB-2025-000042")
    said = gateway("record", "dossier", key, "-o", "record.dossier", "--json")
    assert said.code == 0
    file = bridge / "record.dossier"
    assert said.json["bytes"] == file.stat().st_size < 64 * 1024
    verified = gateway("verify", "record.dossier", "--anchors", "registry.json", "--json")
    assert verified.code == 0
    assert verified.json["indication"] == "TOTAL-PASSED"
    before = file.read_bytes()
    assert gateway("record", "dossier", key, "-o", "record.dossier").code == 2
    assert gateway("record", "dossier", key, "-o", "record.dossier", "--force").code == 0
    assert file.read_bytes() == before  # the same content gives the same bytes


def test_a_dossier_that_would_not_be_believed_is_not_written(bridge: Path, gateway: Command) -> None:
    key = one_key(gateway, number="XB-2025-000042")
    method = next(
        statement["keys"][0]["method"]
        for statement in orjson.loads((bridge / "registry.json").read_bytes())["statements"]
        if statement["type"] == "office" and "XB" in statement["codes"]
    )
    assert gateway("registry", "revoke", method, "--how", "compromised").code == 0
    said = gateway("record", "dossier", key, "-o", "record.dossier")
    assert said.code == 4
    assert not (bridge / "record.dossier").exists()
    assert gateway("record", "dossier", key, "-o", "record.dossier", "--anyway").code == 0
    assert gateway("verify", "record.dossier", "--anchors", "registry.json").code in (1, 3)


# ── what needs a person ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_no_mapping_takes_is_in_quarantine_and_its_neighbours_pass(bridge: Path, gateway: Command) -> None:
    settings = SandboxSettings(file=str(bridge / "xa.ledger"), chain="xa-register")
    bad = own_record("register-sandbox", b'{"kd":"??"}', "XA/xa-application/XA-2025-000118")
    unknown = own_record("register-paper", b"on paper", "XA/xa-application/XA-2025-000119")
    asyncio.run(write(settings, [bad, unknown]))
    later = ["network", "write", "xa", str(SAMPLES / "river-ferry-published.common.json")]
    assert gateway(*later, "--format", "register-sandbox", "--common").code == 0
    assert gateway("run", "--until-idle", "--timeout", "60").code == 0
    said = gateway("status", "--json")
    assert said.code == 1
    assert len(said.json["quarantine"]) == 2
    assert {each["format"] for each in said.json["quarantine"]} == {"register-sandbox", "register-paper"}
    assert all(each["code"] and each["hint"] for each in said.json["quarantine"])
    assert gateway("record", "list", "--kind", "LegalStatusEvent", "--number", "XA-2025-000117", "--json").json[
        "records"
    ]
    told = gateway("status").out
    assert "gateway record release" in told
    number = str(said.json["quarantine"][0]["number"])
    assert gateway("record", "release", number, "--json").code == 0
    # an order that waits for the gateway does not answer for the one after it
    again = gateway("record", "release", number, "77", "--json")
    assert again.code == 1
    assert "when the gateway runs next" in again.json["results"][number]
    assert "nothing in quarantine" in again.json["results"]["77"]


def test_orders_name_what_is_not_there(bridge: Path, gateway: Command) -> None:
    for order in (
        ["record", "retry", "00" * 32],
        ["record", "skip", "00" * 32, "--reason", "none"],
        ["network", "resume", "xa"],
    ):
        said = gateway(*order)
        assert said.code == 1
        assert "✗" in said.out
        assert "store.unknown-target" in said.out
        assert not gateway(*order, "--json").json["ok"]


# ── run ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_ends_on_sigterm_and_serves_health_and_metrics(bridge: Path, free_port: int) -> None:
    file = bridge / "gateway.toml"
    file.write_text(
        file.read_text(encoding="utf-8") + f'\n[http]\nlisten = "127.0.0.1:{free_port}"\n', encoding="utf-8"
    )
    process = subprocess.Popen(
        [*PROGRAM, "run", "--json"], cwd=bridge, stderr=subprocess.PIPE, env=os.environ, text=True
    )
    try:
        health = None
        end = time.monotonic() + 30
        while health is None and time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/health", timeout=2) as answer:
                    health = orjson.loads(answer.read())
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        assert health is not None
        assert {each["name"] for each in health["networks"]} == {"xa", "xb"}
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/metrics", timeout=2) as answer:
            assert b"gateway_backlog" in answer.read()
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=15)
    assert process.returncode == 0
    assert time.monotonic() - started < 10
    assert all(orjson.loads(line) for line in said.splitlines())


def test_an_address_that_is_taken_is_told(bridge: Path, gateway: Command, free_port: int) -> None:
    import socket

    file = bridge / "gateway.toml"
    file.write_text(
        file.read_text(encoding="utf-8") + f'\n[http]\nlisten = "127.0.0.1:{free_port}"\n', encoding="utf-8"
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port))
        taken.listen()
        said = gateway("run", "--until-idle", "--timeout", "30")
    assert said.code == 2
    assert "http.not-free" in said.err


def test_migrate_is_harmless_where_nothing_is_to_do(bridge: Path, gateway: Command) -> None:
    assert gateway("migrate", "--json").json["changed"] is False
    (bridge / "state" / "gateway.db").unlink()
    assert gateway("status").code == 4
    assert gateway("migrate", "--dry-run", "--json").json["changed"] is True
    assert not (bridge / "state" / "gateway.db").exists()
    assert gateway("migrate").code == 0
    assert gateway("status").code == 0


# ── the small ones ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_networks_routes_and_adapters_are_listed(bridge: Path, gateway: Command) -> None:
    networks = gateway("network", "list", "--json").json["networks"]
    assert [(each["name"], each["basis"]) for each in networks] == [("xa", "consensus"), ("xb", "consensus")]
    assert gateway("route", "list", "--json").json["routes"][0]["from"] == "xa"
    kinds = {each["kind"] for each in gateway("adapter", "list", "--json").json["adapters"] if each["usable"]}
    assert {"sandbox", "evm"} <= kinds
    assert "url" in {each["key"] for each in gateway("adapter", "show", "evm", "--json").json["settings"]}
    for plain in (["network", "list"], ["route", "list"], ["adapter", "list"], ["adapter", "show", "sandbox"]):
        assert gateway(*plain).code == 0


def test_a_condition_is_tried_on_a_record(bridge: Path, gateway: Command) -> None:
    record = str(SAMPLES / "river-ferry.common.json")
    assert gateway("route", "test", 'record.office == "XA"', record).code == 0
    assert gateway("route", "test", 'record.office == "XB"', record).code == 1
    assert gateway("route", "test", "record.office ==", record).code == 2


def test_a_segment_is_printed_for_its_keeper(bridge: Path, gateway: Command) -> None:
    found = gateway("network", "segment", "xa", "--json").json
    assert found["kind"] == "sandbox"
    assert found["office"] == "XA"
    assert found["material"]
