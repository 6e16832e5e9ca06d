"""Native records and mapping files made to break the engine: each is refused with a code, and its neighbours pass."""

from __future__ import annotations

import copy
import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, InputError, LimitError, MappingError
from gateway.mapping import Mapping, MappingLibrary, tables
from gateway.mapping.cases import find, native_of
from gateway.mapping.formats import LIMIT
from gateway.mapping.language import parse
from gateway.mapping.library import load, shipped_folder
from gateway.mapping.lint import lint
from gateway.model import records as model
from gateway.model.records import Identifier, LegalStatusEvent, Text
from gateway.spi import NativeRecord
from tests import strategies as common
from tests.unit.mapping import workshop

LIBRARY = MappingLibrary.shipped()
MAPPINGS = LIBRARY.all()
SANDBOX = LIBRARY.by_format("register-sandbox")
ODP = LIBRARY.by_format("uspto-odp")
EVM = LIBRARY.by_format("register-evm")
NUMBER = {"o": "XA", "t": "xa-application", "n": "XA-2026-000123"}
GOOD = {"kd": "EV", "of": "XA", "no": NUMBER, "sd": "ST.27", "ev": "A10"}


def _sandbox(**members: Any) -> NativeRecord:
    return NativeRecord("register-sandbox", json.dumps({**GOOD, **members}).encode())


def _has_code(error: GatewayError, start: str = "") -> None:
    assert error.code.startswith(start)
    assert error.code
    assert error.hint


def _seeds() -> list[tuple[Mapping, bytes]]:
    made: list[tuple[Mapping, bytes]] = []
    for mapping in MAPPINGS:
        folder = shipped_folder() / mapping.ref.name
        for case in find(folder):
            for part in ("native.json", "native.hex"):
                if part in case.parts and case.path(part).stat().st_size < 6000:
                    made += [(mapping, native_of(mapping, case.path(part)).content)]
    return made


SEEDS = _seeds()


def test_a_field_of_five_megabytes_is_refused_and_its_neighbours_pass() -> None:
    huge = "x" * 5_000_000
    batch = [_sandbox(nc="A"), _sandbox(tx={"tx": huge}), _sandbox(nc="B")]
    outcomes: list[str] = []
    for native in batch:
        try:
            SANDBOX.to_common(native)
            outcomes.append("passed")
        except MappingError as error:
            outcomes.append(error.code)
        except LimitError as error:
            outcomes.append(error.code)
    assert outcomes == ["passed", "native.too-large", "passed"]


def test_a_common_text_of_five_megabytes_fits_no_native_record() -> None:
    number = Identifier("xa-application", "XA", "XA-2026-000123", "XA-2026-000123")
    event = LegalStatusEvent("XA", number, "ST.27", "A10", description_text=Text("y" * 5_000_000))
    for mapping in (SANDBOX, EVM):
        with pytest.raises(LimitError):
            mapping.to_native([event])


@pytest.mark.parametrize("mapping", MAPPINGS, ids=lambda mapping: mapping.format)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"0",
        b'""',
        b"\x00" * 64,
        b"\xff" * 64,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 31 + b"]" * 31,
        b"9" * 5000,
        b'"\\ud800"',
        b"{" * 33,
        bytes(LIMIT),
        bytes(LIMIT + 1),
        b" " * (LIMIT - 2) + b"{}",
    ],
    ids=lambda content: f"{content[:6]!r}x{len(content)}",
)
def test_bombs_and_rubbish_are_refused(mapping: Mapping, content: bytes) -> None:
    with pytest.raises((InputError, MappingError)) as caught:
        mapping.to_common(NativeRecord(mapping.format, content))
    assert caught.value.code in {
        "json.malformed",
        "json.number",
        "json.lone-surrogate",
        "native.too-deep",
        "native.too-large",
        "mapping.nothing",
        "mapping.shape",
        "mapping.missing",
        "abi-record.unknown-struct",
        "abi.not-canonical",
    }


