"""The pages about mappings name everything there is, and what they show works."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.mapping import mapping
from gateway.mapping import language, transforms
from gateway.mapping.lint import lint

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "mapping-language.md").read_text("utf-8")
HOW_TO = (ROOT / "docs" / "how-to" / "write-a-mapping.md").read_text("utf-8")


def test_the_reference_names_every_transform_and_no_other() -> None:
    section = REFERENCE.partition("## Transforms")[2].partition("## Code tables")[0]
    rows = re.findall(r"^\| (`[^|]+`) \|", section, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(transforms.names())


def test_the_reference_names_every_form_of_a_day() -> None:
    row = next(line for line in REFERENCE.splitlines() if line.startswith("| `day`"))
    for form in language_days():
        assert f"`{form}`" in row


def language_days() -> list[str]:
    from gateway.mapping.days import FORMS

    return list(FORMS)


@pytest.mark.parametrize("method", ["mapping", "_emit", "_rule"])
def test_the_reference_names_every_member(method: str) -> None:
    source = Path(language.__file__).read_text("utf-8")
    body = source.partition(f"def {method}(self")[2].partition("\n    def ")[0]
    known = re.search(r"_known\(\s*(?:data|self\._data),\s*((?:\"[^\"]*\"\s*)+)", body)
    assert known is not None
    members = " ".join(re.findall(r'"([^"]*)"', known.group(1))).split()
    assert len(members) > 5
    for member in members:
        if member not in {"a", "an", "rule", "emit", "mapping"}:
            assert f"`{member}`" in REFERENCE or f"`[[{member}]]`" in REFERENCE, member


def _blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", HOW_TO, re.DOTALL)


def test_the_how_to_leads_to_a_mapping_that_works(tmp_path: Path) -> None:
    folder = tmp_path / "my-register"
    (folder / "cases").mkdir(parents=True)
    (folder / "tables").mkdir()
    schema, table, case = _blocks("json")
    (folder / "schema.json").write_text(schema, "utf-8")
    (folder / "tables" / "rights.json").write_text(table, "utf-8")
    (folder / "cases" / "first.native.json").write_text(case, "utf-8")
    toml, more = _blocks("toml")
    (folder / "mapping.toml").write_text(toml, "utf-8")

    compiled, findings = lint(folder)
    assert compiled is not None
    # the lint asks for what the page left out, and for nothing else
    assert findings
    assert all("is written by no rule, and not named in `lost`" in each.text for each in findings)
    missing = sorted({each.text.split("'")[1].split(".")[0].removesuffix("[]") for each in findings})
    assert "inventorBag" in missing
    lines = [more.replace("inventorBag", name) for name in missing]
    (folder / "mapping.toml").write_text(toml.replace("lost = [\n", "lost = [\n" + "".join(lines)), "utf-8")
    assert lint(folder)[1] == ()

    commands = [line.split()[2:] for block in _blocks("sh") for line in block.splitlines()]
    assert len(commands) == 4
    for arguments in commands:
        called = [each.replace("my-register", str(folder)) for each in arguments]
        result = CliRunner().invoke(mapping, called)
        assert result.exit_code == 0, result.output
    (common,) = json.loads((folder / "cases" / "first.common.json").read_text("utf-8"))
    assert common["titleBag"] == [{"value": "Hinge"}]
    assert common["filingDate"] == "2026-03-14"
    assert CliRunner().invoke(mapping, ["test", str(folder)]).exit_code == 0
