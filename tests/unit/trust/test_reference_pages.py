"""The pages of reference say what the program does: checks, limits, examples, and a second reader's rules."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import base58
import msgspec
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.model import context
from gateway.trust import history, keys, statements
from gateway.trust.credential import CHECKS
from gateway.trust.reading import _BindingNode, _CredentialNode, _ProofNode
from tests.unit.trust.samples import VECTORS

PAGES = Path(__file__).resolve().parents[3] / "docs" / "reference"
CREDENTIAL = (PAGES / "credential.md").read_text("utf-8")
REGISTRY = (PAGES / "registry.md").read_text("utf-8")
KEYS = (PAGES / "keys.md").read_text("utf-8")


def test_every_check_stands_on_the_page_in_order() -> None:
    rows = re.findall(r"^\| `(credential\.[a-z.]+)` \| (.*) \| (.*) \|$", CREDENTIAL, re.MULTILINE)
    assert rows == [(kind.id, kind.asks, kind.otherwise) for kind in CHECKS.values()]


def test_every_member_stands_on_the_page() -> None:
    for node in (_CredentialNode, _BindingNode, _ProofNode):
        for field in msgspec.structs.fields(node):
            assert f"`{field.encode_name}`" in CREDENTIAL
    for kind in (statements.Root, statements.Office, statements.KeyOf, statements.IssuerKey, statements.Network,
                 statements.ListedMapping, statements.Ended):  # fmt: skip
        for field in msgspec.structs.fields(kind):
            assert f"`{field.encode_name}`" in REGISTRY
        if kind is not statements.KeyOf:
            assert f"### `{kind.__struct_config__.tag}`" in REGISTRY
    assert context.CONTEXT_ID in CREDENTIAL


def test_the_limits_on_the_pages_are_those_of_the_program() -> None:
    assert f"{history.STATEMENTS:,} statements, {history.ROOTS} roots" in REGISTRY
    assert f"At most {history.LIMIT // 1024 // 1024} MiB" in REGISTRY
    assert f"{keys.FEWEST:,} to {keys.MOST:,}; the gateway writes {keys.ROUNDS:,}" in KEYS
    for kind in keys.KINDS:
        assert f"| `{kind}` |" in KEYS


# ── a second reader, written from the pages alone ───────────────────────────────────────────────────────────────────


def signed_by(document: dict[str, Any], proof: dict[str, Any], public: bytes) -> None:
    """Raises where the signature is wrong."""
    options = {name: member for name, member in proof.items() if name != "proofValue"}
    unsecured = {name: member for name, member in document.items() if name != "proof"}
    message = hashlib.sha256(rfc8785.dumps(options)).digest() + hashlib.sha256(rfc8785.dumps(unsecured)).digest()
    assert proof["proofValue"][0] == "z"
    Ed25519PublicKey.from_public_bytes(public).verify(base58.b58decode(proof["proofValue"][1:]), message)


def key_of(multikey: str) -> bytes:
    raw = base58.b58decode(multikey[1:])
    assert raw[:2] == b"\xed\x01"
    return raw[2:]


def test_a_registry_is_read_by_the_page() -> None:
    data = (VECTORS / "registry.json").read_bytes()
    lines = data.split(b"\n")
    assert (lines[0], lines[-2:]) == (b'{"statements":[', [b"]}", b""])
    previous = None
    root: dict[str, Any] = {}
    for number, line in enumerate(lines[1:-2]):
        text = line.removesuffix(b",")
        statement = json.loads(text)
        assert rfc8785.dumps(statement) == text
        assert statement["sequence"] == number
        assert statement.get("previous") == previous
        previous = hashlib.sha256(text).hexdigest()
        root = root or statement
        multikey = statement["proof"]["verificationMethod"].partition("#")[2]
        assert multikey in root["keys"]
        signed_by(statement, statement["proof"], key_of(multikey))
    named = {"keys": root["keys"], "threshold": root["threshold"]}
    from gateway.trust.registry import Registry

    assert Registry.read(data).fingerprint == hashlib.sha256(rfc8785.dumps(named)).hexdigest()


def test_a_credential_is_read_by_the_page() -> None:
    data = (VECTORS / "credential.json").read_bytes()
    document = json.loads(data)
    assert rfc8785.dumps(document) == data
    registry = json.loads((VECTORS / "registry.json").read_bytes())
    stated = {
        key["method"]: key["publicKeyMultibase"]
        for statement in registry["statements"]
        if statement["type"] == "office"
        for key in statement["keys"]
    }
    proof = document["proof"]
    assert proof["@context"] == document["@context"]
    assert proof["verificationMethod"].partition("#")[0] == document["issuer"]
    signed_by(document, proof, key_of(stated[proof["verificationMethod"]]))
    binding = document["recordBinding"]
    made = bytearray(
        hashlib.sha256(
            b"record-credential/1" + bytes.fromhex(binding["recordKey"]) + binding["revision"].to_bytes(8, "big")
        ).digest()[:16]
    )
    made[6] = made[6] & 0x0F | 0x80
    made[8] = made[8] & 0x3F | 0x80
    text = made.hex()
    assert document["id"] == f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
