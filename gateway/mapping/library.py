"""Where mappings are found: those that this release ships, by format and by digest."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from gateway.errors import InputError, LimitError, MappingError, fault
from gateway.mapping import language, tables
from gateway.mapping.formats import Format, json
from gateway.mapping.formats.abi import AbiFormat
from gateway.mapping.formats.json import JsonFormat
from gateway.mapping.mapping import Mapping, jcs_ready

__all__ = ["MappingLibrary", "load", "shipped_folder"]

NO_FILE = fault(
    "mapping.no-file",
    "A file of the mapping cannot be read.",
    "Every table and the schema that it names lie beside it.",
)
UNKNOWN_FORMAT = fault(
    "mapping.unknown-format",
    "No mapping reads this format.",
    "`gateway mapping lint` lists those that are there; docs/how-to/write-a-mapping.md shows how to write one.",
)
TWICE = fault(
    "mapping.twice",
    "Two mappings have one name and version, and differ.",
    "A released version never changes: give the newer one a new version.",
)

_LIMIT: Final = 4 * 1024 * 1024


def shipped_folder() -> Path:
    """`gateway/mappings` in an installed package, `mappings/` beside the package in a checkout. Raises MappingError."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "mappings", package.parent / "mappings"):
        if folder.is_dir():
            return folder
    raise MappingError(NO_FILE, "this installation has no mappings", where=str(package / "mappings"))


def load(folder: Path) -> Mapping:
    """The mapping in `folder` (mapping.toml, its schema, tables/). Raises InputError at the file and line."""
    file = folder / "mapping.toml"
    label = f"{folder.name}/mapping.toml"
    spec = language.parse(_text(file, label), label)
    if not jcs_ready(spec.data):
        raise InputError(language.BAD_FILE, "fractions, dates and numbers beyond 2^53 have no place in it", where=label)
    files: dict[str, Any] = {spec.schema: _json(folder / spec.schema, f"{folder.name}/{spec.schema}")}
    loaded: dict[str, tables.Table] = {}
    for name in spec.tables:
        path = f"tables/{name}.json"
        files[path] = _json(folder / path, f"{folder.name}/{path}")
        loaded[name] = tables.load(name, files[path])
    form: Format = AbiFormat(files[spec.schema], _absent(spec)) if spec.syntax == "abi" else JsonFormat()
    return Mapping(spec, loaded, form, files, label)


def _absent(spec: language.MappingSpec) -> dict[tuple[str, ...], Any]:
    """The values that stand for nothing, by the names of the members that lead to them."""
    return {
        tuple(segment for segment in rule.natives[0] if isinstance(segment, str)): rule.absent
        for emit in spec.emits
        for rule in emit.rules
        if rule.has_absent
    }


def _text(file: Path, label: str) -> str:
    try:
        if file.stat().st_size > _LIMIT:
            raise LimitError(NO_FILE, f"larger than {_LIMIT} bytes", where=label)
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(NO_FILE, type(error).__name__, where=label) from error


def _json(file: Path, label: str) -> Any:
    try:
        made = json.read(_text(file, label).encode(), limit=_LIMIT)
    except InputError as error:
        raise InputError(
            error.fault, error.detail, where=f"{label}: {error.where}" if error.where else label
        ) from error
    if not jcs_ready(made):
        raise InputError(NO_FILE, "fractions and numbers beyond 2^53 have no place in it", where=label)
    return made


class MappingLibrary:
    """A set of mappings. Every released version is kept, so that an old dossier can be checked again."""

    def __init__(self, mappings: Iterable[Mapping]) -> None:
        """Raises MappingError where two have one name and version, and differ."""
        self._by_digest: dict[bytes, Mapping] = {}
        named: dict[tuple[str, str], bytes] = {}
        for mapping in mappings:
            key = (mapping.ref.name, mapping.ref.version)
            if named.setdefault(key, mapping.ref.digest) != mapping.ref.digest:
                raise MappingError(TWICE, f"{key[0]} {key[1]}")
            self._by_digest[mapping.ref.digest] = mapping
        self._newest: dict[str, Mapping] = {}
        for mapping in self._by_digest.values():
            before = self._newest.get(mapping.format)
            if before is None or _order(before) < _order(mapping):
                self._newest[mapping.format] = mapping

    @classmethod
    def shipped(cls) -> MappingLibrary:
        """The mappings of this release; read and compiled once in a process. Raises MappingError, InputError."""
        return _shipped()

    @classmethod
    def of_folder(cls, folder: Path) -> MappingLibrary:
        """The mappings below `folder`: `NAME/mapping.toml`, and older versions in `NAME/released/VERSION/`."""
        return cls(load(each) for each in _folders(folder))

    def by_format(self, name: str) -> Mapping:
        """The newest mapping that reads the format. Raises MappingError where none does."""
        found = self._newest.get(name)
        if found is None:
            raise MappingError(UNKNOWN_FORMAT, f"{name!r}; there are {', '.join(sorted(self._newest)) or 'none'}")
        return found

    def by_digest(self, digest: bytes) -> Mapping | None:
        """The mapping with this digest, of any version."""
        return self._by_digest.get(digest)

    def all(self) -> tuple[Mapping, ...]:
        """Every mapping, by name and version."""
        return tuple(sorted(self._by_digest.values(), key=lambda mapping: (mapping.ref.name, _order(mapping))))


def _order(mapping: Mapping) -> tuple[tuple[int, ...], str]:
    return tuple(int(part) for part in mapping.ref.version.split(".")), mapping.ref.name


def _folders(folder: Path) -> list[Path]:
    found: list[Path] = []
    for entry in sorted(os.scandir(folder), key=lambda each: each.name):
        path = Path(entry.path)
        if entry.is_dir() and (path / "mapping.toml").is_file():
            found.append(path)
            released = path / "released"
            if released.is_dir():
                found += [each for each in sorted(released.iterdir()) if (each / "mapping.toml").is_file()]
    return found


@cache
def _shipped() -> MappingLibrary:
    return MappingLibrary.of_folder(shipped_folder())
