"""What a native form does not hold: the common record that was written, compared with the one that is read again.

So a loss is named where there is a difference, and only there; the mapping gives the reason.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.mapping.access import Place, Refusal
from gateway.mapping.explain import Node
from gateway.mapping.outcome import Loss
from gateway.mapping.paths import pointer
from gateway.mapping.residue import NOT_EXACT

__all__ = ["differences"]

_UNSAID: Final = "The format has no place for it."
_ADDED: Final = "The format says more here than was given."


def differences(given: Any, again: Any, ground: Node, record: int = 0) -> list[Loss]:
    """Every place where `again` differs from `given`. Raises Refusal where an exact rule does not hold."""
    made: list[Loss] = []
    _at(made, given, again, ground, ground, (), record)
    return made


def _at(made: list[Loss], given: Any, again: Any, node: Node | None, above: Node, where: Place, record: int) -> None:
    if given == again and type(given) is type(again):
        return
    if type(given) is dict and type(again) is dict:
        for name, value in given.items():
            inside = node.step(name) if node is not None else None
            if name in again:
                _at(made, value, again[name], inside, _nearest(inside, above), (*where, name), record)
            else:
                _gone(made, value, inside, _nearest(inside, above), (*where, name), record)
        for name in again:
            if name not in given:
                inside = node.step(name) if node is not None else None
                _name(made, inside, _nearest(inside, above), (*where, name), "added", record)
    elif type(given) is tuple and type(again) is tuple:
        _lists(made, given, again, node, above, where, record)
    else:
        _name(made, node, above, where, "narrowed", record)


def _lists(
    made: list[Loss],
    given: tuple[Any, ...],
    again: tuple[Any, ...],
    node: Node | None,
    above: Node,
    where: Place,
    record: int,
) -> None:
    if len(given) == len(again):
        if sorted(map(_text, given)) == sorted(map(_text, again)):
            _name(made, node, above, where, "reordered", record)
            return
        _pairs(made, list(enumerate(zip(given, again, strict=True))), node, above, where, record)
        return
    if len(again) > len(given):
        _name(made, node, above, where, "added", record)
        return
    # entries are gone: which, where the others are as they were, or where the first ones stayed
    kept: list[int] = []
    at = 0
    for entry in again:
        while at < len(given) and given[at] != entry:
            at += 1
        kept.append(at)
        at += 1
    if at > len(given):
        if node is None or node.first is None:
            _name(made, node, above, where, "narrowed", record)
            return
        kept = list(range(len(again)))
    gone = [index for index in range(len(given)) if index not in kept]
    before = len(made)
    _pairs(made, [(index, (given[index], again[at])) for at, index in enumerate(kept)], node, above, where, record)
    if any(loss.path == pointer(where) for loss in made[before:]):
        return  # the list as a whole is named
    for index in gone:
        inside = node.step(index) if node is not None else None
        _name(made, inside, _nearest(inside, above), (*where, index), "dropped", record, entry_gone=True)


def _pairs(
    made: list[Loss],
    pairs: list[tuple[int, tuple[Any, Any]]],
    node: Node | None,
    above: Node,
    where: Place,
    record: int,
) -> None:
    """Entry by entry; where entries that changed also changed places, the list as a whole is named."""
    inner: list[Loss] = []
    try:
        for index, (ours, theirs) in pairs:
            inside = node.step(index) if node is not None else None
            _at(inner, ours, theirs, inside, _nearest(inside, above), (*where, index), record)
    except Refusal:
        if node is None or node.ground != "lost":
            raise
        inner = []
        _name(inner, node, above, where, "narrowed", record)
    made += inner


def _text(entry: Any) -> bytes:
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)


def _gone(made: list[Loss], value: Any, node: Node | None, above: Node, where: Place, record: int) -> None:
    """Nothing is left of `value`: named at the highest place that no rule speaks of, else at its leaves."""
    if node is None or node.ground is not None or node.bare:
        _name(made, node, above, where, "dropped", record)
    elif type(value) is dict and value:
        for name, member in value.items():
            inside = node.step(name)
            _gone(made, member, inside, _nearest(inside, above), (*where, name), record)
    elif type(value) is tuple and value:
        for index, item in enumerate(value):
            inside = node.step(index)
            _gone(made, item, inside, _nearest(inside, above), (*where, index), record)
    else:
        _name(made, node, above, where, "dropped", record)


def _nearest(node: Node | None, above: Node) -> Node:
    return node if node is not None and node.ground is not None else above


def _name(
    made: list[Loss],
    node: Node | None,
    above: Node,
    where: Place,
    effect: str,
    record: int,
    *,
    entry_gone: bool = False,
) -> None:
    nearest = _nearest(node, above)
    reason = nearest.reason
    if nearest.ground == "rule":
        reason = next((rule.lossy for rule in nearest.rules if rule.lossy is not None), None) or reason
        if not reason:
            rule = nearest.rules[0]
            raise Refusal(NOT_EXACT, f"the rule {rule.title} (line {rule.line})", where)
    if effect == "added" and nearest.ground != "rule":
        reason = _ADDED
    if not reason and effect in ("reordered", "narrowed", "dropped") and (entry_gone or node is not None):
        reason = _lossy_below(node)
    made.append(Loss(pointer(where), effect, reason or _UNSAID, record))


def _lossy_below(node: Node | None) -> str:
    """The first reason that a rule inside gives, where the place itself has none."""
    if node is None:
        return ""
    for rule in node.rules:
        if rule.lossy is not None:
            return rule.lossy
    for inside in (*node.names.values(), *(each for each in (node.first, node.entry) if each is not None)):
        if reason := _lossy_below(inside):
            return reason
    return ""
