"""A file that lies about itself: sizes, counts, names, checksums, gaps, tails. Limits are looked at before use."""

from __future__ import annotations

import hashlib
import io
import struct
import tracemalloc
import zipfile

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dossier import container
from gateway.dossier.container import MEDIA_TYPE, Member
from gateway.dossier.dossier import Dossier, manifest_of, read, write
from gateway.errors import InputError, LimitError
from gateway.spi import Limits

LIMITS = Limits()


def good() -> bytes:
    shared = b"header of a block"
    return write(
        Dossier(
            credential=b'{"a":1}',
            native=b"native record",
            evidence=b"\xa0",
            losses=b"[]",
            shared={hashlib.sha256(shared).digest(): shared},
            registry=b'{"statements":[]}',
        )
    )


def refused(data: bytes, limits: Limits = LIMITS) -> InputError:
    with pytest.raises(InputError) as raised:
        read(data, limits)
    return raised.value


def headers(data: bytes) -> list[int]:
    """Offsets of the local headers."""
    found, offset = [], 0
    while data[offset : offset + 4] == b"PK\x03\x04":
        found.append(offset)
        size, name, extra = struct.unpack_from("<IHH", data, offset + 22)
        offset += 30 + name + extra + size
    return found


def directory(data: bytes) -> int:
    return data.index(b"PK\x01\x02")


def put(data: bytes, offset: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, value)
    return bytes(changed)


LOCAL_FIELDS = {
    "version": (4, "<H"),
    "flags": (6, "<H"),
    "method": (8, "<H"),
    "time": (10, "<H"),
    "date": (12, "<H"),
    "crc": (14, "<I"),
    "stored size": (18, "<I"),
    "size": (22, "<I"),
    "name": (26, "<H"),
    "extra": (28, "<H"),
}


@pytest.mark.parametrize("field", LOCAL_FIELDS)
@pytest.mark.parametrize("value", [0, 1, 8, 0x0800, 0xFFFF])
@pytest.mark.parametrize("member", [1, 2, -1])
def test_no_field_of_a_local_header_can_say_anything_else(field: str, value: int, member: int) -> None:
    data = good()
    place, form = LOCAL_FIELDS[field]
    changed = put(data, headers(data)[member] + place, form, value)
    if changed != data:
        assert refused(changed).code in ("container.form", "container.crc", "container.names", "container.limits")


def test_no_byte_of_the_central_directory_or_the_end_record_can_say_anything_else() -> None:
    data = good()
    for place in range(directory(data), len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x01
        assert refused(bytes(changed)).code == "container.form"


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, LIMITS.member + 1])
def test_a_size_beyond_the_limit_is_refused_before_it_is_used(size: int) -> None:
    data = good()
    lying = put(put(data, headers(data)[2] + 18, "<I", size), headers(data)[2] + 22, "<I", size)
    tracemalloc.start()
    try:
        error = refused(lying)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert isinstance(error, LimitError)
    assert error.code == "container.limits"


def test_a_size_within_the_limit_and_beyond_the_end_is_refused() -> None:
    data = good()
    assert refused(put(data, headers(data)[-1] + 22, "<I", 100_000)).code == "container.form"


@pytest.mark.parametrize("name", [0xFFFF, 101])
def test_a_name_longer_than_any_is_refused(name: int) -> None:
    data = good()
    assert refused(put(data, headers(data)[2] + 26, "<H", name)).code == "container.limits"


