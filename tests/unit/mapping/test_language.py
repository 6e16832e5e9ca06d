"""mapping.toml: everything unknown is refused at its line; digests say what is in a mapping; versions are kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import InputError, LimitError, MappingError
from gateway.mapping import MappingLibrary
from gateway.mapping import paths as mapping_paths
from gateway.mapping.language import parse
from gateway.mapping.library import load, shipped_folder
from gateway.mapping.paths import BadPath, Each
from tests.unit.mapping import workshop


@pytest.mark.parametrize(
    "written, path",
    [
        ("", ()),
        ("a.b", ("a", "b")),
        ("a[].b[0].c", ("a", Each(), "b", 0, "c")),
        ("class/subclass", ("class/subclass",)),
        ('"with.dot"."[x]"', ("with.dot", "[x]")),
        (r'"quote \" back \\"', ('quote " back \\',)),
        ('a["; "]', ("a", Each("; "))),
        ("a[?].b", ("a", Each(lone=True), "b")),
    ],
)
def test_a_path_is_read_and_shown(written: str, path: Any) -> None:
    assert mapping_paths.parse(written) == path
    assert mapping_paths.parse(mapping_paths.show(path)) == path


@pytest.mark.parametrize(
    "written", [".a", "a.", "a..b", "a[1]", "a[", "a[]b", "[]", '"a', 'a[""]', "a b.[x]", "x" * 513]
)
def test_what_is_no_path_is_refused(written: str) -> None:
    with pytest.raises(BadPath):
        mapping_paths.parse(written)


def test_a_pointer_escapes_what_it_must() -> None:
    assert mapping_paths.pointer(("a/b", 0, "~c")) == "/a~1b/0/~0c"


LINE = '{ native = "st", common = "statusCode" },'


@pytest.mark.parametrize(
    "rule, says",
    [
        ('{ native = "st", common = "statusCode", colour = "red" },', "no member 'colour'"),
        ('{ native = "st" },', "a native and a common path"),
        ('{ common = "statusCode" },', "a native and a common path"),
        ('{ native = "st..x", common = "statusCode" },', "a name is missing"),
        ('{ native = "st", common = "nowhere" },', "Application has no 'nowhere'"),
        ('{ native = "st", common = "titleBag" },', "no single value"),
        ('{ native = "st", common = "titleBag[].value" },', "same number of lists"),
        ('{ native = "st", common = "titleBag[?].value" },', r"every list is written \[\]"),
        ('{ native = "st", common = "statusCode", as = "shout" },', "no transform is called 'shout'"),
        ('{ native = "st", common = "statusCode", as = "table nowhere" },', "there is no tables/nowhere.json"),
        ('{ native = "st", common = "statusCode", as = 7 },', "as lists up to eight"),
        ('{ native = "st", common = "statusCode", lossy = "x" },', "lossy gives the reason"),
        ('{ native = "st", common = "statusCode", lossy = true },', "lossy gives the reason"),
        ('{ native = "st", common = "statusCode", canonical = "" },', "canonical gives the reason"),
        ('{ native = "st", common = "statusCode", way = "up" },', "way is both, read or write"),
        ('{ native = "st", common = "statusCode", key = 1 },', "key is true or false"),
        ('{ native = "st", common = "statusCode", absent = 1.5 },', "absent must be"),
        ('{ native = "st", common = "statusCode", absent = 9007199254740992 },', "beyond 2"),
        ('{ native = "st", common = "statusCode", fillers = "0" },', "fillers must be a list"),
        ('{ native = "st", common = "statusCode", in = "st" },', "in is for constants"),
        ('{ native = "st", common = "statusCode", const = "x" },', "no native one"),
        ('{ common = "applicationNumber", derive = "magic" },', "derive is"),
        ('{ common = "office", const = "XA", derive = "number" },', "a constant or a derivation"),
        ('{ native = ["a", "b"], common = "statusCode" },', "join and gather take several"),
        ('{ native = "a", common = "statusCode", join = " " },', "join and gather take several"),
        ('{ native = ["a", "b"], common = "statusCode", join = " ", gather = true },', "joins or gathers"),
        ('{ native = "st", common = "statusCode", when = { native = "rt" } },', "asks one of"),
        ('{ native = "st", common = "statusCode", when = { is = "x" } },', "when needs native"),
        ('{ native = "st", common = "statusCode", when = { native = "rt", is = [] } },', "at least one value"),
        ('{ native = "nr.x", common = "statusCode" },', "leads through 'nr'"),
        ('{ native = "nn", common = "applicationNumber.original" },', "leads through 'applicationNumber'"),
        ('{ common = "titleBag[].language", const = "en" },', "no rule reads entries of 'titleBag"),
        ('{ native = "ap[].n", common = "applicantBag[].nameBag[0].value", unless = "applicantBag[].x" },', "unless"),
        ("7,", "must be a list of tables"),
    ],
)
def test_a_wrong_rule_is_refused_at_its_line(tmp_path: Path, rule: str, says: str) -> None:
    toml = workshop.text(workshop.RULES + "\n" + LINE.replace('"st"', '"ok"') + "\n" + rule + "\n")
    line = next(number for number, text in enumerate(toml.splitlines(), 1) if text == rule)
    with pytest.raises(InputError, match=says) as caught:
        load(workshop.folder(tmp_path, toml))
    assert caught.value.code == "mapping.file"
    if rule.startswith("{"):
        assert caught.value.where == f"{tmp_path.name}/mapping.toml:{line}"


@pytest.mark.parametrize(
    "before, after, says",
    [
        ("language = 1", "language = 2", "language must be 1"),
        ("language = 1", "language = true", "language must be 1"),
        ('name = "small"', 'name = "Small One"', "name must be"),
        ('version = "1.0.0"', 'version = "1.0"', "version must be"),
        ('syntax = "json"', 'syntax = "yaml"', "syntax is json or abi"),
        ('rest = "residue"', 'rest = "forget"', "rest is residue or refuse"),
        ('schema = "schema.json"', 'schema = "../schema.json"', "schema names a .json file"),
        ('tables = ["rights"]', 'tables = ["../rights"]', "tables lists the names"),
        ('source = "invented for a test"', "", "needs 'source'"),
        ("slot = 0", "slot = 16", "slot of its own"),
        ("slot = 0", 'slot = 0\neach = "a"', "ends in"),
        ("slot = 0", 'slot = 0\neach = "a[\\",\\"]"', "real lists"),
        ("slot = 0", 'slot = 0\nwhen = { native = "kd", is = 1.5 }', "is must be"),
        ("slot = 0", 'slot = 0\nlost = [ { common = "x" } ]', "lost needs 'reason'"),
        ("slot = 0", 'slot = 0\ntakes = [ { native = "a", common = "b", is = "c" } ]', "takes names a native list"),
        ('record = "Application"', 'record = "Licence"', "record is one of"),
        ("[[emit]]", 'colour = "red"\n[[emit]]', "no member 'colour'"),
        ("[[emit]]", "[emit]", "emit must be a list"),
        ("[[emit]]", 'frame = [ { native = "a" } ]\n[[emit]]', "a const or a count"),
        ("[[emit]]", 'frame = [ { native = "a[].b", const = 1 } ]\n[[emit]]', "outside of any list"),
        ("[[emit]]", 'frame = [ { native = "a", count = "b" } ]\n[[emit]]', "count names one list"),
        ("[[emit]]", 'aside = [ { native = "a", reason = "x", dropped = 1 } ]\n[[emit]]', "dropped is true or false"),
        ("[[emit]]", "= \n[[emit]]", "not TOML"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, before: str, after: str, says: str) -> None:
    toml = workshop.text()
    assert before in toml
    with pytest.raises(InputError, match=says):
        load(workshop.folder(tmp_path, toml.replace(before, after, 1)))


def test_fractions_and_dates_have_no_place_in_what_is_hashed(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        load(workshop.folder(tmp_path, workshop.text(head="frame = [ { native = 'a', const = 2026-01-01 } ]")))
    with pytest.raises(InputError, match="fractions"):
        load(workshop.folder(tmp_path, schema={"minimum": 1.5}))


def test_a_file_that_is_missing_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mapping\.no-file"):
        load(tmp_path)
    made = workshop.folder(tmp_path)
    (made / "tables" / "rights.json").unlink()
    with pytest.raises(InputError, match=r"mapping\.no-file"):
        load(made)
    with pytest.raises(LimitError):
        parse("#" * (512 * 1024 + 1))


# ── Digests and versions ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_digest_is_over_rules_tables_and_schema_not_over_their_writing(tmp_path: Path) -> None:
    first = load(workshop.folder(tmp_path / "a")).ref.digest
    commented = workshop.text().replace("language = 1", "# a note\nlanguage   =   1")
    assert load(workshop.folder(tmp_path / "b", commented)).ref.digest == first
    others = [
        load(workshop.folder(tmp_path / "c", workshop.text(workshop.RULES + LINE))).ref.digest,
        load(workshop.folder(tmp_path / "d", schema={**workshop.SCHEMA, "title": "x"})).ref.digest,
        load(workshop.folder(tmp_path / "e", tables={"rights": {**workshop.RIGHTS, "note": "x"}})).ref.digest,
        load(workshop.folder(tmp_path / "f", workshop.text().replace("1.0.0", "1.0.1"))).ref.digest,
    ]
    assert len({first, *others}) == 5


def test_the_newest_version_is_found_by_format_and_every_one_by_digest(tmp_path: Path) -> None:
    new = workshop.folder(tmp_path / "small", workshop.text().replace("1.0.0", "1.10.0"))
    workshop.folder(new / "released" / "1.2.0", workshop.text().replace("1.0.0", "1.2.0"))
    workshop.folder(new / "released" / "1.9.0", workshop.text().replace("1.0.0", "1.9.0"))
    library = MappingLibrary.of_folder(tmp_path)
    assert [mapping.ref.version for mapping in library.all()] == ["1.2.0", "1.9.0", "1.10.0"]
    assert library.by_format("small").ref.version == "1.10.0"
    for mapping in library.all():
        assert library.by_digest(mapping.ref.digest) is mapping
    assert library.by_digest(bytes(32)) is None
    with pytest.raises(MappingError, match=r"mapping\.unknown-format.*'large'; there are small"):
        library.by_format("large")


def test_a_released_version_never_changes(tmp_path: Path) -> None:
    first = load(workshop.folder(tmp_path / "a"))
    second = load(workshop.folder(tmp_path / "b", workshop.text(workshop.RULES + LINE)))
    with pytest.raises(MappingError, match=r"mapping\.twice"):
        MappingLibrary([first, second])
    assert MappingLibrary([first, first]).all() == (first,)


def test_the_shipped_library_is_read_once_and_holds_what_a_release_ships(tmp_path: Path) -> None:
    library = MappingLibrary.shipped()
    assert library is MappingLibrary.shipped()
    assert {mapping.format for mapping in library.all()} == {"register-evm", "register-sandbox", "uspto-odp"}
    copied = shutil.copytree(shipped_folder(), tmp_path / "mappings")
    again = MappingLibrary.of_folder(copied)
    assert [mapping.ref for mapping in again.all()] == [mapping.ref for mapping in library.all()]
    assert json.dumps([mapping.ref.digest.hex() for mapping in again.all()])
