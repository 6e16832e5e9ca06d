"""Rules become closures, once; after that a record is read and written without looking at a rule again.

Reading goes from a native tree to common trees (dicts, tuples, values), writing from common trees to a native tree
(dicts, lists, values). The rules of one emit are sorted by the list that they stand in: `inventorBag[].name` and
`inventorBag[].address` are two fields of one list, whose entries keep their order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import InputError, fault
from gateway.mapping import shape as shapes
from gateway.mapping import transforms
from gateway.mapping.access import ITEM, MISSING, SHAPE, Place, Refusal, Take, place, putter, same, taker
from gateway.mapping.language import BAD_FILE, Condition, EmitSpec, RuleSpec
from gateway.mapping.paths import Each, Path, first_each, show
from gateway.mapping.tables import Table, Unknown, Unmapped
from gateway.mapping.transforms import Unfit

__all__ = ["UNFIT", "Accept", "Bound", "Compiler", "Group", "Note", "Reader", "Writer", "as_list", "tester"]

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
Note = tuple[Place, str, str]
"""Where in the native record, the effect, the reason."""
Value = Callable[[Any, list[Note]], Any]
Reader = Callable[[Any, dict[str, Any], list[Note]], None]
Finisher = Callable[[dict[str, Any]], None]
Writer = Callable[[Any, dict[str, Any]], None]
# ── One rule ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Bound:
    """A rule with its paths as seen from the list that it stands in."""

    rule: RuleSpec
    natives: tuple[Path, ...]
    common: Path
    full: Path
    """The whole common path, for its default."""


@dataclass(slots=True)
class _Chain:
    reads: tuple[Take, ...]
    writes: tuple[Take, ...]
    table: Table | None


class Compiler:
    def __init__(self, emit: EmitSpec, tables: Mapping[str, Table], where: str) -> None:
        self.emit, self.tables, self.where = emit, tables, where
        self.shape = shapes.of(emit.record)

    def fail(self, line: int, text: str) -> InputError:
        return InputError(BAD_FILE, text, where=f"{self.where}:{line}")

    def chain(self, rule: RuleSpec) -> _Chain:
        try:
            steps = [transforms.build(text, self.tables) for text in rule.chain]
        except transforms.BadTransform as error:
            raise self.fail(rule.line, str(error)) from error
        table = steps[-1].table if steps else None
        if any(step.table is not None and step.table.unmapped is not None for step in steps[:-1]):
            raise self.fail(rule.line, "an open table stands last in `as`")
        return _Chain(
            tuple(step.read for step in steps),
            tuple(step.write for step in reversed(steps)),
            table if table is not None and table.unmapped is not None else None,
        )

    def default(self, rule: RuleSpec) -> Any:
        if rule.common is None:
            return None
        member = shapes.find(self.shape, rule.common)
        if member is None:
            raise self.fail(rule.line, f"{self.emit.record} has no {show(rule.common)!r}")
        return member.default

    def check_paths(self) -> None:
        """That no path leads through a place that another rule holds a value at."""
        for side in ("native", "common"):
            held: dict[Path, int] = {}
            rules = [rule for rule in self.emit.rules if rule.natives]
            for rule in rules:
                for path in rule.natives if side == "native" else (rule.common or (),):
                    held.setdefault(path, rule.line)
            for path, line in held.items():
                for cut in range(1, len(path)):
                    if path[:cut] in held:
                        raise self.fail(
                            line, f"{side}: {show(path)!r} leads through {show(path[:cut])!r}, which holds a value"
                        )

    # reading

    def value(self, bound: Bound) -> Value:
        """What one rule reads out of a scope: a common value, or MISSING."""
        rule = bound.rule
        if rule.join is not None:
            return self._joined(bound)
        if rule.gather:
            return self._gathered(bound)
        chain = self.chain(rule)
        take, reads = taker(bound.natives[0]), chain.reads
        where = place(bound.natives[0])
        nothing = rule.fillers + ((rule.absent,) if rule.has_absent else ())
        if chain.table is not None:
            return self._mapped(bound, chain, take, where, nothing)
        convert = _composed(reads)
        unreadable = rule.unreadable

        def read(scope: Any, notes: list[Note]) -> Any:
            value = take(scope)
            if value is MISSING or value is None:
                return MISSING
            for each in nothing:
                if value == each and type(value) is type(each):
                    return MISSING
            try:
                return convert(value)
            except Unfit as error:
                if unreadable is not None:
                    notes.append((where, "set-aside", unreadable))
                    return MISSING
                raise _refused(error, where) from None

        if convert is None:

            def read_plain(scope: Any, notes: list[Note]) -> Any:
                value = take(scope)
                if value is MISSING or value is None:
                    return MISSING
                for each in nothing:
                    if value == each and type(value) is type(each):
                        return MISSING
                if type(value) is dict or type(value) is list:
                    raise Refusal(SHAPE, "a value is expected", where)
                return value

            return read_plain
        return read

    def _mapped(self, bound: Bound, chain: _Chain, take: Take, where: Place, nothing: tuple[Any, ...]) -> Value:
        reads = chain.reads
        name = chain.table.name if chain.table is not None else ""

        def read(scope: Any, notes: list[Note]) -> Any:
            value = take(scope)
            if value is MISSING or value is None or any(same(value, each) for each in nothing):
                return MISSING
            try:
                for turn in reads:
                    value = turn(value)
            except Unfit as error:
                raise _refused(error, where) from None
            if type(value) is Unmapped:
                notes.append(
                    (where, "unmapped-code", f"The open table {name!r} does not know the code; it is kept as it is.")
                )
                return str(value)
            return value

        return read

    def _joined(self, bound: Bound) -> Value:
        takes = tuple((taker(path), place(path)) for path in bound.natives)
        between = bound.rule.join or ""
        fillers = bound.rule.fillers
        convert = _composed(self.chain(bound.rule).reads)

        def read(scope: Any, notes: list[Note]) -> Any:
            parts: list[str] = []
            for take, where in takes:
                part = take(scope)
                if part is MISSING or part is None or any(same(part, each) for each in fillers):
                    continue
                if type(part) is not str:
                    raise Refusal(UNFIT, "not a text", where)
                parts.append(part)
            if not parts:
                return MISSING
            try:
                return between.join(parts) if convert is None else convert(between.join(parts))
            except Unfit as error:
                raise _refused(error, takes[0][1]) from None

        return read

    def _gathered(self, bound: Bound) -> Value:
        takes = tuple((taker(path), place(path)) for path in bound.natives)
        fillers = bound.rule.fillers

        def read(scope: Any, notes: list[Note]) -> Any:
            parts: list[str] = []
            for take, where in takes:
                part = take(scope)
                if part is MISSING or part is None or any(same(part, each) for each in fillers):
                    continue
                if type(part) is not str:
                    raise Refusal(UNFIT, "not a text", where)
                parts.append(part)
            return tuple(parts) if parts else MISSING

        return read

    def reader(self, bound: Bound) -> Reader:
        value, put = self.value(bound), putter(bound.common, tuple)
        default = self.default(bound.rule)
        asked = _asked(bound.rule.when, self._scope_of(bound)) if bound.rule.when else None
        if default is not None:

            def read_unless_default(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
                if asked is not None and not asked(scope):
                    return
                made = value(scope, notes)
                if made is not MISSING and made != default:
                    put(out, made)

            return read_unless_default
        if asked is not None:
            condition = asked

            def read_if(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
                if condition(scope):
                    made = value(scope, notes)
                    if made is not MISSING:
                        put(out, made)

            return read_if
        if len(bound.common) == 1:
            name: Any = bound.common[0]

            def read_one(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
                made = value(scope, notes)
                if made is not MISSING:
                    out[name] = made

            return read_one

        def read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
            made = value(scope, notes)
            if made is not MISSING:
                put(out, made)

        return read

    def _scope_of(self, bound: Bound) -> int:
        """How many steps of the rule's native path lie before its scope."""
        return len(bound.rule.natives[0]) - len(bound.natives[0]) if bound.natives else 0

    def finisher(self, bound: Bound) -> Finisher:
        """What is set after all rules of a scope were read: constants and derivations."""
        rule = bound.rule
        if rule.derive is not None:
            return self._derived(bound)
        parent, last = bound.common[:-1], bound.common[-1]
        take = taker(parent)
        const = rule.const
        if const == self.default(rule) and self.default(rule) is not None:
            return lambda out: None

        def finish(out: dict[str, Any]) -> None:
            holder = take(out)
            if holder is not MISSING and last not in holder:
                holder[last] = const

        return finish

    def _derived(self, bound: Bound) -> Finisher:
        take = taker(bound.common)
        kind = bound.rule.derive or ""
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        foreign = kind.partition(" ")[2]

        def finish(out: dict[str, Any]) -> None:
            held = take(out)
            if held is MISSING:
                return
            original, office = held.get("original"), held.get("office", "")
            try:
                if foreign:
                    held.update(transforms.foreign(office, original, foreign))
                else:
                    made = transforms.number(held.get("scheme", ""), office, original)
                    held["normalised"] = made["normalised"]
                    if made["office"] != office:
                        raise Unfit(f"the number names the office {made['office']}, the record {office}")
            except Unfit as error:
                raise Refusal(UNFIT, f"in the common record: {error}", where) from None

        return finish

    # writing

    def writer(self, bound: Bound) -> Writer:
        rule = bound.rule
        if rule.join is not None:
            return self._split_writer(bound)
        if rule.gather:
            return self._spread_writer(bound)
        default = self.default(rule)
        take = _taker_of_common(bound.common, default)
        put = putter(bound.natives[0], list)
        held = _holds(bound.natives[0])
        convert = _composed(self.chain(rule).writes)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        lossy, sentinel, has_sentinel = rule.lossy is not None, rule.absent, rule.has_absent
        asked = _asked_common(rule.when, bound) if rule.when is not None and rule.when.common is not None else None
        fillers = rule.fillers
        name: Any = bound.natives[0][0] if len(bound.natives[0]) == 1 else None

        def write(record: Any, native: dict[str, Any]) -> None:
            if asked is not None and not asked(record):
                return
            value = take(record)
            if value is MISSING:
                if has_sentinel and held(native) is MISSING:
                    put(native, sentinel)
                return
            if convert is not None:
                try:
                    value = convert(value)
                except Unfit as error:
                    if not lossy:
                        raise _refused(error, where) from None
                    if has_sentinel and held(native) is MISSING:
                        put(native, sentinel)
                    return
            elif type(value) is tuple or type(value) is dict:
                raise Refusal(SHAPE, "a value is expected", where)
            if name is not None:
                if name not in native:
                    native[name] = value
            elif held(native) is MISSING:
                put(native, value)

        del fillers
        return write

    def _split_writer(self, bound: Bound) -> Writer:
        rule = bound.rule
        take = _taker_of_common(bound.common, self.default(rule))
        puts = tuple((taker(path), putter(path, list)) for path in bound.natives)
        between = rule.join or ""
        convert = _composed(self.chain(rule).writes)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        lossy = rule.lossy is not None

        def write(record: Any, native: dict[str, Any]) -> None:
            value = take(record)
            if value is MISSING:
                return
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
            for (held, put), part in zip(puts[len(puts) - len(parts) :], parts, strict=True):
                if held(native) is MISSING:
                    put(native, part)

        return write

    def _spread_writer(self, bound: Bound) -> Writer:
        take = _taker_of_common(bound.common, None)
        puts = tuple(putter(path, list) for path in bound.natives)
        where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
        lossy = bound.rule.lossy is not None

        def write(record: Any, native: dict[str, Any]) -> None:
            values = take(record)
            if values is MISSING:
                return
            if len(values) > len(puts) and not lossy:
                raise Refusal(UNFIT, f"{len(values)} entries for {len(puts)} members", where)
            for put, part in zip(puts, values, strict=False):
                put(native, part)

        return write

    # groups

    def group(self, bounds: Sequence[Bound]) -> Group:
        plain: list[Bound] = []
        lists: dict[tuple[Path, Path], list[Bound]] = {}
        loose: list[tuple[Path, Bound]] = []
        for bound in bounds:
            at = first_each(bound.common)
            native_at = first_each(bound.natives[0]) if bound.natives else None
            if bound.natives and (at is None) != (native_at is None):
                raise self.fail(bound.rule.line, "the two sides do not go through the same number of lists")
            if at is None:
                plain.append(bound)
            elif not bound.natives:
                loose.append((bound.common[: at + 1], bound))
            else:
                prefix = bound.natives[0][: (native_at or 0) + 1]
                if any(path[: len(prefix)] != prefix for path in bound.natives):
                    raise self.fail(bound.rule.line, "the native paths of one rule stand in one list")
                lists.setdefault((prefix, bound.common[: at + 1]), []).append(
                    Bound(
                        bound.rule,
                        tuple(path[len(prefix) :] for path in bound.natives),
                        bound.common[at + 1 :],
                        bound.full,
                    )
                )
        for common, bound in loose:
            wanted = bound.rule.within
            found = False
            for (native, key_common), members in lists.items():
                full_native = self._native_prefix(members[0], native)
                if key_common == common and (wanted is None or wanted[: len(full_native)] == full_native):
                    found = True
                    members.append(Bound(bound.rule, (), bound.common[len(common) :], bound.full))
            if not found:
                raise self.fail(bound.rule.line, f"no rule reads entries of {show(common)!r} here")
        return self._assemble(plain, lists)

    def _native_prefix(self, member: Bound, native: Path) -> Path:
        whole = member.rule.natives[0]
        return whole[: len(whole) - len(member.natives[0])] if member.natives else native

    def _assemble(self, plain: list[Bound], lists: dict[tuple[Path, Path], list[Bound]]) -> Group:
        made = Group()
        pending: dict[Path, list[_ListPart]] = {}
        order: list[tuple[int, Path | Bound]] = []
        for bound in plain:
            order.append((bound.rule.line, bound))
        for (native, common), members in lists.items():
            part = self._list_part(native, common, members)
            pending.setdefault(common, []).append(part)
            made.readers.append(part.read)
            if len(pending[common]) == 1:
                order.append((members[0].rule.line, common))
        for _, each in sorted(order, key=lambda entry: entry[0]):
            if isinstance(each, Bound):
                self._add_plain(made, each)
            else:
                made.writers.append(_list_writer(each, pending[each]))
        return made

    def _add_plain(self, made: Group, bound: Bound) -> None:
        rule = bound.rule
        if rule.has_const:
            self.default(rule)
            made.finishers.append(self.finisher(bound))
            made.accepts.append(_accept_const(bound, self.default(rule), rule.lossy is not None))
        elif rule.derive is not None:
            self.default(rule)
            made.derivations.append(self.finisher(bound))
        else:
            if rule.way != "write":
                made.readers.append(self.reader(bound))
            if rule.way != "read":
                made.writers.append(self.writer(bound))

    def _list_part(self, native: Path, common: Path, members: list[Bound]) -> _ListPart:
        step = native[-1]
        if not isinstance(step, Each):  # pragma: no cover - the prefix was cut behind a list step
            raise TypeError(native)
        values = [bound for bound in members if bound.natives]
        leaf = len(members) == 1 and not members[0].common
        inner = self.group(members) if not leaf else Group()
        member = shapes.find(self.shape, members[0].full[: len(members[0].full) - len(members[0].common)])
        needs = member is not None and any(each.required for each in (member.shape.members or {}).values())
        part = _ListPart(
            common=common,
            accepts=tuple(inner.accepts),
            write=_entries_writer(native, inner, scalar=not any(bound.natives[0] for bound in values)),
        )
        take, put = taker(native[:-1]), putter(common[:-1], tuple)
        held = taker(common[:-1])
        where = place(native)
        if leaf:
            value = self.value(members[0])
            write_leaf = self.writer(members[0])
            part.write = _leaf_writer(native, write_leaf, scalar=not members[0].natives[0])

            def entry_of(item: Any, notes: list[Note]) -> Any:
                return value(item, notes)

        else:
            readers, finishers = tuple(inner.readers), (*inner.finishers, *inner.derivations)

            def entry_of(item: Any, notes: list[Note]) -> Any:
                if item is None:
                    return MISSING
                made: dict[str, Any] = {}
                for read in readers:
                    read(item, made, notes)
                if not made and needs:
                    return MISSING
                for finish in finishers:
                    finish(made)
                return made

        def read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
            items = take(scope)
            if items is MISSING or items is None:
                return
            if type(items) is not list:
                items = as_list(items, step, where)
            made: list[Any] = []
            for index, item in enumerate(items):
                before = len(notes)
                try:
                    entry = entry_of(item, notes)
                except Refusal as refusal:
                    raise refusal.under(*where, index) from None
                if len(notes) > before:
                    for at in range(before, len(notes)):
                        inside, effect, reason = notes[at]
                        notes[at] = ((*where, index, *inside), effect, reason)
                if entry is not MISSING:
                    made.append(entry)
            if made:
                already = held(out)
                put(out, tuple(made) if already is MISSING else (*already, *made))

        part.read = read
        return part


