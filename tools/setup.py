"""Makes .venv: the locked packages with their hashes, then this project, editable. Run by `make setup`.

Needs Python 3.11 or newer and nothing else. Debian and Ubuntu split `ensurepip` off into python3-venv; where it is
missing, whatever else can make an environment is tried, and if nothing can, the one command that helps is printed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)


def say(text: str) -> None:
    print(f"setup: {text}", file=sys.stderr, flush=True)


def runs(command: list[str]) -> bool:
    try:
        return (
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        )
    except OSError:
        return False


def use_new_enough_python() -> None:
    """Replaces this process by one of a Python that is new enough, or ends it with what to do."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(14, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and runs([found, "-c", "pass"]):
            os.execv(found, [found, *sys.argv])
    have = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        f"setup: Python 3.11 or newer is needed, python3 is {have}. Install one, or: make PYTHON=/path/to/python3.11"
    )


def make_environment(place: Path) -> list[str]:
    """Makes the environment where it is missing; returns the command that installs into it."""
    python = str(place / "bin" / "python")
    inside = [python, "-m", "pip"]
    outside = [sys.executable, "-m", "pip", "--python", python]
    if runs([*inside, "--version"]):
        return inside
    shutil.rmtree(place, ignore_errors=True)
    if runs([sys.executable, "-c", "import ensurepip, venv"]) and runs([sys.executable, "-m", "venv", str(place)]):
        return inside
    shutil.rmtree(place, ignore_errors=True)
    if runs([sys.executable, "-m", "virtualenv", str(place)]):
        return inside
    if shutil.which("uv") and runs(["uv", "venv", "--seed", "--python", sys.executable, str(place)]):
        return inside
    shutil.rmtree(place, ignore_errors=True)
    bare = [sys.executable, "-m", "venv", "--without-pip", str(place)]
    if runs([sys.executable, "-m", "pip", "--version"]) and runs(bare) and runs([*outside, "--version"]):
        return outside
    shutil.rmtree(place, ignore_errors=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    sys.exit(
        f"setup: {sys.executable} cannot make a virtual environment: ensurepip is missing, and so are virtualenv, uv\n"
        f"and pip. On Debian and Ubuntu:   sudo apt-get install python3-venv   (or python{version}-venv), then again."
    )


def wanted(lock: Path) -> str:
    """What the environment must have been made from; when it changes, it is made to fit again."""
    made_from = [lock, ROOT / "pyproject.toml"]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in made_from)).hexdigest() + f" {sys.version}\n"


def main() -> int:
    use_new_enough_python()
    place = ROOT / os.environ.get("VENV", ".venv")
    lock = ROOT / "locks" / "all.txt"
    stamp = place / ".made-from"
    fits = stamp.exists() and stamp.read_text(encoding="utf-8") == wanted(lock)
    if fits and runs([str(place / "bin" / "gateway"), "--version"]):
        return 0
    pip = make_environment(place)
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    say(f"installing the locked packages into {place} (a minute or two the first time)")
    steps = [
        [*pip, "install", "--quiet", "--require-hashes", "--requirement", str(lock)],
        [*pip, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)],
    ]
    for step in steps:
        code = subprocess.run(step, check=False, env=environment).returncode
        if code:
            say("pip did not succeed; what it printed above says why. pip must reach a package index.")
            return code
    stamp.write_text(wanted(lock), encoding="utf-8")
    say("done; the command is .venv/bin/gateway")
    return 0


if __name__ == "__main__":
    sys.exit(main())
