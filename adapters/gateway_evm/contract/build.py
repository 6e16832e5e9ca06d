"""Compiles RecordRegister.sol again and writes the artefact beside it: `python build.py NODE NODE_MODULES`.

`tools/provision.py node solc` prints the two paths. The same source and settings give the same bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from gateway.proofs.keccak import keccak256

__all__ = ["compiled"]

HERE: Final = Path(__file__).resolve().parent


def compiled(node: str, modules: str) -> dict[str, Any]:
    """The artefact that the source gives. Raises CalledProcessError where the compiler refuses or warns."""
    command = [node, str(HERE / "compile.cjs")]
    environment = {**os.environ, "NODE_PATH": modules}
    done = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120)  # noqa: S603  # given
    made: dict[str, Any] = json.loads(done.stdout)
    made["code_hash"] = keccak256(bytes.fromhex(made.pop("runtime"))).hex()
    return made


if __name__ == "__main__":
    artefact = compiled(sys.argv[1], sys.argv[2])
    (HERE / "RecordRegister.json").write_text(json.dumps(artefact, indent=1) + "\n")
