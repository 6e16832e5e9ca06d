"""The file: one byte form per content, openable by any zip program, and by nothing but its own form here."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dossier import container
from gateway.dossier.container import MEDIA_TYPE, Member
from gateway.dossier.dossier import Dossier, digests_of, manifest_of, opened, put_together, read, write
from gateway.errors import InputError, Misuse
from gateway.spi import Limits

HEAD = [Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", b"{}")]
contents = st.binary(max_size=200)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}(/[a-z0-9][a-z0-9._-]{0,20})?", fullmatch=True).filter(
    lambda name: name not in ("mimetype", "manifest.json")
)


def sha(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def by_digest(*contents: bytes) -> dict[bytes, bytes]:
    return {sha(content): content for content in contents}


def example(**changed: object) -> Dossier:
    parts: dict[str, object] = {
        "credential": b'{"a":1}',
        "native": b"\x00native\xff",
        "evidence": b"\xa0",
        "losses": b"[]",
        "shared": by_digest(b"header", b"receipts"),
        "trust": by_digest(b"change of validators"),
        "receipts": by_digest(b"{}"),
        "registry": b'{"statements":[]}',
    }
    return Dossier(**{**parts, **changed})  # type: ignore[arg-type]  # the keys are its fields


@given(st.dictionaries(names, contents, max_size=8))
def test_what_is_written_is_read_again(members: dict[str, bytes]) -> None:
    written = [*HEAD, *(Member(name, members[name]) for name in sorted(members))]
    data = container.write(written)
    assert list(container.read(data, Limits())) == written


@given(st.dictionaries(names, contents, max_size=8))
def test_any_zip_program_opens_it(members: dict[str, bytes]) -> None:
    data = container.write([*HEAD, *(Member(name, members[name]) for name in sorted(members))])
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["mimetype", "manifest.json", *sorted(members)]
        for name, content in members.items():
            assert opened.read(name) == content


def test_the_same_content_gives_the_same_bytes_whatever_order_it_was_put_together_in() -> None:
    one = example(shared={sha(b"header"): b"header", sha(b"receipts"): b"receipts"})
    other = example(shared={sha(b"receipts"): b"receipts", sha(b"header"): b"header"})
    assert write(one) == write(other)


def test_a_dossier_comes_back_as_it_was() -> None:
    data = write(example())
    assert read(data) == example()
    assert write(read(data)) == data
    assert opened(data, Limits()) == put_together(example())
    assert opened(data, Limits()).file == sha(data)


def test_what_need_not_be_there_may_be_missing() -> None:
    bare = example(shared={}, trust={}, receipts={}, registry=None)
    assert read(write(bare)) == bare


def test_the_manifest_names_the_digest_of_every_member() -> None:
    found = opened(write(example()), Limits())
    content = json.loads(found.manifest)
    assert content["version"] == "ip-dossier/1"
    assert content["digests"] == {name: sha(body).hex() for name, body in example().members()} == found.digests
    assert manifest_of(digests_of(example().members())) == found.manifest


@pytest.mark.parametrize(
    "name",
    ["../x", "..", "/x", "a//b", "a/../b", "a/b/c", "a\\b", "a\0b", "Ä", "A", ".hidden", "a/.b", "a/", "", " ", "a b",
     "x" * 101, "c:x", "native\n", "mimetype", "manifest.json"],
)  # fmt: skip
def test_a_name_that_could_lead_elsewhere_is_neither_written_nor_read(name: str) -> None:
    with pytest.raises(Misuse):
        container.write([*HEAD, Member(name, b"")])
    raw = name.encode("utf-8").decode("latin-1")
    with pytest.raises(InputError) as raised:
        container.read(container._encode([*HEAD, Member(raw, b"")]), Limits())
    assert raised.value.code in ("container.names", "container.limits")


def test_two_members_of_one_name_are_refused() -> None:
    twice = [*HEAD, Member("native", b"one"), Member("native", b"two")]
    with pytest.raises(Misuse):
        container.write(twice)
    with pytest.raises(InputError, match="stands twice") as raised:
        container.read(container._encode(twice), Limits())
    assert raised.value.code == "container.names"


def test_members_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="out of order") as raised:
        container.read(container._encode([*HEAD, Member("native", b""), Member("losses.json", b"")]), Limits())
    assert raised.value.code == "container.names"


def test_a_file_of_another_kind_is_not_recognised() -> None:
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as made:
        made.writestr("mimetype", "application/epub+zip")
    for data in (b"", b"PK", other.getvalue(), b"{}", b"\x00" * 100, write(example())[1:]):
        assert not container.recognise(data)
        with pytest.raises(InputError) as raised:
            container.read(data, Limits())
        assert raised.value.code == "container.unrecognised"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_file_that_was_packed_anew_is_told_as_such(compression: int) -> None:
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(write(example()))) as opened, zipfile.ZipFile(again, "w", compression) as made:
        for name in opened.namelist():
            made.writestr(name, opened.read(name), compress_type=None if name != "mimetype" else zipfile.ZIP_STORED)
    with pytest.raises(InputError) as raised:
        read(again.getvalue())
    assert raised.value.code in ("container.form", "container.crc")
    assert "zip program" in raised.value.hint
