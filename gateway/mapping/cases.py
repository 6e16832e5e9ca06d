"""Cases of a mapping: files beside it that say what a native record becomes, or what becomes of a common one.

NAME.native.json (or .hex)  the native record
NAME.common.json            reading: the common records that come out of it, and back into it with the residue
NAME.given.json             writing: common records that are written as the native record
NAME.losses.json            the loss report of the reading or the writing
NAME.refused.json           instead: {"code": …, "says": …}, the error and a part of what it says
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.errors import GatewayError, InputError, fault
from gateway.mapping.formats import json
from gateway.mapping.mapping import Mapping
from gateway.mapping.outcome import Loss, losses_document
from gateway.model import records as model
from gateway.model.records import CommonRecord
from gateway.spi import NativeRecord

__all__ = ["NO_RECORD", "Case", "Result", "find", "native_of", "run", "show_native"]

NO_CASE = fault(
    "mapping.case",
    "A file of a case cannot be read.",
    "A case needs a native record or given common ones; docs/how-to/write-a-mapping.md shows the files.",
)
NO_RECORD = fault(
    "native.no-file",
    "The file with the native record cannot be read.",
    "Name a file that is there; hexadecimal ends in .hex.",
)

_LIMIT: Final = 8 * 1024 * 1024
_PARTS: Final = ("native.json", "native.hex", "common.json", "given.json", "losses.json", "refused.json")


@dataclass(frozen=True, slots=True)
class Case:
    """The files of one case, by what follows its name."""

    name: str
    folder: Path
    parts: frozenset[str]

    def path(self, part: str) -> Path:
        return self.folder / f"{self.name}.{part}"


@dataclass(frozen=True, slots=True)
class Result:
    """`differences` is empty where the case holds."""

    name: str
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differences


def find(folder: Path) -> tuple[Case, ...]:
    """The cases in a mapping's folder, by name."""
    found: dict[str, set[str]] = {}
    for path in sorted((folder / "cases").glob("*")):
        for part in _PARTS:
            if path.name.endswith(f".{part}"):
                found.setdefault(path.name.removesuffix(f".{part}"), set()).add(part)
    return tuple(Case(name, folder / "cases", frozenset(parts)) for name, parts in sorted(found.items()))


def native_of(mapping: Mapping, path: Path) -> NativeRecord:
    """The native record in a file: as it stands, or in hexadecimal where the name ends in `.hex`. Raises InputError."""
    try:
        if path.stat().st_size > _LIMIT:
            raise InputError(NO_RECORD, f"more than {_LIMIT} bytes", where=str(path))
        data = path.read_bytes()
        if path.suffix == ".hex":
            data = bytes.fromhex(data.decode("ascii").strip().removeprefix("0x"))
    except (OSError, ValueError) as error:
        raise InputError(NO_RECORD, type(error).__name__, where=str(path)) from error
    return NativeRecord(mapping.format, data)


def run(mapping: Mapping, case: Case, *, accept: bool = False) -> Result:
    """Runs one case. With `accept`, what came out is written where it is not yet written down."""
    try:
        return Result(case.name, tuple(_run(mapping, case, accept)))
    except GatewayError as error:
        return _refused(case, error, accept)


def _refused(case: Case, error: GatewayError, accept: bool) -> Result:
    found = {"code": error.code, "says": error.detail}
    if accept and not case.parts & {"refused.json", "losses.json"}:
        _write(case.path("refused.json"), found)
        return Result(case.name, ())
    if "refused.json" not in case.parts:
        return Result(case.name, (f"refused, which nobody expects: {error}",))
    wanted = _read(case.path("refused.json"))
    if wanted.get("code") == error.code and str(wanted.get("says", "")) in f"{error.detail} {error.where}":
        return Result(case.name, ())
    return Result(case.name, tuple(_difference("refused.json", wanted, found)))


def _run(mapping: Mapping, case: Case, accept: bool) -> list[str]:
    if "given.json" in case.parts:
        return _writing(mapping, case, accept)
    part = "native.hex" if "native.hex" in case.parts else "native.json"
    native = native_of(mapping, case.path(part))
    translation = mapping.to_common(native)
    records = [each.record for each in translation.records]
    differences = _unrefused(case)
    differences += _compared(case, "common.json", [orjson.loads(model.encode(each)) for each in records], accept)
    differences += _losses(case, translation.losses, accept)
    back = mapping.to_native(records, translation.residue)
    sides = [_sorted(mapping, each) for each in (native, back.native)]
    if sides[0] != sides[1]:
        differences += _difference("the way back", *(orjson.loads(each) for each in sides))
    if back.losses:
        differences.append(f"the way back loses {back.losses[0].path}: {back.losses[0].reason}")
    return differences


def _sorted(mapping: Mapping, native: NativeRecord) -> bytes:
    return json.write(mapping.form.decode(native.content), ordered=True, limit=_LIMIT)


def _writing(mapping: Mapping, case: Case, accept: bool) -> list[str]:
    given = _given(case)
    rendition = mapping.to_native(given)
    differences = _unrefused(case) + _losses(case, rendition.losses, accept)
    if mapping.spec.syntax == "abi":
        differences += _compared(case, "native.hex", rendition.native.content.hex(), accept)
    else:
        differences += _compared(case, "native.json", orjson.loads(rendition.native.content), accept)
    return differences


def _given(case: Case) -> Sequence[CommonRecord]:
    return [model.decode(orjson.dumps(each)) for each in _read(case.path("given.json"))]


def _unrefused(case: Case) -> list[str]:
    return ["it was expected to be refused, and was not"] if "refused.json" in case.parts else []


def _losses(case: Case, losses: Sequence[Loss], accept: bool) -> list[str]:
    return _compared(case, "losses.json", orjson.loads(losses_document(losses)), accept)


def _compared(case: Case, part: str, found: Any, accept: bool) -> list[str]:
    path = case.path(part)
    if part not in case.parts:
        if accept:
            _write(path, found)
            return []
        return [f"{path.name} is missing: `gateway mapping test --accept` writes it"]
    wanted: Any = path.read_text("utf-8").strip() if part.endswith(".hex") else _read(path)
    return [] if wanted == found else _difference(path.name, wanted, found)


def _difference(name: str, wanted: Any, found: Any) -> list[str]:
    told = f"{name} (expected)", f"{name} (found)"
    return list(difflib.unified_diff(_lines(wanted), _lines(found), *told, lineterm="", n=2))


def _lines(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.splitlines()
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().splitlines()


def _read(path: Path) -> Any:
    try:
        return json.read(path.read_bytes(), limit=_LIMIT, nesting=96)
    except OSError as error:
        raise InputError(NO_CASE, type(error).__name__, where=str(path)) from error


def _write(path: Path, value: Any) -> None:
    if isinstance(value, str):
        path.write_text(value + "\n", "utf-8")
    else:
        path.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def show_native(mapping: Mapping, native: NativeRecord) -> str:
    """A native record for a person: its tree, indented. Raises InputError where it cannot be read."""
    tree = mapping.form.decode(native.content)
    dump: Callable[..., bytes] = orjson.dumps
    try:
        return dump(tree, option=orjson.OPT_INDENT_2).decode()
    except orjson.JSONEncodeError:
        return json.write(tree, ordered=False).decode()
