"""What a way back needs beyond the common records: the native members that no rule reads, and writings that were read
as another.

A residue is a deterministic JSON text, or nothing. It is found by writing the common records and comparing: so what it
restores is exact by construction. It is applied with care: an entry of a list is changed only where it is the same
entry as before (by its key members, else by all of it), and a value only where it is what it was.

    {"set": [[place, value]], "turn": [[place, value, instead of]], "drop": [[place, value]],
     "entries": [[place, digest]]}
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.errors import InputError, LimitError, fault
from gateway.mapping.access import MISSING, Place, Refusal, same, taker
from gateway.mapping.explain import Node
from gateway.mapping.formats import json
from gateway.mapping.language import RuleSpec
from gateway.mapping.outcome import Loss
from gateway.mapping.paths import Each, pointer

__all__ = ["NOT_EXACT", "Residue", "apply", "compare"]

NOT_EXACT = fault(
    "mapping.not-exact",
    "A rule that is said to be exact does not give back what it read.",
    "This is a fault of the mapping: make the rule canonical or lossy, with the reason, in a new version of it.",
)
UNREADABLE = fault(
    "mapping.residue",
    "The bytes are not a residue.",
    "A residue goes with the translation that made it; take both from one dossier.",
)
REST = fault(
    "mapping.rest",
    "The native record has a member that no rule reads.",
    "This mapping refuses such members: a new version of it must say what becomes of them.",
)

_LIMIT: Final = 2 * 1024 * 1024
_UNSAID: Final = "No rule of the mapping reads it; the residue keeps it."
_FILLER: Final = "The office writes this where it has nothing to say; the residue keeps it."


@dataclass(slots=True)
class Residue:
    """What `compare` found: the bytes, and what the loss report says."""

    sets: list[list[Any]] = field(default_factory=list)
    turns: list[list[Any]] = field(default_factory=list)
    drops: list[list[Any]] = field(default_factory=list)
    entries: dict[Place, str] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def encode(self) -> bytes:
        made: dict[str, Any] = {}
        if self.sets:
            made["set"] = self.sets
        if self.turns:
            made["turn"] = self.turns
        if self.drops:
            made["drop"] = self.drops
        if made and self.entries:
            made["entries"] = [[list(place), digest] for place, digest in self.entries.items()]
        return json.write(made, ordered=True, limit=_LIMIT) if made else b""


# ── Finding ──────────────────────────────────────────────────────────────────────────────────────────────────────


def compare(written: Any, native: Any, ground: Node, *, refuse_rest: bool = False) -> Residue:
    """What must be done to `written` to make it `native`. Raises Refusal where an exact rule did not hold, or, with
    `refuse_rest`, where a member is read by no rule."""
    made = Residue()
    _Comparison(made, refuse_rest).at(written, native, ground, ground, ())
    return made


class _Comparison:
    def __init__(self, made: Residue, refuse_rest: bool) -> None:
        self.made, self.refuse_rest = made, refuse_rest

    def at(self, written: Any, native: Any, node: Node | None, above: Node, where: Place) -> None:
        """`above` is the nearest node that was declared, for its reason."""
        if type(written) is dict and type(native) is dict:
            for name, value in native.items():
                inside = node.step(name) if node is not None else None
                if name in written:
                    self.at(written[name], value, inside, _nearest(inside, above), (*where, name))
                else:
                    self.only_native(value, inside, above, (*where, name))
            for name, value in written.items():
                if name not in native:
                    inside = node.step(name) if node is not None else None
                    self.only_written(value, inside, (*where, name))
            return
        if type(written) is list and type(native) is list:
            if len(written) == len(native):
                for index, (ours, theirs) in enumerate(zip(written, native, strict=True)):
                    inside = node.step(index) if node is not None else None
                    before = len(self.made.sets) + len(self.made.turns) + len(self.made.drops)
                    self.at(ours, theirs, inside, _nearest(inside, above), (*where, index))
                    if before != len(self.made.sets) + len(self.made.turns) + len(self.made.drops):
                        self.made.entries[(*where, index)] = _digest(ours, inside)
                return
            self.made.turns.append([list(where), native, written])
            self.losses_of_list(native, written, node, above, where)
            return
        if same(written, native):
            return
        self.made.turns.append([list(where), native, written])
        self.report(node, above, where, "normalised", native)

    def losses_of_list(
        self, native: list[Any], written: list[Any], node: Node | None, above: Node, where: Place
    ) -> None:
        for index, item in enumerate(native):
            inside = node.step(index) if node is not None else None
            if index < len(written):
                if written[index] != item:
                    self.report(inside, _nearest(inside, above), (*where, index), "normalised", item, soft=True)
            else:
                self.leaves(item, inside, _nearest(inside, above), (*where, index), soft=True)

    def only_native(self, value: Any, node: Node | None, above: Node, where: Place) -> None:
        if node is not None and node.ground == "dropped":
            self.made.losses.append(Loss(pointer(where), "dropped", node.reason))
            return
        self.made.sets.append([list(where), value])
        self.leaves(value, node, above, where)

    def only_written(self, value: Any, node: Node | None, where: Place) -> None:
        # nothing of the native record is lost by it, so the loss report does not name it
        self.made.drops.append([list(where), value])
        for rule in node.rules if node is not None else ():
            if rule.way == "both" and rule.canonical is None:
                raise _not_exact(rule, where)

    def leaves(self, value: Any, node: Node | None, above: Node, where: Place, *, soft: bool = False) -> None:
        """Reports what the native record alone has: at the highest place that no rule speaks of, else at its leaves."""
        if node is None or node.ground is not None or node.bare:
            self.report(node, above, where, "set-aside", value, soft=soft)
        elif type(value) is dict and value:
            for name, member in value.items():
                inside = node.step(name)
                self.leaves(member, inside, _nearest(inside, above), (*where, name), soft=soft)
        elif type(value) is list and value:
            for index, item in enumerate(value):
                inside = node.step(index)
                self.leaves(item, inside, _nearest(inside, above), (*where, index), soft=soft)
        else:
            self.report(node, above, where, "set-aside", value, soft=soft)

    def report(
        self, node: Node | None, above: Node, where: Place, effect: str, value: Any, *, soft: bool = False
    ) -> None:
        rules = node.rules if node is not None else []
        if _says_nothing(value, rules):
            self.made.losses.append(Loss(pointer(where), "filler", _reason(node, above, lost=False) or _FILLER))
            return
        if not rules:
            if self.refuse_rest and (node is None or node.ground is None):
                raise Refusal(REST, f"{pointer(where)[:200]} is read by no rule", where)
            self.made.losses.append(Loss(pointer(where), "set-aside", _reason(node, above) or _UNSAID))
            return
        forgiving = soft or any(
            rule.canonical is not None or rule.way != "both" or rule.when is not None or rule.unreadable is not None
            for rule in rules
        )
        if not forgiving:
            raise _not_exact(rules[0], where)
        if effect == "set-aside" and any(rule.way == "both" and rule.when is None for rule in rules):
            effect = "normalised"  # it was read: the common record says it in another way, or by leaving it out
        reason = next((rule.canonical for rule in rules if rule.canonical is not None), None) or _reason(node, above)
        self.made.losses.append(Loss(pointer(where), effect, reason or _UNSAID))


def _nearest(node: Node | None, above: Node) -> Node:
    return node if node is not None and node.ground is not None else above


def _reason(node: Node | None, above: Node, *, lost: bool = True) -> str:
    if node is not None and node.reason:
        return node.reason
    return above.reason if lost and above.ground in ("aside", "dropped") else ""


def _says_nothing(value: Any, rules: list[RuleSpec]) -> bool:
    if value is None or value in ({}, []):
        return True
    return any(
        same(value, each) for rule in rules for each in (*rule.fillers, *([rule.absent] if rule.has_absent else []))
    )


def _not_exact(rule: RuleSpec, where: Place) -> Refusal:
    return Refusal(NOT_EXACT, f"the rule {rule.title} (line {rule.line})", where)


def _digest(entry: Any, node: Node | None) -> str:
    """What an entry of a list is known by: its key members where the rules name some, else all of it."""
    seen: Any = entry
    if node is not None and node.keys and type(entry) is dict:
        seen = [_key(entry, path) for path in node.keys]
    return hashlib.sha256(json.write(seen, ordered=True, limit=_LIMIT)).hexdigest()[:16]


def _key(entry: Any, path: tuple[str | int | Each, ...]) -> Any:
    try:
        found = taker(path)(entry)
    except Refusal:
        return None
    return None if found is MISSING else found


# ── Applying ─────────────────────────────────────────────────────────────────────────────────────────────────────


def apply(residue: bytes, tree: Any, ground: Node) -> Any:
    """`tree` with the residue put back, as far as it is still about the same entries and values.

    Raises InputError where the bytes are no residue, LimitError over 2 MiB.
    """
    if not residue:
        return tree
    if len(residue) > _LIMIT:
        raise LimitError(UNREADABLE, f"{len(residue)} bytes, at most {_LIMIT} are read")
    data = json.read(residue, limit=_LIMIT, nesting=96)
    if type(data) is not dict or not set(data) <= {"set", "turn", "drop", "entries"}:
        raise InputError(UNREADABLE)
    entries = dict(_rows(data, "entries", 2))
    finder = _Finder(tree, ground, entries)
    # places are found in the tree as it was written, before anything is changed in it
    work: list[tuple[str, Any, str | int, list[Any]]] = []
    for kind, size in (("turn", 3), ("drop", 2), ("set", 2)):
        for place, *values in _rows(data, kind, size):
            if not place:
                if kind == "turn" and same(tree, values[1]):
                    return values[0]
                continue
            holder = finder.find(place[:-1])
            if holder is not MISSING:
                last = place[-1]
                if type(last) is int and type(holder) is list:
                    last = finder.index(holder, place)
                work.append((kind, holder, last, values))
    for kind, holder, last, values in work:
        _change(kind, holder, last, values)
    return tree


def _rows(data: dict[str, Any], name: str, size: int) -> list[tuple[Any, ...]]:
    rows = data.get(name, [])
    if type(rows) is not list:
        raise InputError(UNREADABLE)
    made: list[tuple[Any, ...]] = []
    for row in rows:
        if type(row) is not list or len(row) != size or type(row[0]) is not list:
            raise InputError(UNREADABLE)
        if any(type(step) is not str and type(step) is not int for step in row[0]):
            raise InputError(UNREADABLE)
        made.append((tuple(row[0]), *row[1:]))
    return made


def _change(kind: str, holder: Any, last: str | int, values: list[Any]) -> None:
    if type(holder) is dict and type(last) is str:
        found = holder.get(last, MISSING)
    elif type(holder) is list and type(last) is int and 0 <= last < len(holder):
        found = holder[last]
    else:
        return
    if kind == "set":
        if found is MISSING:
            holder[last] = values[0]
    elif kind == "drop":
        if type(holder) is dict and _equal(found, values[0]):
            del holder[last]
    elif _equal(found, values[1]):
        holder[last] = values[0]


def _equal(found: Any, wanted: Any) -> bool:
    return found is not MISSING and json.write(found, ordered=True, limit=_LIMIT) == json.write(
        wanted, ordered=True, limit=_LIMIT
    )


class _Finder:
    """Finds places of the old tree in the new one; entries of lists by what they are known by."""

    def __init__(self, tree: Any, ground: Node, entries: dict[Place, str]) -> None:
        self.entries = entries
        self.known: dict[Place, tuple[Any, Node | None]] = {(): (tree, ground)}

    def find(self, place: Place) -> Any:
        return self._at(place)[0]

    def index(self, holder: list[Any], place: Place) -> int:
        found = self._at(place)[0]
        for index, item in enumerate(holder):
            if item is found:
                return index
        last = place[-1]
        return last if isinstance(last, int) and place not in self.entries else -1

    def _at(self, place: Place) -> tuple[Any, Node | None]:
        if place in self.known:
            return self.known[place]
        holder, node = self._at(place[:-1])
        step = place[-1]
        inside = node.step(step) if node is not None else None
        found: Any = MISSING
        if type(holder) is dict and type(step) is str:
            found = holder.get(step, MISSING)
        elif type(holder) is list and type(step) is int:
            digest = self.entries.get(place)
            if digest is None:
                found = holder[step] if 0 <= step < len(holder) else MISSING
            else:
                order = sorted(range(len(holder)), key=lambda index: index != step)
                found = next((holder[index] for index in order if _digest(holder[index], inside) == digest), MISSING)
        self.known[place] = (found, inside)
        return self.known[place]
