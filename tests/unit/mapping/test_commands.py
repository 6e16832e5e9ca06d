"""`gateway mapping lint | test | try`, as a person and as a machine call them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli.mapping import mapping
from gateway.mapping.library import shipped_folder
from tests.unit.mapping import workshop

CASES = shipped_folder() / "register-sandbox" / "cases"


def call(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(mapping, [str(each) for each in arguments], input=stdin)


def answer(*arguments: str | Path) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_lint_tells_that_all_is_well() -> None:
    result = call("lint")
    assert result.exit_code == 0
    assert "uspto-odp 1.0.0: nothing to mend" in result.output
    assert "Application" in result.output  # the structs' selectors


def test_lint_names_file_and_line(tmp_path: Path) -> None:
    folder = workshop.folder(tmp_path, workshop.text(workshop.RULES + '\n{ native = "x", common = "nowhere" },\n'))
    written = (folder / "mapping.toml").read_text("utf-8").splitlines()
    line = next(number for number, text in enumerate(written, 1) if "nowhere" in text)
    result = call("lint", folder)
    assert result.exit_code == 1
    assert result.output.startswith(f"{folder}/mapping.toml:{line}: error: Application has no 'nowhere'")
    machine = call("lint", folder, "--json")
    assert machine.exit_code == 1
    (finding,) = json.loads(machine.output)["findings"]
    assert finding == {"line": line, "level": "error", "text": "Application has no 'nowhere'"}


def test_a_mapping_that_is_not_there_is_wrong_use() -> None:
    result = call("lint", "nowhere")
    assert result.exit_code == 2
    assert "register-evm, register-sandbox, uspto-odp" in result.output


def test_the_cases_are_run_and_their_differences_shown(tmp_path: Path) -> None:
    folder = shutil.copytree(shipped_folder() / "register-sandbox", tmp_path / "register-sandbox")
    assert call("test", folder).exit_code == 0
    expected = folder / "cases" / "own-event.common.json"
    expected.write_text(expected.read_text("utf-8").replace('"F10"', '"F11"'), "utf-8")
    result = call("test", folder)
    assert result.exit_code == 1
    assert "12 of 13 cases hold" in result.output
    assert "✗ own-event" in result.output
    assert '-    "eventCode": "F11",' in result.output
    assert '+    "eventCode": "F10",' in result.output


def test_a_new_case_is_written_down_once_and_then_held_to_it(tmp_path: Path) -> None:
    folder = workshop.folder(tmp_path)
    assert call("test", folder).exit_code == 1  # no cases at all
    cases = folder / "cases"
    cases.mkdir()
    (cases / "one.native.json").write_text('{"of": "XA", "nr": "XA-2026-000001", "rt": "P", "odd": 1}', "utf-8")
    (cases / "wrong.native.json").write_text('{"of": "XA", "nr": "XA-2026-000001", "rt": "Q"}', "utf-8")
    assert call("test", folder).exit_code == 1
    assert call("test", folder, "--accept").exit_code == 0
    assert json.loads((cases / "one.losses.json").read_text("utf-8"))[0]["path"] == "/odd"
    assert json.loads((cases / "wrong.refused.json").read_text("utf-8"))["code"] == "mapping.unknown-code"
    assert call("test", folder).exit_code == 0
    assert json.loads(call("test", folder, "--json").output)["cases"][0]["holds"] is True


def test_a_file_is_shown_in_both_forms_with_what_is_set_aside() -> None:
    result = call("try", "register-sandbox", CASES / "older-file.native.json")
    assert result.exit_code == 0, result.output
    assert "native: register-sandbox" in result.output
    assert '"filingDate": "1983-11"' in result.output
    assert "/shelf" in result.output
    assert "set-aside" in result.output


def test_a_file_is_written_in_another_form_with_what_that_does_not_hold() -> None:
    result = call("try", "register-sandbox", CASES / "east-asian.native.json", "--to", "register-evm")
    assert result.exit_code == 0, result.output
    assert "what register-evm does not hold" in result.output
    assert "/titleBag/1" in result.output
    machine = answer("try", "register-sandbox", CASES / "east-asian.native.json", "--to", "register-evm")
    (row,) = machine["records"]
    assert row["native"]["Application"]["title"] == "ｶﾞｽ測定装置 ＡＢＣ（１２）"
    assert machine["to"]["name"] == "register-evm"
    assert any(loss["path"] == "/titleBag/1" for loss in row["losses"])
    # what was written can be tried again, from its bytes
    again = call("try", "register-evm", "-", "--hex", "--json", stdin=row["content"].encode())
    assert again.exit_code == 0, again.output
    assert json.loads(again.output)["records"][0]["record"]["office"] == "JP"


def test_a_record_that_the_other_form_refuses_is_told_as_refused() -> None:
    result = call("try", "register-sandbox", CASES / "arabic.native.json", "--to", "uspto-odp")
    assert result.exit_code == 0
    assert "refused: mapping" in result.output
    machine = answer("try", "register-sandbox", CASES / "arabic.native.json", "--to", "uspto-odp")
    assert machine["records"][0]["refused"]["code"].startswith("mapping.")


@pytest.mark.parametrize("command", ["lint", "test", "try"])
def test_help_has_examples(command: str) -> None:
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.output
    assert f"gateway mapping {command}" in result.output
