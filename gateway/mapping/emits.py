"""One emit: which common records come out of a native one, and where each is written.

An emit with `each = "patentBag[].transactionContentBag[]"` has three depths: the root, an entry of `patentBag`, and an
entry of `transactionContentBag`. A rule reads from the deepest of them that its path goes through, so an event takes
its number from the application that it stands in (it *inherits* it). On the way back the same number says which
application it is written into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import fault
from gateway.mapping.access import MISSING, Place, Put, Refusal, Take, place, putter, taker
from gateway.mapping.dispatch import Note
from gateway.mapping.language import EmitSpec, RuleSpec
from gateway.mapping.paths import Each, Path, first_each, lists, show
from gateway.mapping.rules import UNFIT, Bound, Compiler, Group, as_list, tester
from gateway.mapping.shape import KINDS
from gateway.mapping.tables import Table

__all__ = ["NO_HOLDER", "Emit", "Holder", "compile_emit"]

NO_HOLDER = fault(
    "mapping.no-holder",
    "The format holds such a record only inside another one, which is not among the records.",
    "Give the records of one application together, or send this kind of record to a network with a format for it.",
)
TOGETHER = fault(
    "mapping.one-at-a-time",
    "The format holds one such record at a time.",
    "Write each of them as a native record of its own.",
)

AMBIGUOUS = fault(
    "mapping.ambiguous",
    "Two entries of one native record answer to one number, so that it is not said which of them others belong to.",
    "Write each of them as a native record of its own.",
)


@dataclass(slots=True)
class Holder:
    """The root, or an entry of a list that records are written into. `marks` are the numbers that it answers to."""

    native: dict[str, Any]
    where: Place = ()
    owned: bool = False
    marks: dict[Path, Any] = field(default_factory=dict)
    children: dict[Path, list[Holder]] = field(default_factory=dict)


@dataclass(slots=True)
class _Depth:
    """What an emit reads from, and writes to, at one depth of its `each`."""

    prefix: Path
    group: Group
    marks: tuple[tuple[Path, Take], ...]
    take: Take
    """From the depth before to the list."""
    put: Put
    step: Each
    where: Place


@dataclass(slots=True)
class Unless:
    """A number that a record leaves out where it is its own: taken out after reading, put in before writing."""

    outer: str | None
    inner: str
    own: Take

    def read(self, out: dict[str, Any]) -> None:
        own = _mark(self.own(out))
        for holder in (out,) if self.outer is None else out.get(self.outer, ()):
            if self.inner in holder and _mark(holder[self.inner]) == own:
                del holder[self.inner]

    def write(self, record: dict[str, Any]) -> dict[str, Any]:
        own = self.own(record)
        if own is MISSING:
            return record
        if self.outer is None:
            return record if self.inner in record else {**record, self.inner: own}
        if self.outer not in record:
            return record
        entries = tuple(entry if self.inner in entry else {**entry, self.inner: own} for entry in record[self.outer])
        return {**record, self.outer: entries}


@dataclass(slots=True)
class Emit:
    """One compiled emit."""

    spec: EmitSpec
    kind: Any
    """The struct of the common record."""
    depths: tuple[_Depth, ...]
    top: Group
    unless: tuple[Unless, ...]
    asked: tuple[tuple[int, Callable[[Any], bool]], ...]
    asked_common: tuple[Callable[[Any], bool], ...]
    sets: tuple[tuple[int, Put, Any], ...]
    owned_elsewhere: frozenset[Path] = frozenset()
    """Depths of this emit that another emit of the mapping makes the entries of."""

    # reading

    def read(self, root: Any, notes: list[Note]) -> Iterator[tuple[int, Place, dict[str, Any]]]:
        """Every common tree: its position in `each`, the native place that it stands at, and itself. Raises Refusal."""
        if len(self.depths) == 1:
            for _, test in self.asked:
                if not test(root):
                    return
            out: dict[str, Any] = {}
            for read in self.depths[0].group.readers:
                read(root, out, notes)
            self._finish(out)
            yield 0, (), out
            return
        for position, (scopes, places) in enumerate(self._rows(root)):
            if scopes[-1] is None or not all(test(scopes[depth]) for depth, test in self.asked):
                continue
            out = {}
            for depth in range(len(self.depths) - 1, -1, -1):
                before = len(notes)
                where = places[depth]
                try:
                    for read in self.depths[depth].group.readers:
                        read(scopes[depth], out, notes)
                except Refusal as refusal:
                    raise refusal.under(*where) from None
                for at in range(before, len(notes)):
                    inside, effect, reason = notes[at]
                    notes[at] = ((*where, *inside), effect, reason)
                if not out:
                    break
            if out:
                self._finish(out)
                yield position, places[-1], out

    def _finish(self, out: dict[str, Any]) -> None:
        for finish in self.top.finishers:
            finish(out)
        for finish in self.top.derivations:
            finish(out)
        for each in self.unless:
            each.read(out)

    def _rows(self, root: Any) -> list[tuple[tuple[Any, ...], tuple[Place, ...]]]:
        rows: list[tuple[tuple[Any, ...], tuple[Place, ...]]] = [((root,), ((),))]
        for depth in self.depths[1:]:
            deeper: list[tuple[tuple[Any, ...], tuple[Place, ...]]] = []
            for scopes, places in rows:
                try:
                    items = depth.take(scopes[-1])
                    if items is MISSING or items is None:
                        continue
                    if type(items) is not list:
                        items = as_list(items, depth.step, depth.where)
                except Refusal as refusal:
                    raise refusal.under(*places[-1]) from None
                for index, item in enumerate(items):
                    deeper.append(((*scopes, item), (*places, (*places[-1], *depth.where, index))))
            rows = deeper
        return rows

    # writing

    def takes(self, record: Any) -> Refusal | None:
        """None where this emit can write the record; else the reason why it cannot."""
        for test in self.asked_common:
            if not test(record):
                return Refusal(UNFIT, "the emit's condition does not hold", ())
        for accept in self.top.accepts:
            if accept.strict and not accept.holds(record):
                return Refusal(UNFIT, accept.detail, accept.where)
        return None

    def write(self, record: Any, root: Holder) -> Place:
        """Writes one common tree below `root` and says at which native place it stands. Raises Refusal."""
        for unless in self.unless:
            record = unless.write(record)
        holder = root
        last = len(self.depths) - 1
        for number, depth in enumerate(self.depths):
            marks = {path: _mark(take(record)) for path, take in depth.marks}
            holder = self._holder(holder, depth, marks, own=number == last, first=number == 0)
            for path, mark in marks.items():
                holder.marks.setdefault(path, mark)
            for at, put, value in self.sets:
                if at == number:
                    put(holder.native, value)
            for write in depth.group.writers:
                write(record, holder.native)
        return holder.where

    def _holder(self, above: Holder, depth: _Depth, marks: dict[Path, Any], *, own: bool, first: bool) -> Holder:
        if own:
            if first:
                if above.owned:
                    raise Refusal(TOGETHER, "", ())
                made = above
            else:
                if marks and any(each.marks == marks for each in above.children.get(depth.prefix, ())):
                    raise Refusal(AMBIGUOUS, "", ())
                made = self._entry(above, depth)
            made.owned = True
            return made
        choices = (above,) if first else above.children.get(depth.prefix, ())
        for choice in choices:
            if all(path in choice.marks and choice.marks[path] == mark for path, mark in marks.items()):
                return choice
            if first and not any(path in choice.marks for path in marks):
                if depth.prefix in self.owned_elsewhere and not choice.owned:
                    break
                return choice
        if first or depth.prefix in self.owned_elsewhere:
            raise Refusal(NO_HOLDER, "", ())
        return self._entry(above, depth)

    def _entry(self, above: Holder, depth: _Depth) -> Holder:
        items = depth.take(above.native)
        if items is MISSING:
            items = []
            depth.put(above.native, items)
        made = Holder({}, (*above.where, *depth.where, len(items)))
        items.append(made.native)
        above.children.setdefault(depth.prefix, []).append(made)
        return made


def _mark(value: Any) -> Any:
    """What two writings of one number have in common."""
    if type(value) is dict and "normalised" in value:
        return value.get("scheme"), value.get("office"), value["normalised"]
    return None if value is MISSING else value


def _prefixes(each: Path) -> list[Path]:
    return [(), *(each[: index + 1] for index, segment in enumerate(each) if isinstance(segment, Each))]


def compile_emit(
    spec: EmitSpec, all_emits: tuple[EmitSpec, ...], tables: Mapping[str, Table], where: str, *, fills: bool
) -> Emit:
    """The closures of one emit. Raises InputError at the line of the rule that cannot be."""
    compiler = Compiler(spec, tables, where, fills=fills)
    prefixes = _prefixes(spec.each)
    bounds: list[list[Bound]] = [[] for _ in prefixes]
    top: list[Bound] = []
    loose: list[Bound] = []
    for rule in spec.rules:
        common = rule.common or ()
        if not rule.natives:
            bound = Bound(rule, (), common, common)
            (top if first_each(common) is None else loose).append(bound)
            continue
        depth = _depth_of(rule.natives[0], prefixes)
        prefix = prefixes[depth]
        if any(path[: len(prefix)] != prefix for path in rule.natives):
            raise compiler.fail(rule.line, "the native paths of one rule stand in one list")
        natives = tuple(path[len(prefix) :] for path in rule.natives)
        if any(not path for path in natives):
            raise compiler.fail(rule.line, "entries of each are objects: name one of their members")
        bounds[depth].append(Bound(rule, natives, common, common))
    for bound in loose:
        at = first_each(bound.common) or 0
        homes = [
            depth
            for depth, members in enumerate(bounds)
            if any(each.natives and each.common[: at + 1] == bound.common[: at + 1] for each in members)
        ]
        if not homes:
            raise compiler.fail(bound.rule.line, f"no rule reads entries of {show(bound.common[: at + 1])!r}")
        for depth in homes:
            bounds[depth].append(bound)
    compiler.check_paths()
    depths: list[_Depth] = []
    for number, prefix in enumerate(prefixes):
        before = prefixes[number - 1] if number else ()
        inside = prefix[len(before) :]
        step = inside[-1] if inside else Each()
        shared = None if number < len(prefixes) - 1 else _inherited(prefix, spec, all_emits)
        marks = tuple(
            (bound.rule.natives[0], taker(bound.common))
            for bound in bounds[number]
            if len(bound.natives) == 1
            and bound.rule.way == "both"
            and first_each(bound.natives[0]) is None
            and first_each(bound.common) is None
            and (shared is None or bound.rule.natives[0] in shared)
        )
        depths.append(
            _Depth(
                prefix=prefix,
                group=compiler.group(bounds[number]),
                marks=marks,
                take=taker(inside[:-1]),
                put=putter(inside[:-1], list),
                step=step if isinstance(step, Each) else Each(),
                where=place(inside),
            )
        )
    asked, asked_common, sets = _conditions(spec, prefixes)
    return Emit(
        spec,
        KINDS[spec.record],
        tuple(depths),
        compiler.group(top),
        tuple(_unless(rule, compiler) for rule in spec.rules if rule.unless is not None),
        asked,
        asked_common,
        sets,
        frozenset(other.each for other in all_emits if other is not spec),
    )


def _unless(rule: RuleSpec, compiler: Compiler) -> Unless:
    names = [segment for segment in rule.common or () if isinstance(segment, str)]
    if len(names) != len(rule.common or ()) - len(lists(rule.common or ())) or len(names) != 1 + len(
        lists(rule.common or ())
    ):
        raise compiler.fail(rule.line, "unless stands on a member of the record, or of the entries of one of its lists")
    return Unless(names[0] if len(names) == 2 else None, names[-1], taker(rule.unless or ()))


def _inherited(prefix: Path, spec: EmitSpec, all_emits: tuple[EmitSpec, ...]) -> frozenset[Path]:
    """The native paths at the entries of `prefix` that other emits, whose entries stand deeper, read too."""
    return frozenset(
        rule.natives[0]
        for other in all_emits
        if other is not spec and len(other.each) > len(prefix) and other.each[: len(prefix)] == prefix
        for rule in other.rules
        if rule.natives and rule.way == "both"
    )


def _depth_of(native: Path, prefixes: list[Path]) -> int:
    return max(depth for depth, prefix in enumerate(prefixes) if native[: len(prefix)] == prefix)


def _conditions(
    spec: EmitSpec, prefixes: list[Path]
) -> tuple[
    tuple[tuple[int, Callable[[Any], bool]], ...], tuple[Callable[[Any], bool], ...], tuple[tuple[int, Put, Any], ...]
]:
    when = spec.when
    if when is None:
        return (), (), ()
    test = tester(when)
    asked: list[tuple[int, Callable[[Any], bool]]] = []
    asked_common: list[Callable[[Any], bool]] = []
    sets: list[tuple[int, Put, Any]] = []
    if when.native is not None:
        depth = _depth_of(when.native, prefixes)
        inside = when.native[len(prefixes[depth]) :]
        take = taker(inside)
        asked.append((depth, lambda scope: test(take(scope))))
        if when.values is not None and len(when.values) == 1 and not when.unlike:
            sets.append((depth, putter(inside, list), when.values[0]))
    if when.common is not None:
        take_common = taker(when.common)
        asked_common.append(lambda record: test(take_common(record)))
    return tuple(asked), tuple(asked_common), tuple(sets)