def test_more_entries_than_are_read_are_refused() -> None:
    entry = {"caseActionCode": "IEXX"}
    one = {"applicationNumberText": "99000117", "applicationTypeCode": "UTL", "transactionContentBag": [entry] * 5000}
    with pytest.raises(MappingError, match=r"mapping\.too-many"):
        ODP.to_common(NativeRecord("uspto-odp", json.dumps({"patentBag": [one]}).encode()))


def test_an_abi_body_with_any_word_at_its_greatest_is_read_or_refused_at_once() -> None:
    content = bytearray(next(content for mapping, content in SEEDS if mapping is EVM))
    for at in range(4, len(content) - 31, 32):
        broken = bytes(content[:at]) + b"\xff" * 32 + bytes(content[at + 32 :])
        _outcome(EVM, broken)


# ── Fuzzing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _outcome(mapping: Mapping, content: bytes) -> None:
    """Either records that come back, or an error with a code; nothing else."""
    try:
        translation = mapping.to_common(NativeRecord(mapping.format, content))
    except (InputError, MappingError) as error:
        _has_code(error)
        return
    records = [each.record for each in translation.records]
    for record in records:
        assert model.decode(model.encode(record)) == record
    back = mapping.to_native(records, translation.residue)
    assert mapping.form.decode(back.native.content) == mapping.form.decode(content)


@settings(max_examples=600)
@given(st.sampled_from(SEEDS), st.data())
def test_flipped_bytes_are_read_or_refused(seed: tuple[Mapping, bytes], data: st.DataObject) -> None:
    mapping, content = seed
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] = data.draw(st.integers(0, 255))
    _outcome(mapping, bytes(changed))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.just(1.5),
    st.just(""),
    st.just({}),
    st.just([]),
    st.just([[]]),
    st.just([None]),
    st.just({"0": 1}),
    common.free_texts(0),
    st.just("\x00"),
    st.just({"a": [{"b": None}]}),
)


def _places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    made = [at] if at else []
    if isinstance(tree, dict):
        for name, member in tree.items():
            made += _places(member, (*at, name))
    elif isinstance(tree, list):
        for index, item in enumerate(tree):
            made += _places(item, (*at, index))
    return made


@settings(max_examples=1000)
@given(st.sampled_from([seed for seed in SEEDS if seed[0].spec.syntax == "json" and seed[1][:1] == b"{"]), st.data())
def test_any_member_may_be_anything(seed: tuple[Mapping, bytes], data: st.DataObject) -> None:
    """A value of another kind at any place: read or refused, never a traceback, never a silent change."""
    mapping, content = seed
    try:
        tree = mapping.form.decode(content)
    except InputError:
        return
    for _ in range(data.draw(st.integers(1, 3))):
        places = _places(tree)
        if not places:
            break
        place = data.draw(st.sampled_from(places))
        holder = tree
        for step in place[:-1]:
            holder = holder[step]
        if data.draw(st.booleans()):
            holder[place[-1]] = copy.deepcopy(data.draw(ODD))
        else:
            del holder[place[-1]]
    _outcome(mapping, json.dumps(tree, default=str).encode())


@settings(max_examples=300)
@given(
    st.sampled_from(MAPPINGS),
    common.common_records(),
    st.binary(max_size=60)
    | st.sampled_from([b'{"set":[[["kd"],1]]}', b'{"drop":[[["kd"],"AP"]]}', b'{"turn":[[["of"],1,"XA"]]}']),
)
def test_any_record_with_any_residue_is_written_or_refused(mapping: Mapping, record: Any, residue: bytes) -> None:
    try:
        rendition = mapping.to_native([record], residue)
    except (InputError, MappingError) as error:
        _has_code(error)
        return
    assert mapping.to_common(rendition.native).records


# ── Mapping files ────────────────────────────────────────────────────────────────────────────────────────────────

