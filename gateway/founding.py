"""Makes a gateway between networks of a person's own: keys, configuration, registry, and what the networks must hold.

The folder appears whole or not at all. What is put on a network cannot be taken back; so a network that does not
answer, or will not take a contract, is left for `gateway network found NAME`, and all the rest stands.
"""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway import config, plugins
from gateway.assemble import keys_that, open_keys, open_registry
from gateway.config import Config
from gateway.errors import ConfigError, GatewayError, Misuse, fault
from gateway.spi import Adapter, NetworkId
from gateway.trust import did, safefile
from gateway.trust.keys import KeyKind, KeyStore
from gateway.trust.registry import RegistryWriter
from gateway.trust.statements import KeyOf

__all__ = ["Founded", "Planned", "amend", "found", "make", "office_writer"]

CONFIG_NAME: Final = "gateway.toml"
ROOT_KEY: Final = "registry-root"

NOT_EMPTY = fault(
    "init.not-empty",
    "The folder is there already and is not empty.",
    "Name another; what is there is never overwritten.",
)
NOT_AMENDED = fault(
    "init.not-amended",
    "The configuration could not be changed without changing more of it.",
    "Set the keys that are named by hand.",
)
ANOTHER = fault(
    "init.another-network",
    "The registry already holds a segment of this network that is still open.",
    "Nothing need be done if it is the same one; otherwise end the old one first: `gateway registry revoke`.",
)


class Planned(msgspec.Struct, frozen=True):
    """One network that a person wants.

    codes     ST.3 codes that its office speaks for, its own first
    issuer    the office's DID; None makes a did:key of its signing key
    settings  the adapter's settings as TOML would have them
    title     the office's name, for the registry
    """

    name: str
    kind: str
    codes: tuple[str, ...]
    writes: str | None
    issuer: str | None = None
    settings: dict[str, Any] = {}
    title: str | None = None

    @property
    def office(self) -> str:
        return self.codes[0]


class Founded(msgspec.Struct, frozen=True):
    """What was made. `left` says of each network that is not ready yet why, as the error told it."""

    config: Config
    fingerprint: str
    left: dict[str, GatewayError]