@dataclass(slots=True)
class Group:
    readers: list[Reader] = field(default_factory=list)
    finishers: list[Finisher] = field(default_factory=list)
    derivations: list[Finisher] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)
    accepts: list[Accept] = field(default_factory=list)


@dataclass(slots=True)
class Accept:
    """A constant: what a common record must say to be written here. `strict` where anything else is refused."""

    holds: Callable[[Any], bool]
    detail: str
    where: Place
    strict: bool


def _nothing_read(scope: Any, out: dict[str, Any], notes: list[Note]) -> None:
    return


@dataclass(slots=True)
class _ListPart:
    common: Path
    accepts: tuple[Accept, ...]
    write: Callable[[list[tuple[int, Any]], dict[str, Any]], None]
    read: Reader = _nothing_read


def _composed(turns: tuple[Take, ...]) -> Any:
    if not turns:
        return None
    if len(turns) == 1:
        return turns[0]
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


def as_list(items: Any, step: Each, where: Place) -> list[Any]:
    if step.separator is not None:
        if type(items) is not str:
            raise Refusal(SHAPE, "a text is expected", where)
        return items.split(step.separator)
    if step.lone:
        if type(items) is dict and items and all(key == str(index) for index, key in enumerate(items)):
            return list(items.values())
        return [] if items == {} else [items]
    raise Refusal(SHAPE, "a list is expected", where)