def test_too_many_members_are_refused_before_they_are_read() -> None:
    many = [Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", b"{}")]
    many += [Member(f"shared/{index:064x}", b"") for index in range(60_000)]
    data = container._encode(many)
    error = refused(data, msgspec.structs.replace(LIMITS, dossier=len(data)))
    assert error.code == "container.limits"
    assert "members" in error.detail


@pytest.mark.parametrize(
    "limits",
    [{"dossier": 100}, {"member": 10}, {"members": 3}, {"native": 5}, {"evidence": 0}, {"shared": 0}],
)
def test_every_limit_holds(limits: dict[str, int]) -> None:
    data = good()
    assert read(data, LIMITS).native == b"native record"
    assert refused(data, msgspec.structs.replace(LIMITS, **limits)).code == "container.limits"


@pytest.mark.parametrize("tail", [b"\0", b"PK\x05\x06", b"x" * 1000])
def test_nothing_may_follow_the_end(tail: bytes) -> None:
    error = refused(good() + tail)
    assert error.code == "container.form"
    assert "follow the end" in error.detail


def test_nothing_may_stand_before_or_between() -> None:
    data = good()
    assert refused(b"#!/bin/sh\n" + data).code == "container.unrecognised"
    gap = headers(data)[2]
    assert refused(data[:gap] + b"\0\0\0\0" + data[gap:]).code == "container.form"
    start = directory(data)
    assert refused(data[:start] + b"hidden" + data[start:]).code == "container.form"


def test_a_second_archive_behind_the_first_is_refused() -> None:
    """Most zip programs look for the end record from behind and would show the second."""
    assert refused(good() + good()).code == "container.form"


def test_a_member_that_only_the_directory_knows_is_refused() -> None:
    data = good()
    start = directory(data)
    one = data[start : data.index(b"PK\x01\x02", start + 4)]
    assert refused(data[:start] + one + data[start:]).code == "container.form"


def test_a_member_that_the_directory_hides_is_refused() -> None:
    data = good()
    start = directory(data)
    second = data.index(b"PK\x01\x02", start + 4)
    assert refused(data[:start] + data[second:]).code == "container.form"


def test_every_truncation_is_refused() -> None:
    data = good()
    for length in range(len(data)):
        assert refused(data[:length]).code in ("container.form", "container.unrecognised", "container.names")


def test_a_wrong_checksum_is_told_by_the_member_that_has_it() -> None:
    data = good()
    changed = data.replace(b"native record", b"native recorD")
    error = refused(changed)
    assert (error.code, error.where) == ("container.crc", "native")


@pytest.mark.parametrize(
    "name",
    ["native/record", "readme.txt", "shared/abc", "shared/" + "A" * 0 + "0" * 63 + "g", "shared/" + "0" * 65,
     "other/" + "0" * 64, "zz"],
)  # fmt: skip
def test_a_member_that_the_layout_does_not_know_is_refused(name: str) -> None:
    members = sorted([*read(good()).members(), Member(name, b"")])
    digests = {label: hashlib.sha256(content).hexdigest() for label, content in members}
    head = [Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", manifest_of(digests))]
    assert refused(container._encode([*head, *members])).code in ("container.members", "container.names")


@pytest.mark.parametrize("name", ["credential.json", "evidence.cbor", "losses.json", "native"])
def test_a_member_that_is_needed_is_missed_by_name(name: str) -> None:
    members = [member for member in read(good()).members() if member.name != name]
    digests = {label: hashlib.sha256(content).hexdigest() for label, content in members}
    head = [Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", manifest_of(digests))]
    error = refused(container._encode([*head, *members]))
    assert (error.code, error.where) == ("container.members", name)


MANIFESTS = {
    b"": "manifest.form",
    b"[]": "manifest.form",
    b"null": "manifest.form",
    b"{}": "manifest.form",
    b'{"version":1}': "manifest.form",
    b'{"version":"ip-dossier/2"}': "manifest.version",
    b'{"version":"ip-dossier/999999999","more":[[]]}': "manifest.version",
    b'{"version":"ip-dossier/0"}': "manifest.form",
    b'{"version":"ip-dossier/1"}': "manifest.form",
    b'{"digests":[],"version":"ip-dossier/1"}': "manifest.form",
    b'{"digests":{"native":"AB"},"version":"ip-dossier/1"}': "manifest.form",
    b'{"digests":{"native":1},"version":"ip-dossier/1"}': "manifest.form",
    b'{"digests":{}, "version":"ip-dossier/1"}': "manifest.form",
    b'{"version":"ip-dossier/1","digests":{}}': "manifest.form",
    b'{"digests":{},"version":"ip-dossier/1","version":"ip-dossier/1"}': "manifest.form",
    b'{"digests":{},"more":1,"version":"ip-dossier/1"}': "manifest.form",
    b"[" * 100_000: "manifest.form",
    b'{"a":' * 50_000: "manifest.form",
    b"\xff\xfe": "manifest.form",
    b'{"version":"\\ud800"}': "manifest.form",
    b'{"version":NaN}': "manifest.form",
}


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest[:40].decode("latin-1"))
def test_a_manifest_in_any_other_form_is_refused(manifest: bytes) -> None:
    members = read(good()).members()
    head = [Member("mimetype", MEDIA_TYPE.encode()), Member("manifest.json", manifest)]
    assert refused(container._encode([*head, *members])).code == MANIFESTS[manifest]


def test_a_mimetype_that_says_more_is_refused() -> None:
    members = read(good()).members()
    digests = {label: hashlib.sha256(content).hexdigest() for label, content in members}
    head = [Member("mimetype", MEDIA_TYPE.encode() + b";x"), Member("manifest.json", manifest_of(digests))]
    assert refused(container._encode([*head, *members])).code == "container.members"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except InputError:
        pass


@given(st.integers(0, len(good()) - 1), st.binary(min_size=1, max_size=8))
@settings(max_examples=500)
def test_any_change_is_refused(place: int, splinter: bytes) -> None:
    data = good()
    changed = data[:place] + splinter + data[place + len(splinter) :]
    if changed != data:
        refused(changed)


@given(st.integers(0, len(good())), st.binary(min_size=1, max_size=40))
@settings(max_examples=200)
def test_anything_put_in_is_refused(place: int, splinter: bytes) -> None:
    data = good()
    refused(data[:place] + splinter + data[place:])


names = st.one_of(
    st.sampled_from(["mimetype", "manifest.json", "native", "credential.json", "../x", "shared/" + "0" * 64]),
    st.text(st.characters(max_codepoint=255), max_size=30),
)


@given(st.lists(st.tuples(names, st.binary(max_size=30)), max_size=8))
@settings(max_examples=300)
def test_any_entries_are_read_or_refused(entries: list[tuple[str, bytes]]) -> None:
    data = container._encode([Member(name, content) for name, content in entries])
    try:
        opened = read(data)
    except InputError:
        return
    assert write(opened) == data


def test_what_a_zip_program_would_unpack_elsewhere_is_never_opened() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mimetype", MEDIA_TYPE)
        archive.writestr("../../etc/cron.d/x", "* * * * *")
    assert refused(made.getvalue()).code == "container.names"
