"""The lint names, at its line, what a mapping forgets, contradicts or promises in vain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.mapping import shape
from gateway.mapping.lint import lint
from gateway.mapping.paths import show
from tests.unit.mapping import workshop

ST = {"st": {"type": "string"}}


def _whole(rules: str = "", *, emit: str = "", head: str = "", known: tuple[str, ...] = ()) -> str:
    """A mapping that forgets nothing, but for what is added."""
    spoken = {"office", "applicationNumber", "right", *known}
    lost = "\n".join(
        f'  {{ common = "{name}", reason = "The small form has no place for it." }},'
        for name in sorted({show(path).split(".")[0].split("[")[0] for path in shape.leaves(shape.of("Application"))})
        if name not in spoken
    )
    return workshop.text(workshop.RULES + rules, emit=f"lost = [\n{lost}\n]\n{emit}", head=head)


def findings(at: Path, toml: str, schema: dict[str, Any] | None = None, **parts: Any) -> list[tuple[int, str]]:
    properties = {**workshop.SCHEMA["properties"], **(schema or {})}
    made = workshop.folder(at, toml, schema={"type": "object", "properties": properties}, **parts)
    return [(each.line, each.text) for each in lint(made)[1]]


def line_of(toml: str, text: str) -> int:
    return next(number for number, line in enumerate(toml.splitlines(), 1) if text in line)


def test_a_mapping_that_forgets_nothing_has_nothing_to_mend(tmp_path: Path) -> None:
    assert findings(tmp_path, _whole()) == []


def test_a_native_member_that_nobody_reads_is_named(tmp_path: Path) -> None:
    deep = {"a": {"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}}}}
    assert findings(tmp_path, _whole(), deep) == [
        (0, "the native member 'a[].b' is read by no rule, and not named in `aside`")
    ]
    head = 'aside = [ { native = "a", reason = "Nobody needs it." } ]'
    assert findings(tmp_path, _whole(head=head), deep) == []


def test_a_common_member_that_nobody_writes_is_named(tmp_path: Path) -> None:
    toml = _whole(known=("statusCode",))
    assert findings(tmp_path, toml) == [
        (line_of(toml, "[[emit]]"), "Application: 'statusCode' is written by no rule, and not named in `lost`")
    ]


@pytest.mark.parametrize(
    "rule, says",
    [
        ('{ native = "gone", common = "statusCode" },', "unreachable: the schema has no member 'gone'"),
        ('{ native = "st", common = "statusCode", as = "trim" },', "not invertible: several writings"),
        ('{ native = "st", common = "statusCode", as = "clip 3" },', "not invertible: what is cut"),
        ('{ native = "st", common = "statusCode", fillers = [""] },', "an empty text is read as nothing"),
        ('{ native = "st", common = "statusCode", absent = "" },', "an empty text is read as nothing"),
        (
            '{ native = "st", common = "statusCode", when = { native = "rt", is = "P" } },',
            "a condition of one side",
        ),
        (
            '{ native = ["st", "of"], common = "applicantBag[0].addressBag[0].addressLineBag", gather = true },',
            "more entries than members",
        ),
    ],
)
def test_a_rule_that_does_not_hold_what_it_promises_is_named_at_its_line(tmp_path: Path, rule: str, says: str) -> None:
    toml = _whole("\n  " + rule + "\n")
    found = findings(tmp_path, toml, ST)
    assert any(line == line_of(toml, rule) and says in text for line, text in found), found


def test_a_rule_that_repeats_another_is_unreachable(tmp_path: Path) -> None:
    rule = '{ native = "st", common = "statusCode" },'
    toml = _whole(f"\n  {rule}\n  # and again\n  {rule}\n")
    first = line_of(toml, rule)
    assert findings(tmp_path, toml, ST) == [
        (first + 2, f"unreachable: line {first} already reads and writes the same places")
    ]


def test_other_entries_need_a_reason_for_being_lost(tmp_path: Path) -> None:
    rule = '{ native = "st", common = "titleBag[0].value" },'
    toml = _whole(f"\n  {rule}\n", known=("titleBag",))
    found = findings(tmp_path, toml, ST)
    assert (
        line_of(toml, rule),
        "the other entries of 'titleBag' are lost without a reason: name it in `lost`",
    ) in found


def test_a_table_that_misses_a_code_is_named(tmp_path: Path) -> None:
    toml = _whole()
    table = {**workshop.RIGHTS, "codes": {"P": "patent", "D": "design", "X": "plant"}}
    line = line_of(toml, "table rights")
    assert findings(tmp_path, toml, tables={"rights": table}) == [
        (line, "the table 'rights' gives 'plant', which Application does not know"),
        (
            line,
            (
                "the table 'rights' has no code for 'trade-mark', 'utility-model': add it, or say in `partial` why "
                "such a record is refused"
            ),
        ),
    ]


def test_a_table_that_no_rule_uses_is_named(tmp_path: Path) -> None:
    toml = _whole().replace('tables = ["rights"]', 'tables = ["rights", "spare"]')
    assert findings(tmp_path, toml, tables={"rights": workshop.RIGHTS, "spare": workshop.RIGHTS}) == [
        (0, "no rule uses the table 'spare'")
    ]


def test_an_emit_that_another_hides_is_named(tmp_path: Path) -> None:
    toml = _whole() + '\n[[emit]]\nrecord = "Application"\nslot = 1\nrules = [ { native = "of", common = "office" } ]\n'
    last = len(toml.splitlines()) - 3
    found = findings(tmp_path, toml)
    assert any(line == last and "unreachable when writing" in text for line, text in found)


def test_what_can_be_lost_exists(tmp_path: Path) -> None:
    toml = _whole(emit='takes = [ { native = "xx[]", common = "titleBag[].value", is = "a" } ]').replace(
        "lost = [", 'lost = [\n  { common = "colour", reason = "Never was." },'
    )
    texts = [text for _, text in findings(tmp_path, toml)]
    assert "Application has no 'colour' that could be lost" in texts
    assert "unreachable: no rule writes entries of 'xx[]'" in texts


def test_a_file_that_cannot_be_compiled_is_one_finding_at_its_line(tmp_path: Path) -> None:
    toml = _whole('\n  { native = "st", common = "nowhere" },\n')
    assert findings(tmp_path, toml, ST) == [(line_of(toml, "nowhere"), "Application has no 'nowhere'")]
    toml = "language = 1\nname = \n"
    ((line, text),) = findings(tmp_path, toml)
    assert line == 2
    assert "not TOML" in text
