"""Writes locks/core.txt and locks/all.txt from pyproject.toml: every version and hash that may be installed.

Run it after a dependency changed: `make locks`. One lock holds for all Pythons and platforms that the project
supports; it names no index, so that each machine installs from its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEADER = "# Made by `make locks` from pyproject.toml. Not for editing by hand.\n"
SETS = {"core.txt": (), "all.txt": ("run", "evm", "dev")}


def lock(name: str, extras: tuple[str, ...], *options: str) -> str:
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links", "--quiet",
        *options,
    ]  # fmt: skip
    for extra in extras:
        command += ["--extra", extra]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    (ROOT / "locks" / name).write_text(HEADER + made, encoding="utf-8")
    return made


def main() -> int:
    (ROOT / "locks").mkdir(exist_ok=True)
    lock("all.txt", SETS["all.txt"])
    # the core's versions are those that the whole was tested with
    lock("core.txt", SETS["core.txt"], "--constraint", "locks/all.txt")
    return 0


if __name__ == "__main__":
    sys.exit(main())
