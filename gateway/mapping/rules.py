"""Rules become closures, once; after that a record is read and written without looking at a rule again.

Reading goes from a native tree to common trees (dicts, tuples, values), writing from common trees to a native tree
(dicts, lists, values). The rules of one emit are sorted by the list that they stand in: `inventorBag[].name` and
`inventorBag[].address` are two fields of one list, whose entries keep their order.

A rule that stands alone with its two places is dispatched by member (`gateway.mapping.dispatch`). Rules that depend on
more than the value at their place (a condition, several parts, a place shared with another rule, a value that is
written where nothing is said) look into the whole object, in the order in which they stand in the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import InputError, fault
from gateway.mapping import shape as shapes
from gateway.mapping import transforms
from gateway.mapping.access import ITEM, MISSING, SHAPE, Place, Refusal, Take, place, putter, same, taker
from gateway.mapping.dispatch import Note, Reader, Switch, Writer, read_switch, write_switch
from gateway.mapping.language import BAD_FILE, Condition, EmitSpec, RuleSpec
from gateway.mapping.paths import Each, Path, first_each, lists, show
from gateway.mapping.tables import Table, Unknown, Unmapped
from gateway.mapping.transforms import Unfit

__all__ = ["UNFIT", "Accept", "Bound", "Compiler", "Finisher", "Group", "as_list", "tester"]

UNFIT = fault(
    "mapping.value",
    "A value does not fit its rule.",
    "Correct it at its source, or give the rule a transform that takes it.",
)
UNKNOWN_CODE = fault(
    "mapping.unknown-code",
    "A closed table does not know a code.",
    "If the office has a new code, a new version of the mapping adds it to the table; else correct it at its source.",
)

Finisher = Callable[[dict[str, Any]], None]
Value = Callable[[Any, list[Note]], Any]
"""Takes a native value; gives a common one, or MISSING."""


@dataclass(slots=True)
class Bound:
    """A rule with its paths as seen from the list that it stands in; `full` is its whole common path."""

    rule: RuleSpec
    natives: tuple[Path, ...]
    common: Path
    full: Path


@dataclass(slots=True)
class Accept:
    """A constant: what a common record must say to be written here. `strict` where anything else is refused."""

    holds: Callable[[Any], bool]
    detail: str
    where: Place
    strict: bool


@dataclass(slots=True)
class Group:
    """The rules of one object: what is read from it, what is set after that, what is written into it."""

    readers: tuple[Reader, ...] = ()
    finishers: tuple[Finisher, ...] = ()
    derivations: tuple[Finisher, ...] = ()
    writers: tuple[Writer, ...] = ()
    accepts: tuple[Accept, ...] = ()


Entries = Callable[[Sequence[tuple[int, Any]], dict[str, Any]], None]


@dataclass(slots=True)
class _List:
    """One native list and the common list that its entries go to."""

    native: Path
    common: Path
    line: int
    read: Reader
    write: Entries
    accepts: tuple[Accept, ...]


@dataclass(slots=True)
class _Parts:
    """The rules of one object: of itself, of its lists, and those for entries of a list without a native path."""

    plain: list[Bound] = field(default_factory=list)
    lists: dict[tuple[Path, Path], list[Bound]] = field(default_factory=dict)
    loose: list[tuple[Path, Bound]] = field(default_factory=list)


class Compiler:
    """Compiles the rules of one emit. Every method raises InputError at the line of a rule that cannot be."""

    def __init__(self, emit: EmitSpec, tables: Mapping[str, Table], where: str, *, fills: bool) -> None:
        """`fills`: the format itself writes the `absent` value where nothing is said (an ABI struct)."""
        self.emit, self.tables, self.where, self.fills = emit, tables, where, fills
        self.shape = shapes.of(emit.record)

    def fail(self, line: int, text: str) -> InputError:
        return InputError(BAD_FILE, text, where=f"{self.where}:{line}")

    def check_paths(self) -> None:
        """That every common path exists, and no path leads through a place that another rule holds a value at."""
        for rule in self.emit.rules:
            self.default(rule)
        for side in ("native", "common"):
            # one common list may come from several native ones, whose entries look different
            held: dict[tuple[Path, Path], int] = {}
            for rule in self.emit.rules:
                for native in rule.natives[:1]:
                    at = lists(native)
                    home = native[: at[-1] + 1] if at and side == "common" else ()
                    for path in rule.natives if side == "native" else (rule.common or (),):
                        held.setdefault((home, path), rule.line)
            for (home, path), line in held.items():
                for cut in range(1, len(path)):
                    if (home, path[:cut]) in held:
                        raise self.fail(
                            line, f"{side}: {show(path)!r} leads through {show(path[:cut])!r}, which holds a value"
                        )

    def default(self, rule: RuleSpec) -> Any:
        """What the encoded record leaves out at the rule's place because a reader supplies it; None for nothing."""
        if rule.common is None:
            return None
        member = shapes.find(self.shape, rule.common)
        if member is None:
            raise self.fail(rule.line, f"{self.emit.record} has no {show(rule.common)!r}")
        whole = rule.derive is not None or rule.gather or any(each.startswith("identifier") for each in rule.chain)
        if not whole and (member.shape.members is not None or member.shape.item is not None):
            raise self.fail(rule.line, f"{show(rule.common)!r} is no single value: name its members or entries")
        return member.default

    def _chain(self, rule: RuleSpec) -> tuple[Take | None, Take | None, Table | None]:
        """Reading, writing, and the open table that a reading may end in."""
        try:
            steps = [transforms.build(text, self.tables) for text in rule.chain]
        except transforms.BadTransform as error:
            raise self.fail(rule.line, str(error)) from error
        tables = [step.table for step in steps if step.table is not None and step.table.unmapped is not None]
        if tables and steps[-1].table is not tables[-1]:
            raise self.fail(rule.line, "an open table stands last in `as`")
        return (
            _composed(tuple(step.read for step in steps)),
            _composed(tuple(step.write for step in reversed(steps))),
            tables[-1] if tables else None,
        )

    # ── Reading one rule ─────────────────────────────────────────────────────────────────────────────────────────

    def value(self, bound: Bound) -> Value:
        """What one rule with one native path makes of the value that stands there (not null)."""
        rule = bound.rule
        convert, _, table = self._chain(rule)
        where = place(bound.natives[0])
        nothing = rule.fillers + ((rule.absent,) if rule.has_absent else ())
        if convert is None and not nothing:
            return lambda value, _notes: value
        unreadable = rule.unreadable

        def read(value: Any, notes: list[Note]) -> Any:
            for each in nothing:
                if value == each and type(value) is type(each):
                    return MISSING
            if convert is None:
                return value
            try:
                made = convert(value)
            except Unfit as error:
                if unreadable is not None:
                    notes.append((where, "set-aside", unreadable))
                    return MISSING
                raise _refused(error, where) from None
            if made is None:
                return MISSING
            if table is not None and type(made) is Unmapped:
                told = f"The open table {table.name!r} does not know the code; it is kept as it is."
                notes.append((where, "unmapped-code", told))
                return str(made)
            return made

        return read

    def leaf_reader(self, bound: Bound, shared: bool) -> Reader:
        """A rule as a leaf of dispatch: it is given the value at its native place."""
        rule = bound.rule
        default = self.default(rule)
        put = putter(bound.common, tuple)
        name: Any = bound.common[0] if len(bound.common) == 1 else None
        convert, _, table = self._chain(rule)
        simple = name is not None and default is None and not shared
        if simple and convert is None and not rule.fillers and not rule.has_absent:

            def read_as_is(value: Any, out: dict[str, Any], _notes: list[Note]) -> None:
                out[name] = value

            return read_as_is
        plain = table is None and not rule.fillers and rule.unreadable is None and rule.chain[-1:] != ("kind-code",)
        if simple and convert is not None and plain:
            return _converting_reader(name, convert, rule, place(bound.natives[0]))
        value_of = self.value(bound)
        held = taker(bound.common)

        def read(value: Any, out: dict[str, Any], notes: list[Note]) -> None:
            made = value_of(value, notes)
            if (
                made is not MISSING
                and (default is None or made != default)
                and not (shared and held(out) is not MISSING)
            ):
                put(out, made)

        return read

    def _whole_reader(self, bound: Bound, shared: bool) -> Reader:
        """A rule that is given the object that it stands in: with a condition, several parts, or a shared place."""
        rule = bound.rule
        asked = _asked(rule.when, len(rule.natives[0]) - len(bound.natives[0])) if rule.when is not None else None
        if rule.join is not None or rule.gather:
            leaf = self._parts_reader(bound)
        else:
            take, inner = taker(bound.natives[0]), self.leaf_reader(bound, shared)

            otherwise, put, held = rule.otherwise, putter(bound.common, tuple), taker(bound.common)

            def leaf(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
                value = take(scope)
                if value is not MISSING and value is not None:
                    inner(value, out, notes)
                if otherwise is not None and out and held(out) is MISSING:
                    put(out, otherwise)

        if asked is None:
            return leaf
        condition = asked

        def read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
            if condition(scope):
                leaf(scope, out, notes)

        return read

    def _parts_reader(self, bound: Bound) -> Reader:
        rule = bound.rule
        takes = tuple((taker(path), place(path)) for path in bound.natives)
        fillers = rule.fillers
        convert, _, _ = self._chain(rule)
        between = rule.join
        put, held = putter(bound.common, tuple), taker(bound.common)

        def read(scope: Any, out: dict[str, Any], _notes: list[Note]) -> None:
            parts: list[str] = []
            for take, where in takes:
                part = take(scope)
                if part is MISSING or part is None or any(same(part, each) for each in fillers):
                    continue
                if type(part) is int:  # some offices write a number with and without its quotes
                    part = str(part)
                if type(part) is not str:
                    raise Refusal(UNFIT, "not a text", where)
                parts.append(part)
            if not parts or held(out) is not MISSING:
                return
            if between is None:
                put(out, tuple(parts))
                return
            try:
                put(out, between.join(parts) if convert is None else convert(between.join(parts)))
            except Unfit as error:
                raise _refused(error, takes[0][1]) from None

        return read

    def finisher(self, bound: Bound) -> Finisher:
        """What is set after all rules of an object were read: a constant, or a derivation."""
        rule = bound.rule
        if rule.derive is not None:
            return _derivation(bound)
        parent, last = bound.common[:-1], bound.common[-1]
        take, const, default = taker(parent), rule.const, self.default(rule)
        if default is not None and same(const, default):
            return _nothing

        def finish(out: dict[str, Any]) -> None:
            holder = take(out)
            if holder is not MISSING and last not in holder:
                holder[last] = const

        return finish

    # ── Writing one rule ─────────────────────────────────────────────────────────────────────────────────────────

    def leaf_writer(self, bound: Bound, shared: bool) -> Writer:
        """A rule as a leaf of dispatch: it is given the value at its common place."""
        rule = bound.rule
        _, convert, _ = self._chain(rule)
        native = bound.natives[0]
        put = putter(native, list)
        held = _holds(native)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        name: Any = native[0] if len(native) == 1 else None
        if convert is None and name is not None and not shared:

            def write_as_is(value: Any, out: dict[str, Any]) -> None:
                out[name] = value

            return write_as_is
        lossy = rule.lossy is not None

        def write(value: Any, out: dict[str, Any]) -> None:
            if shared and held(out) is not MISSING:
                return
            if convert is not None:
                try:
                    value = convert(value)
                except Unfit as error:
                    if lossy:
                        return
                    raise _refused(error, where) from None
            put(out, value)

        return write

    def _whole_writer(self, bound: Bound, shared: bool) -> Writer:
        rule = bound.rule
        default = None if rule.terse else self.default(rule)
        if rule.join is not None:
            leaf: Writer = self._split_writer(bound)
        elif rule.gather:
            leaf = self._spread_writer(bound)
        else:
            leaf = self.leaf_writer(bound, shared)
        take = _taker_or_default(bound.common, default)
        asked = _asked_common(rule.when, bound) if rule.when is not None and rule.when.common is not None else None
        fills = rule.has_absent and not self.fills
        put, held, absent = putter(bound.natives[0], list), _holds(bound.natives[0]), rule.absent

        def write(record: Any, native: dict[str, Any]) -> None:
            if asked is None or asked(record):
                value = take(record)
                if value is not MISSING:
                    leaf(value, native)
            if fills and held(native) is MISSING:
                put(native, absent)

        return write

    def _split_writer(self, bound: Bound) -> Writer:
        rule = bound.rule
        puts = tuple((_holds(path), putter(path, list)) for path in bound.natives)
        between, lossy, fillers = rule.join or "", rule.lossy is not None, rule.fillers
        _, convert, _ = self._chain(rule)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))

        def write(value: Any, native: dict[str, Any]) -> None:
            try:
                if convert is not None:
                    value = convert(value)
                if type(value) is not str:
                    raise Unfit("not a text")
            except Unfit as error:
                if lossy:
                    return
                raise _refused(error, where) from None
            parts = value.rsplit(between, len(puts) - 1)
            if any(same(part, each) for part in parts for each in fillers):
                parts = [value]  # a part that would be read as nothing: the whole stands in the last member
            # one part is the last, two are the first and the last: a middle name is what is left out most often
            chosen = [*puts[: len(parts) - 1], puts[-1]]
            for (held, put), part in zip(chosen, parts, strict=True):
                if held(native) is MISSING:
                    put(native, part)

        return write

    def _spread_writer(self, bound: Bound) -> Writer:
        puts = tuple(putter(path, list) for path in bound.natives)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        lossy = bound.rule.lossy is not None

        def write(values: Any, native: dict[str, Any]) -> None:
            if len(values) > len(puts) and not lossy:
                raise Refusal(UNFIT, f"{len(values)} entries for {len(puts)} members", where)
            for put, part in zip(puts, values, strict=False):
                put(native, part)

        return write

    # ── Groups ───────────────────────────────────────────────────────────────────────────────────────────────────

    def group(self, bounds: Sequence[Bound]) -> Group:
        """The closures for one object."""
        parts = self._sorted(bounds)
        every = [self._list(native, common, members) for (native, common), members in parts.lists.items()]
        reads, writes = Switch[Reader](), Switch[Writer]()
        readers: list[tuple[int, Reader]] = []
        writers: list[tuple[int, Writer]] = []
        rules = [bound for bound in parts.plain if bound.natives]
        into = Counter(bound.common for bound in rules if bound.rule.way != "write")
        onto = Counter(path for bound in rules if bound.rule.way != "read" for path in bound.natives)
        for bound in rules:
            self._place_rule(bound, into, onto, (reads, readers), (writes, writers))
        several = Counter(each.common for each in every)
        for each in every:
            if several[each.common] == 1 and first_each(each.native) == len(each.native) - 1 and 0 not in each.native:
                reads.add(each.native[:-1], each.read)
            else:
                readers.append((each.line, _list_reader(each)))
        for common in several:
            mine = [each for each in every if each.common == common]
            if len(mine) == 1 and not mine[0].accepts:
                writes.add(common[:-1], _one_list_writer(mine[0]))
            else:
                writes.add(common[:-1], _lists_writer(mine))
        made = Group()
        made.readers = (
            *((read_switch(reads),) if reads else ()),
            *(read for _, read in sorted(readers, key=lambda pair: pair[0])),
        )
        made.writers = (
            *(write for _, write in sorted(writers, key=lambda pair: pair[0])),
            *((write_switch(writes),) if writes else ()),
        )
        if reads.leaves:  # the entry is itself the value
            made.readers = (*reads.leaves, *made.readers[1:])
        consts = [bound for bound in parts.plain if bound.rule.has_const]
        made.finishers = tuple(self.finisher(bound) for bound in consts)
        made.accepts = tuple(
            _accept(bound, self.default(bound.rule), strict=bound.rule.lossy is None) for bound in consts
        )
        made.derivations = tuple(self.finisher(bound) for bound in parts.plain if bound.rule.derive is not None)
        return made

    def _place_rule(
        self,
        bound: Bound,
        into: Counter[Path],
        onto: Counter[Path],
        reading: tuple[Switch[Reader], list[tuple[int, Reader]]],
        writing: tuple[Switch[Writer], list[tuple[int, Writer]]],
    ) -> None:
        rule = bound.rule
        parts = rule.join is not None or rule.gather
        if rule.way != "write":
            shared = into[bound.common] > 1
            if parts or shared or rule.when is not None or rule.otherwise is not None:
                reading[1].append((rule.line, self._whole_reader(bound, shared)))
            else:
                reading[0].add(bound.natives[0], self.leaf_reader(bound, shared))
        if rule.way != "read":
            shared = any(onto[path] > 1 for path in bound.natives)
            always = (self.default(rule) is not None and not rule.terse) or (rule.has_absent and not self.fills)
            if parts or shared or always or rule.when is not None:
                writing[1].append((rule.line, self._whole_writer(bound, shared)))
            else:
                writing[0].add(bound.common, self.leaf_writer(bound, shared))

    def _sorted(self, bounds: Sequence[Bound]) -> _Parts:
        made = _Parts()
        for bound in bounds:
            at = first_each(bound.common)
            native_at = first_each(bound.natives[0]) if bound.natives else None
            if bound.natives and (at is None) != (native_at is None):
                raise self.fail(bound.rule.line, "the two sides do not go through the same number of lists")
            if at is None:
                made.plain.append(bound)
            elif not bound.natives:
                made.loose.append((bound.common[: at + 1], bound))
            else:
                prefix = bound.natives[0][: (native_at or 0) + 1]
                if any(path[: len(prefix)] != prefix for path in bound.natives):
                    raise self.fail(bound.rule.line, "the native paths of one rule stand in one list")
                natives = tuple(path[len(prefix) :] for path in bound.natives)
                made.lists.setdefault((prefix, bound.common[: at + 1]), []).append(
                    Bound(bound.rule, natives, bound.common[at + 1 :], bound.full)
                )
        for common, bound in made.loose:
            wanted = bound.rule.within
            homes = [
                members
                for (_, key), members in made.lists.items()
                if key == common and (wanted is None or _whole_native(members[0])[: len(wanted)] == wanted)
            ]
            if not homes:
                raise self.fail(bound.rule.line, f"no rule reads entries of {show(common)!r} here")
            for members in homes:
                members.append(Bound(bound.rule, (), bound.common[len(common) :], bound.full))
        return made

    def _list(self, native: Path, common: Path, members: list[Bound]) -> _List:
        step = native[-1]
        if not isinstance(step, Each):  # pragma: no cover - the prefix was cut behind a list step
            raise TypeError(native)
        first = members[0]
        where, line = place(native), first.rule.line
        put, held = putter(common[:-1], tuple), taker(common[:-1])
        scalar = all(not bound.natives[0] for bound in members if bound.natives)
        if len(members) == 1 and not first.common:
            if first.rule.way != "both" or first.rule.when is not None:
                raise self.fail(line, "a list of values is read and written, without conditions")
            value_of = self.value(first)
            take = taker(first.natives[0])

            def entry_of(item: Any, notes: list[Note]) -> Any:
                value = take(item)
                return MISSING if value is MISSING or value is None else value_of(value, notes)

            writer = self.leaf_writer(first, shared=False)
            return _List(
                native,
                common,
                line,
                _list_leaf(step, where, entry_of, put, held),
                _entries(native, (writer,), scalar),
                (),
            )
        inner = self.group(members)
        taken = self._taken(_whole_native(next(bound for bound in members if bound.natives)), first)
        member = shapes.find(self.shape, first.full[: len(first.full) - len(first.common)])
        needs = member is not None and any(each.required for each in (member.shape.members or {}).values())
        readers, finishers = inner.readers, (*inner.finishers, *inner.derivations)
        one_reader = readers[0] if len(readers) == 1 else None

        def object_of(item: Any, notes: list[Note]) -> Any:
            if item is None:
                return MISSING
            made: dict[str, Any] = {}
            if one_reader is not None:
                one_reader(item, made, notes)
            else:
                for read in readers:
                    read(item, made, notes)
            if not made and needs:
                return MISSING
            for finish in finishers:
                finish(made)
            return made

        return _List(
            native,
            common,
            line,
            _list_leaf(step, where, object_of, put, held),
            _entries(native, inner.writers, scalar),
            (*inner.accepts, *taken),
        )

    def _taken(self, native: Path, first: Bound) -> tuple[Accept, ...]:
        """The conditions of `takes` for one native list."""
        made: list[Accept] = []
        cut = len(first.full) - len(first.common)
        for takes in self.emit.takes:
            if takes.native == native and takes.common[:cut] == first.full[:cut]:
                member = shapes.find(self.shape, takes.common)
                if member is None:
                    raise self.fail(takes.line, f"{self.emit.record} has no {show(takes.common)!r}")
                made.append(_takes(_taker_or_default(takes.common[cut:], member.default), takes.values))
        return tuple(made)


