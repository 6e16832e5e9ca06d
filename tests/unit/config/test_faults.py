"""All faults of a configuration are told at once, each with the file, the key and the cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.errors import ConfigError

pytestmark = pytest.mark.usefixtures("paper")

FILE = Path("/etc/gateway/gateway.toml")

GOOD = """
[networks.xa]
adapter = "paper"
office = "XA"
issuer = "did:web:xa.example"
key = "xa-issuer"
writes = "register-sandbox"
settings.file = "xa.paper"

[networks.xb]
adapter = "paper"
office = "XB"
issuer = "did:web:xb.example"
key = "xb-issuer"
writes = "register-sandbox"
settings = { file = "/srv/xb.paper", pages = 3, pace = 2 }

[[routes]]
name = "there"
from = "xa"
to = ["xb"]
basis = "consensus"
"""


def faults(text: str) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        config.read(text.encode(), FILE)
    return [caught.value, *caught.value.others]


def the_fault(text: str) -> ConfigError:
    found = faults(text)
    assert len(found) == 1, [str(each) for each in found]
    return found[0]


def test_a_good_file_gives_every_setting() -> None:
    read = config.read(GOOD.encode(), FILE)
    assert read.document.routes[0].from_ == "xa"
    assert read.document.routes[0].basis == "consensus"
    assert read.document.delivery == config.Delivery()
    assert read.state == Path("/etc/gateway/state")
    assert set(read.adapters) == {"xa", "xb"}
    assert read.settings["xb"].pages == 3  # type: ignore[attr-defined]  # the stand-in's own settings
    assert read.settings["xb"].pace == 2.0  # type: ignore[attr-defined]  # a whole number where a number may stand


def test_paths_are_relative_to_the_folder_of_the_file() -> None:
    read = config.read(GOOD.encode(), FILE)
    assert read.settings["xa"].file == "/etc/gateway/xa.paper"  # type: ignore[attr-defined]
    assert read.settings["xb"].file == "/srv/xb.paper"  # type: ignore[attr-defined]
    assert read.key_file == Path("/etc/gateway/keys.jwe")


def test_all_faults_are_told_at_once_and_in_their_place() -> None:
    text = (
        GOOD.replace('office = "XA"', 'office = "Xanadu"')
        .replace('from = "xa"', 'from = "xq"')
        .replace("pages = 3", "pages = 0")
        .replace('basis = "consensus"', 'basis = "hearsay"\nwhenn = "true"')
        + '\n[delivry]\nbatch = 3\n[log]\nlevel = "loud"\n'
    )
    found = {(each.where or "").removeprefix(f"{FILE}: "): each for each in faults(text)}
    assert set(found) == {
        "networks.xa.office",
        "networks.xb.settings.pages",
        "routes[0].basis",
        "routes[0].whenn",
        "delivry",
        "log.level",
    }
    assert all(each.hint and str(FILE) in (each.where or "") for each in found.values())
    assert found["routes[0].whenn"].hint == "did you mean 'when'?"
    assert found["delivry"].hint == "did you mean 'delivery'?"
    assert found["log.level"].hint == "one of: debug, info, warning, error"
    assert "consensus" in found["routes[0].basis"].hint


@pytest.mark.parametrize(
    ("change", "to", "where", "word"),
    [
        ('office = "XA"\n', "", "networks.xa.office", "must be given"),
        ('adapter = "paper"\noffice = "XA"', 'adapter = "papier"\noffice = "XA"', "networks.xa.adapter", "papier"),
        ('issuer = "did:web:xa.example"\n', "", "networks.xa.issuer", "must be given"),
        ('issuer = "did:web:xa.example"', 'issuer = "xa"', "networks.xa.issuer", "no DID"),
        ('key = "xa-issuer"\n', "", "networks.xa.key", "must be given"),
        ('settings.file = "xa.paper"', "", "networks.xa.settings.file", "must be given"),
        ('settings.file = "xa.paper"', "settings = 7", "networks.xa.settings", "table"),
        ("pages = 3", "pages = 13", "networks.xb.settings", "thirteen"),
        ("pages = 3", 'pages = "3"', "networks.xb.settings.pages", "int"),
        ("pages = 3", "page = 3", "networks.xb.settings.page", "page"),
        ('to = ["xb"]', 'to = "xb"', "routes[0].to", "a list"),
        ('to = ["xb"]', "to = []", "routes[0].to", "nowhere"),
        ('to = ["xb"]', 'to = ["xc"]', "routes[0].to", "xc"),
        ('to = ["xb"]', 'to = ["xa"]', "routes[0].to", "itself"),
        ('from = "xa"', 'from = "xc"', "routes[0].from", "xc"),
        ('name = "there"', 'name = "There and back"', "routes[0].name", "There"),
    ],
)
def test_each_fault_names_its_key(change: str, to: str, where: str, word: str) -> None:
    assert change in GOOD
    fault = the_fault(GOOD.replace(change, to, 1))
    assert (fault.where or "").removeprefix(f"{FILE}").removeprefix(": ") == where
    assert word in fault.detail
    assert fault.hint


def test_what_contradicts_itself_is_told() -> None:
    twice = GOOD + '\n[[routes]]\nname = "there"\nfrom = "xb"\nto = ["xa"]\n'
    assert "two routes" in the_fault(twice).detail
    unread = GOOD.replace("[networks.xa]", "[networks.xa]\nread = false")
    assert "not read" in the_fault(unread).detail
    unwritten = GOOD.replace('key = "xb-issuer"\nwrites = "register-sandbox"', 'key = "xb-issuer"')
    assert the_fault(unwritten).hint == "set networks.xb.writes"
    assert "retry_first" in the_fault(GOOD + "\n[delivery]\nretry_first = 90\n").detail


def test_a_file_without_networks_says_how_to_add_one() -> None:
    assert "init" in the_fault("networks = {}").hint
    assert the_fault("").where == f"{FILE}: networks"


def test_what_is_no_toml_names_the_line() -> None:
    assert "line 2" in the_fault("[gateway]\nstate = \n").detail
    with pytest.raises(ConfigError) as caught:
        config.read(b"\xff\xfe", FILE)
    assert caught.value.code == "config.syntax"


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "gateway.toml")
    assert caught.value.code == "config.no-file"
    assert "gateway init" in caught.value.hint


keys = st.sampled_from(
    [
        "networks",
        "routes",
        "gateway",
        "xa",
        "adapter",
        "office",
        "settings",
        "file",
        "from",
        "to",
        "delivery",
        "batch",
        "log",
        "x",
    ]
)
values = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["paper", "XA", "xa", "did:web:xa.example", "info", ""])
    | st.text(st.characters(codec="ascii", categories=["L", "N"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(each) for each in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float) else '"' + str(value) + '"'


@given(st.dictionaries(keys, values, max_size=6))
def test_no_tree_does_more_than_tell_its_faults(tree: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in tree.items())
    with pytest.raises(ConfigError) as caught:
        config.read((text + "\n").encode() + b"one-too-many = 1", FILE)
    assert all(each.hint and each.where for each in (caught.value, *caught.value.others))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_do_more_than_tell_their_faults(content: bytes) -> None:
    with pytest.raises(ConfigError):
        config.read(content, FILE)
