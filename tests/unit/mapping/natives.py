"""Native records by their own schema: what hypothesis feeds to the laws of mappings.

`of_schema` understands the part of JSON Schema that the schemas beside the mappings use; `format` names values that a
pattern alone does not give (days, numbers with a scheme). `of_abi` does the same for a contract's structs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gateway.mapping.library import shipped_folder
from gateway.mapping.mapping import Mapping
from tests import strategies as common

__all__ = ["load", "of_abi", "of_schema", "shipped_schema", "wild_json"]

OFFICES = st.sampled_from(["XA", "XB", "US", "EP", "JP", "KR", "CN", "BX"])


def wild_json(leaves: int = 6) -> st.SearchStrategy[Any]:
    """Any JSON value that one reader reads as another would."""
    return st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**30), 10**30)
        | st.floats(allow_nan=False, allow_infinity=False)
        | common.free_texts(0),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(common.free_texts(0), inner, max_size=3),
        max_leaves=leaves,
    )


def _days(form: str) -> st.SearchStrategy[str]:
    return st.dates(date(1873, 1, 1), date(2099, 12, 31)).map(lambda day: day.strftime(form))


def _day_texts() -> st.SearchStrategy[str]:
    return st.one_of(_days("%Y%m%d"), _days("%Y%m00"))


def _numbers() -> st.SearchStrategy[dict[str, str]]:
    return common.identifiers().map(lambda number: {"o": number.office, "t": number.scheme, "n": number.original})


FORMATS: dict[str, st.SearchStrategy[Any]] = {
    "office": OFFICES,
    "number": _numbers(),
    "day-number": _day_texts().map(int),
    "day-YYYYMMDD": _day_texts(),
    "day-YYYY-MM-DD": _days("%Y-%m-%d"),
    "key-event": st.sampled_from(["A10", "B10", "D11", "F10", "W00", "X99"]),
    "sha-256": st.binary(min_size=32, max_size=32).flatmap(
        lambda data: st.sampled_from([data.hex(), data.hex().upper()])
    ),
    "us-application": common.application_numbers("US").map(lambda number: number.original),
    "us-or-pct-application": st.one_of(common.application_numbers("US"), common.application_numbers("IB")).map(
        lambda number: number.original
    ),
}


def of_schema(schema: dict[str, Any], *, extras: bool) -> st.SearchStrategy[Any]:
    """Instances of `schema`; with `extras`, objects have members that it does not name now and then."""
    made: dict[str, st.SearchStrategy[Any]] = {}

    def build(node: dict[str, Any]) -> st.SearchStrategy[Any]:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            if name not in made:
                made[name] = build(schema["$defs"][name])
            return made[name]
        if node.get("format") in FORMATS:
            return FORMATS[node["format"]]
        if "const" in node:
            return st.just(node["const"])
        if "enum" in node:
            return st.sampled_from(node["enum"])
        if "examples" in node:
            return st.sampled_from(node["examples"])
        if "anyOf" in node:
            return st.one_of(*[build(each) for each in node["anyOf"]])
        return values[node["type"]](node)

    def of_object(node: dict[str, Any]) -> st.SearchStrategy[Any]:
        required = node.get("required", [])
        members = {name: build(each) for name, each in node["properties"].items()}
        optional = {name: each for name, each in members.items() if name not in required}
        # few of many: an object with all of its members is large, and says no more about the rules
        few = st.lists(st.sampled_from(sorted(optional)), max_size=6, unique=True) if optional else st.just([])
        chosen = few.flatmap(lambda names: st.fixed_dictionaries({name: members[name] for name in [*required, *names]}))
        if not extras:
            return chosen
        odd = st.one_of(
            st.just({}),
            st.just({}),
            st.just({}),
            st.dictionaries(st.sampled_from(["zz", "a/b", "~", ""]), wild_json(3), max_size=2),
        )
        return st.builds(lambda known, others: {**others, **known}, chosen, odd)

    values: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
        "object": of_object,
        "array": lambda node: st.lists(
            build(node["items"]), min_size=node.get("minItems", 0), max_size=node.get("maxItems", 2)
        ),
        "string": lambda _: common.free_texts(),
        "integer": lambda node: st.integers(node["minimum"], node["maximum"]),
        "boolean": lambda _: st.booleans(),
        "null": lambda _: st.none(),
    }
    return build(schema)


def of_abi(mapping: Mapping, schema: list[dict[str, Any]]) -> st.SearchStrategy[bytes]:
    """ABI-encoded structs as offices write them: codes of the tables, days that exist, numbers that can be read."""
    codes = {name: [int(code) for code in table.codes] for name, table in mapping.tables.items()}
    enums = {
        "right": codes["rights"],
        "kind": codes["kinds"],
        "conveyance": codes["conveyances"],
        "standard": codes["standards"],
    }

    def number(required: bool) -> st.SearchStrategy[Any]:
        some = common.identifiers().map(
            lambda each: {"office": "0x" + each.office.encode().hex(), "scheme": each.scheme, "text": each.original}
        )
        return some if required else st.one_of(some, st.just({"office": "0x0000", "scheme": "", "text": ""}))

    days = st.one_of(st.integers(-25567, 47481), st.just(-(2**31)))
    offices = OFFICES.map(lambda office: "0x" + office.encode().hex())

    def value(component: dict[str, Any], path: tuple[str, ...]) -> st.SearchStrategy[Any]:
        kind, name = component["type"], component["name"]
        if kind.endswith("[]"):
            return st.lists(
                value({**component, "type": kind[:-2]}, path), min_size=1 if name == "numbers" else 0, max_size=2
            )
        if kind == "tuple":
            if [each["name"] for each in component["components"]] == ["office", "scheme", "text"]:
                return number(name in {"number", "numbers"})
            return st.fixed_dictionaries(
                {each["name"]: value(each, (*path, each["name"])) for each in component["components"]}
            )
        if name in enums:
            return st.sampled_from(enums[name])
        if kind == "int32":
            return days
        if kind == "bytes2":
            return offices if name != "country" else st.one_of(offices, st.just("0x0000"))
        if kind == "bytes3":
            some = st.sampled_from(["A10", "W00", "EXM"]).map(lambda text: "0x" + text.encode().hex())
            if name == "key":
                return some.filter(lambda text: text != "0x" + b"EXM".hex())
            if name == "detailed":
                return st.one_of(st.just("0x000000"), st.just("0x" + b"A12".hex()))
            return st.one_of(some, st.just("0x000000"))
        if kind == "bytes1":
            letters = b"ANTU" if name == "state" else b"0123456"
            return st.sampled_from(["0x00", *(f"0x{letter:02x}" for letter in letters)])
        if kind == "bytes32":
            return st.binary(min_size=32, max_size=32).map(lambda data: "0x" + data.hex())
        if kind == "bool":
            return st.booleans()
        if kind.startswith("uint"):
            return st.integers(0, min(2 ** int(kind[4:]) - 1, 2**53 - 1))
        # what no entry can be without is no empty text: a class without a symbol is none
        return common.free_texts(1 if name in {"system", "symbol", "format"} else 0)

    structs = [value(entry, ()).map(lambda tree, name=entry["name"]: {name: tree}) for entry in schema]
    return st.one_of(*structs).map(lambda tree: mapping.form.encode(tree)[0])


def shipped_schema(mapping: Mapping) -> Path:
    return shipped_folder() / mapping.ref.name / mapping.spec.schema


def load(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))
