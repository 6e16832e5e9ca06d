"""The pages about the sandbox ledger say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from gateway_sandbox.blocks import MOST_ENTRIES, MOST_HOPS, Block, Genesis, Header, Leaf, ValidatorSet
from gateway_sandbox.evidence import MOST_CHANGES, TYPE, Extraction, Own
from gateway_sandbox.verifier import CHECKS
from tests.unit.sandbox.test_verifier import ALONE

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "evidence-sandbox-1.md").read_text()


def test_the_reference_has_every_check_with_what_it_gives() -> None:
    rows = dict(re.findall(r"^\| `(sandbox\.\w+)` \| (.*) \|$", REFERENCE, re.MULTILINE))
    assert rows.keys() == CHECKS.keys()
    for check, row in rows.items():
        summary, result = row.split(" | ")
        assert summary == CHECKS[check]
        if "see below" not in result:
            _, outcome, sub_indication = ALONE[check]
            assert result == f"{outcome}, {sub_indication}"


def test_the_reference_has_every_field() -> None:
    for part in (Extraction, Own):
        for field in part.__struct_fields__:
            assert f"`{part.__name__.lower()}.{field}`" in REFERENCE
    for document in (Leaf, Header, Block, ValidatorSet, Genesis):
        for field in document.__struct_fields__:
            assert f"`{field}`" in REFERENCE, (document, field)


def test_the_reference_has_the_limits() -> None:
    assert f"`{TYPE}`" in REFERENCE
    assert f"{MOST_ENTRIES:,}" in REFERENCE
    assert f"at most {MOST_HOPS} hashes" in REFERENCE
    assert f"over {MOST_CHANGES} changes" in (DOCS / "explanation" / "sandbox-ledger.md").read_text()


def test_files_that_the_guide_names_are_there() -> None:
    guide = (DOCS / "how-to" / "write-an-adapter.md").read_text()
    root = DOCS.parent
    for name in re.findall(r"`((?:gateway|adapters|tests|gateway_sandbox)/[\w/.]+)`", guide):
        assert (root / name).exists() or (root / "adapters" / name).exists(), name
    for link in re.findall(r"\]\(([^)#]+)\)", guide):
        assert (DOCS / "how-to" / link).resolve().exists(), link