# ── Small closures ───────────────────────────────────────────────────────────────────────────────────────────────


def _composed(turns: tuple[Take, ...]) -> Take | None:
    if len(turns) <= 1:
        return turns[0] if turns else None
    if len(turns) == 2:
        first, second = turns
        return lambda value: second(first(value))

    def turn(value: Any) -> Any:
        for each in turns:
            value = each(value)
        return value

    return turn


def _refused(error: Unfit, where: Place) -> Refusal:
    return Refusal(UNKNOWN_CODE if isinstance(error, Unknown) else UNFIT, str(error), where)


def _nothing(_out: dict[str, Any]) -> None:
    return


def _converting_reader(name: str, convert: Take, rule: RuleSpec, where: Place) -> Reader:
    absent, has_absent = rule.absent, rule.has_absent

    def read(value: Any, out: dict[str, Any], _notes: list[Note]) -> None:
        if has_absent and value == absent and type(value) is type(absent):
            return
        try:
            out[name] = convert(value)
        except Unfit as error:
            raise _refused(error, where) from None

    return read


def _holds(path: Path) -> Take:
    """What was already written at a native path of the object that is being built."""
    return taker(path) if path else lambda scope: scope.get(ITEM, MISSING)


def _taker_or_default(path: Path, default: Any) -> Take:
    take = taker(path)
    if default is None:
        return take
    parent = taker(path[:-1])
    last: Any = path[-1]

    def take_or_default(record: Any) -> Any:
        holder = parent(record)
        return MISSING if holder is MISSING else holder.get(last, default)

    return take_or_default


