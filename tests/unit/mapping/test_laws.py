"""The three laws of every mapping, on a thousand instances generated from its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import MappingError
from gateway.mapping import Loss, Mapping, MappingLibrary, Translation
from gateway.mapping.explain import Node
from gateway.model import identifiers
from gateway.model import records as model
from gateway.model.records import CommonRecord, OwnershipTransfer
from gateway.spi import NativeRecord
from tests import strategies as common
from tests.unit.mapping import natives

LIBRARY = MappingLibrary.shipped()
ODP, SANDBOX, EVM = (LIBRARY.by_format(name) for name in ("uspto-odp", "register-sandbox", "register-evm"))
THOUSAND = settings(
    max_examples=1000,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def _one_number_each(tree: Any) -> bool:
    """An answer with one application twice is refused; that is another test."""
    numbers = [
        identifiers.normalise("us-application", each["applicationNumberText"]) for each in tree.get("patentBag", ())
    ]
    return len(set(numbers)) == len(numbers)


def _native(mapping: Mapping) -> st.SearchStrategy[NativeRecord]:
    schema = natives.load(natives.shipped_schema(mapping))
    if mapping.spec.syntax == "abi":
        content = natives.of_abi(mapping, schema)
    else:
        content = (
            natives.of_schema(schema, extras=True).filter(_one_number_each).map(lambda tree: json.dumps(tree).encode())
        )
    return content.map(lambda data: NativeRecord(mapping.format, data))


@st.composite
def _filed_at_uspto(draw: st.DrawFn) -> tuple[CommonRecord, ...]:
    """An application of the US office with its events and transfers, as it may come from elsewhere."""
    right = draw(st.sampled_from(["patent", "design"]))
    application = msgspec.structs.replace(draw(common.applications("US")), confidential=False, right=right)
    own = application.application_number
    events = draw(st.lists(common.legal_status_events("US"), max_size=1))
    transfers = draw(st.lists(common.ownership_transfers("US"), max_size=1))
    return (
        application,
        *(
            msgspec.structs.replace(each, application_number=own, national_code=each.national_code or "CTNF")
            for each in events
        ),
        *(
            msgspec.structs.replace(each, application_number_bag=(own, *each.application_number_bag[1:]))
            for each in transfers
        ),
    )


NATIVE = {mapping.format: _native(mapping) for mapping in (ODP, SANDBOX, EVM)}

# ── Comparing ────────────────────────────────────────────────────────────────────────────────────────────────────


def steps_of(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def at(tree: Any, pointer: str) -> Any:
    for step in steps_of(pointer):
        if isinstance(tree, dict):
            tree = tree.get(step, Ellipsis)
        elif isinstance(tree, (list, tuple)) and step.isdigit() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return Ellipsis
    return tree


def less(tree: Any, losses: Iterable[Loss]) -> Any:
    """The tree without what is named as dropped; entries are taken out from behind, so that places stay."""
    made = json.loads(json.dumps(tree))
    dropped = [steps_of(loss.path) for loss in losses if loss.effect == "dropped"]
    for steps in sorted(
        dropped, key=lambda steps: [int(step) if step.isdigit() else -1 for step in steps], reverse=True
    ):
        holder = made
        for step in steps[:-1]:
            holder = holder[int(step)] if isinstance(holder, list) else holder[step]
        if isinstance(holder, list):
            del holder[int(steps[-1])]
        else:
            del holder[steps[-1]]
    return _without_nothing(made)


def _without_nothing(tree: Any) -> Any:
    """Objects and lists that hold nothing say nothing, except as entries of a list."""
    if isinstance(tree, dict):
        members = {name: _without_nothing(member) for name, member in tree.items()}
        return {name: member for name, member in members.items() if member not in ({}, [])}
    if isinstance(tree, (list, tuple)):
        return [_without_nothing(entry) for entry in tree]
    return tree


def differing(given: Any, again: Any, where: str = "") -> Iterable[str]:
    """Every leaf that is not the same, by its pointer in either of the two."""
    if isinstance(given, dict) and isinstance(again, dict):
        for name in sorted(set(given) | set(again)):
            step = name.replace("~", "~0").replace("/", "~1")
            yield from differing(given.get(name, Ellipsis), again.get(name, Ellipsis), f"{where}/{step}")
    elif isinstance(given, (list, tuple)) and isinstance(again, (list, tuple)):
        for index in range(max(len(given), len(again))):
            yield from differing(
                given[index] if index < len(given) else Ellipsis,
                again[index] if index < len(again) else Ellipsis,
                f"{where}/{index}",
            )
    elif type(given) is not type(again) or given != again:
        yield where


def assert_named(given: CommonRecord, again: CommonRecord, losses: list[Loss]) -> None:
    """`again` is `given` less the loss report, and every loss is a difference."""
    before, after = msgspec.to_builtins(given), msgspec.to_builtins(again)
    told = [loss.path for loss in losses if loss.effect != "dropped"]
    for pointer in differing(less(before, losses), _without_nothing(after)):
        assert any(pointer == path or pointer.startswith(f"{path}/") for path in told), f"{pointer}: no loss names it"
    for loss in losses:
        assert at(before, loss.path) != at(after, loss.path), f"{loss} is no difference"
        assert len(loss.reason) > 3


def same_bytes(mapping: Mapping, given: bytes, again: bytes) -> bool:
    if mapping.spec.syntax == "abi":
        return given == again
    return _digits(given) == _digits(again)


def _digits(data: bytes) -> Any:
    """JCS where it is defined; where a number is beyond it, its very digits."""
    tree = json.loads(data)
    try:
        return rfc8785.dumps(tree)
    except rfc8785.CanonicalizationError:
        return json.dumps(tree, sort_keys=True)


# ── The laws ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mapping", [ODP, SANDBOX, EVM], ids=lambda mapping: mapping.format)
def test_native_to_common_to_native_is_equal_and_a_way_round_differs_only_as_reported(mapping: Mapping) -> None:
    @THOUSAND
    @given(NATIVE[mapping.format])
    def law(native: NativeRecord) -> None:
        translation = mapping.to_common(native)
        assert translation == mapping.to_common(native)
        for translated in translation.records:
            assert model.decode(model.encode(translated.record)) == translated.record
        back = mapping.to_native([each.record for each in translation.records], translation.residue)
        assert same_bytes(mapping, native.content, back.native.content)
        assert back.losses == ()
        for other in (SANDBOX, EVM):
            if other is not mapping:
                assert_way_round(mapping, other, native, translation)

    law()


def assert_way_round(mapping: Mapping, other: Mapping, native: NativeRecord, translation: Translation) -> None:
    """A → common → B → common → A."""
    returned: list[CommonRecord] = []
    losses: list[list[Loss]] = []
    for translated in translation.records:
        rendition = other.to_native([translated.record])
        (back,) = other.to_common(rendition.native).records
        assert_named(translated.record, back.record, list(rendition.losses))
        returned.append(back.record)
        losses.append(list(rendition.losses))
    home = mapping.to_native(returned, translation.residue)
    if not any(losses):
        assert same_bytes(mapping, native.content, home.native.content)
        assert home.losses == ()
        return
    again = mapping.to_common(home.native).records
    assert [each.index for each in again] == [each.index for each in translation.records]
    for number, (before, after) in enumerate(zip(returned, again, strict=True)):
        assert_named(before, after.record, [loss for loss in home.losses if loss.record == number])
    for pointer in differing(mapping.form.decode(native.content), mapping.form.decode(home.native.content)):
        assert explained(mapping, pointer, translation.records, losses), f"{pointer} differs without a reason"


@THOUSAND
@given(common.common_records())
def test_common_to_native_to_common_is_the_record_less_the_loss_report(record: CommonRecord) -> None:
    for mapping in (SANDBOX, EVM):
        assert_less_the_losses(mapping, (record,))


@THOUSAND
@given(_filed_at_uspto())
def test_an_application_with_its_events_comes_back_less_the_loss_report(records: tuple[CommonRecord, ...]) -> None:
    try:
        assert_less_the_losses(ODP, records)
    except MappingError as error:
        # a transfer that says nothing of itself leaves no trace in the answer: it is refused, never dropped
        if error.code != "mapping.unreadable":
            raise
        assert any(isinstance(one, OwnershipTransfer) and not one.assignor_bag for one in records)


def assert_less_the_losses(mapping: Mapping, records: tuple[CommonRecord, ...]) -> None:
    rendition = mapping.to_native(records)
    again = [each.record for each in mapping.to_common(rendition.native).records]
    assert len(again) == len(records)
    for number, (given_record, record) in enumerate(zip(records, again, strict=True)):
        assert_named(given_record, record, [loss for loss in rendition.losses if loss.record == number])
    # what came back is held without any loss: a second way changes nothing
    assert mapping.to_native(again).losses == ()


def explained(mapping: Mapping, pointer: str, records: Any, losses: list[list[Loss]]) -> bool:
    """Whether a native difference lies where a lost place is read from, or in the list entry that is known by it."""
    told = {
        (type(each.record).__name__, tuple(step for step in steps_of(loss.path) if not step.isdigit()))
        for each, mine in zip(records, losses, strict=True)
        for loss in mine
    }
    steps = tuple(step for step in steps_of(pointer) if not step.isdigit())
    for emit in mapping.spec.emits:
        for rule in emit.rules:
            names = tuple(step for step in rule.common or () if isinstance(step, str))
            if any(
                kind == emit.record and (lost[: len(names)] == names or names[: len(lost)] == lost)
                for kind, lost in told
            ):
                for path in rule.natives:
                    native = tuple(step for step in _stands_with(mapping, path, rule.key) if isinstance(step, str))
                    if steps[: len(native)] == native or native[: len(steps)] == steps:
                        return True
    return False


def _stands_with(mapping: Mapping, path: Any, key: bool) -> Any:
    """The place that stands or falls with the value at `path`: the entry that it makes known, else the place itself."""
    node: Node | None = mapping.native_ground
    lists = [index for index, step in enumerate(path) if not isinstance(step, str)]
    for index, step in enumerate(path):
        node = node.step(step if isinstance(step, str) else 1) if node is not None else None
        if index in lists and node is not None and (not node.keys or (key and index == lists[-1])):
            return path[:index]
    return path
