"""`gateway registry`: make and read the registry of offices, keys, networks and mappings."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from gateway.cli.keys import keys_options, open_store, place
from gateway.cli.output import EXAMPLES, emit, json_option, moment, table
from gateway.errors import InputError, TrustError, fault

if TYPE_CHECKING:
    from gateway.spi import Segment
    from gateway.trust.keys import KeyStore
    from gateway.trust.registry import Registry, RegistryWriter
    from gateway.trust.signer import Signer

__all__ = ["registry"]

Command = TypeVar("Command", bound=Callable[..., Any])

_LARGEST_MATERIAL: Final = 1024 * 1024

UNREADABLE = fault(
    "registry.unreadable", "The registry file cannot be read.", "Check the path; `gateway registry new` makes one."
)
EXISTS = fault(
    "registry.exists", "There is a registry file already.", "Choose another name; a registry is only ever added to."
)
CHANGED = fault(
    "registry.changed",
    "The registry was changed by another process while this statement was made.",
    "Run the command again: nothing was written.",
)
MATERIAL = fault(
    "registry.material",
    "The material of the network is not a JSON object.",
    "Take what `gateway network doctor NAME --json` tells of its segment, or write the object by the adapter's page.",
)


class _Time(click.ParamType[datetime]):
    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-06-01 or 2026-06-01T12:00:00Z", param, ctx)


class _Hex(click.ParamType[bytes]):
    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return bytes.fromhex(str(value).removeprefix("0x"))
        except ValueError:
            self.fail(f"{value!r} is no hexadecimal text", param, ctx)


def _registry_option(command: Command) -> Command:
    return click.option(
        "--registry",
        "registry_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="GATEWAY_REGISTRY",
        help="Registry file; also $GATEWAY_REGISTRY. Default: what gateway.toml names, else registry.json.",
    )(command)


def _writing(command: Command) -> Command:
    """Adds what every command takes that signs a statement."""
    command = click.option(
        "--root",
        "roots",
        metavar="NAME",
        multiple=True,
        default=("registry-root",),
        show_default=True,
        help="Root key in the key file; again for each that must sign.",
    )(command)
    return json_option(_registry_option(keys_options(command)))


@click.group(no_args_is_help=True)
def registry() -> None:
    """Make and read the registry of offices, keys and networks.

    It says which DID speaks for which office, with which keys and networks, from when to when: signed, dated
    statements that are only ever added to. A verifier who gives it with --anchors believes it, so compare its
    fingerprint with the registrar over another channel first.

    \b
    Examples:
      gateway registry new --name "Offices of the pilot"
      gateway registry add-office did:web:xa.example XA --name "Office of Xanadu" --key issuer
      gateway registry show
      gateway registry rotate did:web:xa.example#issuer --to did:web:xa.example#issuer-2 --key issuer-2
      gateway registry revoke did:web:xa.example#issuer --how compromised --at 2026-05-01
    """


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@registry.command(
    epilog=EXAMPLES + "  gateway registry show\n  gateway registry show --registry demo/registry.json --json\n"
)
@_registry_option
@click.option("--fingerprint", help="Refuse a registry of another root.")
@json_option
def show(registry_file: Path | None, fingerprint: str | None, as_json: bool) -> None:
    """Check every statement, and show what they add up to: fingerprint, offices, keys, networks, mappings."""
    found = _read(_file(registry_file), fingerprint)
    issuers = [
        {
            "did": office.did,
            "codes": list(office.codes),
            "name": office.name,
            "ended": office.ended,
            "keys": [_of_segment(one) for one in found.all("issuer", office.did)],
        }
        for office in found.offices
    ]
    if as_json:
        emit(
            {
                "fingerprint": found.fingerprint,
                "digest": found.digest,
                "name": found.root.name,
                "statements": len(found.statements),
                "newest": found.newest,
                "root": {"keys": list(found.root.keys), "threshold": found.root.threshold},
                "offices": issuers,
                "networks": [{"network": one.subject, **_of_segment(one)} for one in found.networks],
                "mappings": [
                    {"name": one.name, "version": one.version, "digest": one.digest, "ended": one.ended}
                    for one in found.mappings
                ],
            }
        )
        return
    click.echo(
        f"{found.root.name or 'a registry'}: {len(found.statements)} statements, the newest of {moment(found.newest)}"
    )
    _tell_fingerprint(found)
    click.echo(f"signed by {found.root.threshold} of {', '.join(found.root.keys)}\n")
    table(
        ("office", "speaks for", "DID", "key", "since", "until", "state"),
        [
            (
                office.name,
                " ".join(office.codes),
                office.did,
                str(one.material["method"]).partition("#")[2][:24],
                moment(one.since),
                moment(one.until),
                one.ended,
            )
            for office in found.offices
            for one in found.all("issuer", office.did)
        ],
        empty="no offices",
    )
    if found.networks:
        click.echo()
        table(
            ("network", "kind", "chain", "office", "basis", "since", "until", "heights", "state"),
            [
                (
                    one.subject[:12],
                    str(one.material["kind"]),
                    str(one.material["chain"]),
                    str(one.material["office"]),
                    str(one.basis),
                    moment(one.since),
                    moment(one.until),
                    f"{'' if one.first is None else one.first}–{'' if one.last is None else one.last}",
                    one.ended,
                )
                for one in found.networks
            ],
        )
    if found.mappings:
        click.echo()
        table(
            ("mapping", "version", "digest", "state"),
            [(one.name, one.version, one.digest.hex()[:12], one.ended) for one in found.mappings],
        )


@registry.command()
@_registry_option
@json_option
def fingerprint(registry_file: Path | None, as_json: bool) -> None:
    """Print the fingerprint of the root key, to be compared over another channel."""
    found = _read(_file(registry_file))
    if as_json:
        emit({"fingerprint": found.fingerprint})
        return
    click.echo(found.fingerprint)


@registry.command("did", epilog=EXAMPLES + "  gateway registry did did:web:xa.example > did.json\n")
@click.argument("did")
@_registry_option
def did_(did: str, registry_file: Path | None) -> None:
    """Print the DID document of an office, from its open keys; for a did:web, what its server must hand out."""
    click.echo(_read(_file(registry_file)).did_document(did).decode())


@registry.command(epilog=EXAMPLES + "  gateway registry compare theirs.json\n")
@click.argument("other", type=click.Path(path_type=Path))
@_registry_option
@json_option
@click.pass_context
def compare(ctx: click.Context, other: Path, registry_file: Path | None, as_json: bool) -> None:
    """Tell how the registry stands to another copy: same, older, newer, forked, or of another root.

    Exit code 1 where it is forked or of another root: then neither is to be believed before that is explained.
    """
    mine, theirs = _read(_file(registry_file)), _read(other)
    found = mine.relation(theirs)
    if as_json:
        emit({"relation": found, "statements": len(mine.statements), "theirs": len(theirs.statements)})
    else:
        means = {
            "same": "the two are the same",
            "older": f"this one is older, by {len(theirs.statements) - len(mine.statements)} statements",
            "newer": f"this one is newer, by {len(mine.statements) - len(theirs.statements)} statements",
            "forked": "one root signed two histories: believe neither before that is explained",
            "foreign": "they begin with different root keys",
        }
        click.echo(f"{found}: {means[found]}")
    ctx.exit(1 if found in ("forked", "foreign") else 0)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@registry.command(
    epilog=EXAMPLES
    + """  gateway keys new registry-root
  gateway registry new --name "Offices of the pilot"
