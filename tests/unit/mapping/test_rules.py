"""What each member of a rule does, reading and writing, on a mapping that holds nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import InputError, MappingError
from gateway.mapping import Mapping, Rendition, Translation
from gateway.mapping.library import load
from gateway.model.records import Application, CommonRecord, Identifier, LegalStatusEvent, Party, Text
from gateway.spi import NativeRecord
from tests.unit.mapping import workshop

BASE = {"of": "XA", "nr": "XA-2026-000001", "rt": "P"}


def read(mapping: Mapping, **members: Any) -> Translation:
    return mapping.to_common(NativeRecord("small", json.dumps({**BASE, **members}).encode()))


def record(translation: Translation) -> Application:
    (one,) = translation.records
    assert isinstance(one.record, Application)
    return one.record


def write(mapping: Mapping, given: CommonRecord, residue: bytes = b"") -> tuple[dict[str, Any], Rendition]:
    rendition = mapping.to_native([given], residue)
    made: dict[str, Any] = json.loads(rendition.native.content)
    return made, rendition


def round_trip(mapping: Mapping, **members: Any) -> Application:
    """Reads, writes with the residue, and holds the two equal."""
    translation = read(mapping, **members)
    again, rendition = write(mapping, record(translation), translation.residue)
    assert again == {**BASE, **members}
    assert rendition.losses == ()
    return record(translation)


def test_a_member_of_its_own_is_copied(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "st", common = "statusCode" },')
    assert round_trip(mapping, st="041").status_code == "041"
    assert read(mapping, st="041").residue == b""


def test_null_is_nothing_and_is_reported_as_a_filler(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "st", common = "statusCode" },')
    assert round_trip(mapping, st=None).status_code is None
    assert [(loss.path, loss.effect) for loss in read(mapping, st=None).losses] == [("/st", "filler")]


def test_fillers_are_nothing_and_come_back(tmp_path: Path) -> None:
    mapping = workshop.mapping(
        tmp_path, '{ native = "st", common = "statusCode", fillers = ["", "0"], lossy = "Zero stands for none." },'
    )
    for filler in ("", "0"):
        assert round_trip(mapping, st=filler).status_code is None
    assert round_trip(mapping, st="00").status_code == "00"
    given = msgspec.structs.replace(record(read(mapping)), status_code="0")
    _, rendition = write(mapping, given)
    assert [(loss.path, loss.reason) for loss in rendition.losses] == [("/statusCode", "Zero stands for none.")]


def test_one_and_true_and_one_point_nought_are_three_values(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "st", common = "statusCode", as = "number-text", fillers = [1] },')
    assert record(read(mapping, st=1)).status_code is None
    with pytest.raises(MappingError, match="not a whole number"):
        read(mapping, st=True)
    with pytest.raises(MappingError, match="not a whole number"):
        read(mapping, st=1.0)


def test_absent_is_written_where_nothing_is_said(tmp_path: Path) -> None:
    mapping = workshop.mapping(
        tmp_path,
        '{ native = "fd", common = "filingDate", as = "epoch days", absent = -1, canonical = "May be missing." },',
    )
    assert round_trip(mapping, fd=-1).filing_date is None
    assert round_trip(mapping).filing_date is None
    assert write(mapping, record(read(mapping)))[0]["fd"] == -1


def test_a_canonical_rule_keeps_what_it_normalised(tmp_path: Path) -> None:
    mapping = workshop.mapping(
        tmp_path, '{ native = "st", common = "statusCode", as = ["trim", "upper"], canonical = "Some are small." },'
    )
    assert round_trip(mapping, st=" abc ").status_code == "ABC"
    assert [(loss.path, loss.effect, loss.reason) for loss in read(mapping, st="abc").losses] == [
        ("/st", "normalised", "Some are small.")
    ]
    assert read(mapping, st="ABC").losses == ()


def test_a_residue_is_not_put_over_a_value_that_has_changed(tmp_path: Path) -> None:
    mapping = workshop.mapping(
        tmp_path, '{ native = "st", common = "statusCode", as = "trim", canonical = "Some have blanks." },'
    )
    translation = read(mapping, st=" A ", kept=[1])
    changed = msgspec.structs.replace(record(translation), status_code="B")
    assert write(mapping, changed, translation.residue)[0] == {**BASE, "st": "B", "kept": [1]}


def test_an_exact_rule_that_does_not_hold_is_refused(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "st", common = "statusCode", as = "trim" },')
    with pytest.raises(MappingError, match=r"mapping\.not-exact"):
        read(mapping, st=" A ")


def test_what_no_rule_reads_is_set_aside_or_refused(tmp_path: Path) -> None:
    keeping = workshop.mapping(tmp_path / "a")
    assert round_trip(keeping, other={"deep": [None, True, 1.5, 10**30]}) == record(read(keeping))
    (loss,) = read(keeping, other=1).losses
    assert (loss.path, loss.effect) == ("/other", "set-aside")
    refusing = workshop.mapping(tmp_path / "b", rest="refuse")
    with pytest.raises(MappingError, match=r"mapping\.rest"):
        read(refusing, other=1)


def test_what_is_dropped_on_purpose_is_named_and_gone(tmp_path: Path) -> None:
    head = 'aside = [ { native = "seen", reason = "A counter of requests.", dropped = true } ]'
    mapping = workshop.mapping(tmp_path, head=head)
    translation = read(mapping, seen=7)
    assert [(loss.path, loss.effect, loss.reason) for loss in translation.losses] == [
        ("/seen", "dropped", "A counter of requests.")
    ]
    assert write(mapping, record(translation), translation.residue)[0] == BASE


def test_two_names_are_joined_and_split(tmp_path: Path) -> None:
    rule = '{ native = ["g", "m", "s"], common = "statusCode", join = " " },'
    mapping = workshop.mapping(tmp_path, rule)
    for parts in ({"g": "Ada", "s": "Probe"}, {"g": "Ada", "m": "M", "s": "Probe"}, {"s": "Probe"}):
        assert round_trip(mapping, **parts).status_code == " ".join(parts.values())
    given = msgspec.structs.replace(record(read(mapping)), status_code="A B C D")
    assert write(mapping, given)[0] == {**BASE, "g": "A B", "m": "C", "s": "D"}


def test_lines_are_gathered_and_spread(tmp_path: Path) -> None:
    rule = (
        '{ native = "ap[].n", common = "applicantBag[].nameBag[0].value" },'
        '{ native = ["ap[].l1", "ap[].l2"], common = "applicantBag[].addressBag[0].addressLineBag", gather = true,'
        ' canonical = "A line may be empty.", lossy = "There are two lines." },'
    )
    mapping = workshop.mapping(tmp_path, rule)
    made = round_trip(mapping, ap=[{"n": "X", "l1": "1", "l2": "2"}, {"n": "Y", "l2": "only"}])
    assert [party.address_bag[0].address_line_bag for party in made.applicant_bag] == [("1", "2"), ("only",)]
    party = made.applicant_bag[0]
    long = msgspec.structs.replace(
        party, address_bag=(msgspec.structs.replace(party.address_bag[0], address_line_bag=("1", "2", "3")),)
    )
    _, rendition = write(mapping, msgspec.structs.replace(made, applicant_bag=(long,)))
    assert [loss.path for loss in rendition.losses] == ["/applicantBag/0/addressBag/0/addressLineBag/2"]


def test_a_text_that_is_a_list_is_split_at_its_separator(tmp_path: Path) -> None:
    rule = """{ native = 'iv["; "]', common = "inventorBag[].nameBag[0].value" },"""
    mapping = workshop.mapping(tmp_path, rule)
    made = round_trip(mapping, iv="Probe, Ada; Muster, Ilse")
    assert [party.name_bag[0].value for party in made.inventor_bag] == ["Probe, Ada", "Muster, Ilse"]
    other = msgspec.structs.replace(made, inventor_bag=(Party(name_bag=(Text("a; b"),)),))
    with pytest.raises(MappingError, match="holds the separator"):
        write(mapping, other)


def test_one_entry_may_stand_without_its_list(tmp_path: Path) -> None:
    mapping = workshop.mapping(
        tmp_path, '{ native = "ap[?].n", common = "applicantBag[].nameBag[0].value", canonical = "One stands alone." },'
    )
    for written in ({"n": "X"}, [{"n": "X"}], {"0": {"n": "X"}, "1": {"n": "Y"}}):
        assert round_trip(mapping, ap=written).applicant_bag[0].name_bag[0].value == "X"


def test_a_list_where_none_is_expected_is_refused_at_its_place(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "ap[].n", common = "applicantBag[].nameBag[0].value" },')
    with pytest.raises(MappingError, match=r"mapping\.shape") as caught:
        read(mapping, ap={"n": "X"})
    assert caught.value.where == "the native record: /ap"
    with pytest.raises(MappingError, match=r"mapping\.shape") as caught:
        read(mapping, ap=[{"n": "X"}, "Y"])
    assert caught.value.where == "the native record: /ap/1"


def test_two_lists_make_one_and_are_told_apart_again(tmp_path: Path) -> None:
    rules = """
      { native = "pr[]", common = "classificationBag[].symbol" },
      { in = "pr[]", common = "classificationBag[].system", const = "IPC" },
      { native = "cp[]", common = "classificationBag[].symbol" },
      { in = "cp[]", common = "classificationBag[].system", const = "CPC" },
    """
    emit = 'lost = [ { common = "classificationBag", reason = "IPC and CPC alone, in this order." } ]'
    mapping = workshop.mapping(tmp_path, rules, emit=emit)
    made = round_trip(mapping, cp=["B"], pr=["A", "C"])
    assert [(each.system, each.symbol) for each in made.classification_bag] == [
        ("IPC", "A"),
        ("IPC", "C"),
        ("CPC", "B"),
    ]
    turned = msgspec.structs.replace(made, classification_bag=made.classification_bag[::-1])
    _, rendition = write(mapping, turned)
    assert [(loss.path, loss.effect) for loss in rendition.losses] == [("/classificationBag", "reordered")]
    foreign = msgspec.structs.replace(
        made, classification_bag=(msgspec.structs.replace(made.classification_bag[0], system="Nice"),)
    )
    written, rendition = write(mapping, foreign)
    assert "pr" not in written
    assert [(loss.path, loss.effect) for loss in rendition.losses] == [("/classificationBag", "dropped")]


def test_a_condition_decides_on_both_sides(tmp_path: Path) -> None:
    rules = """
      { native = "st", common = "statusCode", when = { native = "rt", common = "right", is = "P" }, way = "read" },
      { native = "sx", common = "statusCode", when = { native = "rt", is_not = ["P"] }, way = "read" },
      { native = "st", common = "statusCode", when = { common = "right", is = "patent" }, way = "write" },
      { native = "sx", common = "statusCode", when = { common = "right", is_not = "patent" }, way = "write" },
    """
    mapping = workshop.mapping(tmp_path, rules)
    assert record(read(mapping, st="A", sx="B")).status_code == "A"
    assert record(read(mapping, rt="D", st="A", sx="B")).status_code == "B"
    assert write(mapping, record(read(mapping, st="A")))[0] == {**BASE, "st": "A"}
    assert write(mapping, record(read(mapping, rt="D", sx="B")))[0] == {**BASE, "rt": "D", "sx": "B"}


def test_a_member_that_is_only_written_follows_from_another(tmp_path: Path) -> None:
    rules = """
      { native = "st", common = "statusCode" },
      { native = "again", common = "statusCode", way = "write", lossy = "It repeats the status." },
    """
    mapping = workshop.mapping(tmp_path, rules)
    assert write(mapping, record(read(mapping, st="A")))[0]["again"] == "A"
    round_trip(mapping, st="A", again="A")
    round_trip(mapping, st="A", again="something else")
    round_trip(mapping, st="A")


def test_a_default_is_left_out_where_the_office_does(tmp_path: Path) -> None:
    rule = '{ native = "cf", common = "confidential", terse = true, canonical = "Open is said by leaving it out." },'
    mapping = workshop.mapping(tmp_path, rule)
    assert write(mapping, record(read(mapping)))[0] == BASE
    assert round_trip(mapping, cf=False).confidential is False
    assert round_trip(mapping, cf=True).confidential is True


def test_a_constant_is_set_and_refuses_others(tmp_path: Path) -> None:
    rules = workshop.RULES.replace('{ native = "of", common = "office" }', '{ common = "office", const = "XA" }')
    mapping = load(workshop.folder(tmp_path, workshop.text(rules)))
    made = record(mapping.to_common(NativeRecord("small", b'{"nr": "XA-2026-000001", "rt": "P"}')))
    assert made.office == "XA"
    with pytest.raises(MappingError, match="this format holds 'XA' alone"):
        mapping.to_native([msgspec.structs.replace(made, office="XB")])


def test_a_missing_member_is_named_with_where_it_is_read_from(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path)
    with pytest.raises(MappingError, match="Application needs applicationNumber; it is read from nr"):
        mapping.to_common(NativeRecord("small", b'{"of": "XA", "rt": "P"}'))


def test_a_value_that_no_common_record_may_hold_is_named(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path, '{ native = "fd", common = "filingDate" },')
    with pytest.raises(MappingError, match=r"mapping\.invalid.*filingDate"):
        read(mapping, fd="1 May")
    with pytest.raises(InputError, match=r"record\.no-date"):
        read(mapping, fd="2026-02-30")


def test_another_format_and_another_kind_of_record_are_refused(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path)
    with pytest.raises(MappingError, match=r"mapping\.other-format"):
        mapping.to_common(NativeRecord("smaller", b"{}"))
    event = LegalStatusEvent(
        "XA", Identifier("xa-application", "XA", "XA-2026-000001", "XA-2026-000001"), "ST.27", "A10"
    )
    with pytest.raises(MappingError, match=r"mapping\.no-place"):
        mapping.to_native([event])
    with pytest.raises(MappingError, match="no record was given"):
        mapping.to_native([])
    one = record(read(mapping))
    with pytest.raises(MappingError, match=r"mapping\.one-at-a-time"):
        mapping.to_native([one, one])


def test_bytes_that_are_no_residue_are_refused(tmp_path: Path) -> None:
    mapping = workshop.mapping(tmp_path)
    one = record(read(mapping))
    for residue in (b"{", b"[]", b'{"other":[]}', b'{"set":1}', b'{"set":[[1,2]]}', b'{"set":[[[1.5],2]]}', b"\xff"):
        with pytest.raises(InputError):
            mapping.to_native([one], residue)
    assert write(mapping, one, b'{"set":[[["nr","deeper"],2],[[],1],[["x",0],1]]}')[0] == BASE


def test_entries_are_known_again_by_their_key(tmp_path: Path) -> None:
    rules = '{ native = "iv[].n", common = "inventorBag[].nameBag[0].value", key = true },'
    mapping = workshop.mapping(tmp_path, rules)
    translation = read(mapping, iv=[{"n": "Ada", "odd": 1}, {"n": "Ilse", "odd": 2}])
    made = record(translation)
    turned = msgspec.structs.replace(made, inventor_bag=made.inventor_bag[::-1])
    assert write(mapping, turned, translation.residue)[0]["iv"] == [{"n": "Ilse", "odd": 2}, {"n": "Ada", "odd": 1}]
    fewer = msgspec.structs.replace(made, inventor_bag=made.inventor_bag[1:])
    assert write(mapping, fewer, translation.residue)[0]["iv"] == [{"n": "Ilse", "odd": 2}]
