"""Sealing a record (eddsa-jcs-2022), against bare Ed25519 signing by the same library in the same run, on one core.

    python benchmarks/seal.py [--mode quick|full]

A seal is all from the record's JSON and its binding to the credential's last byte: id, two SHA-256, signature,
base58, text. The records are an application of 0.9 KB, a legal status event and a transfer, ten to a block, each
with its own key and digests; a block's records share its time, as they do when a block is read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT: Final = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from gateway.model import context, records  # noqa: E402  # the tree must be on the path first
from gateway.model.records import (  # noqa: E402
    Application,
    CommonRecord,
    Identifier,
    LegalStatusEvent,
    OwnershipTransfer,
    Party,
    Text,
)
from gateway.trust.credential import Binding, MappingName, Sealer  # noqa: E402
from gateway.trust.signer import Ed25519Signer  # noqa: E402

TARGET: Final = 0.65
ROUNDS: Final = {"quick": 40, "full": 200}
AT_ONCE: Final = 100
OF_A_BLOCK: Final = 10


def measure(mode: str = "quick") -> list[dict[str, Any]]:
    """The figures of this benchmark, as `benchmarks/latest.json` lists them."""
    private = hashlib.sha256(b"a key of the benchmark").digest()
    key = Ed25519PrivateKey.from_private_bytes(private)
    message = hashlib.sha512(b"as long as what a credential signs").digest()
    sealer = Sealer("did:web:xa.example", "did:web:xa.example#issuer-2026", Ed25519Signer(private))
    began = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    work = [
        (records.encode(_record(number)), _binding(number), began + timedelta(seconds=number // OF_A_BLOCK))
        for number in range(AT_ONCE)
    ]

    def bare() -> None:
        for _ in range(AT_ONCE):
            key.sign(message)

    def whole() -> None:
        for record_json, binding, when in work:
            sealer.seal(record_json, binding, when)

    bare()
    whole()
    ratios, wholes = [], []
    # Turn about, in short turns and by the processor's own time: what else the machine does weighs on both alike.
    for _ in range(ROUNDS[mode]):
        one, other = _timed(bare), _timed(whole)
        ratios.append(one / other)
        wholes.append(other / AT_ONCE)
    made = [sealer.seal(*each) for each in work]
    return [
        _figure("seal, eddsa-jcs-2022 ÷ bare Ed25519 signing", _median(ratios), "×", mode, TARGET),
        _figure("records sealed on one core", 1 / _median(wholes), "a second", mode, None),
        _figure("bytes of a credential", sum(map(len, made)) / len(made), "bytes", mode, None),
    ]


def _record(number: int) -> CommonRecord:
    office, text = "XA", f"2026/{number:06}"
    application = Identifier("xa-application", office, text, text.replace("/", ""))
    match number % 3:
        case 0:
            return Application(
                office,
                application,
                "patent",
                "2026-01-02",
                title_bag=(Text("Hinge for a folding door, with a stop that swings out of the way", "en", "Latn"),),
                applicant_bag=(Party((Text("Doors & Hinges of Xanadu, Limited", "en", "Latn"),)),),
                inventor_bag=tuple(Party((Text(f"Inventor Number {each}", "en", "Latn"),)) for each in range(5)),
                applicant_file_reference=f"DH-{number}",
                status_code="150",
                status_date="2026-02-03",
            )
        case 1:
            return LegalStatusEvent(office, application, "ST.27", "F10", event_date="2026-02-03", national_code="GRNT")
        case _:
            return OwnershipTransfer(
                office,
                (application,),
                assignor_bag=(Party((Text("Doors & Hinges of Xanadu, Limited", "en", "Latn"),)),),
                assignee_bag=(Party((Text("松本蝶番株式会社", "ja", "Jpan"),)),),
                recorded_date="2026-02-03",
            )


def _binding(number: int) -> Binding:
    def digest(of: str) -> bytes:
        return hashlib.sha256(f"{of} {number}".encode()).digest()

    return Binding(
        digest("key"),
        1,
        hashlib.sha256(b"network").digest(),
        "register-sandbox",
        digest("native"),
        "sandbox/1",
        digest("evidence"),
        MappingName("register-sandbox", "1.0.0", hashlib.sha256(b"mapping").digest()),
        context.CONTEXT_DIGEST,
        digest("losses"),
    )


def _timed(call: Callable[[], None]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _figure(name: str, value: float, unit: str, mode: str, target: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "target": None if target is None else f"≥ {target:g}",
        "holds": None if target is None else value >= target,
        "mode": mode,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=sorted(ROUNDS), default="quick")
    figures = measure(parser.parse_args().mode)
    sys.stdout.write(json.dumps(figures, ensure_ascii=False, indent=2) + "\n")
    sys.exit(0 if all(figure["holds"] is not False for figure in figures) else 1)


if __name__ == "__main__":
    main()