"""
)
@click.option("--name", help="What the registry is called.")
@click.option("--threshold", type=click.IntRange(1, 16), help="How many root keys must sign. Default: all that do now.")
@_writing
def new(
    name: str | None,
    threshold: int | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Begin a registry with its root keys, and print its fingerprint."""
    from gateway.trust import safefile
    from gateway.trust.registry import RegistryWriter

    file = _file(registry_file)
    if file.exists():
        raise TrustError(EXISTS, where=str(file))
    signers = _signers(open_store(keys_file, passphrase_file), roots)
    made = RegistryWriter.new(signers, issued=_now(), name=name, threshold=threshold)
    safefile.replace(file, made.encode(), mode=0o644, new=True)
    if as_json:
        emit({"file": str(file), "fingerprint": made.registry().fingerprint})
        return
    click.echo(f"made {file}")
    _tell_fingerprint(made.registry())


@registry.command(
    "add-office",
    epilog=EXAMPLES
    + """  gateway registry add-office did:web:xa.example XA --name "Office of Xanadu" --key issuer
  gateway registry add-office did:web:wipo.example IB WO --name WIPO --public z6Mk… --method did:web:wipo.example#2026
""",
)
@click.argument("did")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--name", required=True, help="What the office is called.")
@click.option("--key", help="Its issuing key, by name in the key file.")
@click.option("--public", help="Its issuing key as a Multikey (z6Mk…), where it is another's.")
@click.option("--method", help="Verification method of the key. Default: DID#KEY; of a did:key, its own.")
@click.option("--since", type=_Time(), help="From when the key may issue. Default: now.")
@_writing
def add_office(
    did: str,
    codes: tuple[str, ...],
    name: str,
    key: str | None,
    public: str | None,
    method: str | None,
    since: datetime | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """State an office: its DID, the ST.3 codes that it speaks for (its own first), and its issuing key."""
    store = open_store(keys_file, passphrase_file)
    chosen = _key_of(store, did, key, public, method, since)

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.add_office(signers, did=did, codes=codes, name=name, keys=(chosen,), issued=issued)

    _write(work, store, roots, registry_file, as_json)


@registry.command("add-key")
@click.argument("did")
@click.option("--key", help="The key, by name in the key file.")
@click.option("--public", help="The key as a Multikey (z6Mk…), where it is another's.")
@click.option("--method", help="Verification method of the key. Default: DID#KEY.")
@click.option("--since", type=_Time(), help="From when it may issue. Default: now.")
@_writing
def add_key(
    did: str,
    key: str | None,
    public: str | None,
    method: str | None,
    since: datetime | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """State a further issuing key of an office."""
    store = open_store(keys_file, passphrase_file)
    chosen = _key_of(store, did, key, public, method, since)

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.add_key(signers, did=did, key=chosen, issued=issued)

    _write(work, store, roots, registry_file, as_json)


@registry.command(
    "add-network",
    epilog=EXAMPLES
    + """  gateway registry add-network XB --kind evm --chain 31337 --genesis 0x… --basis attested --material xb.json
""",
)
@click.argument("office", metavar="CODE")
@click.option("--kind", required=True, help="Kind of network, as its adapter is called.")
@click.option("--chain", required=True, help="Chain id.")
@click.option("--genesis", type=_Hex(), required=True, help="Digest of its first block.")
@click.option(
    "--basis",
    type=click.Choice(["attested", "authority", "endorsement", "work", "consensus"]),
    required=True,
    help="The least basis that is accepted for it.",
)
@click.option(
    "--material",
    type=click.File("rb"),
    required=True,
    help="What is believed of it: a JSON object, by its adapter; `-` reads standard input.",
)
@click.option("--since", type=_Time(), help="From when on. Default: now.")
@click.option("--first", type=click.IntRange(0), help="First height that it covers.")
@click.option("--last", type=click.IntRange(0), help="Last height that it covers.")
@_writing
def add_network(
    office: str,
    kind: str,
    chain: str,
    genesis: bytes,
    basis: str,
    material: Any,
    since: datetime | None,
    first: int | None,
    last: int | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """State what is believed of an office's network, for a time and for a run of heights."""
    from gateway.spi import Basis, NetworkId
    from gateway.trust import strictjson

    content = strictjson.parse(material.read(_LARGEST_MATERIAL + 1), limit=_LARGEST_MATERIAL, nesting=12)
    if not isinstance(content, dict):
        raise InputError(MATERIAL, where=material.name)

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.add_network(
            signers,
            network=NetworkId(kind, chain, genesis),
            office=office,
            material=content,
            basis=Basis(basis),
            since=since or issued,
            first=first,
            last=last,
            issued=issued,
        )

    _write(work, open_store(keys_file, passphrase_file), roots, registry_file, as_json)


@registry.command("add-mapping")
@click.argument("name")
@click.argument("version")
@click.argument("digest", type=_Hex())
@click.option("--since", type=_Time(), help="From when on. Default: now.")
@_writing
def add_mapping(
    name: str,
    version: str,
    digest: bytes,
    since: datetime | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """List a mapping that may be relied on beside those that a release ships."""

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.add_mapping(
            signers, name=name, version=version, digest=digest, since=since or issued, issued=issued
        )

    _write(work, open_store(keys_file, passphrase_file), roots, registry_file, as_json)


@registry.command(
    epilog=EXAMPLES
    + """  gateway keys new issuer-2
  gateway registry rotate did:web:xa.example#issuer --key issuer-2
"""
)
@click.argument("method")
@click.option("--key", help="The new key, by name in the key file.")
@click.option("--public", help="The new key as a Multikey (z6Mk…), where it is another's.")
@click.option("--to", help="Verification method of the new key. Default: DID#KEY.")
@click.option("--at", type=_Time(), help="When the one ends and the other begins. Default: now.")
@_writing
def rotate(
    method: str,
    key: str | None,
    public: str | None,
    to: str | None,
    at: datetime | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """End an issuing key where another begins. What the old one sealed stays good, where its time is proven."""
    store = open_store(keys_file, passphrase_file)
    chosen = _key_of(store, method.partition("#")[0], key, public, to, at)

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.rotate_key(signers, old=method, new=chosen, issued=issued)

    _write(work, store, roots, registry_file, as_json)


@registry.command(
    epilog=EXAMPLES
    + """  gateway registry revoke did:web:xa.example#issuer --how compromised --at 2026-05-01
  gateway registry revoke did:web:xa.example
"""
)
@click.argument("subject")
@click.option(
    "--how",
    type=click.Choice(["rotated", "revoked", "compromised"]),
    default="revoked",
    show_default=True,
    help="compromised: somebody else may have used it since --at, so what it signed needs proof of an earlier time.",
)
@click.option("--at", type=_Time(), help="The last instant at which it still held. Default: now.")
@click.option("--last", type=click.IntRange(0), help="For a network: the last height at which it still held.")
@click.option("--statement", type=_Hex(), help="For a network of several segments: the statement that made the one.")
@_writing
def revoke(
    subject: str,
    how: Any,
    at: datetime | None,
    last: int | None,
    statement: bytes | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """End a key (by its method), an office (by its DID), a network or a mapping (by its digest).

    It may be done again, only to say worse. Nothing is taken out of the file.
    """

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.end(
            signers, subject=subject, how=how, at=at or issued, last=last, statement=statement, issued=issued
        )

    _write(work, open_store(keys_file, passphrase_file), roots, registry_file, as_json)


@registry.command("rotate-root")
@click.option("--to", "heirs", metavar="NAME", multiple=True, required=True, help="New root key; again for each.")
@click.option("--threshold", type=click.IntRange(1, 16), help="How many must sign from here on. Default: all of them.")
@_writing
def rotate_root(
    heirs: tuple[str, ...],
    threshold: int | None,
    roots: tuple[str, ...],
    registry_file: Path | None,
    keys_file: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Hand the registry over to new root keys. Its fingerprint stays what it is."""
    store = open_store(keys_file, passphrase_file)

    def work(writer: RegistryWriter, signers: Sequence[Signer], issued: datetime) -> bytes:
        return writer.rotate_root(signers, _signers(store, heirs), threshold=threshold, issued=issued)

    _write(work, store, roots, registry_file, as_json)


# ── what they share ─────────────────────────────────────────────────────────────────────────────────────────────────


def _file(given: Path | None) -> Path:
    return place(given, "registry_file", "registry.json")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _bytes_of(file: Path) -> bytes:
    from gateway.trust.registry import LIMIT

    try:
        with file.open("rb") as opened:
            return opened.read(LIMIT + 1)
    except OSError as error:
        raise TrustError(UNREADABLE, error.strerror or str(error), where=str(file)) from error


def _read(file: Path, expected: str | None = None) -> Registry:
    from gateway.trust.registry import Registry

    wanted = None if expected is None else expected.removeprefix("sha256:").replace(" ", "").lower()
    return Registry.read(_bytes_of(file), fingerprint=wanted)


def _signers(store: KeyStore, names: Sequence[str]) -> list[Signer]:
    return [store.signer(name) for name in dict.fromkeys(names)]


def _key_of(
    store: KeyStore, did: str, key: str | None, public: str | None, method: str | None, since: datetime | None
) -> Any:
    """The issuing key that the options name, with its method."""
    from gateway.trust import did as dids
    from gateway.trust.statements import KeyOf

    if (key is None) == (public is None):
        raise click.UsageError("give the key either by --key NAME or by --public z6Mk…")
    if key is not None:
        public = dids.encode_key(store.signer(key).public)
    assert public is not None
    if method is None:
        if did.startswith("did:key:"):
            method = f"{did}#{did[8:]}"
        elif key is not None:
            method = f"{did}#{key}"
        else:
            raise click.UsageError("--public needs --method (or, to rotate, --to): a key in the file has its own name")
    return KeyOf(method, public, since or _now())


def _write(
    work: Callable[[RegistryWriter, Sequence[Signer], datetime], bytes],
    store: KeyStore,
    roots: Sequence[str],
    registry_file: Path | None,
    as_json: bool,
) -> None:
    """Adds what `work` adds, and replaces the file whole."""
    from gateway.trust import safefile
    from gateway.trust.registry import RegistryWriter

    file = _file(registry_file)
    content = _bytes_of(file)
    writer = RegistryWriter.open(content)
    before = writer.registry()
    digest = work(writer, _signers(store, roots), max(_now(), before.newest))
    after = writer.registry()
    if _bytes_of(file) != content:
        raise TrustError(CHANGED, where=str(file))
    safefile.replace(file, writer.encode(), mode=0o644)
    added = after.statements[len(before.statements) :]
    if as_json:
        emit(
            {
                "file": str(file),
                "fingerprint": after.fingerprint,
                "statement": digest,
                "added": [json.loads(one.line) for one in added],
            }
        )
        return
    for one in added:
        click.echo(
            f"added statement {one.sequence} ({json.loads(one.line)['type']}) to {file}: {one.digest.hex()[:12]}"
        )


def _of_segment(one: Segment) -> dict[str, Any]:
    told: dict[str, Any] = {
        "material": dict(one.material),
        "since": one.since,
        "until": one.until,
        "state": one.ended,
        "statement": one.statement,
    }
    if one.basis is not None:
        told |= {"basis": one.basis.value, "first": one.first, "last": one.last}
    return told


def _tell_fingerprint(found: Registry) -> None:
    text = found.fingerprint
    click.echo("fingerprint of the root, to be compared over another channel:")
    click.echo("  " + " ".join(text[index : index + 4] for index in range(0, 32, 4)))
    click.echo("  " + " ".join(text[index : index + 4] for index in range(32, 64, 4)))
