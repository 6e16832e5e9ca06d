"""`gateway init`: a gateway between networks of a person's own."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.opening import answer
from gateway.cli.output import emit, json_option, mark, progress
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from gateway.founding import Planned

__all__ = ["init"]


@click.command(short_help="Make a gateway between two networks of your own.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--network", "networks", multiple=True, metavar="NAME=KIND[:WHERE]", help="A network; give it twice or more."
)
@click.option(
    "--office", "offices", multiple=True, metavar="NAME=CODE[,CODE…]", help="ST.3 codes its office speaks for."
)
@click.option("--did", "dids", multiple=True, metavar="NAME=DID", help="Its office's DID. Default: a new did:key.")
@click.option("--title", "titles", multiple=True, metavar="NAME=TEXT", help="Its office's name, for the registry.")
@click.option(
    "--writes", multiple=True, metavar="NAME=FORMAT", help="Format written to it. Default: register-KIND; empty: none."
)
@click.option("--set", "settings", multiple=True, metavar="NAME.KEY=VALUE", help="A setting of its adapter.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="File whose first line is the passphrase.")
@click.option("--no-found", is_flag=True, help="Touch no network; `gateway network found NAME` does it later.")
@json_option
def init(
    folder: Path,
    networks: tuple[str, ...],
    offices: tuple[str, ...],
    dids: tuple[str, ...],
    titles: tuple[str, ...],
    writes: tuple[str, ...],
    settings: tuple[str, ...],
    passphrase_file: Path | None,
    no_found: bool,
    as_json: bool,
) -> None:
    """Make a gateway between networks of your own, in the new folder FOLDER.

    It makes the key file, a registry of your own, the configuration and the database, and lays down what each network
    must hold: a ledger file, a contract. Without --network it asks. The passphrase of the keys is GATEWAY_PASSPHRASE,
    or the first line of --passphrase-file, or asked for.

    \b
    Examples:
      gateway init bridge --network xa=sandbox --network xb=evm:http://127.0.0.1:8545
      gateway init bridge --network xa=sandbox:/srv/xa.ledger --network ipo=evm:https://node.ipo.example \\
          --office ipo=XB --did ipo=did:web:ipo.example --set ipo.finality=depth --set ipo.depth=12
    """
    from gateway.assemble import database_url
    from gateway.founding import found_all, make, utc_now
    from gateway.store.migrate import migrate
    from gateway.trust.keys import passphrase

    planned = _planned(networks, offices, dids, titles, writes, settings)
    asked_for = _asked_passphrase(folder) if _must_ask(passphrase_file) else None
    phrase = asked_for or passphrase(file=passphrase_file)
    with progress("making keys", quiet=as_json) as say:
        read = make(folder, planned, phrase, now=utc_now(), passphrase_file=passphrase_file)
        os.environ["GATEWAY_PASSPHRASE"] = phrase
        say("making the database")
        migrate(database_url(read))
        left = {}
        if not no_found:
            done = answer(found_all(read, now=utc_now(), told=lambda name: say(f"founding {name}")))
            read, left = done.config, done.left
    from gateway.assemble import open_registry

    fingerprint = open_registry(read).fingerprint
    if as_json:
        emit(
            {
                "folder": str(folder),
                "config": str(read.file),
                "fingerprint": fingerprint,
                "networks": {
                    name: {
                        "founded": name not in left and not no_found,
                        "error": left[name].as_dict() if name in left else None,
                    }
                    for name in read.document.networks
                },
            }
        )
        raise SystemExit(5 if left else 0)
    click.echo(f"{mark(True)} {folder}: keys, registry, {read.file.name}, database")
    click.echo(f"  root of the registry: {fingerprint}")
    for name in read.document.networks:
        if name in left:
            click.echo(
                f"{mark(False)} {name}: {left[name].detail}\n    {left[name].hint}\n"
                f"    then: gateway network found {name}"
            )
        elif no_found:
            click.echo(f"{mark(None)} {name}: not touched; `gateway network found {name}` lays down what it must hold")
        else:
            click.echo(f"{mark(True)} {name}: holds what it must, and stands in the registry")
    asked = "" if asked_for is None else "  export GATEWAY_PASSPHRASE=…    (or set keys.passphrase_file)\n"
    click.echo(f"\nNext:\n  cd {folder}\n{asked}  gateway check\n  gateway run")
    raise SystemExit(5 if left else 0)


def _must_ask(file: Path | None) -> bool:
    return file is None and not os.environ.get("GATEWAY_PASSPHRASE") and sys.stdin.isatty()


def _asked_passphrase(folder: Path) -> str:
    return str(click.prompt(f"Passphrase for the keys of {folder}", hide_input=True, confirmation_prompt=True))


def _pairs(given: tuple[str, ...], option: str, names: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", param_hint=option)
        if name not in names:
            raise click.BadParameter(f"there is no --network {name}=…", param_hint=option)
        found[name] = value
    return found


def _planned(
    networks: tuple[str, ...],
    offices: tuple[str, ...],
    dids: tuple[str, ...],
    titles: tuple[str, ...],
    writes: tuple[str, ...],
    settings: tuple[str, ...],
) -> list[Planned]:
    from gateway.founding import Planned
    from gateway.mapping import MappingLibrary
    from gateway.plugins import adapter
    from gateway.trust import did

    if not networks:
        networks, offices = _asked()
    places: dict[str, tuple[str, str]] = {}
    for each in networks:
        name, equals, place = each.partition("=")
        kind, _, where = place.partition(":")
        if not equals or not kind:
            raise click.BadParameter(f"{each!r} is not NAME=KIND or NAME=KIND:WHERE", param_hint="--network")
        if name in places:
            raise click.BadParameter(f"two networks are called {name!r}", param_hint="--network")
        places[name] = (kind, where)
    if len(places) < 2:
        raise click.UsageError("a gateway joins two networks: give --network twice")
    names = set(places)
    codes, named = _pairs(offices, "--office", names), _pairs(writes, "--writes", names)
    issuers, called = _pairs(dids, "--did", names), _pairs(titles, "--title", names)
    formats = {each.format for each in MappingLibrary.shipped().all()}
    planned = []
    for name, (kind, where) in places.items():
        if re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name) is None:
            raise click.BadParameter(
                f"{name!r} is no name of a network: lower-case letters, digits and dashes, a letter first",
                param_hint="--network",
            )
        adapter(kind, where=f"--network {name}={kind}")
        code = codes.get(name) or (name.upper() if len(name) == 2 and name.isalpha() else "")
        if not code:
            raise click.UsageError(f"which office is {name}? --office {name}=CODE, its WIPO ST.3 code")
        for each in code.split(","):
            if re.fullmatch(r"[A-Z]{2}", each) is None:
                raise click.BadParameter(f"{each!r} is no ST.3 code: two capitals", param_hint="--office")
        if name in issuers:
            try:
                did.parse(issuers[name])
            except GatewayError as error:
                raise click.BadParameter(f"{error.detail}: {error.hint}", param_hint="--did") from error
        form = named.get(name, f"register-{kind}")
        if form and form not in formats:
            if name in named:
                raise click.BadParameter(
                    f"no mapping knows {form!r}: {', '.join(sorted(formats))}", param_hint="--writes"
                )
            raise click.UsageError(
                f"in which format is {name} written? --writes {name}=FORMAT: {', '.join(sorted(formats))}"
            )
        planned.append(
            Planned(
                name=name,
                kind=kind,
                codes=tuple(code.split(",")),
                writes=form or None,
                issuer=issuers.get(name),
                settings=_settings(name, adapter(kind).settings, where, settings),
                title=called.get(name),
            )
        )
    _all_used(settings, names)
    return planned


def _all_used(settings: tuple[str, ...], names: set[str]) -> None:
    for each in settings:
        name, dot, _ = each.partition(".")
        if not dot or name not in names:
            raise click.BadParameter(f"{each!r} is not NAME.KEY=VALUE of a --network", param_hint="--set")


def _settings(name: str, kind: type[msgspec.Struct], where: str, given: tuple[str, ...]) -> dict[str, Any]:
    """An adapter's settings: WHERE is its first one that must be given; --set for the others."""
    made: dict[str, Any] = {}
    fields = {each.encode_name: each for each in msgspec.structs.fields(kind)}
    for each in given:
        key, equals, value = each.removeprefix(f"{name}.").partition("=")
        if each.startswith(f"{name}.") and equals:
            made[key] = _value(value, str(fields[key].type) if key in fields else "str")
    needed = [key for key, each in fields.items() if each.required]
    if where and needed:
        made.setdefault(needed[0], where)
    for key in needed:
        if key not in made and key == "file":
            made[key] = f"{name}.ledger"
        elif key not in made and key == "chain":
            made[key] = f"{name}-register"
        elif key not in made:
            raise click.UsageError(
                f"{name} needs the setting {key!r}: --network {name}=KIND:{key.upper()}, or --set {name}.{key}=…"
            )
    return {key: made[key] for key in [*needed, *(key for key in made if key not in needed)]}


def _value(text: str, wanted: str) -> Any:
    """A value of --set: a number or true/false where the setting is of that kind, else the text as it is."""
    if "str" in wanted or "Literal" in wanted:
        return text
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _asked() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two networks, asked for on the terminal."""
    from gateway.plugins import adapters

    if not sys.stdin.isatty():
        raise click.UsageError("give --network NAME=KIND[:WHERE] twice")
    kinds = list(adapters())
    networks, offices = [], []
    for number in ("first", "second"):
        name = click.prompt(f"Name of the {number} network", default="xa" if number == "first" else "xb")
        kind = click.prompt(
            "  its kind", type=click.Choice(kinds), default=kinds[-1] if number == "first" else kinds[0]
        )
        where = click.prompt(
            "  where it is (a file, or a node's address; empty takes a new file)", default="", show_default=False
        )
        code = click.prompt("  ST.3 code of its office", default=name.upper() if len(name) == 2 else None)
        networks.append(f"{name}={kind}" + (f":{where}" if where else ""))
        offices.append(f"{name}={code}")
    return tuple(networks), tuple(offices)
