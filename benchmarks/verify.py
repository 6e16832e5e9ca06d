"""Verifying one dossier (EVM, one log) from its bytes on, against one bare Ed25519 verification in the same run.

    python benchmarks/verify.py [--mode quick|full]

All that a verifier does counts: reading the file, every digest, the credential, the evidence, the mapping run again,
the verdict. The anchors are read once before, as a verifier of many files does. A verifier keeps what the records of
one block share; here every file is of its own block, so nothing is kept from one to the next.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT: Final = Path(__file__).resolve().parent.parent
for folder in (ROOT, ROOT / "adapters"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from gateway.dossier.existence import NOTHING_PROVEN  # noqa: E402  # the tree must be on the path first
from gateway.dossier.policy import OFFICE  # noqa: E402
from gateway.dossier.verify import verify_file  # noqa: E402
from gateway.mapping import MappingLibrary  # noqa: E402
from gateway.spi import VerificationContext  # noqa: E402
from gateway_evm.verifier import EvmReceiptVerifier  # noqa: E402
from tests.unit.dossier import corpus_evm  # noqa: E402

TARGET: Final = 6.0
ROUNDS: Final = {"quick": 9, "full": 41}
AT_ONCE: Final = 40


def measure(mode: str = "quick") -> list[dict[str, Any]]:
    """The figures of this benchmark, as `benchmarks/latest.json` lists them."""
    # More files than a verifier remembers blocks.
    files = [corpus_evm.another(number).data for number in range(AT_ONCE * 9)]
    context = VerificationContext(datetime.now(UTC), corpus_evm.REGISTRY, NOTHING_PROVEN, {})
    verifiers, library = {"evm-receipt/1": EvmReceiptVerifier()}, MappingLibrary.shipped()
    key = Ed25519PrivateKey.generate()
    public, message = key.public_key(), hashlib.sha512(b"as long as what a credential signs").digest()
    signature = key.sign(message)

    def bare() -> None:
        for _ in range(AT_ONCE):
            public.verify(signature, message)

    turn = 0

    def whole() -> None:
        nonlocal turn
        turn += 1
        for data in files[(turn % 9) * AT_ONCE :][:AT_ONCE]:
            verdict = verify_file(data, context, OFFICE, verifiers, library)
            assert verdict.indication == "TOTAL-PASSED", verdict.sub_indication

    whole()
    # What the benchmark itself holds in memory is no garbage of the verifier's to look through.
    gc.collect()
    gc.freeze()
    ratios, wholes = [], []
    # Turn about: what else the machine does then weighs on both alike.
    for _ in range(ROUNDS[mode]):
        one, other = _timed(bare), _timed(whole)
        ratios.append(other / one)
        wholes.append(other / AT_ONCE)
    ratio, each = _median(ratios), _median(wholes)
    return [
        _figure("verify a dossier ÷ bare Ed25519 verification", ratio, "×", mode, TARGET),
        _figure("dossiers verified on one core", 1 / each, "a second", mode, None),
        _figure("bytes of a dossier (EVM, one log)", float(len(files[0])), "bytes", mode, None),
    ]


def _timed(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _figure(name: str, value: float, unit: str, mode: str, target: float | None) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "target": None if target is None else f"≤ {target:g}",
        "holds": None if target is None else value <= target,
        "mode": mode,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mode", choices=sorted(ROUNDS), default="quick")
    print(json.dumps(measure(arguments.parse_args().mode), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
