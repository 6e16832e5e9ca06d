"""The tutorial's commands, run as they stand there, in one shell, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```sh( anvil)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(*, with_chain: bool) -> list[str]:
    found = [(bool(chain), text) for chain, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8"))]
    assert len(found) >= 8
    return [text for chain, text in found if with_chain or not chain]


def run(script: str, folder: Path, **environment: str) -> str:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**inherited, "PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_first_half_runs_as_it_stands(tmp_path: Path) -> None:
    said = run("\n".join(blocks(with_chain=False)), tmp_path)
    assert "all works" in said
    assert "xb: landed" in said
    assert "読風凧" in said
    assert "TOTAL-PASSED" in said
    assert "TOTAL-FAILED" in said  # of the bent one
    assert (tmp_path / "kite.dossier").stat().st_size < 64 * 1024


def test_the_half_with_a_chain_runs_as_it_stands(tmp_path: Path, anvil_binary: str, free_port: int) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "anvil").symlink_to(anvil_binary)
    script = "\n".join(blocks(with_chain=True)).replace("8545", str(free_port))
    # what the person's terminal does when it is closed
    script = "trap 'kill $(jobs -p)' EXIT\n" + script.replace("--gas-price 0 &", "--gas-price 0 >/dev/null & sleep 1")
    path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    said = run(script, tmp_path, PATH=path)
    assert said.count("all works") == 2
    assert "register-evm" not in said.split("all works")[0]
    assert "xb: landed" in said.split("all works")[-1]


@pytest.mark.parametrize("page", [TUTORIAL, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"])
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_command_in_the_pages_exists() -> None:
    import click

    from gateway.cli.root import COMMANDS, root

    context = click.Context(root)
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for line in re.findall(r"`gateway ([a-z][^`\n]*)`", page.read_text(encoding="utf-8")):
            words = [word for word in line.split() if re.fullmatch(r"[a-z-]+", word)]
            assert words[0] in COMMANDS, f"{page.name}: gateway {line}"
            command = root.get_command(context, words[0])
            if isinstance(command, click.Group) and len(words) > 1:
                assert command.get_command(context, words[1]), f"{page.name}: gateway {line}"
