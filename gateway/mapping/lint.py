"""What is wrong with a mapping before any record has met it: what it forgets, contradicts or promises in vain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gateway.errors import InputError
from gateway.mapping import shape as shapes
from gateway.mapping import transforms
from gateway.mapping.explain import Node, common_ground
from gateway.mapping.formats import json
from gateway.mapping.language import EmitSpec, RuleSpec
from gateway.mapping.library import load
from gateway.mapping.mapping import Mapping as Compiled
from gateway.mapping.paths import Each, show
from gateway.mapping.paths import Path as Steps
from gateway.mapping.tables import Table

__all__ = ["Finding", "lint"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing to mend, at a line of mapping.toml (0: the whole file)."""

    line: int
    level: Literal["error", "warning"]
    text: str


def lint(folder: Path) -> tuple[Compiled | None, tuple[Finding, ...]]:
    """The mapping in `folder` where it can be compiled, and everything that is wrong with it, by line."""
    try:
        mapping = load(folder)
    except InputError as error:
        _, _, line = (error.where or "").rpartition(":")
        told = error.detail if line.isdigit() else f"{error.where}: {error.detail}"
        return None, (Finding(int(line) if line.isdigit() else 0, "error", told),)
    schema = json.read((folder / mapping.spec.schema).read_bytes())
    found = [
        *_native_members(mapping, schema),
        *_common_members(mapping),
        *_tables(mapping),
        *(finding for emit in mapping.spec.emits for finding in _emit(mapping, emit, schema)),
        *_shadowed_emits(mapping),
    ]
    return mapping, tuple(sorted(found))


# ── Members that nobody speaks of ────────────────────────────────────────────────────────────────────────────────


def _native_members(mapping: Compiled, schema: Any) -> Iterator[Finding]:
    told: set[str] = set()
    for path in _leaves(mapping, schema):
        if not _spoken_of(mapping.native_ground, path) and show(path) not in told:
            told.add(show(path))
            yield Finding(0, "error", f"the native member {show(path)!r} is read by no rule, and not named in `aside`")


def _spoken_of(ground: Node, path: Steps) -> bool:
    nodes = [ground]
    for step in path:
        inside: list[Node] = []
        for node in nodes:
            if isinstance(step, str):
                inside += [node.names[step]] if step in node.names else []
            else:
                inside += [each for each in (node.first, node.entry) if each is not None]
        if any(node.ground is not None for node in inside):
            return True
        nodes = inside
    return False


def _leaves(mapping: Compiled, schema: Any) -> Iterator[Steps]:
    if mapping.spec.syntax == "abi":
        for entry in schema:
            yield from _abi_leaves(entry, (entry["name"],))
    else:
        yield from _schema_leaves(schema, schema, (), 0)


def _abi_leaves(component: Any, at: Steps) -> Iterator[Steps]:
    kind = component["type"]
    while kind.endswith("]"):
        kind, at = kind[: kind.rindex("[")], (*at, Each())
    if kind == "tuple":
        for inside in component["components"]:
            yield from _abi_leaves(inside, (*at, inside["name"]))
    else:
        yield at


def _schema_leaves(node: Any, root: Any, at: Steps, depth: int) -> Iterator[Steps]:
    if not isinstance(node, dict) or depth > 24:
        return
    if "$ref" in node:
        name = str(node["$ref"]).rpartition("/")[2]
        yield from _schema_leaves(root.get("$defs", {}).get(name), root, at, depth + 1)
        return
    inside = False
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        inside = True
        yield from _schema_leaves(choice, root, at, depth + 1)
    for name, member in node.get("properties", {}).items():
        inside = True
        yield from _schema_leaves(member, root, (*at, name), depth + 1)
    if "items" in node:
        inside = True
        yield from _schema_leaves(node["items"], root, (*at, Each()), depth + 1)
    if not inside and at:
        yield at


def _common_members(mapping: Compiled) -> Iterator[Finding]:
    for kind in shapes.KINDS:
        emits = [emit for emit in mapping.spec.emits if emit.record == kind]
        if not emits:
            continue
        ground = common_ground(emits)
        for path in shapes.leaves(shapes.of(kind)):
            if not _spoken_of(ground, path):
                yield Finding(
                    emits[0].line, "error", f"{kind}: {show(path)!r} is written by no rule, and not named in `lost`"
                )


# ── Rules ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _emit(mapping: Compiled, emit: EmitSpec, schema: Any) -> Iterator[Finding]:
    shape = shapes.of(emit.record)
    known = _known_paths(mapping, schema)
    seen: dict[tuple[Any, ...], int] = {}
    lost = [each.common for each in emit.lost]
    for rule in emit.rules:
        yield from _natures(mapping, rule)
        yield from _places(rule, known)
        same = (rule.natives, rule.common, rule.within, rule.when, rule.way, rule.has_const, rule.derive)
        if rule.when is None and same in seen:
            yield Finding(
                rule.line, "error", f"unreachable: line {seen[same]} already reads and writes the same places"
            )
        seen.setdefault(same, rule.line)
        yield from _first_only(rule, lost)
    for each in emit.lost:
        if shapes.find(shape, each.common) is None:
            yield Finding(each.line, "error", f"{emit.record} has no {show(each.common)!r} that could be lost")
    for takes in emit.takes:
        if not any(rule.natives and rule.natives[0][: len(takes.native)] == takes.native for rule in emit.rules):
            yield Finding(takes.line, "error", f"unreachable: no rule writes entries of {show(takes.native)!r}")