def _taker_of_common(path: Path, default: Any) -> Take:
    take = taker(path)
    if default is None:
        if len(path) == 1:
            name: Any = path[0]
            return lambda record: record.get(name, MISSING)
        return take
    parent = taker(path[:-1])
    last: Any = path[-1]

    def take_or_default(record: Any) -> Any:
        holder = parent(record)
        return MISSING if holder is MISSING else holder.get(last, default)

    return take_or_default


def _holds(path: Path) -> Take:
    """What was already written at a native path of the entry that is being built."""
    return taker(path) if path else lambda scope: scope.get(ITEM, MISSING)


def _accept_const(bound: Bound, default: Any, lossy: bool) -> Accept:
    take = _taker_of_common(bound.common, default)
    parent = taker(bound.common[:-1])
    const = bound.rule.const

    def holds(record: Any) -> bool:
        if parent(record) is MISSING:
            return True
        return same(take(record), const)

    where = tuple(segment for segment in bound.common if not isinstance(segment, Each))
    return Accept(holds, f"this format holds {const!r} alone", where, not lossy)


def _list_writer(common: Path, parts: list[_ListPart]) -> Writer:
    """Writes a common list, each entry to the first native list that takes it."""
    take = taker(common[:-1])
    where = place(common)
    if len(parts) == 1 and not parts[0].accepts:
        only = parts[0].write

        def write_all(record: Any, native: dict[str, Any]) -> None:
            entries = take(record)
            if entries is not MISSING and entries:
                try:
                    only(list(enumerate(entries)), native)
                except Refusal as refusal:
                    raise refusal.under(*where) from None

        return write_all

    def write(record: Any, native: dict[str, Any]) -> None:
        entries = take(record)
        if entries is MISSING or not entries:
            return
        chosen: list[list[tuple[int, Any]]] = [[] for _ in parts]
        for index, entry in enumerate(entries):
            for part, mine in zip(parts, chosen, strict=True):
                if all(accept.holds(entry) for accept in part.accepts):
                    mine.append((index, entry))
                    break
        for part, mine in zip(parts, chosen, strict=True):
            if mine:
                try:
                    part.write(mine, native)
                except Refusal as refusal:
                    raise refusal.under(*where) from None

    return write


