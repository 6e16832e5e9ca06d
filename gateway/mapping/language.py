"""The language of mapping.toml: what may stand there, parsed and checked member by member, with the lines it stands on.

See docs/reference/mapping-language.md. Everything unknown is refused, at its line, so that a typing error is never a
rule that silently does nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn

from gateway.errors import InputError, LimitError, fault
from gateway.mapping import paths
from gateway.mapping.paths import Each, Path

__all__ = [
    "BAD_FILE",
    "LANGUAGE",
    "Aside",
    "Condition",
    "EmitSpec",
    "Frame",
    "Lost",
    "MappingSpec",
    "RuleSpec",
    "parse",
]

LANGUAGE: Final = 1
"""The version of the language that this engine reads."""

BAD_FILE = fault(
    "mapping.file",
    "The mapping file is not what it must be.",
    "docs/reference/mapping-language.md names every member; `gateway mapping lint` names the line.",
)
TOO_LARGE = fault("mapping.file-too-large", "The mapping file is larger than allowed.", "Split its tables off.")

_LIMIT: Final = 512 * 1024
RECORDS: Final = ("Application", "PriorityDocument", "LegalStatusEvent", "OwnershipTransfer")

Scalar = str | int | bool | None
Way = Literal["both", "read", "write"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`native` is asked when reading, `common` when writing; `values` are those wanted (with `unlike`: not wanted)."""

    native: Path | None
    common: Path | None
    values: tuple[Scalar, ...] | None
    present: bool | None
    unlike: bool = False


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One rule. `natives` has several paths for `join` and `gather`, none for constants and derivations."""

    line: int
    natives: tuple[Path, ...]
    common: Path | None
    chain: tuple[str, ...] = ()
    const: Scalar = None
    has_const: bool = False
    absent: Scalar = None
    has_absent: bool = False
    fillers: tuple[Scalar, ...] = ()
    canonical: str | None = None
    lossy: str | None = None
    join: str | None = None
    gather: bool = False
    derive: str | None = None
    when: Condition | None = None
    way: Way = "both"
    key: bool = False
    within: Path | None = None
    unreadable: str | None = None
    unless: Path | None = None
    terse: bool = False
    otherwise: Scalar = None
    partial: str | None = None

    @property
    def title(self) -> str:
        sides = [" + ".join(paths.show(path) or "·" for path in self.natives), paths.show(self.common or ())]
        return " ↔ ".join(side for side in sides if side)


@dataclass(frozen=True, slots=True)
class Takes:
    """A native list takes only those entries of its common list whose member at `common` is one of `values`."""

    line: int
    native: Path
    common: Path
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """A place in the common record that this format cannot hold, and why."""

    line: int
    common: Path
    reason: str


@dataclass(frozen=True, slots=True)
class EmitSpec:
    """One kind of common record that comes out of a native one: once, or once per entry of `each`."""

    line: int
    record: str
    slot: int
    each: Path
    when: Condition | None
    rules: tuple[RuleSpec, ...]
    lost: tuple[Lost, ...]
    takes: tuple[Takes, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """Native members that no rule reads: kept in the residue, or (`dropped`) named as gone."""

    line: int
    native: Path
    reason: str
    dropped: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the records: a constant, or the count of a list."""

    line: int
    native: Path
    const: Scalar = None
    count: Path | None = None


@dataclass(frozen=True, slots=True)
class MappingSpec:
    """A whole mapping.toml."""

    name: str
    version: str
    format: str
    syntax: Literal["json", "abi"]
    schema: str
    source: str
    rest: Literal["residue", "refuse"]
    tables: tuple[str, ...]
    emits: tuple[EmitSpec, ...]
    asides: tuple[Aside, ...]
    frame: tuple[Frame, ...]
    data: Mapping[str, Any] = field(compare=False)
    """The parsed file as it is hashed."""


_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4})")
_FILE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,60}\.json")


def parse(text: str, where: str = "mapping.toml") -> MappingSpec:
    """The mapping that `text` writes. Raises InputError at the line that is wrong, LimitError over 512 KiB."""
    if len(text) > _LIMIT:
        raise LimitError(TOO_LARGE, f"{len(text)} characters, at most {_LIMIT} are read", where=where)
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        found = re.search(r"at line (\d+)", str(error))
        place = f"{where}:{found.group(1)}" if found else where
        raise InputError(BAD_FILE, f"not TOML: {str(error)[:200]}", where=place) from error
    return _Reader(data, _Lines(text), where).mapping()


