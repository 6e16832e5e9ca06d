"""What a dossier holds, and the two ways between it and bytes.

    mimetype            the media type, for programs that look at the first bytes
    manifest.json       the version of this layout and the SHA-256 of every member below
    credential.json     the credential, JCS bytes as they were sealed
    evidence.cbor       proof of the native record
    losses.json         what the mapping dropped or narrowed
    native              the native record, byte for byte
    receipts/<sha-256>  signed statements about its deliveries
    registry.json       the registry as the office held it: material, never an anchor
    shared/<sha-256>    what the evidence shares with its block
    trust/<sha-256>     trust path objects, which lead from an anchor to the set in force

The manifest is signed by nobody: it tells which member was damaged. What binds is the credential.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from gateway.dossier import container
from gateway.dossier.container import Member
from gateway.errors import InputError, LimitError, fault
from gateway.spi import Limits

__all__ = [
    "VERSION",
    "Dossier",
    "Opened",
    "digests_in",
    "digests_of",
    "manifest_of",
    "opened",
    "put_together",
    "read",
    "write",
]

VERSION: Final = "ip-dossier/1"

_REQUIRED: Final = ("credential.json", "evidence.cbor", "losses.json", "native")
_SINGLE: Final = frozenset({*_REQUIRED, "registry.json"})
_BY_DIGEST: Final = re.compile(r"(receipts|shared|trust)/([0-9a-f]{64})")
_A_VERSION: Final = re.compile(r"ip-dossier/[1-9][0-9]{0,8}")

MEMBERS = fault(
    "container.members",
    "A member is missing, or one is there that this layout does not know.",
    "Ask for the file again as it was handed out.",
)
MANIFEST = fault(
    "manifest.form",
    "The manifest is not the canonical JSON that is written.",
    "Ask for the file again as it was handed out.",
)
NEWER = fault(
    "manifest.version",
    "The file was written by a newer release than this one.",
    "Verify it with a newer release of the gateway.",
)


class Dossier(msgspec.Struct, frozen=True):
    """One record with all that proves it. The mappings are by SHA-256 digest, 32 bytes, as the file names them."""

    credential: bytes
    native: bytes
    evidence: bytes
    losses: bytes
    shared: Mapping[bytes, bytes] = {}
    trust: Mapping[bytes, bytes] = {}
    receipts: Mapping[bytes, bytes] = {}
    registry: bytes | None = None

    def members(self) -> tuple[Member, ...]:
        """All members but `mimetype` and `manifest.json`, in the order in which the file holds them."""
        found = [
            Member("credential.json", self.credential),
            Member("evidence.cbor", self.evidence),
            Member("losses.json", self.losses),
            Member("native", self.native),
        ]
        found += [Member("receipts/" + digest.hex(), self.receipts[digest]) for digest in sorted(self.receipts)]
        if self.registry is not None:
            found.append(Member("registry.json", self.registry))
        found += [Member("shared/" + digest.hex(), self.shared[digest]) for digest in sorted(self.shared)]
        found += [Member("trust/" + digest.hex(), self.trust[digest]) for digest in sorted(self.trust)]
        return tuple(found)


def digests_of(members: Sequence[Member]) -> dict[str, str]:
    """SHA-256 (lower hex) of each member by its name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in members}


def manifest_of(digests: Mapping[str, str]) -> bytes:
    """The manifest for members of these digests: JCS (RFC 8785); all its keys are ASCII and it holds no numbers."""
    return orjson.dumps({"digests": digests, "version": VERSION}, option=orjson.OPT_SORT_KEYS)


def digests_in(manifest: bytes) -> dict[str, str]:
    """What a manifest states, digests (lower hex) by member. Raises InputError where it is none of this version."""
    return _look_at(manifest)


class Opened(NamedTuple):
    """A file as it was read, or as it would be written.

    manifest  its bytes, as the file has them
    digests   SHA-256 (lower hex) of each member by its name, in the file's order
    file      SHA-256 of the file
    """

    dossier: Dossier
    manifest: bytes
    digests: Mapping[str, str]
    file: bytes


def write(dossier: Dossier) -> bytes:
    """The file. The same content gives the same bytes."""
    members = dossier.members()
    return _packed(members, manifest_of(digests_of(members)))


def _packed(members: Sequence[Member], manifest: bytes) -> bytes:
    head = (Member("mimetype", container.MEDIA_TYPE.encode()), Member("manifest.json", manifest))
    return container.write((*head, *members))


