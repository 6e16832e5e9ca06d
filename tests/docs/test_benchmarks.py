"""Every benchmark gives figures of one form, and the file of the latest ones has it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
LATEST = ROOT / "benchmarks" / "latest.json"


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_runner", ROOT / "benchmarks" / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HERE", tmp_path)
    monkeypatch.setattr(module, "LATEST", tmp_path / "latest.json")
    return module


def test_what_was_measured_has_one_form() -> None:
    if not LATEST.exists():
        pytest.skip("nothing was measured here yet: make bench-quick")
    figures = json.loads(LATEST.read_text(encoding="utf-8"))
    assert figures
    for figure in figures:
        assert set(figure) == {"name", "value", "unit", "target", "holds", "mode"}
        assert figure["mode"] in ("quick", "full")
        assert (figure["target"] is None) == (figure["holds"] is None), figure["name"]
    assert len({(figure["name"], figure["mode"]) for figure in figures}) == len(figures)


def test_a_new_figure_takes_the_place_of_the_old_one_of_its_mode(runner: ModuleType) -> None:
    def figure(mode: str, value: float) -> dict[str, object]:
        return {"name": "speed", "value": value, "unit": "×", "target": "≥ 1", "holds": True, "mode": mode}

    runner.keep([figure("full", 1.0)])
    runner.keep([figure("quick", 2.0)])
    runner.keep([figure("quick", 3.0)])
    kept = json.loads(runner.LATEST.read_text(encoding="utf-8"))
    assert [(each["mode"], each["value"]) for each in kept] == [("full", 1.0), ("quick", 3.0)]


def test_only_modules_that_measure_are_benchmarks(runner: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("def measure(mode):\n    return [{'name': 'a', 'value': 1, 'unit': 'x'}]\n")
    (tmp_path / "other.py").write_text("def help(mode):\n    return []\n")
    assert [path.stem for path in runner.benchmarks()] == ["one"]
    assert runner.measured(tmp_path / "one.py", "quick", tmp_path) == [
        {"name": "a", "value": 1, "unit": "x", "target": None, "holds": None, "mode": "quick"}
    ]


def test_one_that_fails_is_told(runner: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def measure(mode):\n    raise SystemExit(7)\n")
    assert runner.measured(tmp_path / "bad.py", "quick", tmp_path) is None