class _Lines:
    """Where the n-th emit, and the n-th entry of its lists, stand: TOML's own parser keeps no lines."""

    _header = re.compile(r"\s*\[\[\s*(emit|aside|frame)(?:\s*\.\s*(rules|lost|takes))?\s*\]\]")
    _list = re.compile(r"\s*(rules|lost|takes|aside|frame)\s*=\s*\[(.*)")
    _entry = re.compile(r"\s*\{")

    def __init__(self, text: str) -> None:
        self._found: dict[tuple[str, int], list[int]] = {}
        emit = -1
        current: str | None = None
        for number, line in enumerate(text.splitlines(), 1):
            if header := self._header.match(line):
                current = None
                kind, inner = header.groups()
                if kind == "emit" and inner is None:
                    emit += 1
                    self._note("emit", -1, number)
                else:
                    self._note(inner or kind, emit if inner else -1, number)
            elif current is None and (opened := self._list.match(line)):
                current = opened.group(1)
                if self._entry.match(opened.group(2)):
                    self._note(current, emit if current in ("rules", "lost", "takes") else -1, number)
                if opened.group(2).rstrip().endswith("]"):
                    current = None
            elif current is not None and self._entry.match(line):
                self._note(current, emit if current in ("rules", "lost", "takes") else -1, number)
            elif current is not None and line.strip().startswith("]"):
                current = None

    def _note(self, kind: str, emit: int, number: int) -> None:
        self._found.setdefault((kind, emit), []).append(number)

    def at(self, kind: str, emit: int, index: int) -> int:
        """The line, or the nearest one before it that is known; 0 for none."""
        lines = self._found.get((kind, emit), [])
        if index < len(lines):
            return lines[index]
        if emit >= 0:
            return self.at("emit", -1, emit)
        return lines[-1] if lines else 0


