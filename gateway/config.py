"""Every setting of a gateway, read from one TOML file and judged as a whole.

All faults of a file are told at once, each with the file, the key and what to do. A key that is not known is a fault,
with the nearest one that is. Paths (keys named `file` or ending in `_file`, and `gateway.state`) are relative to the
folder of the configuration. The reference of the keys is made from the docstrings here, and so is the test that
`config.example.toml` names every one of them.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec

from gateway import plugins
from gateway.errors import ConfigError, Fault, fault
from gateway.spi import Adapter, Basis, Limits

__all__ = [
    "Config",
    "Delivery",
    "Document",
    "Http",
    "Keys",
    "Log",
    "Network",
    "RegistryFile",
    "Route",
    "load",
    "meanings",
    "read",
    "sections",
    "together",
    "toml_value",
    "type_name",
]

MISSING_FILE = fault(
    "config.no-file",
    "There is no configuration where it was looked for.",
    "Name it with --config, or make one with `gateway init`.",
)
SYNTAX = fault("config.syntax", "The file is not TOML.", "Mend the line that is named; see toml.io.")
UNKNOWN_KEY = fault("config.unknown-key", "A key that no setting has.", "Remove it, or spell it as the reference does.")
MISSING_KEY = fault(
    "config.missing-key", "A setting that must be there is not.", "Add it; config.example.toml shows how."
)
WRONG_VALUE = fault(
    "config.wrong-value", "A setting has a value that it cannot have.", "Give it one of the kind that is named."
)
UNKNOWN_NAME = fault("config.unknown-name", "A name that nothing in the file has.", "Name one of those that are there.")
CONTRADICTION = fault("config.contradiction", "Two settings do not go together.", "Change one of the two.")

OfficeCode = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2}$")]
Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Gateway(_Section, frozen=True):
    """The gateway itself.

    state    Folder of its database and of nothing else. It is made where it is missing, readable by its owner alone.
    mark     Name of the secret in the key file by which this gateway knows its own writing again. Two gateways that
             write to one network need two.
    workers  Processes beside its own that verify, translate and seal. Without it: as many as there are processors,
             four at most, and none where there is but one; 0: none.
    """

    state: str = "state"
    mark: str = "mark"
    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] | None = None


class Keys(_Section, frozen=True):
    """The key file. Its passphrase comes from the environment (GATEWAY_PASSPHRASE) or from a file, never from here.

    file             Key file, encrypted; `gateway keys` makes and shows it.
    passphrase_file  File that holds the passphrase in its first line. Read where GATEWAY_PASSPHRASE is not set.
    """

    file: str = "keys.jwe"
    passphrase_file: str | None = None


class RegistryFile(_Section, frozen=True):
    """Who speaks for which office, with which keys and networks, from when to when.

    file         Registry file: signed, dated statements.
    fingerprint  Fingerprint of the root key, as the registrar gave it to you by another way. With it, a registry of
                 another root is refused; without it, the file is believed as it is.
    """

    file: str = "registry.json"
    fingerprint: str | None = None


class Network(_Section, frozen=True):
    """One office's network.

    adapter   Kind of network: `gateway adapter list` shows what is installed.
    office    WIPO ST.3 code of the office whose records stand on it.
    issuer    DID in whose name the records read here are sealed. Needed where the network is read.
    key       Name of the issuer's signing key in the key file. Needed where the network is read.
    read      Whether it is read.
    writes    Format in which records are written to it. Without it, nothing is.
    settings  The adapter's own settings; `gateway adapter show KIND` explains them.
    """

    adapter: str
    office: OfficeCode
    issuer: str | None = None
    key: str | None = None
    read: bool = True
    writes: str | None = None
    settings: dict[str, Any] = {}


class Route(_Section, frozen=True):
    """Which records go where. Without a route that matches, nothing leaves.

    name     Name of the route, as `gateway trace` shows it.
    from     Network that the records stand on.
    to       Networks that they go to.
    records  Kinds of common record that it is for; without it, every kind.
    when     Condition in CEL over `record` (the common record), `office`, `network`, `revision`; true lets it pass.
    basis    The least basis on which `recorded` must stand: attested, authority, endorsement, work or consensus.
    """

    name: Name
    from_: Name = msgspec.field(name="from")
    to: tuple[Name, ...]
    records: tuple[str, ...] = ()
    when: str | None = None
    basis: Basis = Basis.ATTESTED


class Delivery(_Section, frozen=True):
    """How records are sent.

    batch         Most records in one attempt; an adapter may allow fewer.
    linger        Seconds to wait for more records before an attempt that is not full is made.
    retry_first   Seconds before a failed attempt is made again; doubled each time.
    retry_most    Most seconds between two attempts.
    """

    batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 512
    linger: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0.002
    retry_first: Seconds = 0.5
    retry_most: Seconds = 60.0


class Bounds(_Section, frozen=True):
    """What is refused before it is decoded. Bytes, unless said otherwise.

    native    One native record.
    evidence  One record's own evidence.
    member    One member of a dossier.
    dossier   A whole dossier.
    """

    native: Positive = 1024 * 1024
    evidence: Positive = 256 * 1024
    member: Positive = 2 * 1024 * 1024
    dossier: Positive = 4 * 1024 * 1024

    def limits(self) -> Limits:
        return Limits(native=self.native, evidence=self.evidence, member=self.member, dossier=self.dossier)


class Log(_Section, frozen=True):
    """What is logged, to standard error. Never the content of a record.

    level  debug, info, warning or error. In normal operation `info` says little.
    form   `text` for a person, `json` for a machine.
    """

    level: typing.Literal["debug", "info", "warning", "error"] = "info"
    form: typing.Literal["text", "json"] = "text"


class Http(_Section, frozen=True):
    """Health (/health) and metrics (/metrics).

    listen  Address and port, e.g. 127.0.0.1:8480; port 0 takes a free one. Empty: neither is served.
    """

    listen: Annotated[str, msgspec.Meta(pattern=r"^$|^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")] = ""


class Document(_Section, frozen=True):
    """What a configuration is made of.

    gateway   The gateway itself.
    keys      The key file.
    registry  The registry file.
    networks  The networks, by name: [networks.NAME].
    routes    The routes, in any order: [[routes]].
    delivery  How records are sent.
    limits    What is refused for its size.
    log       What is logged.
    http      Health and metrics.
    """

    networks: dict[Name, Network]
    gateway: Gateway = Gateway()
    keys: Keys = Keys()
    registry: RegistryFile = RegistryFile()
    routes: tuple[Route, ...] = ()
    delivery: Delivery = Delivery()
    limits: Bounds = Bounds()
    log: Log = Log()
    http: Http = Http()


class Config(msgspec.Struct, frozen=True):
    """A configuration that holds: what the file says, the adapters that it names and their settings.

    file      where it was read from
    settings  by network: the adapter's own settings struct, paths made absolute
    """

    file: Path
    document: Document
    adapters: dict[str, Adapter]
    settings: dict[str, msgspec.Struct]

    @property
    def state(self) -> Path:
        return self.path(self.document.gateway.state)

    @property
    def key_file(self) -> Path:
        return self.path(self.document.keys.file)

    @property
    def registry_file(self) -> Path:
        return self.path(self.document.registry.file)

    @property
    def passphrase_file(self) -> Path | None:
        named = self.document.keys.passphrase_file
        return self.path(named) if named else None

    def path(self, named: str) -> Path:
        return (self.file.parent / Path(named).expanduser()).absolute()


# ── Values out of TOML, every fault of them ──────────────────────────────────────────────────────────────────────────

Struct = TypeVar("Struct", bound=msgspec.Struct)


class _Faults:
    """The faults of one file, in the order in which they were found."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[ConfigError] = []

    def add(self, kind: Fault, detail: str, key: str = "", hint: str | None = None) -> None:
        where = f"{self.file}: {key}" if key else str(self.file)
        self.found.append(ConfigError(kind, detail, where=where, hint=hint))


