"""The pages that are made from the code say what the code says now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_of_settings_commands_and_errors_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "reference.py"), "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_error_has_a_code_a_meaning_and_a_cure() -> None:
    lines = [
        line for line in (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8").splitlines() if "| `" in line
    ]
    assert len(lines) > 100
    for line in lines:
        code, summary, cure = (cell.strip() for cell in line.strip("|").split(" | ", 2))
        assert code.strip("`").count(".") >= 1, line
        assert summary.endswith("."), line
        assert len(cure) > 8, line