TOML = (shipped_folder() / "register-sandbox" / "mapping.toml").read_text("utf-8")
LINES = TOML.splitlines()


@settings(max_examples=200)
@given(st.data())
def test_a_mapping_file_with_changed_lines_is_compiled_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        put = data.draw(st.text(string.printable.replace("\n", "").replace("\r", ""), max_size=6))
        kept = data.draw(st.integers(cut, len(line)))
        lines[at] = line[:cut] + put + line[kept:]
    try:
        parse("\n".join(lines))
    except InputError as error:
        _has_code(error, "mapping.")


@settings(max_examples=150)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text_is_no_mapping_and_is_told_so(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["source", "open", "codes", "write", "unmapped", "x"]), inner, max_size=5)
    ),
)


@given(VALUES)
def test_any_value_is_a_table_or_is_told_why_not(value: Any) -> None:
    try:
        tables.load("any", value)
    except InputError as error:
        _has_code(error, "mapping.table")


@settings(max_examples=100)
@given(
    rule=st.dictionaries(
        st.sampled_from(
            [
                "native",
                "common",
                "as",
                "const",
                "absent",
                "fillers",
                "canonical",
                "lossy",
                "join",
                "gather",
                "derive",
                "when",
                "way",
                "key",
                "in",
                "terse",
                "unless",
                "otherwise",
                "partial",
                "unreadable",
            ]
        ),
        st.sampled_from(
            [
                "statusCode",
                "titleBag[0].value",
                "titleBag[].value",
                "st",
                "ap[].x",
                "nr",
                "day YYYYMMDD",
                "table rights",
                "number",
                " ",
                "read",
                1,
                True,
                False,
                ["a", "b"],
                ["a[].b", "c"],
                [],
                {"native": "st", "is": "P"},
                {"common": "right", "present": True},
            ]
        ),
        max_size=6,
    )
)
def test_any_rule_compiles_or_is_refused_and_then_reads_or_refuses(
    tmp_path_factory: pytest.TempPathFactory, rule: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("mapping")
    toml = workshop.text(workshop.RULES + "\n" + _inline(rule) + ",\n")
    workshop.folder(folder, toml)
    try:
        mapping = load(folder)
    except InputError as error:
        _has_code(error, "mapping.")
        return
    lint(folder)
    for members in (
        {},
        {"st": "A"},
        {"st": ["A"], "a": "x", "b": "y", "ap": [{"x": "1"}]},
        {"st": {"x": 1}, "ap": {"x": 1}, "a": 1},
    ):
        native = NativeRecord("small", json.dumps({"of": "XA", "nr": "XA-2026-000001", "rt": "P", **members}).encode())
        try:
            translation = mapping.to_common(native)
            mapping.to_native([each.record for each in translation.records], translation.residue)
        except GatewayError as error:
            _has_code(error)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {_inline(member)}" for name, member in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(each) for each in value) + "]"
    return json.dumps(value)


def test_a_mapping_that_reads_outside_its_folder_is_refused(tmp_path: Path) -> None:
    for schema in ("../secret.json", "/etc/passwd", "a/b.json", "..json/../x.json"):
        with pytest.raises(InputError):
            load(workshop.folder(tmp_path, workshop.text().replace('"schema.json"', json.dumps(schema))))
    for table in ("../rights", "a/b", "..", "RIGHTS"):
        with pytest.raises(InputError):
            load(workshop.folder(tmp_path, workshop.text(tables=json.dumps([table]))))


def test_an_error_repeats_no_more_than_a_little_of_what_it_was_given() -> None:
    secret = "confidential-" * 2000
    for native in (_sandbox(st=secret), _sandbox(kd=secret), _sandbox(dt=secret), _sandbox(no={**NUMBER, "n": secret})):
        with pytest.raises((MappingError, InputError)) as caught:
            SANDBOX.to_common(native)
        assert len(str(caught.value)) < 600
