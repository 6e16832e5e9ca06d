"""Which rule, declared loss or member set aside a place in a tree belongs to: the reasons of the loss report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from gateway.mapping.language import EmitSpec, MappingSpec, RuleSpec
from gateway.mapping.paths import Each, Path

__all__ = ["Ground", "Node", "common_ground", "native_ground"]

Ground = Literal["rule", "lost", "aside", "dropped", "frame"]


@dataclass(slots=True)
class Node:
    """One place. `ground` says what was declared there, `rules` by which, `reason` why it is lost or set aside."""

    names: dict[str, Node] = field(default_factory=dict)
    entry: Node | None = None
    first: Node | None = None
    ground: Ground | None = None
    reason: str = ""
    rules: list[RuleSpec] = field(default_factory=list)
    keys: list[Path] = field(default_factory=list)
    """On a list's entry: the members by which it is known again."""

    def step(self, segment: str | int) -> Node | None:
        if isinstance(segment, str):
            return self.names.get(segment)
        if segment == 0 and self.first is not None:
            return self.first
        return self.entry

    def add(self, path: Path) -> Node:
        node = self
        for segment in path:
            if isinstance(segment, str):
                node = node.names.setdefault(segment, Node())
            elif isinstance(segment, Each):
                if node.entry is None:
                    node.entry = Node()
                node = node.entry
            else:
                if node.first is None:
                    node.first = Node()
                node = node.first
        return node

    @property
    def bare(self) -> bool:
        """Nothing was declared at this place or below it."""
        return self.ground is None and not self.names and self.entry is None and self.first is None


def _settle(node: Node) -> Node:
    """What is said of every entry of a list is said of its first one, too."""
    if node.first is not None and node.entry is not None:
        _merge(node.first, node.entry)
    for inside in (*node.names.values(), *(each for each in (node.first, node.entry) if each is not None)):
        _settle(inside)
    return node


def _merge(node: Node, other: Node) -> None:
    node.ground = node.ground or other.ground
    node.reason = node.reason or other.reason
    node.rules += [rule for rule in other.rules if rule not in node.rules]
    node.keys += [key for key in other.keys if key not in node.keys]
    for name, inside in other.names.items():
        _merge(node.names.setdefault(name, Node()), inside)
    for side in ("first", "entry"):
        theirs = getattr(other, side)
        if theirs is not None:
            ours = getattr(node, side)
            if ours is None:
                ours = Node()
                setattr(node, side, ours)
            _merge(ours, theirs)


def common_ground(emits: Iterable[EmitSpec]) -> Node:
    """The places of a common record that the given emits (all of one kind of record) speak of."""
    root = Node()
    for emit in emits:
        for rule in emit.rules:
            node = root.add(rule.common or ())
            node.ground = "rule"
            node.rules.append(rule)
        for lost in emit.lost:
            node = root.add(lost.common)
            if node.ground is None:
                node.ground, node.reason = "lost", lost.reason
            elif not node.reason:
                node.reason = lost.reason
    return _settle(root)


def native_ground(spec: MappingSpec) -> Node:
    """The places of a native record that the mapping speaks of."""
    root = Node()
    for emit in spec.emits:
        for rule in emit.rules:
            for path in rule.natives:
                # what stands in a text that is a list is one place
                cut = next((at for at, step in enumerate(path) if isinstance(step, Each) and step.separator), len(path))
                node = root.add(path[:cut])
                node.ground = "rule"
                node.rules.append(rule)
                if rule.key:
                    at = max((index for index, step in enumerate(path[:cut]) if isinstance(step, Each)), default=None)
                    if at is not None:
                        keys = root.add(path[: at + 1]).keys
                        if path[at + 1 : cut] not in keys:
                            keys.append(path[at + 1 : cut])
        if emit.when is not None and emit.when.native is not None:
            node = root.add(emit.when.native)
            node.ground = node.ground or "frame"
    for frame in spec.frame:
        root.add(frame.native).ground = "frame"
    for aside in spec.asides:
        node = root.add(aside.native)
        if node.ground is None:
            node.ground = "dropped" if aside.dropped else "aside"
        node.reason = aside.reason
    return _settle(root)
