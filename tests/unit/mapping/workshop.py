"""A small mapping that a test writes for itself, to be broken in one way at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.mapping.library import load
from gateway.mapping.mapping import Mapping

RULES = """
  { native = "of", common = "office" },
  { native = "nr", common = "applicationNumber", as = "identifier xa-application" },
  { native = "rt", common = "right", as = "table rights" },
"""

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("of", "nr", "rt")},
}

RIGHTS = {
    "source": "invented",
    "open": False,
    "codes": {"P": "patent", "U": "utility-model", "D": "design", "T": "trade-mark"},
}


def text(
    rules: str = RULES, *, emit: str = "", head: str = "", tables: str = '["rights"]', rest: str = "residue"
) -> str:
    return f"""language = 1
name = "small"
version = "1.0.0"
format = "small"
syntax = "json"
schema = "schema.json"
source = "invented for a test"
rest = "{rest}"
tables = {tables}
{head}
[[emit]]
record = "Application"
slot = 0
{emit}
rules = [{rules}]
"""


def folder(at: Path, toml: str | None = None, *, schema: Any = None, tables: dict[str, Any] | None = None) -> Path:
    (at / "tables").mkdir(parents=True, exist_ok=True)
    (at / "mapping.toml").write_text(text() if toml is None else toml, "utf-8")
    (at / "schema.json").write_text(json.dumps(SCHEMA if schema is None else schema), "utf-8")
    for name, table in ({"rights": RIGHTS} if tables is None else tables).items():
        (at / "tables" / f"{name}.json").write_text(json.dumps(table), "utf-8")
    return at


def mapping(at: Path, rules: str = "", **parts: Any) -> Mapping:
    """The small mapping with more rules than it needs."""
    tables = parts.pop("tables", None)
    return load(folder(at, text(RULES + rules, **parts), tables=tables))