class _Reader:
    def __init__(self, data: dict[str, Any], lines: _Lines, where: str) -> None:
        self._data, self._lines, self._where, self._line = data, lines, where, 0

    def _fail(self, text: str) -> NoReturn:
        place = f"{self._where}:{self._line}" if self._line else self._where
        raise InputError(BAD_FILE, text, where=place)

    def _known(self, data: Any, known: str, of: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            self._fail(f"{of} must be a table")
        unknown = sorted(set(data) - set(known.split()))
        if unknown:
            self._fail(f"{of} has no member {unknown[0]!r}; there are {', '.join(known.split())}")
        return data

    def _text(self, data: Mapping[str, Any], name: str, of: str, default: str | None = None) -> str:
        value = data.get(name, default)
        if type(value) is not str or not value.strip():
            self._fail(f"{of} needs {name!r}, a text")
        return value

    def _path(self, value: Any, name: str) -> Path:
        if type(value) is not str:
            self._fail(f"{name} must be a path")
        try:
            return paths.parse(value)
        except paths.BadPath as error:
            self._fail(f"{name}: {error}")

    def _scalar(self, value: Any, name: str) -> Scalar:
        if type(value) not in (str, int, bool):
            self._fail(f"{name} must be a text, a whole number, true or false")
        if type(value) is int and abs(value) >= 2**53:
            self._fail(f"{name} is beyond 2^53")
        scalar: Scalar = value
        return scalar

    def _entries(self, data: Mapping[str, Any], name: str, emit: int = -1) -> Iterator[dict[str, Any]]:
        entries = data.get(name, [])
        if not isinstance(entries, list):
            self._fail(f"{name} must be a list of tables")
        for index, entry in enumerate(entries):
            self._line = self._lines.at(name, emit, index)
            if not isinstance(entry, dict):
                self._fail(f"{name} must be a list of tables")
            yield entry

    def mapping(self) -> MappingSpec:
        data = self._known(
            self._data, "language name version format syntax schema source rest tables emit aside frame", "a mapping"
        )
        if data.get("language") != LANGUAGE or type(data.get("language")) is not int:
            self._fail(f"language must be {LANGUAGE}: another engine reads others")
        name, version = self._text(data, "name", "a mapping"), self._text(data, "version", "a mapping")
        if not _NAME.fullmatch(name) or len(name) > 64:
            self._fail("name must be small letters, digits and single hyphens")
        if not _VERSION.fullmatch(version):
            self._fail("version must be three numbers: 1.0.0")
        shape = self._text(data, "format", "a mapping", name)
        if not _NAME.fullmatch(shape) or len(shape) > 64:
            self._fail("format must be small letters, digits and single hyphens")
        syntax = self._text(data, "syntax", "a mapping")
        if syntax not in ("json", "abi"):
            self._fail("syntax is json or abi")
        rest = self._text(data, "rest", "a mapping")
        if rest not in ("residue", "refuse"):
            self._fail("rest is residue or refuse")
        schema = self._text(data, "schema", "a mapping")
        if not _FILE.fullmatch(schema):
            self._fail("schema names a .json file beside the mapping")
        tables = data.get("tables", [])
        if not isinstance(tables, list) or not all(type(each) is str and _NAME.fullmatch(each) for each in tables):
            self._fail("tables lists the names of files under tables/, without .json")
        emits = [self._emit(entry, index) for index, entry in enumerate(self._entries(data, "emit"))]
        self._line = 0
        if not emits:
            self._fail("a mapping emits at least one record")
        if len({emit.slot for emit in emits}) != len(emits):
            self._fail("two emits have one slot, so that two records would have one index")
        return MappingSpec(
            name=name,
            version=version,
            format=shape,
            syntax=syntax,  # type: ignore[arg-type]  # one of the two, checked above
            schema=schema,
            source=self._text(data, "source", "a mapping"),
            rest=rest,  # type: ignore[arg-type]  # one of the two, checked above
            tables=tuple(tables),
            emits=tuple(emits),
            asides=tuple(self._aside(entry) for entry in self._entries(data, "aside")),
            frame=tuple(self._frame(entry) for entry in self._entries(data, "frame")),
            data=data,
        )

    def _emit(self, data: dict[str, Any], index: int) -> EmitSpec:
        line = self._line
        self._known(data, "record slot each when rules lost takes", "an emit")
        record = self._text(data, "record", "an emit")
        if record not in RECORDS:
            self._fail(f"record is one of {', '.join(RECORDS)}")
        slot = data.get("slot")
        if type(slot) is not int or not 0 <= slot < 16:
            self._fail("an emit needs a slot of its own, 0 to 15")
        each = self._path(data.get("each", ""), "each")
        if each and not isinstance(each[-1], Each):
            self._fail("each names a list: it ends in []")
        if any(isinstance(segment, Each) and segment.separator is not None for segment in each):
            self._fail("each names real lists, not texts with separators")
        when = self._condition(data["when"]) if "when" in data else None
        rules = tuple(self._rule(entry) for entry in self._entries(data, "rules", index))
        lost = tuple(self._lost(entry) for entry in self._entries(data, "lost", index))
        takes = tuple(self._takes(entry) for entry in self._entries(data, "takes", index))
        self._line = line
        if not rules:
            self._fail("an emit needs rules")
        return EmitSpec(line, record, slot, each, when, rules, lost, takes)

    def _condition(self, data: Any) -> Condition:
        self._known(data, "native common is is_not present", "when")
        native = self._path(data["native"], "native") if "native" in data else None
        common = self._path(data["common"], "common") if "common" in data else None
        if native is None and common is None:
            self._fail("when needs native, common or both")
        if any(isinstance(segment, Each) for segment in (common or ())):
            self._fail("when cannot ask every entry of a list")
        asked = [name for name in ("is", "is_not", "present") if name in data]
        if len(asked) != 1:
            self._fail("when asks one of is, is_not, present")
        if asked == ["present"]:
            if type(data["present"]) is not bool:
                self._fail("present is true or false")
            return Condition(native, common, None, data["present"])
        wanted = data[asked[0]]
        values = tuple(self._scalar(each, asked[0]) for each in (wanted if isinstance(wanted, list) else [wanted]))
        if not values:
            self._fail(f"{asked[0]} needs at least one value")
        return Condition(native, common, values, None, asked == ["is_not"])

    def _rule(self, data: dict[str, Any]) -> RuleSpec:
        self._known(
            data,
            "native common as const absent fillers canonical lossy join gather derive when way key in unreadable "
            "unless terse otherwise partial",
            "a rule",
        )
        written = data.get("native", [])
        natives = tuple(self._path(each, "native") for each in (written if isinstance(written, list) else [written]))
        common = self._path(data["common"], "common") if "common" in data else None
        if common is not None and any(
            isinstance(segment, Each) and (segment.separator is not None or segment.lone) for segment in common
        ):
            self._fail("in a common path every list is written []")
        chain = data.get("as", [])
        chain = [chain] if type(chain) is str else chain
        if not isinstance(chain, list) or not all(type(each) is str for each in chain) or len(chain) > 8:
            self._fail("as lists up to eight transforms")
        fillers = data.get("fillers", [])
        if not isinstance(fillers, list):
            self._fail("fillers must be a list")
        way = data.get("way", "both")
        if way not in ("both", "read", "write"):
            self._fail("way is both, read or write")
        for flag in ("gather", "key", "terse"):
            if type(data.get(flag, False)) is not bool:
                self._fail(f"{flag} is true or false")
        rule = RuleSpec(
            line=self._line,
            natives=natives,
            common=common,
            chain=tuple(chain),
            const=self._scalar(data["const"], "const") if "const" in data else None,
            has_const="const" in data,
            absent=self._scalar(data["absent"], "absent") if "absent" in data else None,
            has_absent="absent" in data,
            fillers=tuple(self._scalar(each, "fillers") for each in fillers),
            canonical=self._reason(data, "canonical"),
            lossy=self._reason(data, "lossy"),
            join=self._text(data, "join", "a rule") if "join" in data and data["join"] != " " else data.get("join"),
            gather=data.get("gather", False),
            derive=self._text(data, "derive", "a rule") if "derive" in data else None,
            when=self._condition(data["when"]) if "when" in data else None,
            way=way,
            key=data.get("key", False),
            terse=data.get("terse", False),
            otherwise=self._scalar(data["otherwise"], "otherwise") if "otherwise" in data else None,
            within=self._path(data["in"], "in") if "in" in data else None,
            unreadable=self._reason(data, "unreadable"),
            partial=self._reason(data, "partial"),
            unless=self._path(data["unless"], "unless") if "unless" in data else None,
        )
        self._check(rule)
        return rule

    def _reason(self, data: Mapping[str, Any], name: str) -> str | None:
        """A reason in words, as it will stand in the loss report."""
        if name not in data:
            return None
        value = data[name]
        if type(value) is not str or len(value.strip()) < 4:
            self._fail(f"{name} gives the reason, in words that the loss report will show")
        return value

    def _check(self, rule: RuleSpec) -> None:
        several = rule.join is not None or rule.gather
        if rule.join is not None and type(rule.join) is not str:
            self._fail("join gives the text between the parts")
        if rule.has_const or rule.derive is not None:
            if rule.natives or rule.common is None or rule.chain or several or rule.has_absent or rule.fillers:
                self._fail("a constant or derivation has a common path, and no native one (`in` names its list)")
            if rule.has_const and rule.derive is not None:
                self._fail("a rule is a constant or a derivation")
            if rule.derive is not None and not re.fullmatch(r"number|foreign [a-z-]+", rule.derive):
                self._fail("derive is `number` or `foreign KIND`")
            return
        if rule.within is not None:
            self._fail("in is for constants and derivations")
        if rule.common is None or not rule.natives:
            self._fail("a rule has a native and a common path")
        if (len(rule.natives) > 1) != several:
            self._fail("join and gather take several native paths, and others take one")
        if rule.join is not None and rule.gather:
            self._fail("a rule joins or gathers")
        if rule.gather and (rule.chain or rule.has_absent):
            self._fail("gather takes texts as they are")
        if rule.unless is not None and (several or len(paths.lists(rule.common)) > 1 or paths.lists(rule.unless)):
            self._fail("unless names another place of the record, for one value in one list at most")
        if rule.join is not None and rule.has_absent:
            self._fail("join has no absent value")

    def _takes(self, data: dict[str, Any]) -> Takes:
        self._known(data, "native common is", "takes")
        native, common = self._path(data.get("native"), "native"), self._path(data.get("common"), "common")
        wanted = data.get("is", [])
        values = tuple(self._scalar(each, "is") for each in (wanted if isinstance(wanted, list) else [wanted]))
        if not native or not isinstance(native[-1], Each) or not any(isinstance(step, Each) for step in common):
            self._fail("takes names a native list, and a member of the entries of a common one")
        if not values:
            self._fail("takes needs at least one value in `is`")
        return Takes(self._line, native, common, values)

    def _lost(self, data: dict[str, Any]) -> Lost:
        self._known(data, "common reason", "lost")
        return Lost(self._line, self._path(data.get("common"), "common"), self._text(data, "reason", "lost"))

    def _aside(self, data: dict[str, Any]) -> Aside:
        self._known(data, "native reason dropped", "aside")
        if type(data.get("dropped", False)) is not bool:
            self._fail("dropped is true or false")
        return Aside(
            self._line,
            self._path(data.get("native"), "native"),
            self._text(data, "reason", "aside"),
            data.get("dropped", False),
        )

    def _frame(self, data: dict[str, Any]) -> Frame:
        self._known(data, "native const count", "frame")
        native = self._path(data.get("native"), "native")
        if any(not isinstance(segment, str) for segment in native):
            self._fail("frame names a member outside of any list")
        if ("const" in data) == ("count" in data):
            self._fail("frame has a const or a count")
        count = self._path(data["count"], "count") if "count" in data else None
        if count is not None and (not count or count[-1] != Each() or paths.first_each(count) != len(count) - 1):
            self._fail("count names one list: it ends in []")
        return Frame(self._line, native, self._scalar(data["const"], "const") if "const" in data else None, count)