def _natures(mapping: Compiled, rule: RuleSpec) -> Iterator[Finding]:
    natures = {transforms.build(text, mapping.tables).nature for text in rule.chain}
    if "canonical" in natures and rule.canonical is None and rule.way == "both":
        yield Finding(
            rule.line, "error", "not invertible: several writings are read as one, so the rule must say `canonical`"
        )
    if (
        rule.lossy is None
        and any(text.startswith(("clip ", "kind-code")) for text in rule.chain)
        and rule.way != "read"
    ):
        yield Finding(rule.line, "error", "not invertible: what is cut is lost, so the rule must say `lossy`")
    if rule.gather and rule.lossy is None:
        yield Finding(rule.line, "error", "more entries than members would be lost: the rule must say `lossy`")
    inside_number = (
        bool(rule.common) and rule.common is not None and rule.common[-1] in ("scheme", "office", "original")
    )
    empty = "" in rule.fillers or (rule.has_absent and rule.absent == "")
    if empty and not rule.chain and rule.lossy is None and rule.way != "read" and not inside_number:
        yield Finding(rule.line, "error", "an empty text is read as nothing, so the rule must say `lossy`")
    if rule.when is not None and rule.way == "both" and (rule.when.native is None or rule.when.common is None):
        yield Finding(rule.line, "error", "a condition of one side: name the other's, or say `way`")


def _known_paths(mapping: Compiled, schema: Any) -> set[Steps]:
    known: set[Steps] = set()
    for path in _leaves(mapping, schema):
        plain = tuple(Each() if isinstance(step, (Each, int)) else step for step in path)
        known.update(plain[:cut] for cut in range(1, len(plain) + 1))
    return known


def _places(rule: RuleSpec, known: set[Steps]) -> Iterator[Finding]:
    for path in rule.natives:
        plain: list[Any] = []
        for step in path:
            if isinstance(step, Each) and step.separator is not None:
                break  # a text that is a list is one member of the schema
            plain.append(Each() if isinstance(step, (Each, int)) else step)
        if tuple(plain) not in known:
            yield Finding(rule.line, "error", f"unreachable: the schema has no member {show(path)!r}")


def _first_only(rule: RuleSpec, lost: list[Steps]) -> Iterator[Finding]:
    common = rule.common or ()
    for index, step in enumerate(common):
        if step == 0:
            before = common[:index]
            if not any(before[: len(each)] == each for each in lost):
                yield Finding(
                    rule.line,
                    "error",
                    f"the other entries of {show(before)!r} are lost without a reason: name it in `lost`",
                )


def _shadowed_emits(mapping: Compiled) -> Iterator[Finding]:
    open_kinds: dict[str, int] = {}
    for emit in mapping.spec.emits:
        if emit.record in open_kinds:
            yield Finding(
                emit.line,
                "error",
                f"unreachable when writing: the emit of line {open_kinds[emit.record]} takes every {emit.record}",
            )
        choosy = any(rule.has_const and rule.lossy is None for rule in emit.rules)
        if not choosy and (emit.when is None or emit.when.common is None):
            open_kinds.setdefault(emit.record, emit.line)


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _tables(mapping: Compiled) -> Iterator[Finding]:
    used: set[str] = set()
    for emit in mapping.spec.emits:
        for rule in emit.rules:
            for step in (transforms.build(text, mapping.tables) for text in rule.chain):
                if step.table is not None:
                    used.add(step.table.name)
                    yield from _missing_codes(emit, rule, step.table)
    for name in sorted(set(mapping.tables) - used):
        yield Finding(0, "error", f"no rule uses the table {name!r}")


def _missing_codes(emit: EmitSpec, rule: RuleSpec, table: Table) -> Iterator[Finding]:
    member = shapes.find(shapes.of(emit.record), rule.common or ())
    values: tuple[Any, ...] = (member.shape.values or ()) if member is not None else ()
    if not values:
        return
    for common in table.codes.values():
        if common not in values:
            yield Finding(
                rule.line, "error", f"the table {table.name!r} gives {common!r}, which {emit.record} does not know"
            )
    missing = [value for value in values if value not in table.back]
    if missing and rule.lossy is None and rule.partial is None and rule.way != "read":
        yield Finding(
            rule.line,
            "error",
            f"the table {table.name!r} has no code for {', '.join(repr(value) for value in missing)}: "
            "add it, or say in `partial` why such a record is refused",
        )
