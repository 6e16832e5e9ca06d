"""A warm process that forks gateways to be killed: everything is imported once, and nothing runs in it but a loop.

Spoken to in JSON lines: ``run`` forks a gateway and tells its process id, ``wait`` tells how it ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import msgspec
import structlog

from gateway.errors import Permanent
from gateway.journey import crash
from gateway.journey.gateway import Gateway
from gateway.spi import Position, Void
from tests.journey.evm import evm_world
from tests.journey.fickle import FickleAdapter
from tests.journey.test_lanes import NEVER, Picky
from tests.journey.world import World, both_ways, make_world

ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """The test's end of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.journey.nursery"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._read()  # it is warm

    def make(self, folder: Path, node: str = "") -> str:
        """A new world in this folder, for all that is run from now on; with a register on the EVM node at `node`.

        Returns the contract's address there.
        """
        return str(self._ask(do="make", folder=str(folder), node=node))

    def _ask(self, **what: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery ended"
        return json.loads(line)

    def run(self, scene: str = "plain", crash_at: str = "", idle: bool = False) -> int:
        """Fork a gateway; its process id."""
        return int(self._ask(do="run", scene=scene, crash=crash_at, idle=idle))

    def wait(self, process: int) -> int:
        """How it ended: exit code, or minus the signal."""
        return int(self._ask(do="wait", process=process))

    def kill(self, process: int) -> None:
        """End it as a loss of power would."""
        os.kill(process, signal.SIGKILL)
        assert self.wait(process) == -signal.SIGKILL

    def settle(self, scene: str = "plain") -> None:
        """Run a gateway until nothing moves any more."""
        assert self.wait(self.run(scene, idle=True)) == 0

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def scene_of(world: World, scene: str) -> World:
    """The world as a scene has it: what makes the gateway pass a point that it passes on bad days alone."""
    world.routes = both_ways(["xa", "xb"])
    if scene == "void":
        adapter = FickleAdapter()
        lost: list[Any] = []

        async def lose(prepared: Any) -> None:
            if not lost:
                lost.append(prepared)
                raise Permanent(NEVER, "another transaction took its number")

        adapter.before_submit = lose
        adapter.outcomes = lambda prepared, real: (
            [Void("its number was taken")] * len(real) if any(prepared is one for one in lost) else real
        )
        world["xb"].adapter = adapter
    elif scene == "park":
        world.library = Picky("BAD")
    elif scene == "stop":

        def broken(batch: Any) -> Any:
            return msgspec.structs.replace(batch, parent=Position(99, b"?" * 32))

        adapter = FickleAdapter()
        adapter.batch = broken
        world["xa"].adapter = adapter
    elif scene == "closed":
        world.routes = ()
    return world


async def live(world: World, scene: str, idle: bool) -> None:
    gateway = Gateway(world.assembly())
    if scene == "replay":
        task = asyncio.create_task(gateway.run(asyncio.Event()))
        await gateway.replay("xb")
        await asyncio.sleep(1.0)
        task.cancel()
    elif idle:
        await gateway.run_until_idle(0.15, 60)
    else:
        await gateway.run(asyncio.Event())


def child(world: World, scene: str, crash_at: str, idle: bool) -> None:
    code = 1
    try:
        crash.arm(crash_at)
        asyncio.run(live(scene_of(world, scene), scene, idle))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    _say("warm")
    world: World | None = None
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "make":
            folder = Path(asked["folder"])
            world = asyncio.run(evm_world(folder, asked["node"])) if asked["node"] else make_world(folder)
            world.assembly()  # makes the database
            _say(world["xb"].settings.contract if asked["node"] else "")
        elif asked["do"] == "run":
            assert world is not None
            process = os.fork()
            if not process:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                child(world, asked["scene"], asked["crash"], asked["idle"])
            _say(process)
        else:
            _, status = os.waitpid(asked["process"], 0)
            _say(os.waitstatus_to_exitcode(status))


def _say(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
