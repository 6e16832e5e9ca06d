"""From a configuration to the parts of a gateway: opens the key file and the registry, and puts together what runs.

All that can be wrong is told at once, before the database or a network is touched.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway import config as settings
from gateway import plugins
from gateway.config import Config
from gateway.errors import ConfigError, GatewayError, MappingError, TrustError, fault
from gateway.journey.assembly import Assembly, DeliveryRules, NetworkPlan, RoutePlan
from gateway.journey.route import compile_condition
from gateway.mapping import MappingLibrary
from gateway.model.records import CommonRecord
from gateway.spi import NetworkId
from gateway.trust.keys import WRONG_KIND, KeyStore, passphrase
from gateway.trust.registry import LIMIT, Registry
from gateway.trust.signer import Signer

__all__ = ["assemble", "database_url", "keys_that", "open_keys", "open_registry", "record_kinds"]

NO_REGISTRY = fault(
    "config.no-registry",
    "There is no registry where the configuration says.",
    "Ask the registrar for the file, or correct registry.file; `gateway init` makes one for networks of your own.",
)
NOT_ISSUER = fault(
    "config.not-issuer",
    "The registry does not name this key as one that issues for the office.",
    "Have the registrar add it (`gateway registry add-key`), or name another key.",
)
NOT_OFFICE = fault(
    "config.not-office",
    "By the registry, the issuer does not speak for this office.",
    "Correct networks.NAME.office or .issuer, or have the registrar add the code.",
)
UNKNOWN_KIND = fault(
    "config.unknown-record",
    "There is no common record of this kind.",
    "`gateway route list` shows the kinds; leave `records` out for all of them.",
)

Made = TypeVar("Made")


def database_url(read: Config) -> str:
    """Where the database is."""
    return f"sqlite:///{read.state / 'gateway.db'}"


def open_keys(read: Config) -> KeyStore:
    """The key file, opened by the passphrase of the environment or the passphrase file. Raises TrustError."""
    return KeyStore.open(read.key_file, passphrase(file=read.passphrase_file))


def open_registry(read: Config) -> Registry:
    """The registry, of the root that the configuration names. Raises ConfigError, TrustError, InputError."""
    place = read.registry_file
    try:
        with place.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise ConfigError(NO_REGISTRY, error.strerror or str(error), where=str(place)) from error
    fingerprint = read.document.registry.fingerprint
    return Registry.read(data, fingerprint=fingerprint.removeprefix("sha256:") if fingerprint else None)


def record_kinds() -> tuple[str, ...]:
    """The kinds of common record that a route can name."""
    return tuple(sorted(kind.__struct_config__.tag for kind in typing.get_args(CommonRecord)))


def keys_that(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The settings of an adapter that name a key of the key file, each with the kind of key.

    An adapter says so with ``Annotated[str, msgspec.Meta(extra={"key": "secp256k1"})]``.
    """
    found = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        for meta in typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ():
            if isinstance(meta, msgspec.Meta) and meta.extra and "key" in meta.extra:
                found[name] = str(meta.extra["key"])
    return found