def _entries_writer(
    native: Path, inner: Group, scalar: bool
) -> Callable[[list[tuple[int, Any]], dict[str, Any]], None]:
    writers = inner.writers
    finish = _list_putter(native)

    def write(entries: list[tuple[int, Any]], out: dict[str, Any]) -> None:
        made: list[Any] = []
        for index, entry in entries:
            holder: dict[str, Any] = {}
            try:
                for each in writers:
                    each(entry, holder)
            except Refusal as refusal:
                raise refusal.under(index) from None
            made.append(holder.get(ITEM, "") if scalar else holder)
        try:
            finish(out, made)
        except Unfit as error:
            raise Refusal(UNFIT, str(error), ()) from None

    return write


def _leaf_writer(native: Path, writer: Writer, scalar: bool) -> Callable[[list[tuple[int, Any]], dict[str, Any]], None]:
    finish = _list_putter(native)

    def write(entries: list[tuple[int, Any]], out: dict[str, Any]) -> None:
        made: list[Any] = []
        for index, entry in entries:
            holder: dict[str, Any] = {}
            try:
                writer(entry, holder)
            except Refusal as refusal:
                raise refusal.under(index) from None
            made.append(holder.get(ITEM, "") if scalar else holder)
        try:
            finish(out, made)
        except Unfit as error:
            raise Refusal(UNFIT, str(error), ()) from None

    return write