def put_together(dossier: Dossier) -> Opened:
    """The dossier as it would be opened again."""
    members = dossier.members()
    digests = digests_of(members)
    manifest = manifest_of(digests)
    return Opened(dossier, manifest, digests, hashlib.sha256(_packed(members, manifest)).digest())


def read(data: bytes, limits: Limits | None = None) -> Dossier:
    """The dossier in `data`; see `opened` for what is looked at."""
    return opened(data, limits or Limits()).dossier


def opened(data: bytes, limits: Limits) -> Opened:
    """The dossier in `data`. What its members hold is not looked at yet: that is `gateway.dossier.verify`.

    Raises InputError (LimitError over a limit) with the code of the check that failed: `container.*`, `manifest.form`,
    or `manifest.version` for a file that a newer release wrote.
    """
    members = container.read(data, limits)
    if members[0].content != container.MEDIA_TYPE.encode():
        raise InputError(MEMBERS, "`mimetype` holds more than the media type", where="mimetype")
    manifest = members[1].content
    rest = members[2:]
    digests = digests_of(rest)
    if manifest != manifest_of(digests):
        # Wrong digests alone are no reason to refuse the file here: `verify` names the members that they are of.
        _look_at(manifest)
    single: dict[str, bytes] = {}
    folders: dict[str, dict[bytes, bytes]] = {"receipts": {}, "shared": {}, "trust": {}}
    for name, content in rest:
        if name in _SINGLE:
            single[name] = content
            continue
        found = _BY_DIGEST.fullmatch(name)
        if found is None:
            raise InputError(MEMBERS, f"this layout knows no member `{name}`", where=name)
        folders[found[1]][bytes.fromhex(found[2])] = content
    for name in _REQUIRED:
        if name not in single:
            raise InputError(MEMBERS, f"`{name}` is missing", where=name)
    if len(single["native"]) > limits.native:
        raise LimitError(
            container.LIMITS,
            f"a native record of {len(single['native'])} bytes, at most {limits.native}",
            where="native",
        )
    if len(single["evidence.cbor"]) > limits.evidence:
        raise LimitError(
            container.LIMITS,
            f"evidence of {len(single['evidence.cbor'])} bytes, at most {limits.evidence}",
            where="evidence.cbor",
        )
    if len(folders["shared"]) > limits.shared or len(folders["trust"]) > limits.shared:
        raise LimitError(container.LIMITS, f"more than {limits.shared} shared or trust objects", where="shared")
    dossier = Dossier(
        credential=single["credential.json"],
        native=single["native"],
        evidence=single["evidence.cbor"],
        losses=single["losses.json"],
        shared=folders["shared"],
        trust=folders["trust"],
        receipts=folders["receipts"],
        registry=single.get("registry.json"),
    )
    return Opened(dossier, manifest, digests, hashlib.sha256(data).digest())


def _look_at(manifest: bytes) -> dict[str, str]:
    """Whether this release can read on. The digests in it are compared by `verify`, where each has its own answer."""
    try:
        content: Any = orjson.loads(manifest)
    except orjson.JSONDecodeError as error:
        raise InputError(MANIFEST, f"not JSON: {error}", where="manifest.json") from error
    if not isinstance(content, dict) or not isinstance(content.get("version"), str):
        raise InputError(MANIFEST, "no version", where="manifest.json")
    version = content["version"]
    if version != VERSION:
        if _A_VERSION.fullmatch(version):
            raise InputError(
                NEWER, f"it is of version {version[:32]}, this release reads {VERSION}", where="manifest.json"
            )
        raise InputError(MANIFEST, "its version is none of a dossier", where="manifest.json")
    digests = content.get("digests")
    if set(content) != {"digests", "version"} or not isinstance(digests, dict):
        raise InputError(MANIFEST, "its members are not `digests` and `version`", where="manifest.json")
    for digest in digests.values():
        if not isinstance(digest, str) or re.fullmatch(r"[0-9a-f]{64}", digest) is None:
            raise InputError(MANIFEST, "a digest is not 64 lower hexadecimal digits", where="manifest.json")
    if orjson.dumps(content, option=orjson.OPT_SORT_KEYS) != manifest:
        raise InputError(MANIFEST, "not in canonical form (RFC 8785)", where="manifest.json")
    return dict(digests)
