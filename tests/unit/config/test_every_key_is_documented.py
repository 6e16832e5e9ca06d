"""config.example.toml and the reference hold every key that there is, and none that there is not."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from gateway import config

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = (ROOT / "config.example.toml").read_text(encoding="utf-8")


def all_keys() -> dict[str, type[msgspec.Struct]]:
    found: dict[str, type[msgspec.Struct]] = {}

    def visit(section: str, kind: type[msgspec.Struct]) -> None:
        for each in msgspec.structs.fields(kind):
            found[f"{section}.{each.encode_name}" if section else each.encode_name] = kind

    config.sections(visit)
    return found


def keys_in(tree: dict[str, object]) -> set[str]:
    found = set(tree)
    for section, value in tree.items():
        if section == "networks":
            assert isinstance(value, dict)
            found |= {f"networks.NAME.{key}" for network in value.values() for key in network}
        elif section == "routes":
            assert isinstance(value, list)
            found |= {f"routes.{key}" for route in value for key in route}
        elif isinstance(value, dict):
            found |= {f"{section}.{key}" for key in value}
    return found


def uncommented() -> str:
    """The example with every setting that stands commented out put in force."""
    return re.sub(r"^#([a-z_]+ = )", r"\1", EXAMPLE, flags=re.MULTILINE)


def test_the_example_loads_as_it_is() -> None:
    read = config.read(EXAMPLE.encode(), ROOT / "config.example.toml")
    assert set(read.document.networks) == {"xa", "xb"}
    assert [route.name for route in read.document.routes] == ["xa-to-xb", "xb-to-xa"]


def test_the_example_loads_with_every_setting_in_force() -> None:
    config.read(uncommented().encode(), ROOT / "config.example.toml")


def test_the_example_names_every_key_and_no_other() -> None:
    assert keys_in(tomllib.loads(uncommented())) == set(all_keys())


def test_what_is_commented_out_stands_at_its_default() -> None:
    plain = config.read(EXAMPLE.encode(), ROOT / "config.example.toml").document
    full = config.read(uncommented().encode(), ROOT / "config.example.toml").document
    shown_as_examples = {"passphrase_file", "fingerprint", "records", "when", "workers"}
    for key, kind in all_keys().items():
        section, _, name = key.rpartition(".")
        if section in ("", "networks.NAME", "routes") or name in shown_as_examples:
            continue
        assert getattr(getattr(full, section), name) == getattr(getattr(plain, section), name), key
        assert isinstance(getattr(plain, section), kind)


@pytest.mark.parametrize("key", sorted(all_keys()))
def test_every_key_has_a_meaning(key: str) -> None:
    kind, name = all_keys()[key], key.rpartition(".")[2]
    assert len(config.meanings(kind).get(name, "")) > 10, f"{kind.__name__} does not say what {name!r} means"


@pytest.mark.parametrize("key", sorted(all_keys()))
def test_a_comment_stands_above_every_key_of_the_example(key: str) -> None:
    name = key.rpartition(".")[2]
    lines = EXAMPLE.splitlines()
    for place, line in enumerate(lines):
        if re.match(rf"#?{name} = |\[+(networks\.\w+\.)?{name}\b", line):
            above = place - 1
            while above > 0 and re.match(r"#?[a-z_]+ = |\[\[?[a-z]", lines[above]):
                above -= 1  # several keys share one comment
            if lines[above].startswith("# "):
                return
    pytest.fail(f"config.example.toml does not explain {key}")
