"""A bridge between two sandbox ledgers, made by `gateway init`, with records that crossed; each test gets a copy."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from tests.conftest import PASSPHRASE

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "gateway" / "demo" / "records"
PROGRAM = [sys.executable, "-c", "from gateway.cli import main; main()"]


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Said]


@pytest.fixture
def gateway(capfdbinary: pytest.CaptureFixture[bytes]) -> Command:
    """Runs a command in this process."""

    def run(*arguments: str) -> Said:
        code: Any = 0
        try:
            main(list(arguments))
        except SystemExit as ended:
            code = ended.code
        said = capfdbinary.readouterr()
        return Said(int(code or 0), said.out.decode("utf-8", "replace"), said.err.decode("utf-8", "replace"))

    return run


@pytest.fixture(scope="session")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose records have crossed. Not to be changed."""
    folder = tmp_path_factory.mktemp("bridge")
    environment = {**os.environ, "GATEWAY_PASSPHRASE": PASSPHRASE}

    def run(*arguments: str, at: Path) -> None:
        done = subprocess.run(
            [*PROGRAM, *arguments], cwd=at, env=environment, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("init", "bridge", "--network", "xa=sandbox", "--network", "xb=sandbox", "--office", "xa=XA,US", at=folder)
    bridge = folder / "bridge"
    common = ["--format", "register-sandbox", "--common"]
    run("network", "write", "xa", str(SAMPLES / "folding-wind-vane.uspto-odp.json"), "--format", "uspto-odp", at=bridge)
    run("network", "write", "xa", str(SAMPLES / "river-ferry.common.json"), *common, at=bridge)
    run("network", "write", "xb", str(SAMPLES / "salt-lamp.common.json"), *common, at=bridge)
    run("run", "--until-idle", "--timeout", "60", at=bridge)
    return bridge


@pytest.fixture
def bridge(crossed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str) -> Path:
    """A copy of that folder, in which the test stands."""
    place = tmp_path / "bridge"
    shutil.copytree(crossed, place)
    monkeypatch.chdir(place)
    return place
