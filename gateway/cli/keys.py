"""`gateway keys`: make and show keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import click

from gateway.cli.output import EXAMPLES, emit, json_option, moment, table

if TYPE_CHECKING:
    from gateway.trust.keys import KeyKind, KeyStore

__all__ = ["keys", "keys_options", "open_store", "place"]

Command = TypeVar("Command", bound=Callable[..., Any])

_KINDS: Final = ("ed25519", "secp256k1", "secret")
_FORMS: Final = ("multikey", "did", "method", "hex", "address")


def keys_options(command: Command) -> Command:
    """Adds `--keys` and `--passphrase-file`, as `keys_file` and `passphrase_file`."""
    command = click.option(
        "--passphrase-file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="File with the passphrase in its first line. Read where $GATEWAY_PASSPHRASE is not set.",
    )(command)
    return click.option(
        "--keys",
        "keys_file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar="GATEWAY_KEYS",
        help="Key file; also $GATEWAY_KEYS. Default: what gateway.toml names, else keys.jwe.",
    )(command)


def place(given: Path | None, setting: str, otherwise: str) -> Path:
    """The file that was named; else what the configuration names, where there is one; else `otherwise`.

    setting  attribute of `gateway.config.Config`
    """
    if given is not None:
        return given
    found = _configured(setting)
    return Path(otherwise) if found is None else found


def _configured(setting: str) -> Path | None:
    import os

    file = Path(os.environ.get("GATEWAY_CONFIG") or "gateway.toml")
    if not file.is_file():
        return None
    from gateway import config

    return cast("Path | None", getattr(config.load(file), setting))


def open_store(keys_file: Path | None, passphrase_file: Path | None) -> KeyStore:
    """The key file, opened. Raises TrustError."""
    from gateway.trust.keys import KeyStore

    return KeyStore.open(place(keys_file, "key_file", "keys.jwe"), _phrase(passphrase_file))


def _phrase(file: Path | None) -> str:
    import os

    from gateway.trust.keys import PASSPHRASE, passphrase

    if file is None and not os.environ.get(PASSPHRASE):
        file = _configured("passphrase_file")
    return passphrase(file=file)


class _NamedKind(click.ParamType[tuple[str, str]]):
    name = "NAME[:KIND]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        name, _, kind = str(value).partition(":")
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,63}", name):
            self.fail(f"{name!r} is no name: lower-case letters, digits, dots and dashes", param, ctx)
        if kind and kind not in _KINDS:
            self.fail(f"{kind!r} is no kind of key; take one of {', '.join(_KINDS)}", param, ctx)
        return name, kind or "ed25519"


@click.group(no_args_is_help=True)
def keys() -> None:
    """Make and show keys.

    They lie encrypted in one file, which is its owner's alone. The passphrase comes from the environment
    variable GATEWAY_PASSPHRASE, or from a file; never from an argument, which every process here could read.

    \b
    Examples:
      export GATEWAY_PASSPHRASE="$(openssl rand -base64 24)"
      gateway keys new registry-root issuer mark:secret chain:secp256k1
      gateway keys list
      gateway keys export issuer --as did
    """


@keys.command(
    epilog=EXAMPLES
    + """  gateway keys new registry-root issuer receipts
  gateway keys new chain:secp256k1 mark:secret --keys office.jwe
"""
)
@click.argument("wanted", metavar="NAME[:KIND]...", type=_NamedKind(), nargs=-1, required=True)
@keys_options
@json_option
def new(
    wanted: tuple[tuple[str, KeyKind], ...], keys_file: Path | None, passphrase_file: Path | None, as_json: bool
) -> None:
    """Make random keys; the key file too, where there is none yet.

    \b
    Kinds: ed25519 (the default) signs credentials, receipts and the registry;
           secp256k1 submits to chains of Ethereum's kind;
           secret is 32 random bytes, for the marks by which a gateway knows its own writing.
    A key is never replaced and never taken out: what it signed must stay explicable.
    """
    from gateway.trust.keys import KeyStore

    named = dict(wanted)
    if len(named) != len(wanted):
        raise click.UsageError("one name stands for two keys")
    file = place(keys_file, "key_file", "keys.jwe")
    if file.exists():
        store = KeyStore.open(file, _phrase(passphrase_file))
        made = store.generate_all(named)
    else:
        store = KeyStore.create(file, _phrase(passphrase_file), named)
        made = tuple(store.info(name) for name in named)
    if as_json:
        emit({"file": str(file), "keys": [_shown(info) for info in made]})
        return
    _tell([_shown(info) for info in made])
    click.echo(f"\nkept in {file}; without the passphrase they are lost, so keep a copy of both, apart")


@keys.command("list")
@keys_options
@json_option
def list_(keys_file: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """List the keys: names, kinds, public parts. Nothing private is ever shown."""
    shown = [_shown(info) for info in open_store(keys_file, passphrase_file).infos()]
    if as_json:
        emit({"keys": shown})
        return
    _tell(shown)


@keys.command(
    epilog=EXAMPLES
    + """  gateway keys export issuer
  gateway keys export issuer --as did
  gateway keys export chain --as address
"""
)
@click.argument("name")
@click.option("--as", "form", type=click.Choice(_FORMS), help="Which form. Default: multikey, or hex for secp256k1.")
@keys_options
@json_option
def export(name: str, form: str | None, keys_file: Path | None, passphrase_file: Path | None, as_json: bool) -> None:
    """Print the public part of a key.

    \b
    multikey  z6Mk…, as registries and DID documents hold it          (ed25519)
    did       did:key:z6Mk…                                            (ed25519)
    method    the verification method of that DID                      (ed25519)
    hex       the bytes: 32 of Ed25519, 33 of secp256k1 (compressed)
    address   0x…, the account on chains of Ethereum's kind            (secp256k1)
    """
    shown = _shown(open_store(keys_file, passphrase_file).info(name))
    if shown["kind"] == "secret":
        raise click.UsageError(f"{name} is a secret: it has no public part")
    wanted = form or ("hex" if shown["kind"] == "secp256k1" else "multikey")
    if wanted not in shown:
        raise click.UsageError(f"{name} is a key of the kind {shown['kind']}, which has no {wanted}")
    if as_json:
        emit({"name": name, "form": wanted, "value": shown[wanted]})
        return
    click.echo(shown[wanted])


def _shown(info: Any) -> dict[str, str]:
    """What may be told of a key, in every form that its kind has."""
    from gateway.trust import did

    told = {"name": info.name, "kind": info.kind, "made": moment(info.made)}
    if info.kind == "ed25519":
        told |= {
            "multikey": did.encode_key(info.public),
            "did": did.key_did(info.public),
            "method": did.key_method(info.public),
            "hex": info.public.hex(),
        }
    elif info.kind == "secp256k1":
        told |= {"address": _address(info.public), "hex": info.public.hex()}
    return told


def _address(public: bytes) -> str:
    """The account of a secp256k1 key, in the mixed case that carries a checksum (EIP-55)."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from gateway.proofs.keccak import keccak256

    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), public)
    text = keccak256(key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:])[12:].hex()
    check = keccak256(text.encode()).hex()
    return "0x" + "".join(
        letter.upper() if digit in "89abcdef" else letter for letter, digit in zip(text, check, strict=False)
    )


def _tell(shown: list[dict[str, str]]) -> None:
    table(
        ("name", "kind", "made (UTC)", "public"),
        [(one["name"], one["kind"], one["made"], one.get("multikey") or one.get("address") or "–") for one in shown],
        empty="no keys",
    )