def together(faults: Sequence[ConfigError]) -> ConfigError:
    """One error that tells them all: the first, with the others beside it."""
    first = faults[0]
    first.others = tuple(faults[1:])
    return first


def _near(name: str, known: Sequence[str], many: str) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {found[0]!r}?" if found else f"{many}: {', '.join(sorted(known)) or 'none'}"


_WRONG: object = object()


def _value(kind: Any, value: Any, key: str, faults: _Faults) -> Any:
    """`value` as `kind`, or _WRONG with its faults added. Structs, lists and tables are gone through to the end."""
    inner, plain = _unwrapped(kind)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return _struct(plain, value, key, faults)
    origin = typing.get_origin(plain)
    if origin in (tuple, list) and isinstance(value, list):
        member = typing.get_args(plain)[0]
        made = [_value(member, each, f"{key}[{place}]", faults) for place, each in enumerate(value)]
        return _WRONG if _WRONG in made else origin(made)
    if origin is dict and isinstance(value, dict):
        name_kind, member = typing.get_args(plain)
        table: dict[str, Any] = {}
        right = True
        for name, each in value.items():
            made_name = _plain(name_kind, name, f"{key}.{name}", faults)
            made_member = _value(member, each, f"{key}.{name}", faults) if member is not Any else each
            right = right and made_name is not _WRONG and made_member is not _WRONG
            table[name] = made_member
        return table if right else _WRONG
    return _plain(inner, value, key, faults)