def make(
    folder: Path, networks: Sequence[Planned], phrase: str, *, now: datetime, passphrase_file: Path | None = None
) -> Config:
    """A folder with key file, registry, configuration and an empty state. No network is touched.

    passphrase_file  where the phrase was read from, for the configuration to say so

    Raises ConfigError where a network's settings are wrong or the folder is not empty, TrustError for a weak
    passphrase; then nothing is left.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(NOT_EMPTY, where=str(folder))
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = folder.parent / f".{folder.name}.{os.getpid()}"
    scratch.mkdir(mode=0o700)
    try:
        keys = KeyStore.create(scratch / "keys.jwe", phrase, _keys(networks))
        issuers = {plan.name: plan.issuer or _own_did(keys, plan.name) for plan in networks}
        writer = _registry(networks, keys, issuers, now)
        safefile.replace(scratch / "registry.json", writer.encode(), mode=0o644, new=True)
        text = _toml(networks, issuers, writer.registry().fingerprint, passphrase_file)
        config.read(text.encode(), folder / CONFIG_NAME)  # what is written is what will be read
        safefile.replace(scratch / CONFIG_NAME, text.encode(), mode=0o644, new=True)
        if folder.exists():
            folder.rmdir()
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return config.load(folder / CONFIG_NAME)


async def found(read: Config, name: str, *, now: datetime, secrets: KeyStore | None = None) -> Config:
    """Lays down what the network must hold, and says so in the configuration and in the registry.

    Harmless where all is there. Raises Transient, Permanent, TrustError where the root key is not in the key file.
    """
    adapter, settings = read.adapters[name], read.settings[name]
    keys = secrets or open_keys(read)
    made = await adapter.found(settings, keys)
    changed = {
        each.encode_name: getattr(made, each.name)
        for each in msgspec.structs.fields(type(made))
        if getattr(made, each.name) != getattr(settings, each.name)
    }
    if changed:
        amend(read.file, name, changed)
        read = config.load(read.file)
    identity = await adapter.identify(made)
    material = dict(await adapter.segment(made))
    _state(read, name, adapter, made, identity, material, keys, now)
    return read


def _state(
    read: Config,
    name: str,
    adapter: Adapter,
    made: Any,
    identity: NetworkId,
    material: dict[str, Any],
    keys: KeyStore,
    now: datetime,
) -> None:
    registry = open_registry(read)
    held = registry.at("network", identity.digest.hex())
    if held is not None and all(held.material.get(key) == value for key, value in material.items()):
        return
    if held is not None:
        raise ConfigError(ANOTHER, f"{identity.kind} {identity.chain}", where=str(read.registry_file))
    writer = RegistryWriter.open(registry.encode())
    writer.add_network(
        [keys.signer(ROOT_KEY)],
        network=identity,
        office=read.document.networks[name].office,
        material=material,
        basis=adapter.capabilities(made).basis,
        since=registry.newest,
        issued=max(now, registry.newest),
    )
    safefile.replace(read.registry_file, writer.encode(), mode=0o644)


async def found_all(read: Config, *, now: datetime, told: Callable[[str], None] = lambda _: None) -> Founded:
    """`found` for every network, one after the other; one that fails leaves the others as they are."""
    left: dict[str, GatewayError] = {}
    keys = open_keys(read)
    for name in read.document.networks:
        told(name)
        try:
            read = await found(read, name, now=now, secrets=keys)
        except Misuse:
            raise
        except GatewayError as error:
            left[name] = error
    return Founded(read, open_registry(read).fingerprint, left)


def office_writer(read: Config, name: str) -> Any:
    """The network's settings with which its own office writes.

    Where a network tells writers apart by a name, the office has one of its own, so that its writing and the
    gateway's do not shut each other out. Where it tells them apart by a key, it is the one that may write.
    """
    settings = read.settings[name]
    fields = {each.name for each in msgspec.structs.fields(type(settings))}
    if "writer" in fields and "writer" not in keys_that(type(settings)):
        return msgspec.structs.replace(settings, writer=f"{name}-office")
    return settings


# ── keys, registry, configuration ────────────────────────────────────────────────────────────────────────────────────


def _named_keys(plan: Planned) -> dict[str, tuple[str, KeyKind]]:
    """Settings of the adapter that name a key, the name that it gets, and its kind."""
    kinds = keys_that(plugins.adapter(plan.kind).settings)
    named = {"writer": f"{plan.name}-writer", "subject_key": f"{plan.name}-subjects"}
    return {
        setting: (str(plan.settings.get(setting) or named.get(setting, f"{plan.name}-{setting}")), _key_kind(kind))
        for setting, kind in kinds.items()
    }


def _key_kind(kind: str) -> KeyKind:
    if kind == "secp256k1":
        return "secp256k1"
    return "ed25519" if kind == "ed25519" else "secret"


def _keys(networks: Sequence[Planned]) -> dict[str, KeyKind]:
    keys: dict[str, KeyKind] = {ROOT_KEY: "ed25519", "mark": "secret"}
    for plan in networks:
        keys[f"{plan.name}-issuer"] = "ed25519"
        keys |= dict(_named_keys(plan).values())
    return keys


def _own_did(keys: KeyStore, name: str) -> str:
    return f"did:key:{did.encode_key(keys.info(f'{name}-issuer').public)}"


def _registry(networks: Sequence[Planned], keys: KeyStore, issuers: Mapping[str, str], now: datetime) -> RegistryWriter:
    root = [keys.signer(ROOT_KEY)]
    writer = RegistryWriter.new(root, issued=now, name="made by gateway init")
    by_issuer: dict[str, list[Planned]] = {}
    for plan in networks:
        by_issuer.setdefault(issuers[plan.name], []).append(plan)
    for issuer, plans in by_issuer.items():
        codes = tuple(dict.fromkeys(code for plan in plans for code in plan.codes))
        methods = tuple(
            KeyOf(_method(issuer, plan.name, keys), did.encode_key(keys.info(f"{plan.name}-issuer").public), since=now)
            for plan in plans
        )
        title = plans[0].title or f"Office {codes[0]}"
        writer.add_office(root, did=issuer, codes=codes, name=title, keys=methods, issued=now)
    return writer


def _method(issuer: str, name: str, keys: KeyStore) -> str:
    public = keys.info(f"{name}-issuer").public
    return did.key_method(public) if issuer.startswith("did:key:") else f"{issuer}#{name}-issuer-1"


def _toml(
    networks: Sequence[Planned], issuers: Mapping[str, str], fingerprint: str, passphrase_file: Path | None
) -> str:
    lines = [
        "# Made by `gateway init`. Every setting is explained in config.example.toml and in docs/reference/config.md;",
        "# `gateway check` tells what is wrong with this file and with what it names.",
        *(["", "[keys]", f"passphrase_file = {_text(str(passphrase_file.absolute()))}"] if passphrase_file else []),
        "",
        "[registry]",
        'file = "registry.json"',
        f'fingerprint = "{fingerprint}"',
    ]
    for plan in networks:
        lines += [
            "",
            f"[networks.{plan.name}]",
            f"adapter = {_text(plan.kind)}",
            f"office = {_text(plan.office)}",
            f"issuer = {_text(issuers[plan.name])}",
            f"key = {_text(f'{plan.name}-issuer')}",
            *([f"writes = {_text(plan.writes)}"] if plan.writes else []),
            "",
            f"[networks.{plan.name}.settings]",
        ]
        named = {setting: name for setting, (name, _) in _named_keys(plan).items()}
        lines += [f"{key} = {_text(value)}" for key, value in {**plan.settings, **named}.items()]
    writable = [plan.name for plan in networks if plan.writes]
    for plan in networks:
        others = [name for name in writable if name != plan.name]
        if others:
            lines += [
                "",
                "[[routes]]",
                f"name = {_text(f'{plan.name}-to-{others[0]}' if len(others) == 1 else f'{plan.name}-to-all')}",
                f"from = {_text(plan.name)}",
                f"to = {_text(others)}",
            ]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    """A value as TOML has it: JSON's form, for texts, numbers, booleans and lists of them."""
    return msgspec.json.encode(value).decode()


