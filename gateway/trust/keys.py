"""The key file: every private key of a gateway in one encrypted JWK Set.

A JWK Set (RFC 7517 §5) in JWE Compact Serialization (RFC 7516 §7.1), as RFC 7517 §7 describes: the key that
encrypts is wrapped with ``PBES2-HS512+A256KW`` (RFC 7518 §4.8) and the content encrypted with ``A256GCM``. It
opens with one derivation of 120,000 rounds, between 0.1 and 0.2 seconds; other gateways of one machine pay it
once, at the start.

The passphrase comes from the environment variable ``GATEWAY_PASSPHRASE`` or from a file, and never from an
argument, where every process on the machine could read it. The file is its owner's alone (mode 0600), and is
replaced whole or not at all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwcrypto import jwa, jwe, jwk
from jwcrypto.common import JWException

from gateway.errors import InputError, TrustError, fault
from gateway.trust import safefile, strictjson
from gateway.trust.signer import Ed25519Signer

__all__ = ["KINDS", "PASSPHRASE", "KeyInfo", "KeyKind", "KeyStore", "passphrase"]

KeyKind = Literal["ed25519", "secp256k1", "secret"]
KINDS: Final[Mapping[KeyKind, str]] = {
    "ed25519": "signs credentials, receipts and the registry",
    "secp256k1": "submits to chains of Ethereum's kind",
    "secret": "32 random bytes, for the marks by which a gateway knows its own writing",
}
PASSPHRASE: Final = "GATEWAY_PASSPHRASE"  # noqa: S105  # the variable's name, not its value
ROUNDS: Final = 120_000
FEWEST: Final = 1_000  # RFC 7518 §4.8.1.2: at least
MOST: Final = 1_000_000
"""More rounds than that in a file would only keep whoever opens it busy: a second of work at the most."""
LIMIT: Final = 1024 * 1024
KEYS: Final = 1024

MISSING = fault("keys.missing", "There is no key file.", "Make one: gateway keys new FILE.")
EXISTS = fault("keys.exists", "There is a key file already.", "Choose another name; a key file is never overwritten.")
FORM = fault(
    "keys.form",
    "The file is not a key file as this gateway writes them.",
    "Check the path; restore the file from its copy.",
)
LOCKED = fault(
    "keys.locked",
    "The passphrase does not open the key file, or the file was damaged.",
    f"Check {PASSPHRASE} or the passphrase file; restore the key file from its copy.",
)
NO_PASSPHRASE = fault(
    "keys.no-passphrase",
    "No passphrase was given for the key file.",
    f"Set the environment variable {PASSPHRASE}, or name a file that holds it in its first line.",
)
WEAK_PASSPHRASE = fault(
    "keys.weak-passphrase",
    "The passphrase is too short to protect keys.",
    "Take 12 characters or more; `openssl rand -base64 24` gives good ones.",
)
NO_KEY = fault("keys.no-such-key", "There is no key of that name.", "`gateway keys list` shows the names.")
NAME_TAKEN = fault(
    "keys.name-taken", "There is a key of that name already.", "Choose another name: keys are not replaced."
)
BAD_NAME = fault(
    "keys.name",
    "The text is no name for a key.",
    "Use lower-case letters, digits, dots and dashes, up to 64 of them.",
)
WRONG_KIND = fault(
    "keys.kind", "The key is of another kind than is needed here.", "`gateway keys list` shows the kinds."
)
CHANGED = fault(
    "keys.changed",
    "The key file was changed by another process since it was opened.",
    "Run the command again: nothing was written.",
)

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_PART: Final = re.compile(r"[A-Za-z0-9_-]*")
_HEADER: Final = {"alg": "PBES2-HS512+A256KW", "enc": "A256GCM", "cty": "jwk-set+json"}
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # of secp256k1 (SEC 2 §2.4.1)


class KeyInfo(msgspec.Struct, frozen=True):
    """What may be told of a key. `public` is 32 bytes for Ed25519, 33 for secp256k1 (compressed), none for a secret."""

    name: str
    kind: KeyKind
    public: bytes
    made: datetime


class _Key(msgspec.Struct, frozen=True):
    info: KeyInfo
    private: bytes

    def __repr__(self) -> str:  # the private part is in no traceback and no log
        return f"_Key({self.info.name})"


class KeyStore:
    """The keys of one file, open. Satisfies `gateway.spi.Secrets`.

        store = KeyStore.create(path, phrase, {"issuer": "ed25519", "chain": "secp256k1", "mark": "secret"})
        store = KeyStore.open(path, phrase)
        store.signer("issuer").sign(message)

    Names are lower-case letters, digits, dots and dashes. A key is added, and never replaced or taken away: what
    it signed must stay explicable.
    """

    def __init__(self, path: Path, phrase: bytes, keys: dict[str, _Key], rounds: int, seen: bytes) -> None:
        self.path: Final = path
        self._phrase = phrase
        self._keys = keys
        self._rounds = rounds
        self._seen = seen

    @classmethod
    def create(
        cls, path: Path, phrase: str, keys: Mapping[str, KeyKind] | None = None, *, rounds: int = ROUNDS
    ) -> KeyStore:
        """A new file with new random keys of these names and kinds.

        rounds  of PBKDF2-HMAC-SHA-512

        Raises TrustError where the file is there already or cannot be written, or the passphrase is short.
        """
        if len(phrase) < 12:
            raise TrustError(WEAK_PASSPHRASE, f"it has {len(phrase)} characters")
        if path.exists():
            raise TrustError(EXISTS, where=str(path))
        if not FEWEST <= rounds <= MOST:
            raise TrustError(FORM, f"{rounds} rounds, between {FEWEST} and {MOST} are taken")
        store = cls(path, phrase.encode(), {}, rounds, b"")
        made = {name: _generate(name, kind) for name, kind in (keys or {}).items()}
        store._write(made, new=True)
        return store

    @classmethod
    def open(cls, path: Path, phrase: str) -> KeyStore:
        """The keys in `path`. Raises TrustError where it is missing, exposed, locked to this passphrase, or damaged."""
        if not path.exists():
            raise TrustError(MISSING, where=str(path))
        data = safefile.read_private(path, limit=LIMIT)
        keys, rounds = _decrypt(data, phrase.encode(), str(path))
        return cls(path, phrase.encode(), keys, rounds, hashlib.sha256(data).digest())

    def generate(self, name: str, kind: KeyKind) -> KeyInfo:
        """Makes a random key and keeps it. Raises TrustError where the name is taken or is none."""
        return self.generate_all({name: kind})[0]

    def generate_all(self, keys: Mapping[str, KeyKind]) -> tuple[KeyInfo, ...]:
        """Makes several keys and writes the file once."""
        made = {name: _generate(name, kind) for name, kind in keys.items()}
        self._write(made)
        return tuple(key.info for key in made.values())

    def add(self, name: str, kind: KeyKind, private: bytes) -> KeyInfo:
        """Keeps a key that was made elsewhere: 32 bytes. Raises TrustError where it is no key of that kind."""
        made = _key(name, kind, private, datetime.now(UTC).replace(microsecond=0))
        self._write({name: made})
        return made.info

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._keys))

    def info(self, name: str) -> KeyInfo:
        """What may be told of the key. Raises TrustError where there is none."""
        return self._get(name).info

    def infos(self) -> tuple[KeyInfo, ...]:
        return tuple(self._keys[name].info for name in self.names())

    def signer(self, name: str) -> Ed25519Signer:
        """A signer with the Ed25519 key `name`. Raises TrustError where there is none, or it is of another kind."""
        key = self._get(name)
        if key.info.kind != "ed25519":
            raise TrustError(WRONG_KIND, f"{name} is a key of the kind {key.info.kind}, ed25519 is needed")
        return Ed25519Signer(key.private)

    def private(self, name: str) -> bytes:
        """The 32 private bytes of the key `name`, of any kind. Raises TrustError where there is none."""
        return self._get(name).private

    def _get(self, name: str) -> _Key:
        found = self._keys.get(name)
        if found is None:
            raise TrustError(
                NO_KEY, f"{name!r:.80} is not among {', '.join(self.names()) or 'no keys'}", where=str(self.path)
            )
        return found

    def _write(self, more: dict[str, _Key], *, new: bool = False) -> None:
        for name in more:
            if name in self._keys:
                raise TrustError(NAME_TAKEN, name, where=str(self.path))
        if len(self._keys) + len(more) > KEYS:
            raise TrustError(FORM, f"more than {KEYS} keys", where=str(self.path))
        # What another process added since would be lost, and a lost key cannot be made again.
        if not new and hashlib.sha256(safefile.read_private(self.path, limit=LIMIT)).digest() != self._seen:
            raise TrustError(CHANGED, where=str(self.path))
        keys = {**self._keys, **more}
        data = _encrypt(keys, self._phrase, self._rounds)
        safefile.replace(self.path, data, new=new)
        self._keys = keys
        self._seen = hashlib.sha256(data).digest()

    def __repr__(self) -> str:
        return f"KeyStore({str(self.path)!r}, {len(self._keys)} keys)"


def passphrase(environment: Mapping[str, str] | None = None, file: Path | None = None) -> str:
    """The passphrase: of the environment variable where it is set, else the first line of `file`.

    environment  `os.environ` where None

    Raises TrustError where neither gives one, or the file is not its owner's alone.
    """
    found = (os.environ if environment is None else environment).get(PASSPHRASE)
    if found:
        return found
    if file is None:
        raise TrustError(NO_PASSPHRASE)
    try:
        line = safefile.read_private(file, limit=64 * 1024).decode("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise TrustError(NO_PASSPHRASE, "the file is not UTF-8", where=str(file)) from error
    if not line:
        raise TrustError(NO_PASSPHRASE, "the file's first line is empty", where=str(file))
    return line


# ── one key ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _generate(name: str, kind: KeyKind) -> _Key:
    if kind == "ed25519":
        private = Ed25519PrivateKey.generate().private_bytes_raw()
    elif kind == "secp256k1":
        private = (secrets.randbelow(_ORDER - 1) + 1).to_bytes(32, "big")
    else:
        private = secrets.token_bytes(32)
    return _key(name, kind, private, datetime.now(UTC).replace(microsecond=0))


def _key(name: str, kind: KeyKind, private: bytes, made: datetime) -> _Key:
    if _NAME.fullmatch(name) is None:
        raise TrustError(BAD_NAME, f"{name!r:.80}")
    if len(private) != 32:
        raise TrustError(WRONG_KIND, f"{len(private)} bytes instead of 32", where=name)
    if kind == "ed25519":
        public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    elif kind == "secp256k1":
        number = int.from_bytes(private, "big")
        if not 0 < number < _ORDER:
            raise TrustError(WRONG_KIND, "the number is no private key of secp256k1", where=name)
        key = ec.derive_private_key(number, ec.SECP256K1()).public_key()
        public = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    elif kind == "secret":
        public = b""
    else:
        raise TrustError(WRONG_KIND, f"{kind!r:.40} is no kind of key", where=name)
    return _Key(KeyInfo(name, kind, public, made), private)


def _to_jwk(key: _Key) -> dict[str, Any]:
    info = key.info
    common = {"kid": info.name, "iat": int(info.made.timestamp())}
    if info.kind == "ed25519":
        return {**common, "kty": "OKP", "crv": "Ed25519", "x": _b64(info.public), "d": _b64(key.private)}
    if info.kind == "secp256k1":
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), info.public)
        numbers = point.public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        return {**common, "kty": "EC", "crv": "secp256k1", "x": _b64(x), "y": _b64(y), "d": _b64(key.private)}
    return {**common, "kty": "oct", "k": _b64(key.private)}


def _from_jwk(found: Any, where: str) -> _Key:
    try:
        kty, crv = found["kty"], found.get("crv")
        kind: KeyKind
        if (kty, crv) == ("OKP", "Ed25519"):
            kind, private = "ed25519", _unb64(found["d"])
        elif (kty, crv) == ("EC", "secp256k1"):
            kind, private = "secp256k1", _unb64(found["d"])
        elif (kty, crv) == ("oct", None):
            kind, private = "secret", _unb64(found["k"])
        else:
            raise TrustError(FORM, f"a key of the kind {kty!r:.20} {crv!r:.20}", where=where)
        made = datetime.fromtimestamp(found["iat"], UTC)
        key = _key(found["kid"], kind, private, made)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise TrustError(FORM, f"a key in it is malformed ({type(error).__name__})", where=where) from error
    # The public part must be the private one's: a signer that publishes another key than it signs with signs nothing.
    if _to_jwk(key) != found:
        raise TrustError(FORM, f"the key {key.info.name} has members that do not go together", where=where)
    return key


# ── the file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _encrypt(keys: Mapping[str, _Key], phrase: bytes, rounds: int) -> bytes:
    content = strictjson.canonical({"keys": [_to_jwk(keys[name]) for name in sorted(keys)]})
    header = {**_HEADER, "p2s": _b64(secrets.token_bytes(16)), "p2c": rounds}
    _allow_rounds()
    token = jwe.JWE(content, json.dumps(header), algs=[_HEADER["alg"], _HEADER["enc"]])
    token.add_recipient(_phrase_key(phrase))
    compact: str = token.serialize(compact=True)
    return compact.encode("ascii") + b"\n"


def _decrypt(data: bytes, phrase: bytes, where: str) -> tuple[dict[str, _Key], int]:
    header, text = _header(data, where)
    rounds = header["p2c"]
    _allow_rounds()
    try:
        token = jwe.JWE(algs=[_HEADER["alg"], _HEADER["enc"]])
        token.deserialize(text, key=_phrase_key(phrase))
        content = token.payload
    except (JWException, ValueError, TypeError) as error:
        raise TrustError(LOCKED, where=where) from error
    try:
        document = strictjson.parse(content, limit=LIMIT, nesting=4)
    except InputError as error:
        raise TrustError(FORM, error.detail, where=where) from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list) or len(entries) > KEYS:
        raise TrustError(FORM, "it holds no JWK Set", where=where)
    keys = [_from_jwk(one, where) for one in entries]
    named = {key.info.name: key for key in keys}
    if len(named) != len(keys):
        raise TrustError(FORM, "one name stands for two keys", where=where)
    return named, rounds


def _header(data: bytes, where: str) -> tuple[dict[str, Any], str]:
    """The protected header, checked before any work is done by its word, and the whole text."""
    try:
        text = data.decode("ascii").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise TrustError(FORM, "it is no text", where=where) from error
    parts = text.split(".")
    if len(parts) != 5 or not all(_PART.fullmatch(part) for part in parts):
        raise TrustError(FORM, "it is no JWE in compact form", where=where)
    try:
        header = strictjson.parse(_unb64(parts[0]), limit=1024, nesting=2)
    except (InputError, ValueError) as error:
        raise TrustError(FORM, "its header cannot be read", where=where) from error
    if not isinstance(header, dict) or header.keys() != {*_HEADER, "p2s", "p2c"}:
        raise TrustError(FORM, "its header has other members than alg, enc, cty, p2s and p2c", where=where)
    for name, value in _HEADER.items():
        if header[name] != value:
            raise TrustError(FORM, f"its {name} is {header[name]!r:.40}, {value} is read", where=where)
    rounds, salt = header["p2c"], header["p2s"]
    if type(rounds) is not int or not FEWEST <= rounds <= MOST:
        raise TrustError(FORM, f"{rounds!r:.20} rounds, between {FEWEST} and {MOST} are taken", where=where)
    try:
        enough = type(salt) is str and 16 <= len(_unb64(salt)) <= 64
    except ValueError:
        enough = False
    if not enough:
        raise TrustError(FORM, "its salt is not 16 to 64 bytes", where=where)
    return header, text


def _phrase_key(phrase: bytes) -> jwk.JWK:
    return jwk.JWK(kty="oct", k=_b64(phrase))


def _allow_rounds() -> None:
    # jwcrypto refuses more than 16,384 rounds unless told otherwise; `_header` holds the bound that counts here.
    jwa.default_max_pbkdf2_iterations = MOST


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unb64(text: str) -> bytes:
    """Strict base64url without padding (RFC 7515 §2). Raises ValueError."""
    if not isinstance(text, str):
        raise TypeError("base64url is text")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    if _b64(data) != text:
        raise ValueError("not canonical base64url")
    return data
