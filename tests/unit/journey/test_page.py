"""The page on the journey names what there is: tests, crash points, tables."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.journey.crash import CRASH_POINTS
from gateway.store import schema

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "explanation" / "journey.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_is_there() -> None:
    written = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 15
    missing = [name for name in sorted(named) if f"def {name}(" not in written]
    assert not missing


def test_every_crash_point_is_told() -> None:
    table = PAGE.split("## The crash points")[1].split("## The store")[0]
    assert set(re.findall(r"`([a-z]+\.[a-z-]+)`", table)) == set(CRASH_POINTS)


def test_every_table_is_told() -> None:
    for name in schema.metadata.tables:
        assert f"`{name}`" in PAGE or name in ("names", "mappings", "settings"), name
