"""`gateway run`, as a person starts it, killed five times while records enter at both ends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway import config
from gateway.model.records import CommonRecord
from gateway.trust.signer import Ed25519Signer
from tests.journey.world import Office, application, event, native

pytestmark = pytest.mark.slow


def command(folder: Path, *words: str) -> list[str]:
    return [str(Path(sys.executable).parent / "gateway"), *words]


def test_the_command_killed_five_times(tmp_path: Path) -> None:
    chance = random.Random(99)
    environment = {**os.environ, "GATEWAY_PASSPHRASE": "a passphrase for tests alone"}
    bridge = tmp_path / "bridge"
    made = command(tmp_path, "init", str(bridge), "--network", "xa=sandbox", "--network", "xb=sandbox")
    subprocess.run(made, env=environment, check=True, capture_output=True, timeout=120)
    read = config.load(bridge / "gateway.toml")
    offices = {
        name: Office(name, name.upper(), read.settings[name], Ed25519Signer.generate())  # type: ignore[arg-type]
        for name in ("xa", "xb")
    }
    written: dict[str, list[CommonRecord]] = {"xa": [], "xb": []}
    number = 0
    for _ in range(5):
        with open(tmp_path / "log", "ab") as log:
            process = subprocess.Popen(command(tmp_path, "run"), cwd=bridge, env=environment, stdout=log, stderr=log)
        end = time.monotonic() + chance.uniform(1.5, 4.0)
        while time.monotonic() < end:
            for name, office in offices.items():
                number += 1
                some = [application(name.upper(), number), event(name.upper(), number % 5, national_code=f"n{number}")]
                asyncio.run(office.write(*some))
                written[name] += some
            time.sleep(chance.uniform(0, 0.05))
        assert process.poll() is None, (tmp_path / "log").read_text()[-2000:]
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    subprocess.run(
        command(tmp_path, "run", "--until-idle", "--timeout", "60"),
        cwd=bridge,
        env=environment,
        check=True,
        capture_output=True,
        timeout=120,
    )
    for here, there in (("xa", "xb"), ("xb", "xa")):
        expected = Counter(native(one).content for one in written[here])
        assert Counter(entry.content for entry in offices[there].foreign()) == expected
    assert number > 100
