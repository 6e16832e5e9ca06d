"""The pages of docs/reference about dossiers are up to date, and leave no check, member or limit out."""

from __future__ import annotations

import io
import re
import subprocess
import zipfile
from pathlib import Path

import msgspec
import pytest

from gateway.dossier import dossier as files
from gateway.dossier.checks import CHECKS
from gateway.spi import Limits
from tests.unit.dossier import reference

PAGE = (reference.PLACE / "dossier.md").read_text("utf-8")


@pytest.mark.parametrize("name", reference.pages())
def test_what_is_made_is_up_to_date(name: str) -> None:
    place = reference.PLACE / name
    assert place.read_bytes() == reference.pages()[name], "python -m tests.unit.dossier.reference makes it again"


@pytest.mark.parametrize("name", CHECKS)
def test_the_page_tells_of_every_check(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_page_tells_of_every_limit() -> None:
    units = {"MiB": 1024 * 1024, "KiB": 1024}
    told = set()
    for number, unit in re.findall(r"\| (\d+)(?: (MiB|KiB))?(?: each)? \|", PAGE):
        told.add(int(number) * units.get(unit, 1))
    assert set(msgspec.structs.asdict(Limits()).values()) <= told


def test_the_dump_is_the_file(tmp_path: Path) -> None:
    """Taken back out of the page, it is a dossier that any zip program opens."""
    rows = re.findall(r"^[0-9a-f]{8}  ((?:[0-9a-f]{2} ?){0,8}) +((?:[0-9a-f]{2} ?){0,8}) *\|", PAGE, re.MULTILINE)
    data = bytes.fromhex("".join(first + second for first, second in rows))
    assert files.read(data) == reference.SMALL
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.read("native") == b"native record"


def test_every_link_leads_somewhere() -> None:
    for page in ("dossier.md", "verdict.md", "policies.md"):
        for target in re.findall(r"\]\(([^)#]+)", (reference.PLACE / page).read_text("utf-8")):
            assert (reference.PLACE / target).exists(), f"{page}: {target}"


def test_the_examples_pass_from_the_command_line() -> None:
    import sys

    for name in ("sandbox", "evm"):
        folder = reference.PLACE / "examples"
        arguments = [str(folder / f"{name}.dossier"), "--anchors", str(folder / f"{name}.registry.json")]
        code = "from gateway.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "verify", *arguments], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.startswith("TOTAL-PASSED\n"), done.stdout + done.stderr
