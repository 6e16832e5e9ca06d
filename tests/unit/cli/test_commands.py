"""The command line as a person meets it: quick help, one line per command, errors with a code and a cure."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli import code_of, main
from gateway.cli.root import COMMANDS, EXIT_CODES, root
from gateway.errors import ConfigError, Fault, InputError, MappingError, Permanent, StoreError, Transient, TrustError


def every_command() -> Iterator[tuple[str, click.Command]]:
    def walk(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
        yield context.command_path, command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                yield from walk(inner, click.Context(inner, parent=context, info_name=name))

    yield from walk(root, click.Context(root, info_name="gateway"))


ALL = dict(every_command())


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_help_is_there_in_under_a_third_of_a_second() -> None:
    program = [sys.executable, "-c", "import sys; from gateway.cli import main; main(sys.argv[1:])", "--help"]
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run(program, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.3


def test_help_imports_no_command_and_no_heavy_library() -> None:
    program = (
        "import sys; from gateway.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in"
        " {'sqlalchemy', 'aiohttp', 'rich', 'cryptography', 'msgspec', 'jwcrypto', 'structlog'}], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    assert ALL[f"gateway {name}"].get_short_help_str(limit=200) == COMMANDS[name][1]


@pytest.mark.parametrize("path", sorted(path for path, command in ALL.items() if not isinstance(command, click.Group)))
def test_every_command_explains_itself(path: str) -> None:
    command = ALL[path]
    assert command.help or command.short_help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]} has no help"


@pytest.mark.parametrize("path", [f"gateway {name}" for name in sorted(COMMANDS)])
def test_every_group_shows_examples(path: str) -> None:
    command = ALL[path]
    assert "gateway " in f"{command.help} {command.epilog}", f"{path} shows no example"


def test_what_answers_has_json() -> None:
    without = [
        path
        for path, command in ALL.items()
        if not isinstance(command, click.Group) and not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert without == ["gateway registry did"]  # a DID document is JSON in any case


def test_an_unknown_command_is_a_wrong_use_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "stauts")
    assert code == 2
    assert "status" in err


def test_all_faults_of_a_configuration_are_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[gatway]\n[log]\nlevel = 'loud'\n[networks.xa]\nadapter = 'sandbocks'\noffice = 'XA'\n")
    code, out, err = run(capsys, "run", "--config", str(file))
    assert code == 2
    assert out == ""
    for said in ("gatway", "did you mean 'gateway'?", "log.level", "networks.xa.adapter", "did you mean 'sandbox'?"):
        assert said in err
    assert "faults" in err.splitlines()[-1]


def test_all_faults_of_a_configuration_are_told_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("[gatway]\n[log]\nlevel = 'loud'\n")
    code, out, _ = run(capsys, "status", "--config", str(file), "--json")
    assert code == 2
    errors = json.loads(out)["errors"]
    assert len(errors) == 3
    assert all(each["code"] and each["detail"] and each["where"] and each["hint"] for each in errors)


def test_a_missing_configuration_says_how_to_make_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "check", "--config", str(tmp_path / "none.toml"))
    assert code == 2
    code, _, err = run(capsys, "status", "--config", str(tmp_path / "none.toml"))
    assert code == 2
    assert "gateway init" in err


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, 2),
        (StoreError, 4),
        (TrustError, 4),
        (InputError, 4),
        (Transient, 5),
        (Permanent, 1),
        (MappingError, 1),
    ],
)
def test_each_kind_of_error_has_its_exit_code(kind: type[ConfigError], code: int) -> None:
    assert code_of(kind(Fault("a.code", "what", "cure"))) == code
    assert code in EXIT_CODES