def _accept(bound: Bound, default: Any, *, strict: bool) -> Accept:
    take, parent, const = _taker_or_default(bound.common, default), taker(bound.common[:-1]), bound.rule.const

    def holds(record: Any) -> bool:
        return parent(record) is MISSING or same(take(record), const)

    where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
    return Accept(holds, f"this format holds {const!r} alone", where, strict)


def _takes(take: Take, values: tuple[Any, ...]) -> Accept:
    return Accept(lambda entry: any(same(take(entry), each) for each in values), "", (), strict=False)


def _derivation(bound: Bound) -> Finisher:
    take = taker(bound.common)
    foreign = (bound.rule.derive or "").partition(" ")[2]
    where = tuple(segment for segment in bound.common if not isinstance(segment, Each))

    def finish(out: dict[str, Any]) -> None:
        held = take(out)
        if held is MISSING:
            return
        original, office = held.get("original"), held.get("office", "")
        try:
            if foreign:
                held.update(transforms.foreign(office, original, foreign))
                return
            made = transforms.number(held.get("scheme", ""), office, original)
        except Unfit as error:
            raise Refusal(UNFIT, f"in the common record: {error}", where) from None
        held["normalised"] = made["normalised"]

    return finish


def _whole_native(member: Bound) -> Path:
    """The native path of the list that a rule's entries stand in, from the root."""
    whole = member.rule.natives[0]
    return whole[: len(whole) - len(member.natives[0])]


