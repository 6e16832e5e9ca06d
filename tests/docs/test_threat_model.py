"""Every test that the threat model names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[2]
PAGE = (TREE / "docs" / "threat-model.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


def test_it_names_tests() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_is_there(name: str) -> None:
    found = re.compile(rf"^\s*(?:async )?def {name}\(", re.MULTILINE)
    assert any(found.search(file.read_text("utf-8")) for file in (TREE / "tests").rglob("test_*.py")), name
