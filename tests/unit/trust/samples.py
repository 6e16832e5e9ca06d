"""Offices, keys, a registry and a sealed record that the tests of trust share. Keys are fixed, so bytes are too."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.model import context, records
from gateway.model.records import Application, CommonRecord, Identifier, Party, Text
from gateway.spi import Basis, NetworkId
from gateway.trust import did, proof_jcs, strictjson
from gateway.trust.credential import Binding, MappingName, Sealer
from gateway.trust.registry import RegistryWriter
from gateway.trust.signer import Ed25519Signer, Signer
from gateway.trust.statements import KeyOf

VECTORS = Path(__file__).parent / "vectors"

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)

XA = "did:web:xa.example"
XA_METHOD = f"{XA}#issuer-2026"
XB = "did:web:xb.example"
XB_METHOD = f"{XB}#issuer-2026"


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def key(name: str) -> Ed25519Signer:
    """The test key of that name."""
    return Ed25519Signer(digest(f"test key {name}"))


ROOT = key("root")
XA_KEY = key("xa")
XB_KEY = key("xb")
NETWORK = NetworkId("sandbox", "xa-ledger", digest("genesis of xa"))


def key_of(method: str, signer: Signer, since: datetime = BEGAN, until: datetime | None = None) -> KeyOf:
    return KeyOf(method, did.encode_key(signer.public), since, until)


def writer() -> RegistryWriter:
    """A registry of root, two offices and XA's network."""
    made = RegistryWriter.new([ROOT], issued=BEGAN, name="Offices of the pilot")
    made.add_office(
        [ROOT], did=XA, codes=("XA",), name="Office of Xanadu", keys=(key_of(XA_METHOD, XA_KEY),), issued=BEGAN
    )
    made.add_office(
        [ROOT], did=XB, codes=("XB", "XC"), name="Office B", keys=(key_of(XB_METHOD, XB_KEY),), issued=BEGAN
    )
    made.add_network(
        [ROOT],
        network=NETWORK,
        office="XA",
        material={"validators": [digest("validator 1").hex()], "threshold": 3},
        basis=Basis.CONSENSUS,
        since=BEGAN,
        issued=BEGAN,
    )
    return made


def record(office: str = "XA", number: str = "2026/000123") -> Application:
    return Application(
        office,
        Identifier("xa-application", office, number, number.replace("/", "")),
        "patent",
        "2026-01-02",
        title_bag=(
            Text("折り畳み式扉用ヒンジ（１２）", "ja", "Jpan"),
            Text('Hinge, "folding" \\ door\n', "en", "Latn"),
        ),
        applicant_bag=(Party((Text("髙橋 﨑太郎・神谷", "ja", "Jpan"),)),),
    )


def binding(**other: Any) -> Binding:
    values: dict[str, Any] = {
        "record_key": digest("record key"),
        "revision": 1,
        "network": bytes(NETWORK.digest),
        "native_format": "register-sandbox",
        "native_digest": digest("native"),
        "evidence_type": "sandbox/1",
        "evidence_digest": digest("evidence"),
        "mapping": MappingName("register-sandbox", "1.0.0", digest("mapping")),
        "context_digest": context.CONTEXT_DIGEST,
        "losses_digest": digest("losses"),
    }
    return Binding(**{**values, **other})


def sealed(
    of: CommonRecord | None = None,
    *,
    issuer: str = XA,
    method: str = XA_METHOD,
    signer: Signer = XA_KEY,
    when: datetime = BLOCK,
    **other: Any,
) -> bytes:
    return Sealer(issuer, method, signer).seal(records.encode(of or record()), binding(**other), when)


def tree(data: bytes | None = None) -> dict[str, Any]:
    """A sealed credential as JSON."""
    found: dict[str, Any] = json.loads(sealed() if data is None else data)
    return found


def signed_again(
    document: dict[str, Any], *, signer: Signer = XA_KEY, method: str = XA_METHOD, purpose: str = "assertionMethod"
) -> bytes:
    """`document` with a new and good proof: what an issuer could sign who does not keep to the form."""
    bare = {name: member for name, member in document.items() if name != "proof"}
    created = document.get("validFrom") if proof_jcs.moment(str(document.get("validFrom"))) else None
    return strictjson.canonical(proof_jcs.attach(bare, signer, method, purpose=purpose, created=created))