def amend(file: Path, network: str, changed: Mapping[str, Any]) -> None:
    """Sets keys in [networks.NAME.settings] of a configuration and leaves every other line as it was.

    Raises ConfigError where the file is laid out so that this cannot be done; then nothing was written.
    """
    text = file.read_text(encoding="utf-8")
    wanted = tomllib.loads(text)
    wanted["networks"][network].setdefault("settings", {}).update(changed)
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*networks\s*\.\s*\"?{re.escape(network)}\"?\s*\.\s*settings\s*\]\s*(#.*)?")
    start = next((place for place, line in enumerate(lines) if header.fullmatch(line)), None)
    if start is not None:
        end = next((place for place in range(start + 1, len(lines)) if lines[place].startswith("[")), len(lines))
        while end > start + 1 and not lines[end - 1].strip():
            end -= 1
        for key, value in changed.items():
            line = f"{key} = {_text(value)}"
            there = next((p for p in range(start + 1, end) if re.match(rf"\s*{re.escape(key)}\s*=", lines[p])), None)
            if there is None:
                lines.insert(end, line)
                end += 1
            else:
                lines[there] = line
        made = "\n".join(lines) + "\n"
        try:
            same = tomllib.loads(made) == wanted
        except tomllib.TOMLDecodeError:
            same = False
        if same:
            safefile.replace(file, made.encode(), mode=file.stat().st_mode & 0o777)
            return
    keys = ", ".join(f"{key} = {_text(value)}" for key, value in changed.items())
    raise ConfigError(NOT_AMENDED, f"[networks.{network}.settings] needs {keys}", where=str(file))


def utc_now() -> datetime:
    """Now, in whole seconds: what statements of a registry are dated with."""
    return datetime.now(UTC).replace(microsecond=0)
