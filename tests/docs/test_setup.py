"""`make setup` where Debian split something off: it finds another way, or says the one command that helps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKE = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import setup
print(setup.make_environment(pathlib.Path(sys.argv[2])))
"""


def make_environment(place: Path, shadow: Path, *missing: str) -> subprocess.CompletedProcess[str]:
    shadow.mkdir()
    for name in missing:
        (shadow / f"{name}.py").write_text("raise ImportError('split off')\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", MAKE, str(ROOT / "tools"), str(place)],
        env={**os.environ, "PYTHONPATH": str(shadow), "PATH": "/nowhere"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_ensurepip_the_outer_pip_serves(tmp_path: Path) -> None:
    done = make_environment(tmp_path / "made", tmp_path / "shadow", "ensurepip", "virtualenv")
    assert done.returncode == 0, done.stderr
    assert "'--python'" in done.stdout
    assert (tmp_path / "made" / "bin" / "python").exists()


def test_where_nothing_can_make_one_the_cure_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    done = make_environment(tmp_path / "made", tmp_path / "shadow", "ensurepip", "virtualenv", "pip")
    assert done.returncode != 0
    assert "sudo apt-get install python3-venv" in done.stderr
    assert not (tmp_path / "made").exists()