def _list_putter(native: Path) -> Callable[[dict[str, Any], list[Any]], None]:
    step = native[-1]
    put = putter(native[:-1], list)
    separator = step.separator if isinstance(step, Each) else None
    if separator is None:
        return put

    def put_text(out: dict[str, Any], made: list[Any]) -> None:
        text = separator.join(made)
        if text.split(separator) != made:
            raise Unfit(f"an entry holds the separator {separator!r}")
        put(out, text)

    return put_text


# ── Conditions ───────────────────────────────────────────────────────────────────────────────────────────────────


def tester(condition: Condition) -> Callable[[Any], bool]:
    values, present, unlike = condition.values, condition.present, condition.unlike
    if values is None:
        return lambda found: (found is not MISSING and found is not None) is present
    wanted = values
    return lambda found: any(same(found, each) for each in wanted) is not unlike


def _asked(condition: Condition, before: int) -> Callable[[Any], bool] | None:
    if condition.native is None:
        return None
    take, test = taker(condition.native[before:]), tester(condition)
    return lambda scope: test(take(scope))


def _asked_common(condition: Condition, bound: Bound) -> Callable[[Any], bool]:
    common = condition.common or ()
    skipped = len(bound.full) - len(bound.common)
    take, test = taker(common[skipped:]), tester(condition)
    return lambda record: test(take(record))