def _plain(kind: Any, value: Any, key: str, faults: _Faults) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and _wants_float(kind):
        value = float(value)
    try:
        return msgspec.convert(value, kind, strict=True)
    except (msgspec.ValidationError, ValueError) as error:
        faults.add(WRONG_VALUE, f"{_shown(value)}: {_in_words_of_toml(error)}", key, hint=_cure(kind))
        return _WRONG


def _struct(kind: type[Struct], value: Any, key: str, faults: _Faults) -> Any:
    if not isinstance(value, dict):
        faults.add(WRONG_VALUE, f"{_shown(value)} stands where a table must", key, hint=f"write [{key}] above its keys")
        return _WRONG
    hints = typing.get_type_hints(kind, include_extras=True)
    fields = {each.encode_name: each for each in msgspec.structs.fields(kind)}
    before = len(faults.found)
    for name in value:
        if name not in fields:
            near = _near(name, list(fields), "keys here")
            faults.add(UNKNOWN_KEY, f"there is no setting {name!r}", _join(key, name), hint=near)
    made: dict[str, Any] = {}
    for name, each in fields.items():
        if name in value:
            made[each.name] = _value(hints[each.name], value[name], _join(key, name), faults)
        elif each.required:
            meaning = meanings(kind).get(name, "")
            faults.add(MISSING_KEY, f"{name!r} must be given", _join(key, name), hint=meaning or None)
    if len(faults.found) > before:
        return _WRONG
    try:
        return kind(**made)
    except (ValueError, TypeError, msgspec.ValidationError) as error:  # a struct's own __post_init__
        faults.add(WRONG_VALUE, str(error), key)
    except ConfigError as error:
        faults.add(error.fault, error.detail, _join(key, error.where or ""), hint=error.hint)
    return _WRONG


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key and name else key or name


def _unwrapped(kind: Any) -> tuple[Any, Any]:
    """The kind without None beside it, and that without its Annotated constraints."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        rest = [each for each in typing.get_args(kind) if each is not types.NoneType]
        if len(rest) == 1:
            kind = rest[0]
    plain = kind
    while typing.get_origin(plain) is Annotated:
        plain = typing.get_args(plain)[0]
    return kind, plain


def _wants_float(kind: Any) -> bool:
    return _unwrapped(kind)[1] is float


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


def _in_words_of_toml(error: Exception) -> str:
    said = str(error).replace("`object`", "a table").replace("`array`", "a list")
    return said[:1].lower() + said[1:]


def _cure(kind: Any) -> str:
    inner, plain = _unwrapped(kind)
    if typing.get_origin(plain) is typing.Literal:
        return f"one of: {', '.join(str(each) for each in typing.get_args(plain))}"
    if isinstance(plain, type) and issubclass(plain, Basis):
        return f"one of: {', '.join(Basis)}"
    words = {str: "a text in quotes", int: "a whole number", float: "a number", bool: "true or false"}
    said = words.get(plain, "a list in brackets" if typing.get_origin(plain) in (list, tuple) else "a table")
    for meta in typing.get_args(inner)[1:] if typing.get_origin(inner) is Annotated else ():
        if isinstance(meta, msgspec.Meta):
            bounds = [(meta.ge, "at least"), (meta.gt, "more than"), (meta.le, "at most"), (meta.lt, "less than")]
            said = " and ".join([said, *(f"{word} {bound}" for bound, word in bounds if bound is not None)])
            if meta.pattern:
                said += f" of the form {meta.pattern}"
    return said


# ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def load(file: Path) -> Config:
    """The configuration in `file`. Raises ConfigError, with all further faults in `others`."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(MISSING_FILE, f"{error.strerror or error}", where=str(file)) from error
    return read(content, file)


def read(content: bytes, file: Path) -> Config:
    """As `load`, of bytes; `file` names them in messages and is where relative paths begin. Opens nothing."""
    faults = _Faults(file)
    try:
        tree = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(SYNTAX, str(error), where=str(file)) from error
    document = _value(Document, tree, "", faults)
    adapters: dict[str, Adapter] = {}
    settings: dict[str, msgspec.Struct] = {}
    given = tree.get("networks")
    for name, network in given.items() if isinstance(given, dict) else ():
        if isinstance(network, dict):
            _adapter(name, network, faults, adapters, settings)
    if isinstance(document, Document):
        _agreement(document, faults)
    if faults.found:
        raise together(faults.found)
    return Config(file.absolute(), document, adapters, settings)


def _adapter(
    name: str,
    network: Mapping[str, Any],
    faults: _Faults,
    adapters: dict[str, Adapter],
    settings: dict[str, msgspec.Struct],
) -> None:
    kind, given = network.get("adapter"), network.get("settings", {})
    if not isinstance(kind, str) or not isinstance(given, dict):
        return  # told already
    try:
        adapter = plugins.adapter(kind)
    except ConfigError as error:
        faults.add(error.fault, error.detail, f"networks.{name}.adapter", hint=error.hint)
        return
    made = _struct(adapter.settings, _rooted(given, faults.file.parent), f"networks.{name}.settings", faults)
    if made is not _WRONG:
        adapters[name], settings[name] = adapter, made