class _Faults:
    """Everything that is wrong, in the configuration's words."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.found: list[ConfigError] = []

    def attempt(self, key: str, work: Callable[[], Made]) -> Made | None:
        """What `work` gives; where it raises, the fault is kept and None given."""
        try:
            return work()
        except GatewayError as error:
            where = f"{self.file}: {key}" if not error.where or key.startswith("routes") else f"{error.where} ({key})"
            self.found.append(ConfigError(error.fault, error.detail, where=where, hint=error.hint))
            return None

    def add(self, error: ConfigError) -> None:
        self.found.append(error)


def assemble(read: Config) -> Assembly:
    """The parts of the gateway that the configuration describes. Raises ConfigError, with the others beside it."""
    faults = _Faults(read.file)
    document = read.document
    library = MappingLibrary.shipped()
    keys = faults.attempt("keys", lambda: open_keys(read))
    registry = faults.attempt("registry", lambda: open_registry(read))
    mark = faults.attempt("gateway.mark", lambda: _secret(keys, document.gateway.mark)) if keys else None
    networks = tuple(_network(read, name, keys, registry, library, faults) for name in document.networks)
    routes = tuple(_route(route, place, faults) for place, route in enumerate(document.routes))
    if faults.found:
        raise settings.together(faults.found)
    assert registry is not None
    assert mark is not None
    delivery = document.delivery
    made = Assembly(
        database=database_url(read),
        mark=mark,
        networks=networks,
        routes=routes,
        anchors=registry,
        library=library,
        verifiers=plugins.verifiers(),
        delivery=DeliveryRules(delivery.batch, delivery.linger, delivery.retry_first, delivery.retry_most),
        limits=document.limits.limits(),
    )
    workers = document.gateway.workers
    return made if workers is None else replace(made, workers=workers)


def _secret(keys: KeyStore, name: str) -> bytes:
    info = keys.info(name)
    if info.kind != "secret":
        raise TrustError(WRONG_KIND, f"{name} is a key of the kind {info.kind}, secret is needed")
    return keys.private(name)


def _network(
    read: Config, name: str, keys: KeyStore | None, registry: Registry | None, library: MappingLibrary, faults: _Faults
) -> NetworkPlan:
    plan = read.document.networks[name]
    signer: Signer | None = None
    method: str | None = None
    issuer_key = plan.key
    if plan.read and issuer_key and plan.issuer and keys:
        signer = faults.attempt(f"networks.{name}.key", lambda: keys.signer(issuer_key))
        if signer and registry:
            method = _method(read, name, plan.issuer, plan.office, signer, registry, faults)
    if plan.writes:
        form = plan.writes
        faults.attempt(f"networks.{name}.writes", lambda: _known_format(library, form))
        for setting, kind in keys_that(type(read.settings[name])).items():
            named = getattr(read.settings[name], setting)
            if named and keys:
                place = f"networks.{name}.settings.{setting}"
                found = faults.attempt(place, partial(keys.info, named))
                if found and found.kind != kind:
                    detail = f"{named} is a key of the kind {found.kind}, {kind} is needed"
                    faults.add(ConfigError(WRONG_KIND, detail, where=f"{read.file}: {place}"))
    adapter = read.adapters[name]
    return NetworkPlan(
        name=name,
        office=plan.office,
        adapter=adapter,
        settings=read.settings[name],
        network=known_network(registry, adapter.kind, plan.office) if registry else None,
        issuer=plan.issuer if plan.read else None,
        method=method,
        signer=signer,
        read=plan.read,
        writes=plan.writes,
        secrets=keys,
    )


def known_network(registry: Registry, kind: str, office: str) -> NetworkId | None:
    """The network of this kind and office, where the registry holds exactly one that is open: it need not be asked."""
    found = {
        NetworkId(kind, segment.material["chain"], bytes.fromhex(segment.material["genesis"]))
        for segment in registry.networks
        if segment.ended == "open" and segment.material["kind"] == kind and segment.material["office"] == office
    }
    return found.pop() if len(found) == 1 else None


def _known_format(library: MappingLibrary, form: str) -> None:
    try:
        library.by_format(form)
    except MappingError as error:
        raise ConfigError(error.fault, error.detail, hint=error.hint) from error


def _method(
    read: Config, name: str, issuer: str, office: str, signer: Signer, registry: Registry, faults: _Faults
) -> str | None:
    key = f"{read.file}: networks.{name}"
    entry = registry.office_of(issuer)
    if entry is None or entry.ended != "open":
        detail = f"the registry has no office {issuer}" if entry is None else f"{issuer} was {entry.ended}"
        faults.add(ConfigError(NOT_ISSUER, detail, where=f"{key}.issuer"))
        return None
    if office not in entry.codes:
        detail = f"{issuer} speaks for {', '.join(entry.codes)}, not for {office}"
        faults.add(ConfigError(NOT_OFFICE, detail, where=f"{key}.office"))
    for method in registry.methods_of(issuer):
        if method.public == signer.public:
            return method.method
    detail = f"the key {read.document.networks[name].key!r} is not among those of {issuer}"
    faults.add(ConfigError(NOT_ISSUER, detail, where=f"{key}.key"))
    return None


def _route(route: settings.Route, place: int, faults: _Faults) -> RoutePlan:
    key = f"routes[{place}]"
    condition = route.when
    if condition is not None:
        faults.attempt(f"{key}.when", lambda: compile_condition(condition))
    known = record_kinds()
    for kind in route.records:
        if kind not in known:
            hint = f"kinds: {', '.join(known)}"
            detail = f"there is no kind of record {kind!r}"
            faults.add(ConfigError(UNKNOWN_KIND, detail, where=f"{faults.file}: {key}.records", hint=hint))
    return RoutePlan(route.name, route.from_, route.to, route.records or None, route.when, route.basis)
