"""The cases of the shipped mappings, and that each kind of trap has one."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from gateway.errors import MappingError
from gateway.mapping import MappingLibrary
from gateway.mapping.cases import Case, find, native_of, run
from gateway.mapping.library import load, shipped_folder
from gateway.mapping.lint import lint
from gateway.model import records as model
from gateway.model.context import undefined_terms

FOLDERS = sorted(path.parent for path in shipped_folder().glob("*/mapping.toml"))
CASES = [(folder, case) for folder in FOLDERS for case in find(folder)]
REAL = shipped_folder().parents[1] / "shared" / "data" / "uspto-odp"


@pytest.mark.parametrize("folder, case", CASES, ids=[f"{folder.name}-{case.name}" for folder, case in CASES])
def test_case_holds(folder: Path, case: Case) -> None:
    assert run(load(folder), case).differences == ()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_mapping_has_nothing_to_mend(folder: Path) -> None:
    mapping, findings = lint(folder)
    assert mapping is not None
    assert findings == ()
    assert (folder / "NOTE.md").is_file()
    assert len(find(folder)) >= 5


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_mapping_has_a_closed_code_that_is_refused_by_name(folder: Path) -> None:
    refused = [orjson.loads(path.read_bytes()) for path in (folder / "cases").glob("*.refused.json")]
    assert any(each["code"] == "mapping.unknown-code" and "closed table" in each["says"] for each in refused)


def test_an_unknown_open_code_passes_and_is_reported() -> None:
    odp = MappingLibrary.shipped().by_format("uspto-odp")
    path = shipped_folder() / "uspto-odp" / "cases" / "unknown-event.native.json"
    translation = odp.to_common(native_of(odp, path))
    event = translation.records[1].record
    assert isinstance(event, model.LegalStatusEvent)
    assert (event.event_code, event.national_code) == ("W00", "ZZNEW")
    (reported,) = [loss for loss in translation.losses if loss.effect == "unmapped-code"]
    assert reported.path == "/patentBag/0/transactionContentBag/0/caseActionCode"


def test_scripts_pass_unharmed() -> None:
    sandbox, evm = (MappingLibrary.shipped().by_format(name) for name in ("register-sandbox", "register-evm"))
    for name in ("east-asian", "arabic", "long-text"):
        path = shipped_folder() / "register-sandbox" / "cases" / f"{name}.native.json"
        (translated,) = sandbox.to_common(native_of(sandbox, path)).records
        (back,) = evm.to_common(evm.to_native([translated.record]).native).records
        for text in _texts(translated.record):
            # what the contract holds of it is the same, character by character
            assert text in path.read_text("utf-8")
        before, after = set(_texts(translated.record)), set(_texts(back.record))
        assert after <= before
        assert after
    compatible = (shipped_folder() / "register-sandbox" / "cases" / "east-asian.native.json").read_text("utf-8")
    assert any("\uf900" <= sign <= "\ufaff" for sign in compatible)


def _texts(record: model.CommonRecord) -> list[str]:
    found: list[str] = []
    if isinstance(record, model.Application):
        found += [text.value for text in record.title_bag[:1]]
        found += [party.name_bag[0].value for party in record.applicant_bag if party.name_bag]
    if isinstance(record, model.LegalStatusEvent) and record.description_text:
        found.append(record.description_text.value)
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_common_record_of_the_cases_has_only_defined_terms(folder: Path) -> None:
    for path in sorted((folder / "cases").glob("*.common.json")):
        for record in orjson.loads(path.read_bytes()):
            assert undefined_terms(record) == ()


@pytest.mark.skipif(not REAL.is_dir(), reason="the office's own files are not part of the project")
class TestRealAnswers:
    def test_one_answer_gives_forty_eight_records_and_comes_back(self) -> None:
        odp = MappingLibrary.shipped().by_format("uspto-odp")
        native = native_of(odp, REAL / "application.json")
        translation = odp.to_common(native)
        kinds = [type(each.record).__name__ for each in translation.records]
        assert [kinds.count(kind) for kind in ("Application", "LegalStatusEvent", "OwnershipTransfer")] == [1, 46, 1]
        indices = [each.index for each in translation.records]
        assert len(set(indices)) == 48
        back = odp.to_native([each.record for each in translation.records], translation.residue)
        assert orjson.loads(back.native.content) == orjson.loads(native.content)
        assert back.losses == ()

    @pytest.mark.parametrize("name", ["assignment", "continuity", "foreign_priority", "transactions"])
    def test_a_partial_answer_is_refused_with_what_it_lacks(self, name: str) -> None:
        odp = MappingLibrary.shipped().by_format("uspto-odp")
        with pytest.raises(MappingError, match="applicationNumberText"):
            odp.to_common(native_of(odp, REAL / f"{name}.json"))
