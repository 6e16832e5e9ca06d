"""A zip of stored entries that has one byte form per content.

Written and read as PKWARE's APPNOTE.TXT 6.3.10 has it (local header 4.3.7, central header 4.3.12, end record
4.3.16), with every field that could vary nailed down: no compression, no extra field, no comment, no data
descriptor, no zip64, one date. Any zip program opens what is written here; what is read here must be, byte for
byte, what would be written for the same content. So there are no gaps, no hidden entries and no two readings.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.errors import InputError, LimitError, Misuse, fault
from gateway.spi import Limits

__all__ = ["MEDIA_TYPE", "Member", "read", "recognise", "write"]

MEDIA_TYPE: Final = "application/x-ip-dossier+zip"
"""Not registered with IANA; the `x-` says so."""

FIRST: Final = "mimetype"
LONGEST_NAME: Final = 100
# One folder at most; lower case only, so that no two names fall together on any file system; no name starts with
# a dot, so neither `.` nor `..` can be one.
NAME: Final = re.compile(rb"[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)?")

_LOCAL: Final = struct.Struct("<IHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<IHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<IHHHHIIH")
_LOCAL_SIGNATURE: Final = 0x04034B50
_CENTRAL_SIGNATURE: Final = 0x02014B50
_END_SIGNATURE: Final = 0x06054B50
_VERSION: Final = 10  # 1.0: nothing beyond stored entries is needed
_TIME: Final = 0
_DATE: Final = (0 << 9) | (1 << 5) | 1  # 1980-01-01, the first day that the field can hold

UNRECOGNISED = fault(
    "container.unrecognised",
    "The file is not a dossier.",
    "Give the file as it was handed out; a dossier begins with an entry `mimetype` that holds " + MEDIA_TYPE + ".",
)
FORM = fault(
    "container.form",
    "The file is not the one byte form of its content.",
    "Ask for the file again as it was handed out; packing it anew with a zip program changes it.",
)
CRC = fault(
    "container.crc",
    "A member was changed or damaged after the file was written.",
    "Ask for the file again as it was handed out.",
)
NAMES = fault(
    "container.names",
    "A member has a name that no dossier holds.",
    "Ask for the file again as it was handed out; do not unpack this one.",
)
LIMITS = fault(
    "container.limits",
    "The file exceeds a limit of size or count.",
    "Ask the office for a smaller file, or raise the limit where you trust where it came from.",
)


class Member(NamedTuple):
    """One entry: its name (ASCII) and its content."""

    name: str
    content: bytes


def recognise(data: bytes) -> bool:
    """Whether `data` sets out to be a dossier: its first entry is `mimetype` with the media type. Looks no further."""
    if len(data) < 30 or data[:4] != b"PK\x03\x04" or data[26:28] != b"\x08\x00" or data[30:38] != FIRST.encode():
        return False
    start = 38 + int.from_bytes(data[28:30], "little")
    return data[start : start + len(MEDIA_TYPE)] == MEDIA_TYPE.encode()


def write(members: Sequence[Member]) -> bytes:
    """The bytes for `members`, whose order is kept. Raises Misuse where a name or the order is not allowed."""
    wrong = _wrong_names([member.name.encode("utf-8", "surrogatepass") for member in members])
    if wrong is not None:
        raise Misuse(NAMES, wrong)
    if len(members) > 0xFFFF:
        raise Misuse(LIMITS, f"{len(members)} members; the end record counts to 65535")
    return _encode(members)


def read(data: bytes, limits: Limits) -> tuple[Member, ...]:
    """The members of `data`, in order.

    Raises LimitError where a size or count exceeds `limits` (looked at before the content is), InputError with
    `container.unrecognised` where the file is something else, with `container.names`, `container.crc` or
    `container.form` where it is not what `write` gives.
    """
    if len(data) > limits.dossier:
        raise LimitError(LIMITS, f"the file has {len(data)} bytes, at most {limits.dossier} are read", where="file")
    if not recognise(data):
        raise InputError(UNRECOGNISED)
    members, end, sound = _walk(data, limits)
    if not sound:
        raise _difference(data, _encode(members), members, end)
    return members


def _walk(data: bytes, limits: Limits) -> tuple[tuple[Member, ...], int, bool]:
    """Members by their local headers, from the first byte on; where the headers end; whether all is as it is written.

    Every local header is compared with the one that is written for its member, and what follows the last member with
    the directory that is written for all of them, so no byte is left over.
    """
    members: list[Member] = []
    names: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    sound = True
    total = len(data)
    while data.startswith(b"PK\x03\x04", offset):
        if len(members) >= limits.members:
            raise LimitError(LIMITS, f"more than {limits.members} members", where=f"offset {offset}")
        if offset + 30 > total:
            raise InputError(FORM, "the file ends inside a local header", where=f"offset {offset}")
        head = _LOCAL.unpack_from(data, offset)
        size, name_size, extra_size = head[7], head[9], head[10]
        if name_size > LONGEST_NAME:
            raise LimitError(LIMITS, f"a name of {name_size} bytes, at most {LONGEST_NAME}", where=f"offset {offset}")
        if size > limits.member:
            raise LimitError(LIMITS, f"a member of {size} bytes, at most {limits.member}", where=f"offset {offset}")
        if extra_size:
            raise InputError(FORM, "an extra field, where none is written", where=f"offset {offset}")
        begin = offset + 30 + name_size
        following = begin + size
        if following > total:
            raise InputError(FORM, f"a member of {size} bytes in a file that ends before", where=f"offset {offset}")
        name, content = data[offset + 30 : begin], data[begin:following]
        shared = (_VERSION, 0, 0, _TIME, _DATE, zlib.crc32(content), size, size, name_size, 0)
        if head[1:] != shared:
            sound = False
        directory.append(_CENTRAL.pack(_CENTRAL_SIGNATURE, _VERSION, *shared, 0, 0, 0, 0, offset))
        directory.append(name)
        names.append(name)
        # Latin-1 reads any byte: a name that is not allowed is refused below, before anyone sees it.
        members.append(Member(name.decode("latin-1"), content))
        offset = following
    wrong = _wrong_names(names)
    if wrong is not None:
        raise InputError(NAMES, wrong)
    return tuple(members), offset, sound and data[offset:] == _tail(directory, len(members), offset)


def _wrong_names(names: Sequence[bytes]) -> str | None:
    """Why `names` may not stand in a dossier, in this order: `mimetype`, `manifest.json`, the others ascending."""
    if list(names[:2]) != [b"mimetype", b"manifest.json"]:
        return "the first members are not `mimetype` and `manifest.json`"
    before = b""
    for name in names[2:]:
        if len(name) > LONGEST_NAME or NAME.fullmatch(name) is None:
            return f"{name!r} is no name of a member"
        if name <= before:
            return f"{name!r} stands twice" if name in names[: names.index(before) + 1] else f"{name!r} is out of order"
        before = name
    if b"mimetype" in names[2:] or b"manifest.json" in names[2:]:
        return "`mimetype` or `manifest.json` stands twice"
    return None


def _encode(members: Sequence[Member]) -> bytes:
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, content in members:
        label = name.encode("latin-1")
        size = len(content)
        crc = zlib.crc32(content)
        shared = (_VERSION, 0, 0, _TIME, _DATE, crc, size, size, len(label), 0)
        parts.append(_LOCAL.pack(_LOCAL_SIGNATURE, *shared))
        parts.append(label)
        parts.append(content)
        directory.append(_CENTRAL.pack(_CENTRAL_SIGNATURE, _VERSION, *shared, 0, 0, 0, 0, offset))
        directory.append(label)
        offset += 30 + len(label) + size
    parts.append(_tail(directory, len(members), offset))
    return b"".join(parts)


def _tail(directory: Sequence[bytes], count: int, offset: int) -> bytes:
    """Central directory and end record, for members whose headers end at `offset`."""
    central = b"".join(directory)
    return central + _END.pack(_END_SIGNATURE, 0, 0, count, count, len(central), offset, 0)


def _difference(data: bytes, again: bytes, members: Sequence[Member], end: int) -> InputError:
    """What to tell about a file that is not its own byte form. `end` is where the local headers end."""
    place = _first_difference(data, again)
    where = f"offset {place}"
    if place < end:
        offset = 0
        for name, content in members:
            following = offset + 30 + len(name) + len(content)
            if place < following:
                if 14 <= place - offset < 18:
                    return InputError(CRC, f"`{name}` does not have the checksum that its header states", where=name)
                return InputError(FORM, f"the header of `{name}` is not the one that is written", where=where)
            offset = following
    if place >= len(again):
        return InputError(FORM, f"{len(data) - len(again)} bytes follow the end", where=where)
    if place >= len(data):
        return InputError(FORM, "the file ends before its end record does", where=where)
    return InputError(FORM, "the central directory does not say what the local headers say", where=where)


def _first_difference(one: bytes, other: bytes) -> int:
    shortest = min(len(one), len(other))
    for block in range(0, shortest, 4096):
        if one[block : block + 4096] != other[block : block + 4096]:
            return next((i for i in range(block, shortest) if one[i] != other[i]), shortest)
    return shortest