def _rooted(given: Any, base: Path) -> Any:
    """An adapter's settings with its paths made absolute."""
    if not isinstance(given, dict):
        return given
    return {
        key: str((base / Path(value).expanduser()).absolute())
        if isinstance(value, str) and value and (key == "file" or key.endswith("_file"))
        else value
        for key, value in given.items()
    }


def _agreement(document: Document, faults: _Faults) -> None:
    """What no single value can show to be wrong."""
    names = list(document.networks)
    if not names:
        faults.add(MISSING_KEY, "there is no network", "networks", hint="add one: [networks.NAME]; `gateway init` does")
    for name, network in document.networks.items():
        for key in ("issuer", "key"):
            if network.read and getattr(network, key) is None:
                faults.add(
                    MISSING_KEY,
                    f"the network is read, so {key!r} must be given",
                    f"networks.{name}.{key}",
                    hint="give it, or set read = false",
                )
        if network.issuer is not None and not re.fullmatch(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+", network.issuer):
            faults.add(
                WRONG_VALUE, f"{network.issuer!r} is no DID", f"networks.{name}.issuer", hint="e.g. did:web:ipo.example"
            )
    seen: set[str] = set()
    for place, route in enumerate(document.routes):
        key = f"routes[{place}]"
        if route.name in seen:
            faults.add(CONTRADICTION, f"two routes are called {route.name!r}", f"{key}.name", hint="rename one of them")
        seen.add(route.name)
        if route.from_ not in document.networks:
            faults.add(
                UNKNOWN_NAME, f"no network {route.from_!r}", f"{key}.from", _near(route.from_, names, "networks")
            )
        elif not document.networks[route.from_].read:
            faults.add(
                CONTRADICTION, f"{route.from_!r} is not read", f"{key}.from", hint=f"set networks.{route.from_}.read"
            )
        if not route.to:
            faults.add(MISSING_KEY, "it leads nowhere", f"{key}.to", hint="name at least one network")
        for each in route.to:
            if each not in document.networks:
                faults.add(UNKNOWN_NAME, f"no network {each!r}", f"{key}.to", _near(each, names, "networks"))
            elif each == route.from_:
                faults.add(CONTRADICTION, f"it leads from {each!r} to itself", f"{key}.to", hint="name another network")
            elif document.networks[each].writes is None:
                faults.add(
                    CONTRADICTION,
                    f"nothing may be written to {each!r}: it has no format",
                    f"{key}.to",
                    hint=f"set networks.{each}.writes",
                )
    delivery = document.delivery
    if delivery.retry_first > delivery.retry_most:
        faults.add(
            CONTRADICTION, "retry_first is more than retry_most", "delivery", hint="lower the first or raise the other"
        )


# ── What the settings mean, for the reference and for hints ──────────────────────────────────────────────────────────


def meanings(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The meaning of every key that the struct's docstring explains: `key   text`, continued on deeper lines."""
    found: dict[str, str] = {}
    fields = {each.encode_name for each in msgspec.structs.fields(kind)}
    last: str | None = None
    depth = 0
    for line in (kind.__doc__ or "").splitlines():
        match = re.match(r"^(\s*)([a-z_0-9]+)\s{2,}(\S.*)$", line)
        if match and match[2] in fields:
            last, depth = match[2], len(match[1])
            found[last] = match[3].strip()
        elif last and line.strip() and len(line) - len(line.lstrip()) > depth:
            found[last] += " " + line.strip()
        else:
            last = None
    return found


def sections(visit: Callable[[str, type[msgspec.Struct]], None]) -> None:
    """Calls `visit(key, struct)` for every table of the file, the adapters' settings left out."""
    visit("", Document)
    hints = typing.get_type_hints(Document)
    for each in msgspec.structs.fields(Document):
        plain = hints[each.name]
        if each.name == "networks":
            visit("networks.NAME", Network)
        elif each.name == "routes":
            visit("routes", Route)
        elif isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            visit(each.encode_name, plain)


def type_name(kind: type[msgspec.Struct], field: str) -> str:
    """The kind of value that a setting takes, in TOML's words."""
    return _cure(typing.get_type_hints(kind, include_extras=True)[field])


def toml_value(field: msgspec.structs.FieldInfo) -> str:
    """A setting's default as it would stand in the file; `–` where leaving it out is what it means."""
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[]" if not value else "[" + ", ".join(repr(each) for each in value) + "]"
    if isinstance(value, msgspec.Struct) or value == {}:
        return "its defaults"
    return str(value)