# ── Lists ────────────────────────────────────────────────────────────────────────────────────────────────────────


def as_list(items: Any, step: Each, where: Place) -> list[Any]:
    """The entries of what stands where a list is expected, as far as the path allows for it. Raises Refusal."""
    if step.separator is not None:
        if type(items) is not str:
            raise Refusal(SHAPE, "a text is expected", where)
        return items.split(step.separator)
    if step.lone:
        if type(items) is dict and items and all(key == str(index) for index, key in enumerate(items)):
            return list(items.values())
        return [] if items == {} else [items]
    raise Refusal(SHAPE, "a list is expected", where)


def _list_leaf(
    step: Each, where: Place, entry_of: Value, put: Callable[[dict[str, Any], Any], None], held: Take
) -> Reader:
    def read(items: Any, out: dict[str, Any], notes: list[Note]) -> None:
        if type(items) is not list:
            items = as_list(items, step, where)
        made: list[Any] = []
        index, before = 0, len(notes)
        try:
            for item in items:
                entry = entry_of(item, notes)
                if len(notes) > before:
                    for at in range(before, len(notes)):
                        inside, effect, reason = notes[at]
                        notes[at] = ((*where, index, *inside), effect, reason)
                    before = len(notes)
                if entry is not MISSING:
                    made.append(entry)
                index += 1
        except Refusal as refusal:
            raise refusal.under(*where, index) from None
        if made:
            already = held(out)
            put(out, tuple(made) if already is MISSING else (*already, *made))

    return read


