"""The JSON Schema (2020-12) of the common records, made from the structs: `python -m gateway.model.schema` prints it.

The schema describes the form in which records are written: a member without a value is left out, never null. What a
schema cannot say, `gateway.model.records.decode` checks besides: that a date is a day of the calendar, and that no
member stands twice.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from typing import Any, Final

import msgspec

from gateway.model import records

__all__ = ["SCHEMA_ID", "schema", "text"]

SCHEMA_ID: Final = "urn:uuid:8b1f9d64-3c07-4e52-a1d8-6f0e5b7c2a93"


def schema() -> dict[str, Any]:
    """The schema of a common record of any type, as JSON values. Its `$defs` hold one schema for each struct."""
    made = _rewritten(msgspec.json.schema(records.CommonRecord))
    made.pop("discriminator", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Common record",
        "description": "A record that every office understands. Its type is told by its member `type`.",
        **made,
    }


def text() -> str:
    """The schema as the file docs/reference/common-record.schema.json holds it."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


def _rewritten(node: Any) -> Any:
    if isinstance(node, list):
        return [_rewritten(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _rewritten(value) for key, value in node.items()}
    choices = made.get("anyOf")
    if choices is not None and {"type": "null"} in choices:
        left = [choice for choice in choices if choice != {"type": "null"}]
        made.pop("anyOf")
        made.update(left[0] if len(left) == 1 else {"anyOf": left})
    if "default" in made and made["default"] in (None, [], ()):
        made.pop("default", None)
    if isinstance(made.get("pattern"), str):
        # ECMA-262, which JSON Schema's patterns follow, has no \Z; its $ is the very end, Python's is not
        made["pattern"] = made["pattern"].replace(r"\Z", r"$(?!\n)")
    if isinstance(made.get("description"), str):
        made["description"] = _MEMBER.sub(_camel, inspect.cleandoc(made["description"]))
    return made


_MEMBER = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")


def _camel(found: re.Match[str]) -> str:
    first, *others = found.group().split("_")
    return first + "".join(part.title() for part in others)


if __name__ == "__main__":
    sys.stdout.write(text())
