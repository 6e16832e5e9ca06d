"""The published schema says what the types say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from gateway.errors import InputError
from gateway.model import records, schema
from tests import strategies

ROOT = Path(__file__).resolve().parents[3]
VALIDATOR = Draft202012Validator(schema.schema())


def test_the_published_schema_is_up_to_date() -> None:
    published = (ROOT / "docs/reference/common-record.schema.json").read_text("utf-8")
    assert published == schema.text(), "run: python -m gateway.model.schema > docs/reference/common-record.schema.json"


def test_the_module_prints_it() -> None:
    ran = subprocess.run([sys.executable, "-m", "gateway.model.schema"], capture_output=True, cwd=ROOT, check=True)
    assert ran.stdout.decode("utf-8") == schema.text()
    assert not ran.stderr


def test_it_is_a_schema_of_2020_12() -> None:
    Draft202012Validator.check_schema(schema.schema())
    assert schema.schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    text = schema.text()
    assert r"\\Z" not in text  # no pattern that ECMA-262 does not know
    assert "null" not in text  # absent, never null
    assert not any("_" in name for node in schema.schema()["$defs"].values() for name in node["properties"])


def test_every_struct_and_member_is_in_it_and_nothing_else_is_allowed() -> None:
    defined = schema.schema()["$defs"]
    assert set(defined) == {
        "Address",
        "Application",
        "Classification",
        "Identifier",
        "LegalStatusEvent",
        "OwnershipTransfer",
        "Party",
        "PriorityClaim",
        "PriorityDocument",
        "RelatedApplication",
        "Text",
    }
    for name, node in defined.items():
        struct = getattr(records, name)
        assert set(node["properties"]) - {"type"} == set(struct.__struct_encode_fields__)
        assert node["additionalProperties"] is False
        assert node["description"]


@settings(max_examples=60)
@given(strategies.common_records())
def test_every_record_is_valid(record: records.CommonRecord) -> None:
    VALIDATOR.validate(json.loads(records.encode(record)))


@st.composite
def _damaged(draw: st.DrawFn) -> Any:
    """A record with one value somewhere in it replaced, taken out or put in."""
    document = json.loads(records.encode(draw(strategies.common_records("XA"))))
    places: list[tuple[Any, Any]] = []

    def gather(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], dict | list):
                gather(value[key])

    gather(document)
    holder, key = draw(st.sampled_from(places))
    change = draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "remove":
        del holder[key]
    elif change == "replace":
        holder[key] = draw(
            st.sampled_from(["", "x", "XA\n", "2026-01-01", "1983-11", "2026-1-1", 0, -1, 2**53, 1.5, True, [], {}])
        )
    elif isinstance(holder, dict):
        holder[draw(st.sampled_from(["surprise", "kind", "statusCode", "pageCount"]))] = draw(st.sampled_from(["x", 1]))
    return document


@settings(max_examples=200)
@given(_damaged())
def test_schema_and_decoder_agree(document: Any) -> None:
    """What the decoder takes the schema takes, and the other way round; but for the calendar, which no schema knows."""
    try:
        records.decode(json.dumps(document).encode())
        refused = ""
    except InputError as error:
        refused = error.code
    if refused != "record.no-date":
        assert VALIDATOR.is_valid(document) == (not refused)


def test_the_schema_does_not_know_the_calendar_and_the_decoder_does() -> None:
    document = {"type": "Application", "office": "XA", "right": "design", "filingDate": "2026-02-30"}
    document["applicationNumber"] = msgspec.to_builtins(records.Identifier("xa-application", "XA", "1", "1"))
    assert VALIDATOR.is_valid(document)
    with pytest.raises(InputError):
        records.decode(json.dumps(document).encode())
