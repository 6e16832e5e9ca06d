"""A mapping, ready to be used: native record to common records and back, with residue and loss report.

Both ways end with the way back: what was read is written again, and what was written is read again. The first
comparison gives the residue, the second the loss report; neither depends on a rule's author having foreseen them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import rfc8785

from gateway.errors import InputError, MappingError, fault
from gateway.mapping import loss as losses_of
from gateway.mapping import residue as residues
from gateway.mapping.access import MISSING, Refusal, putter, taker
from gateway.mapping.dispatch import Note
from gateway.mapping.emits import Emit, Holder, compile_emit
from gateway.mapping.explain import Node, common_ground, native_ground
from gateway.mapping.formats import Format
from gateway.mapping.language import MappingSpec
from gateway.mapping.outcome import Loss, MappingRef, Rendition, Translated, Translation
from gateway.mapping.paths import first_each, pointer, show
from gateway.mapping.shape import KINDS
from gateway.mapping.tables import Table
from gateway.model import records as model
from gateway.model.records import CommonRecord
from gateway.spi import NativeRecord

__all__ = ["SLOTS", "Mapping"]

OTHER_FORMAT = fault(
    "mapping.other-format", "The record is in another format than the mapping reads.", "Take the mapping of its format."
)
NOTHING = fault(
    "mapping.nothing",
    "The native record holds nothing that the mapping reads as a record.",
    "Compare it with the schema beside the mapping; the member that decides is named.",
)
MISSING_MEMBER = fault(
    "mapping.missing",
    "The native record lacks what a common record cannot be without.",
    "A partial answer is no record: take the whole one from the office.",
)
INVALID = fault(
    "mapping.invalid", "A value is none that a common record may hold.", "Correct it at its source; the place is named."
)
NO_PLACE = fault(
    "mapping.no-place",
    "The format has no place for such a record.",
    "Route this kind of record to a network whose format has one.",
)
UNREADABLE = fault(
    "mapping.unreadable",
    "What would be written could not be read again.",
    "The format cannot hold this record: what it would have to leave out is named.",
)
TOO_MANY = fault(
    "mapping.too-many",
    "One native record holds more common ones than are read.",
    "Split it: one native record gives at most 4,096.",
)

SLOTS: Final = 16
"""Index = position in the emit's list x SLOTS + the emit's slot, so that a new emit changes no index."""
_MOST: Final = 4096


class Mapping:
    """One released mapping. Immutable; safe to use from several threads."""

    def __init__(
        self,
        spec: MappingSpec,
        tables: Map[str, Table],
        form: Format,
        files: Map[str, Any],
        where: str = "mapping.toml",
    ) -> None:
        """`files` are the parsed tables and schema by their path beside the mapping: what is hashed with the rules.

        Raises InputError at the line of a rule that cannot be.
        """
        self.spec = spec
        self.tables = dict(tables)
        self.form = form
        self.format = spec.format
        self.ref = MappingRef(spec.name, spec.version, digest_of(spec, files))
        ordered = tuple(spec.emits)
        self._emits = tuple(compile_emit(emit, ordered, tables, where, fills=spec.syntax == "abi") for emit in ordered)
        self._by_kind: dict[str, tuple[Emit, ...]] = {
            kind: tuple(emit for emit in self._emits if emit.spec.record == kind) for kind in KINDS
        }
        self.native_ground = native_ground(spec)
        self.common_grounds: dict[str, Node] = {
            kind: common_ground(emit.spec for emit in emits) for kind, emits in self._by_kind.items()
        }
        self._frame = tuple(
            (
                putter(frame.native, list),
                frame.const,
                None if frame.count is None else taker(frame.count[:-1]),
            )
            for frame in spec.frame
        )

    # native → common

    def to_common(self, native: NativeRecord) -> Translation:
        """The common records of a native one, in the order of the mapping's emits.

        Raises InputError or LimitError where the bytes cannot be read, MappingError where they cannot be translated.
        """
        if native.format != self.format:
            raise MappingError(OTHER_FORMAT, f"{native.format!r}, and the mapping reads {self.format!r}")
        tree = self.form.decode(native.content)
        notes: list[Note] = []
        try:
            found = self._read(tree, notes)
        except Refusal as refusal:
            raise _error(refusal, "the native record") from None
        if not found:
            raise MappingError(NOTHING, self._wanted(tree))
        made = tuple(
            Translated(position * SLOTS + emit.spec.slot, self._record(emit, out, where))
            for emit, position, where, out in found
        )
        try:
            written = self.form.complete(self._write([(emit, out) for emit, _, _, out in found])[0])
        except Refusal as refusal:
            raise _error(refusal, "the common record, on its way back") from None
        losses = [Loss(pointer(where), effect, reason) for where, effect, reason in notes]
        if _bytes(written) == _bytes(tree):
            return Translation(self.ref, made, b"", tuple(losses))
        try:
            rest = residues.compare(written, tree, self.native_ground, refuse_rest=self.spec.rest == "refuse")
        except Refusal as refusal:
            raise _error(refusal, "the native record") from None
        told = {one.path for one in losses}
        losses.extend(one for one in rest.losses if one.path not in told)
        return Translation(self.ref, made, rest.encode(), tuple(losses))

    def _read(self, tree: Any, notes: list[Note]) -> list[tuple[Emit, int, tuple[str | int, ...], dict[str, Any]]]:
        found: list[tuple[Emit, int, tuple[str | int, ...], dict[str, Any]]] = []
        for emit in self._emits:
            for position, where, out in emit.read(tree, notes):
                found.append((emit, position, where, out))
                if len(found) > _MOST:
                    raise Refusal(TOO_MANY, f"more than {_MOST}", ())
        return found

    def _record(self, emit: Emit, out: dict[str, Any], where: tuple[str | int, ...]) -> CommonRecord:
        try:
            made: CommonRecord = msgspec.convert(out, emit.kind)
        except msgspec.ValidationError as error:
            raise self._explained(error, emit, where) from error
        model.check(made)
        return made

    def _explained(self, error: msgspec.ValidationError, emit: Emit, where: tuple[str | int, ...]) -> MappingError:
        text, _, found = str(error).partition(" - at ")
        found = found.strip("`$").lstrip(".")
        kind = emit.spec.record
        if text.startswith("Object missing required field"):
            member = text.split("`")[1]
            wanted = f"{found}.{member}" if found else member
            natives = [
                show(path)
                for rule in emit.spec.rules
                if rule.common and show(rule.common).replace("[]", "[...]").startswith(wanted)
                for path in rule.natives
            ]
            named = f"; it is read from {', '.join(natives)}" if natives else ""
            return MappingError(MISSING_MEMBER, f"{kind} needs {wanted}{named}", where=pointer(where) or None)
        return MappingError(
            INVALID, f"{kind}: {text}" + (f" at {found}" if found else ""), where=pointer(where) or None
        )

    def _wanted(self, tree: Any) -> str:
        """What the mapping would have read, and what stands in its place."""
        for emit in self._emits:
            when = emit.spec.when
            if when is not None and when.native is not None and first_each(when.native) is None:
                try:
                    found = taker(when.native)(tree)
                except Refusal:
                    found = MISSING
                if type(found) is str or type(found) is int:
                    return f"{show(when.native)} is {str(found)[:60]!r}; {self._reads()}"
        return self._reads()

    def _reads(self) -> str:
        told = [
            f"{emit.spec.record} where {show(emit.spec.when.native)} is {_shown(emit.spec.when.values)}"
            for emit in self._emits
            if emit.spec.when is not None and emit.spec.when.native is not None
        ]
        told += [
            f"{emit.spec.record} for each entry of {show(emit.spec.each)}" for emit in self._emits if emit.spec.each
        ]
        return "it reads " + "; ".join(told) if told else "no member of it is known"

    # common → native

    def to_native(self, records: Sequence[CommonRecord], residue: bytes = b"") -> Rendition:
        """One native record that holds all of `records`, which are of one application where the format says so.

        `residue` is what `to_common` gave with them, for the exact way back. Raises MappingError where they cannot be
        held, InputError where the residue is none, LimitError where the native record is larger than allowed.
        """
        given = [msgspec.to_builtins(record) for record in records]
        if not given:
            raise MappingError(NOTHING, "no record was given")
        chosen: list[tuple[Emit, dict[str, Any]]] = []
        for number, (record, tree) in enumerate(zip(records, given, strict=True)):
            tree.pop("type")
            try:
                chosen.append((self._emit_for(type(record).__name__, tree), tree))
            except Refusal as refusal:
                raise _error(refusal, "the common record", number if len(given) > 1 else None) from None
        try:
            tree, places = self._write(chosen)
            content, tree = self.form.encode(residues.apply(residue, tree, self.native_ground))
        except Refusal as refusal:
            raise _error(refusal, "the common record") from None
        return Rendition(
            self.ref,
            NativeRecord(self.format, content),
            tuple(self._losses(chosen, places, tree)),
        )

    def _emit_for(self, kind: str, tree: dict[str, Any]) -> Emit:
        emits = self._by_kind[kind]
        if not emits:
            raise Refusal(NO_PLACE, f"{self.format} holds no {kind}", ())
        first: Refusal | None = None
        for emit in emits:
            refusal = emit.takes(tree)
            if refusal is None:
                return emit
            first = first or refusal
        raise first or Refusal(NO_PLACE, "", ())

    def _write(self, chosen: Sequence[tuple[Emit, dict[str, Any]]]) -> tuple[Any, list[tuple[str | int, ...]]]:
        root = Holder({})
        if len(chosen) == 1:
            places = [chosen[0][0].write(chosen[0][1], root)]
        else:
            places = [()] * len(chosen)
            order = sorted(range(len(chosen)), key=lambda number: len(chosen[number][0].depths))
            for number in order:
                emit, record = chosen[number]
                places[number] = emit.write(record, root)
        for put, const, take in self._frame:
            if take is None:
                put(root.native, const)
            else:
                items = take(root.native)
                put(root.native, 0 if items is MISSING else len(items))
        return root.native, places

    def _losses(
        self, chosen: Sequence[tuple[Emit, dict[str, Any]]], places: Sequence[tuple[str | int, ...]], tree: Any
    ) -> list[Loss]:
        found: dict[int, list[tuple[Emit, tuple[str | int, ...], dict[str, Any]]]] = {}
        try:
            for emit, _, where, out in self._read(tree, []):
                found.setdefault(emit.spec.slot, []).append((emit, where, out))
        except Refusal as refusal:
            raise MappingError(UNREADABLE, refusal.detail, where=pointer(refusal.place) or None) from None
        losses: list[Loss] = []
        # a residue may put entries that say nothing between those that were written: the order stays
        order = sorted(range(len(chosen)), key=lambda number: _order(places[number])) if len(chosen) > 1 else [0]
        again_of = {number: found[slot].pop(0) for number in order if found.get(slot := chosen[number][0].spec.slot)}
        for number, (emit, given) in enumerate(chosen):
            if number not in again_of:
                raise MappingError(UNREADABLE, f"no {emit.spec.record} is read from what was written")
            _, where, again = again_of[number]
            if again == given:
                continue
            try:
                back = msgspec.to_builtins(self._record(emit, again, where))
            except (MappingError, InputError) as error:
                raise MappingError(UNREADABLE, error.detail, where=error.where) from None
            back.pop("type")
            try:
                losses += losses_of.differences(given, back, self.common_grounds[emit.spec.record], number)
            except Refusal as refusal:
                raise _error(refusal, "the common record", number if len(chosen) > 1 else None) from None
        more = sorted({emit.spec.record for rest in found.values() for emit, _, _ in rest})
        if more:
            raise MappingError(UNREADABLE, f"more is read from what was written: {', '.join(more)}")
        return losses


def _order(where: tuple[str | int, ...]) -> list[tuple[int, str]]:
    """Places of entries, in the order in which they stand."""
    return [(step, "") if isinstance(step, int) else (0, step) for step in where]


def _bytes(tree: Any) -> bytes:
    from gateway.mapping.formats import json

    return json.write(tree, ordered=True, limit=1 << 40)


def _error(refusal: Refusal, side: str, record: int | None = None) -> MappingError:
    where = pointer(refusal.place)[:300]
    told = f"{side} {record}" if record is not None else side
    return MappingError(
        refusal.kind, refusal.detail or refusal.kind.summary, where=f"{told}: {where}" if where else told
    )


def _shown(values: Sequence[Any] | None) -> str:
    return "there" if values is None else " or ".join(repr(value) for value in values)


def digest_of(spec: MappingSpec, files: Map[str, Any]) -> bytes:
    """SHA-256 over JCS of `{"files": {path: content}, "rules": mapping.toml}`: comments and blanks are not in it."""
    return hashlib.sha256(rfc8785.dumps({"rules": spec.data, "files": dict(files)})).digest()


def jcs_ready(value: Any) -> bool:
    """Whether JCS has one form for it: no floats, no integers beyond 2^53, no dates."""
    if isinstance(value, dict):
        return all(type(name) is str and jcs_ready(member) for name, member in value.items())
    if isinstance(value, list):
        return all(jcs_ready(item) for item in value)
    return type(value) in (str, bool) or (type(value) is int and abs(value) < 2**53) or value is None
