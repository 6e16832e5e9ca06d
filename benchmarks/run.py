"""Runs every benchmark and writes what it measured to benchmarks/latest.json.

    python benchmarks/run.py --mode quick|full [--only NAME …] [--strict]

A benchmark is a module beside this one with `measure(mode) -> list of figures`; each runs in a process of its own, so
that none warms the others up. A figure is {name, value, unit, target, holds, mode}: `target` in words ("≥ 0.65"),
`holds` true, false, or null where the figure is reported and nothing is asked. In the file a new figure takes the
place of the one with the same name and mode; the others stay.

A target that is missed is told and ends nothing, for machines differ; with --strict it is exit code 1. A benchmark
that fails is always exit code 1.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
LATEST: Final = HERE / "latest.json"
KEYS: Final = ("name", "value", "unit", "target", "holds", "mode")
WHEN_ASKED: Final = {"memory"}
"""Takes long: runs with --only alone."""
SECONDS: Final = {"quick": 600, "full": 3600}
ONE: Final = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("benchmark", sys.argv[1])
module = importlib.util.module_from_spec(spec)
sys.modules["benchmark"] = module
spec.loader.exec_module(module)
figures = module.measure(sys.argv[2])
with open(sys.argv[3], "w", encoding="utf-8") as file:
    json.dump(figures, file)
"""


def benchmarks() -> list[Path]:
    """Modules beside this one that define `measure`."""
    found = []
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(node, ast.FunctionDef) and node.name == "measure" for node in tree.body):
            found.append(path)
    return found


def measured(path: Path, mode: str, scratch: Path) -> list[dict[str, Any]] | None:
    """The figures of one benchmark; None where it failed, which it has then said itself."""
    result = scratch / f"{path.stem}.json"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "adapters")])}
    node = _anvil()
    if node:
        environment["ANVIL_BIN"] = node
    command = [sys.executable, "-c", ONE, str(path), mode, str(result)]
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=SECONDS[mode], check=False)
    except subprocess.TimeoutExpired:
        print(f"{path.stem}: not done after {SECONDS[mode]} s", file=sys.stderr)
        return None
    if done.returncode or not result.exists():
        print(f"{path.stem}: failed ({done.returncode})", file=sys.stderr)
        return None
    figures: list[dict[str, Any]] = json.loads(result.read_text(encoding="utf-8"))
    return [_in_one_form(figure, mode) for figure in figures]


def _in_one_form(figure: dict[str, Any], mode: str) -> dict[str, Any]:
    """Every key, and nothing said to hold or not where nothing is asked."""
    target = figure.get("target") or None
    made = {key: figure.get(key) for key in KEYS}
    return made | {"target": target, "holds": figure.get("holds") if target else None, "mode": mode}


def _anvil() -> str | None:
    if os.environ.get("ANVIL_BIN"):
        return os.environ["ANVIL_BIN"]
    found = [path for path in (ROOT / ".nodes").rglob("anvil") if path.is_file() and os.access(path, os.X_OK)]
    return str(found[0]) if found else None


def keep(figures: list[dict[str, Any]]) -> None:
    """Writes the figures; each takes the place of the one with its name and mode."""
    kept: list[dict[str, Any]] = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.exists() else []
    fresh = {(figure["name"], figure["mode"]) for figure in figures}
    kept = [figure for figure in kept if (figure["name"], figure["mode"]) not in fresh] + figures
    kept.sort(key=lambda figure: (figure["mode"], figure["name"]))
    lines = ",\n".join("  " + json.dumps(figure, ensure_ascii=False) for figure in kept)
    LATEST.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def tell(figure: dict[str, Any]) -> None:
    verdict = {True: "holds", False: "MISSED", None: ""}[figure["holds"]]
    value = figure["value"]
    shown = f"{value:,.3f}" if isinstance(value, float) and abs(value) < 100 else f"{value:,.0f}"
    print(
        f"  {figure['name']:<58} {shown:>12} {figure['unit'] or '':<12} {figure['target'] or '':<10} {verdict}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the benchmarks.")
    parser.add_argument("--mode", choices=("quick", "full"), default="quick")
    parser.add_argument("--only", action="append", default=[], help="module name; again for several")
    parser.add_argument("--strict", action="store_true", help="a target that is missed is exit code 1")
    asked = parser.parse_args()
    chosen = [path for path in benchmarks() if (path.stem in asked.only if asked.only else path.stem not in WHEN_ASKED)]
    if not chosen:
        print("there is no such benchmark", file=sys.stderr)
        return 2
    import tempfile

    failed, missed = [], []
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as scratch:
        for path in chosen:
            started = time.monotonic()
            print(f"{path.stem} ({asked.mode})", flush=True)
            figures = measured(path, asked.mode, Path(scratch))
            if figures is None:
                failed.append(path.stem)
                continue
            for figure in figures:
                tell(figure)
            keep(figures)
            missed += [figure["name"] for figure in figures if figure["holds"] is False]
            print(f"  {time.monotonic() - started:.0f} s", flush=True)
    for name in missed:
        print(f"missed: {name}", file=sys.stderr)
    for name in failed:
        print(f"failed: {name}", file=sys.stderr)
    return 1 if failed or (asked.strict and missed) else 0


if __name__ == "__main__":
    sys.exit(main())
