"""The demonstration, as `make demo` runs it: on a real node, in a process of its own, judged from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "uspto-odp" / "application.json"
PROGRAM = [sys.executable, "-c", "from gateway.cli import main; main()"]


def run(folder: Path, anvil: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return subprocess.run(
        [*PROGRAM, *arguments],
        cwd=folder,
        env={**environment, "ANVIL_BIN": anvil, "COLUMNS": "150"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_it_shows_a_crossing_and_leaves_three_files_that_hold(tmp_path: Path, anvil_binary: str) -> None:
    done = run(tmp_path, anvil_binary, "demo")
    assert done.returncode == 0, done.stderr
    for said in (
        "What went where",
        "native, at XA",
        "common, Application",
        "foreign, at XB",
        "not held there",
        "read there again: the same bytes",
        "The verdict: TOTAL-PASSED",
        "$ gateway verify demo/record.dossier --anchors demo/registry.json\nTOTAL-PASSED",
        "9 records crossed",
    ):
        assert said in done.stdout
    for claim in ("recorded", "valid", "translated", "issued"):
        assert f"✓ {claim}" in done.stdout
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "crossing.svg",
        "record.dossier",
        "registry.json",
    ]
    assert (tmp_path / "demo" / "record.dossier").stat().st_size <= 64 * 1024
    drawn = ElementTree.fromstring((tmp_path / "demo" / "crossing.svg").read_text(encoding="utf-8"))
    assert "9 common records landed" in "".join(drawn.itertext())
    verified = run(tmp_path, "", "verify", "demo/record.dossier", "--anchors", "demo/registry.json", "--json")
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["indication"] == "TOTAL-PASSED"


@pytest.mark.skipif(not REAL.exists(), reason="no folder shared/data beside this tree, so no real record to take")
def test_a_real_record_takes_the_same_way(tmp_path: Path, anvil_binary: str) -> None:
    done = run(tmp_path, anvil_binary, "demo", "--input", str(REAL), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["records"] == told["landed"] == 48 + 4
    assert told["seconds"] < 120
    verified = run(tmp_path, "", "verify", "demo/record.dossier", "--anchors", "demo/registry.json")
    assert verified.returncode == 0
    assert "Application of US/us-application/15123456" in verified.stdout


def test_without_a_node_it_says_where_to_get_one(tmp_path: Path) -> None:
    done = run(tmp_path, str(tmp_path / "none"), "demo")
    assert done.returncode == 2
    assert "demo.no-node" in done.stderr
    assert "make demo" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_record_is_refused_before_anything_starts(tmp_path: Path, anvil_binary: str) -> None:
    (tmp_path / "wrong.json").write_text("{}", encoding="utf-8")
    for name in ("wrong.json", "missing.json"):
        done = run(tmp_path, anvil_binary, "demo", "--input", name)
        assert done.returncode in (1, 4), done.stdout
        assert "cure" in done.stderr
        assert not (tmp_path / "demo").exists()
