"""Decentralised identifiers: did:key for Ed25519, did:web by its document, and verification methods of both.

Nothing here opens a connection. A did:key carries its key; the keys of a did:web are those that the
registry states (`gateway.trust.registry`), and the document that an office serves is built from them.

Sources: DID Core 1.0 §3; did:key (W3C CCG draft 0.9) §3; did:web (W3C CCG draft) §3; Multikey of W3C
Controlled Identifiers 1.0 §2.2.2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal

import msgspec

from gateway.errors import InputError, fault
from gateway.proofs import ed25519
from gateway.trust import multibase, strictjson

__all__ = [
    "Did",
    "Method",
    "PublicMethod",
    "decode_key",
    "document",
    "encode_key",
    "key_did",
    "key_method",
    "parse",
    "parse_method",
    "web_location",
]

BAD_DID = fault(
    "did.malformed",
    "The text is not a DID that this gateway reads.",
    "Use did:key with an Ed25519 key, or did:web with a lower-case domain name.",
)
BAD_METHOD = fault(
    "did.method-malformed",
    "The text is not a verification method.",
    "Write the DID, `#`, and the name of the key, such as `did:web:office.example#issuer-2026`.",
)
BAD_KEY = fault(
    "did.key-refused",
    "The public key is not a sound Ed25519 key.",
    "Use a key that an Ed25519 library made: Multikey `z6Mk…`, canonical, not of small order.",
)

_MULTICODEC: Final = b"\xed\x01"
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_WEB: Final = re.compile(
    rf"did:web:((?:{_LABEL}\.)*{_LABEL})((?:%3A[1-9][0-9]{{0,4}})?)((?::[A-Za-z0-9._~-]+)*)", re.ASCII
)
_ADDRESS: Final = re.compile(r"[0-9.]+", re.ASCII)
_FRAGMENT: Final = re.compile(r"[A-Za-z0-9._~-]{1,128}", re.ASCII)
_LONGEST: Final = 512


class Did(msgspec.Struct, frozen=True):
    """A DID. `method` is ``key`` or ``web``; `key` the public key of a did:key, 32 raw bytes, else empty."""

    text: str
    method: Literal["key", "web"]
    key: bytes = b""


class Method(msgspec.Struct, frozen=True):
    """A verification method, ``did#fragment``. `did.key` is its key where the DID itself carries it."""

    text: str
    did: Did
    fragment: str


class PublicMethod(msgspec.Struct, frozen=True):
    """A verification method with its public key, 32 raw bytes."""

    method: str
    public: bytes


@lru_cache(maxsize=1024)
def encode_key(public: bytes) -> str:
    """Multikey of an Ed25519 public key: ``z6Mk…``. Raises InputError for a key of small order or not canonical."""
    _refuse_unsound(public)
    return multibase.encode(_MULTICODEC + public)


@lru_cache(maxsize=1024)
def decode_key(multikey: str) -> bytes:
    """The 32 bytes of an Ed25519 Multikey. Raises InputError for any other key or spelling."""
    data = multibase.decode(multikey, length=34)
    if data[:2] != _MULTICODEC:
        raise InputError(BAD_KEY, "its multicodec is not ed25519-pub (0xed01)")
    public = data[2:]
    _refuse_unsound(public)
    return public


def _refuse_unsound(public: bytes) -> None:
    if len(public) != 32:
        raise InputError(BAD_KEY, f"{len(public)} bytes instead of 32")
    if not ed25519.sound(public):
        raise InputError(BAD_KEY, "it is not canonical, or a point of small order")


def key_did(public: bytes) -> str:
    """``did:key:z6Mk…`` of an Ed25519 public key."""
    return f"did:key:{encode_key(public)}"


def key_method(public: bytes) -> str:
    """The one verification method of that did:key."""
    multikey = encode_key(public)
    return f"did:key:{multikey}#{multikey}"


@lru_cache(maxsize=1024)
def parse(text: str) -> Did:
    """The DID in `text`. Raises InputError for other DID methods, upper-case or numeric hosts, and any unsound key."""
    if len(text) > _LONGEST:
        raise InputError(BAD_DID, f"{len(text)} characters, at most {_LONGEST} are read")
    if text.startswith("did:key:"):
        return Did(text, "key", decode_key(text[8:]))
    found = _WEB.fullmatch(text)
    if found is None:
        raise InputError(BAD_DID, f"{text!r:.120}")
    host, port, path = found.groups()
    if len(host) > 253 or _ADDRESS.fullmatch(host):
        raise InputError(BAD_DID, f"{host!r:.80} is not a domain name")
    if port and int(port[3:]) > 65535:
        raise InputError(BAD_DID, f"port {port[3:]} does not exist")
    if any(not segment.strip(".") for segment in path.split(":")[1:]):
        raise InputError(BAD_DID, "its path holds a segment of dots alone")
    return Did(text, "web")


@lru_cache(maxsize=1024)
def parse_method(text: str) -> Method:
    """The verification method in `text`; of a did:key, the only one that it has. Raises InputError."""
    name, mark, fragment = text.partition("#")
    if not mark or not _FRAGMENT.fullmatch(fragment):
        raise InputError(BAD_METHOD, f"{text!r:.120}")
    did = parse(name)
    if did.method == "key" and fragment != name[8:]:
        raise InputError(BAD_METHOD, "the method of a did:key bears the key's own name", where=text[:120])
    return Method(text, did, fragment)


def web_location(text: str) -> str:
    """Where the document of a did:web is served (did:web §3.2). Raises InputError for another DID."""
    if parse(text).method != "web":
        raise InputError(BAD_DID, f"{text!r:.120} is no did:web")
    host, *path = text[8:].split(":")
    place = "/".join(path) if path else ".well-known"
    return f"https://{host.replace('%3A', ':')}/{place}/did.json"


def document(text: str, methods: Sequence[PublicMethod]) -> bytes:
    """The DID document with these verification methods, all for assertions, by RFC 8785.

    Raises InputError where a method belongs to another DID, stands twice, or its key is unsound.
    """
    did = parse(text)
    entries = []
    for entry in methods:
        method = parse_method(entry.method)
        if method.did.text != did.text:
            raise InputError(BAD_METHOD, "it belongs to another DID", where=entry.method)
        if did.key and did.key != entry.public:
            raise InputError(BAD_KEY, "a did:key has no other key than its own", where=entry.method)
        entries.append(
            {
                "id": entry.method,
                "type": "Multikey",
                "controller": text,
                "publicKeyMultibase": encode_key(entry.public),
            }
        )
    names = [entry["id"] for entry in entries]
    if len(set(names)) != len(names):
        raise InputError(BAD_METHOD, "one method stands twice", where=text)
    return strictjson.canonical(
        {
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
            "id": text,
            "verificationMethod": entries,
            "assertionMethod": names,
        }
    )
