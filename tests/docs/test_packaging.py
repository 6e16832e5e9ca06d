"""What is built and installed: a wheel and an sdist that verify a dossier where nothing but the core is installed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

CLOSED = """
import socket, sys

def closed(*args, **kwargs):
    raise AssertionError("the core opened a socket")

for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
    setattr(socket, name, closed)
from gateway.cli import main
try:
    main(sys.argv[1:])
finally:
    heavy = {"aiohttp", "sqlalchemy", "jwcrypto", "structlog", "coincurve", "asyncio", "ssl", "http", "requests"}
    print("IMPORTED", sorted(heavy & {name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def sh(
    *command: str, cwd: Path | None = None, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env={**env, **environment}, capture_output=True, text=True, timeout=240)
    assert not check or done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist of this tree."""
    folder = tmp_path_factory.mktemp("dist")
    sh(sys.executable, "-m", "hatchling", "build", "-d", str(folder), cwd=ROOT)
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A dossier and its registry, made by this tree's own command between two sandbox ledgers."""
    folder = tmp_path_factory.mktemp("made")
    gateway = [sys.executable, "-c", "from gateway.cli import main; main()"]
    words = {"GATEWAY_PASSPHRASE": "a passphrase for tests alone"}
    sh(*gateway, "init", "bridge", "--network", "xa=sandbox", "--network", "xb=sandbox", cwd=folder, **words)
    bridge = folder / "bridge"
    record = ROOT / "gateway" / "demo" / "records" / "river-ferry.common.json"
    write = ["network", "write", "xa", str(record), "--format", "register-sandbox", "--common"]
    sh(*gateway, *write, cwd=bridge, **words)
    sh(*gateway, "run", "--until-idle", "--timeout", "60", cwd=bridge, **words)
    listed = json.loads(sh(*gateway, "record", "list", "--json", cwd=bridge, **words).stdout)["records"]
    sh(*gateway, "record", "dossier", listed[0]["key"], "-o", "record.dossier", cwd=bridge, **words)
    return bridge / "record.dossier", bridge / "registry.json"


def core_distributions() -> set[str]:
    """The core's dependencies, and theirs, as the lock has them."""
    locked = (ROOT / "locks" / "core.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([A-Za-z0-9._-]+)==", locked, re.MULTILINE)
    assert names
    return set(names)


def bare_environment(folder: Path, wheel: Path) -> str:
    """A new environment that holds the core's locked packages, copied from this one, and the wheel. Its Python."""
    sh(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = str(folder / "bin" / "python")
    place = Path(sh(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    for name in core_distributions():
        found = importlib.metadata.distribution(name)
        for file in found.files or ():
            source = Path(str(file.locate()))
            if ".." in file.parts or not source.is_file():
                continue  # scripts beside site-packages
            target = place / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # a wheel of pure Python is a folder of modules and metadata: unpacking it is installing it
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    return python


def test_the_wheel_verifies_with_the_core_alone_and_sockets_closed(
    built: tuple[Path, Path], dossier: tuple[Path, Path], tmp_path: Path
) -> None:
    python = bare_environment(tmp_path / "bare", built[0])
    file, anchors = dossier
    verify = [python, "-c", CLOSED, "verify", str(file), "--anchors", str(anchors)]
    done = sh(*verify, "--json", cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["indication"] == "TOTAL-PASSED"
    assert "IMPORTED []" in done.stderr
    assert sh(*verify, cwd=tmp_path, check=False).stdout.startswith("TOTAL-PASSED")


def test_the_core_tells_what_else_a_command_needs(built: tuple[Path, Path], tmp_path: Path) -> None:
    python = bare_environment(tmp_path / "bare", built[0])
    for command in (["status"], ["run"], ["check"], ["demo"], ["network", "list"], ["init", "x"]):
        done = sh(python, "-c", "from gateway.cli import main; main()", *command, cwd=tmp_path, check=False)
        assert done.returncode in (1, 2), done.stderr
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "ip-office-gateway[run" in said or "gateway.toml" in said, (command, said)


def test_the_wheel_holds_packages_mappings_and_nothing_of_the_tree_beside(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gateway", "gateway_sandbox", "gateway_evm"}
    for format_name in ("uspto-odp", "register-sandbox", "register-evm"):
        assert f"gateway/mappings/{format_name}/mapping.toml" in names
    assert "gateway/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert any(name.startswith("gateway/store/migrations/versions/") for name in names)


def test_the_sdist_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = built
    sh("tar", "-xzf", str(sdist), "-C", str(tmp_path))  # tarfile's own filters are not in every 3.11
    tree = next(path for path in tmp_path.iterdir() if path.is_dir())
    sh(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again"), cwd=tree)
    again = next((tmp_path / "again").glob("*.whl"))
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {each.filename: each.CRC for each in one.infolist()} == {
            each.filename: each.CRC for each in other.infolist()
        }


def test_the_locks_hold_what_the_project_asks_for_and_name_no_index() -> None:
    everything = (ROOT / "locks" / "all.txt").read_text(encoding="utf-8")
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([A-Za-z0-9._-]+)==", everything, re.MULTILINE)}
    extras = PROJECT["optional-dependencies"]
    for wanted in [*PROJECT["dependencies"], *extras["run"], *extras["evm"], *extras["dev"]]:
        name = re.split(r"[><=\[; ]", wanted)[0].lower().replace("_", "-")
        assert name in locked, f"`make locks` was not run after {name} was added"
    assert core_distributions() <= set(re.findall(r"^([A-Za-z0-9._-]+)==", everything, re.MULTILINE))
    for lock in (ROOT / "locks").iterdir():
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text
        packages = re.findall(r"^\S+==\S+", text, re.MULTILINE)
        assert packages
        assert text.count("--hash=sha256:") >= len(packages)


def test_the_core_asks_for_no_network_library() -> None:
    names = {re.split(r"[><=\[; ]", each)[0].lower() for each in PROJECT["dependencies"]}
    assert not names & {"aiohttp", "requests", "httpx", "urllib3", "grpcio", "web3", "sqlalchemy"}
