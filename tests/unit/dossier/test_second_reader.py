"""A second reader of the sandbox example, written from docs/reference alone: it imports nothing of the gateway.

It goes as far as a page leads without the mapping language: container, registry, credential, bindings, evidence. Should
it disagree with `gateway verify`, either a page or the program is wrong.
"""

from __future__ import annotations

import hashlib
import json
import struct
import uuid
import zlib
from pathlib import Path
from typing import Any

import base58
import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "reference" / "examples"


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def cbor(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)


def jcs(value: Any) -> bytes:
    """Enough for values without floats, with ASCII keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def multibase(text: str) -> bytes:
    assert text[0] == "z"
    return base58.b58decode(text[1:])


def members_of(data: bytes) -> dict[str, bytes]:
    """docs/reference/dossier.md, "The container"."""
    entries: list[tuple[bytes, bytes, int]] = []
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        version, flags, method, time, date, crc, size, again, name_size, extra = struct.unpack(
            "<HHHHHIIIHH", data[at + 4 : at + 30]
        )
        assert (version, flags, method, time, date, extra) == (10, 0, 0, 0, 33, 0)
        name = data[at + 30 : at + 30 + name_size]
        content = data[at + 30 + name_size : at + 30 + name_size + size]
        assert size == again == len(content)
        assert zlib.crc32(content) == crc
        entries.append((name, content, at))
        at += 30 + name_size + size
    directory = b"".join(
        b"PK\x01\x02"
        + struct.pack("<HHHHHHIIIHH", 10, 10, 0, 0, 0, 33, zlib.crc32(body), len(body), len(body), len(name), 0)
        + struct.pack("<HHHII", 0, 0, 0, 0, offset)
        + name
        for name, body, offset in entries
    )
    count = len(entries)
    assert data[at:] == directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), at, 0)
    names = [name for name, _, _ in entries]
    assert names[:2] == [b"mimetype", b"manifest.json"]
    assert names[2:] == sorted(set(names[2:]))
    found = {name.decode(): body for name, body, _ in entries}
    assert found["mimetype"] == b"application/x-ip-dossier+zip"
    digests = {name: h(body).hex() for name, body in found.items() if name not in ("mimetype", "manifest.json")}
    assert found["manifest.json"] == jcs({"digests": digests, "version": "ip-dossier/1"})
    assert all(name.endswith(digest) for name, digest in digests.items() if "/" in name)
    return found


def statements_of(data: bytes) -> list[dict[str, Any]]:
    """docs/reference/registry.md, "Bytes"."""
    lines = data.removeprefix(b'{"statements":[\n').removesuffix(b"\n]}\n").split(b",\n")
    found: list[dict[str, Any]] = []
    root: list[str] = []
    for number, line in enumerate(lines):
        statement = json.loads(line)
        assert jcs(statement) == line
        assert statement["sequence"] == number
        assert statement.get("previous") == (h(lines[number - 1]).hex() if number else None)
        root = statement["keys"] if statement["type"] == "root" else root
        proof = statement.pop("proof")
        signature, key = multibase(proof.pop("proofValue")), proof["verificationMethod"].partition("#")[2]
        assert key in root
        Ed25519PublicKey.from_public_bytes(multibase(key)[2:]).verify(signature, h(jcs(proof)) + h(jcs(statement)))
        found.append(statement)
    return found


def check_credential(data: bytes, statements: list[dict[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """docs/reference/credential.md. The binding, and the codes of the office that signed it."""
    document = json.loads(data)
    assert jcs(document) == data
    binding = document["recordBinding"]
    made = bytearray(
        h(b"record-credential/1" + bytes.fromhex(binding["recordKey"]) + struct.pack(">Q", binding["revision"]))
    )
    made[6], made[8] = made[6] & 0x0F | 0x80, made[8] & 0x3F | 0x80
    assert document["id"] == f"urn:uuid:{uuid.UUID(bytes=bytes(made[:16]))}"
    proof = document.pop("proof")
    signature = multibase(proof.pop("proofValue"))
    office = next(one for one in statements if one["type"] == "office" and one["did"] == document["issuer"])
    key = next(one for one in office["keys"] if one["method"] == proof["verificationMethod"])
    public = Ed25519PublicKey.from_public_bytes(multibase(key["publicKeyMultibase"])[2:])
    public.verify(signature, h(jcs(proof)) + h(jcs(document)))
    assert document["credentialSubject"]["office"] in office["codes"]
    return binding, office["codes"]


def root_by(leaf: bytes, index: int, size: int, branch: list[bytes]) -> bytes:
    """RFC 9162 §2.1.3.2."""
    node, last, made = index, size - 1, leaf
    for hash_ in branch:
        assert last
        if node & 1 or node == last:
            made = h(b"\x01" + hash_ + made)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            made = h(b"\x01" + made + hash_)
        node, last = node >> 1, last >> 1
    assert last == 0
    return made


def check_evidence(members: dict[str, bytes], binding: dict[str, Any], anchor: dict[str, Any]) -> dict[str, Any]:
    """docs/reference/evidence-sandbox-1.md. The locus that it proves."""
    evidence = cbor2.loads(members["evidence.cbor"])
    assert cbor(evidence) == members["evidence.cbor"]
    assert (evidence["type"], evidence["network"].hex()) == (binding["evidenceType"], binding["network"])
    genesis = bytes.fromhex(anchor["genesis"])
    assert evidence["network"] == h(cbor(["network/1", anchor["kind"], anchor["chain"], genesis]))
    block, validators = (members[f"shared/{digest.hex()}"] for digest in evidence["shared"])
    extraction, own = evidence["extraction"], evidence["own"]
    leaf = own["leaf"]
    assert leaf["key"] == extraction["key"]
    assert leaf["hash"] == h(cbor([own["mark"], own["path"], binding["nativeFormat"], members["native"]]))
    assert leaf["subject"] == h(own["salt"] + own["subject"].encode())
    signed = cbor2.loads(block)
    header = cbor2.loads(signed["header"])
    assert h(signed["header"]) == extraction["block"]
    assert (header["genesis"], header["validators"]) == (genesis, h(validators))
    assert root_by(h(b"\0" + cbor(leaf)), extraction["index"], header["size"], own["branch"]) == header["entries"]
    known = cbor2.loads(validators)["validators"]
    assert [key.hex() for key in known] == anchor["material"]["validators"]
    for key, signature in signed["signatures"]:
        assert key in known
        Ed25519PublicKey.from_public_bytes(key).verify(signature, b"sandbox/1 block\0" + signed["header"])
    assert len(signed["signatures"]) >= 2 * (len(known) // 3) + 1
    return {"block": extraction["block"], "index": extraction["index"]}


def test_the_pages_are_enough() -> None:
    members = members_of((EXAMPLES / "sandbox.dossier").read_bytes())
    statements = statements_of((EXAMPLES / "sandbox.registry.json").read_bytes())
    binding, codes = check_credential(members["credential.json"], statements)
    for bound, name in (
        ("nativeDigest", "native"),
        ("evidenceDigest", "evidence.cbor"),
        ("lossesDigest", "losses.json"),
    ):
        assert h(members[name]).hex() == binding[bound]
    anchor = next(one for one in statements if one["type"] == "network" and one["network"] == binding["network"])
    assert anchor["office"] in codes
    locus = check_evidence(members, binding, anchor)
    key = h(cbor(["record/1", bytes.fromhex(binding["network"]), "ledger", locus, 0]))
    assert key.hex() == binding["recordKey"]