def _list_reader(each: _List) -> Reader:
    """A list that shares its common list with another: taken from the whole object, in the order of the rules."""
    take, leaf = taker(each.native[:-1]), each.read

    def read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
        items = take(scope)
        if items is not MISSING and items is not None:
            leaf(items, out, notes)

    return read


def _one_list_writer(only: _List) -> Writer:
    write, where = only.write, place(only.common)

    def write_all(entries: Any, native: dict[str, Any]) -> None:
        try:
            write(tuple(enumerate(entries)), native)
        except Refusal as refusal:
            raise refusal.under(*where) from None

    return write_all


def _lists_writer(lists: list[_List]) -> Writer:
    """Writes a common list, each entry to the first native list that takes it."""
    where = place(lists[0].common)

    def write(entries: Any, native: dict[str, Any]) -> None:
        chosen: list[list[tuple[int, Any]]] = [[] for _ in lists]
        for index, entry in enumerate(entries):
            for each, mine in zip(lists, chosen, strict=True):
                if all(accept.holds(entry) for accept in each.accepts):
                    mine.append((index, entry))
                    break
        for each, mine in zip(lists, chosen, strict=True):
            if mine:
                try:
                    each.write(mine, native)
                except Refusal as refusal:
                    raise refusal.under(*where) from None

    return write


def _entries(native: Path, writers: tuple[Writer, ...], scalar: bool) -> Entries:
    step = native[-1]
    put = putter(native[:-1], list)
    held = taker(native[:-1])
    separator = step.separator if isinstance(step, Each) else None
    only = writers[0] if len(writers) == 1 else None

    def write(entries: Sequence[tuple[int, Any]], out: dict[str, Any]) -> None:
        made: list[Any] = []
        index = 0
        try:
            for place_of, entry in entries:
                index = place_of
                holder: dict[str, Any] = {}
                if only is not None:
                    only(entry, holder)
                else:
                    for each in writers:
                        each(entry, holder)
                made.append(holder.get(ITEM, "") if scalar else holder)
        except Refusal as refusal:
            raise refusal.under(index) from None
        if separator is not None:
            text = separator.join(made)
            if text.split(separator) != made:
                raise Refusal(UNFIT, f"an entry holds the separator {separator!r}", ())
            put(out, text)
            return
        already = held(out)
        if already is not MISSING:  # another rule has written into the first entry
            for entry, before in zip(made, already, strict=False):
                entry.update(before)
        put(out, made)

    return write


# ── Conditions ───────────────────────────────────────────────────────────────────────────────────────────────────


def tester(condition: Condition) -> Callable[[Any], bool]:
    """Whether a value (or MISSING) is what a condition asks for."""
    values, present, unlike = condition.values, condition.present, condition.unlike
    if values is None:
        return lambda found: (found is not MISSING and found is not None) is present
    wanted = values
    if len(wanted) == 1 and not unlike:
        (only,) = wanted
        return lambda found: found == only and type(found) is type(only)
    return lambda found: any(same(found, each) for each in wanted) is not unlike


def _asked(condition: Condition, before: int) -> Callable[[Any], bool] | None:
    if condition.native is None:
        return None
    take, test = taker(condition.native[before:]), tester(condition)
    return lambda scope: test(take(scope))


def _asked_common(condition: Condition, bound: Bound) -> Callable[[Any], bool]:
    common = condition.common or ()
    take, test = taker(common[len(bound.full) - len(bound.common) :]), tester(condition)
    return lambda record: test(take(record))
