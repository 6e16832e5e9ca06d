"""Every check that is made here, declared once: what it asks and which claims it bears on.

The checks of a credential are declared by `gateway.trust.credential`, those of evidence by its verifier, whose ids
begin with the evidence type's own stem (`sandbox.`, `evm.`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

__all__ = ["CHECKS", "FILE", "Bearing", "Kind"]

Bearing = Literal["file", "issued", "network", "translated", "existed_by", "policy", "nothing"]
"""What a check bears on. `file`: the whole file, under every policy. `network`: the claims that the evidence's verifier
reports, `recorded` and `valid` among them. `nothing`: it is told, and never lowers a verdict."""


class Kind(NamedTuple):
    """A check: its id, what it asks, what it bears on, and how it ends where the answer is no."""

    id: str
    asks: str
    bears: tuple[Bearing, ...]
    otherwise: str


FILE: Final[tuple[Bearing, ...]] = ("file",)
_BINDING: Final[tuple[Bearing, ...]] = ("file", "network", "translated")

_KINDS: Final = (
    Kind("container.limits", "No size or count exceeds its limit", FILE, "failed, FORMAT_FAILURE"),
    Kind("container.names", "Names, their order, and each of them once", FILE, "failed, FORMAT_FAILURE"),
    Kind("container.crc", "Every member has the CRC-32 that its header states", FILE, "failed, FORMAT_FAILURE"),
    Kind("container.form", "The file is what would be written for its content", FILE, "failed, FORMAT_FAILURE"),
    Kind("container.members", "All members that are needed, none that is not known", FILE, "failed, FORMAT_FAILURE"),
    Kind("manifest.version", "This release knows the file's version", FILE, "indeterminate, GENERIC"),
    Kind("manifest.form", "The manifest is canonical JSON of its form", FILE, "failed, FORMAT_FAILURE"),
    Kind("manifest.digests", "The manifest holds the digest of every member", FILE, "failed, HASH_FAILURE"),
    Kind("digest.names", "What is named by its digest has that digest", FILE, "failed, HASH_FAILURE"),
    Kind("registry.given", "The verifier was given anchors", FILE, "indeterminate, NO_CERTIFICATE_CHAIN_FOUND"),
    Kind("registry.copy", "The file's copy of the registry is the one given", ("nothing",), "skipped"),
    Kind(
        "existence.order", "Proofs of existence are of possible times", FILE, "indeterminate, TIMESTAMP_ORDER_FAILURE"
    ),
    Kind("binding.native", "The native record is the one that the credential binds", _BINDING, "failed, HASH_FAILURE"),
    Kind("binding.evidence", "The evidence is the one that the credential binds", _BINDING, "failed, HASH_FAILURE"),
    Kind("binding.losses", "The loss report is the one that the credential binds", _BINDING, "failed, HASH_FAILURE"),
    Kind("evidence.form", "The evidence has the form of evidence", _BINDING, "failed, FORMAT_FAILURE"),
    Kind("binding.type", "The evidence is of the type that the credential names", _BINDING, "failed, HASH_FAILURE"),
    Kind(
        "binding.network", "The evidence is of the network that the credential names", _BINDING, "failed, HASH_FAILURE"
    ),
    Kind(
        "binding.record-key",
        "The record key is that of the place which the evidence proves",
        _BINDING,
        "failed, HASH_FAILURE",
    ),
    Kind(
        "binding.withdrawn",
        "No entry that withdraws is passed off as a record in force",
        _BINDING,
        "failed, HASH_FAILURE",
    ),
    Kind(
        "evidence.shared",
        "All that the evidence shares with its block is here",
        ("network",),
        "indeterminate, SIGNED_DATA_NOT_FOUND",
    ),
    Kind(
        "evidence.verifier",
        "This release has a verifier for the evidence's type",
        ("network",),
        "indeterminate, GENERIC",
    ),
    Kind("evidence.report", "The verifier came to an end and reported in due form", ("network",), "failed, GENERIC"),
    Kind(
        "network.segment",
        "The verifier went by an anchor of the network",
        ("network",),
        "indeterminate, NO_CERTIFICATE_CHAIN_FOUND",
    ),
    Kind(
        "network.standing",
        "The anchor was in force at the time that counts",
        ("network",),
        "indeterminate, OUT_OF_BOUNDS_NO_POE or REVOKED_NO_POE",
    ),
    Kind(
        "network.basis",
        "Each claim rests on what the registry asks of the network, or more",
        ("network",),
        "indeterminate, SIG_CONSTRAINTS_FAILURE",
    ),
    Kind(
        "network.office",
        "The issuer speaks for the office whose network it is",
        ("issued",),
        "indeterminate, CHAIN_CONSTRAINTS_FAILURE",
    ),
    Kind(
        "translation.mapping",
        "This release has the mapping that the credential names",
        ("translated",),
        "indeterminate, GENERIC",
    ),
    Kind(
        "translation.format", "The mapping is for the native record's format", ("translated",), "failed, HASH_FAILURE"
    ),
    Kind("translation.run", "The mapping takes the native record", ("translated",), "failed, HASH_FAILURE"),
    Kind("translation.record", "The mapping gives the credential's record", ("translated",), "failed, HASH_FAILURE"),
    Kind("translation.losses", "The mapping gives the loss report", ("translated",), "failed, HASH_FAILURE"),
    Kind("policy.claims", "The policy asks for a claim", ("policy",), "indeterminate, GENERIC"),
    Kind(
        "policy.asked",
        "A claim that is asked for was looked at",
        ("policy",),
        "indeterminate, NO_POE or SIGNED_DATA_NOT_FOUND",
    ),
    Kind(
        "policy.basis",
        "A claim rests on what the policy asks for, or more",
        ("policy",),
        "indeterminate, SIG_CONSTRAINTS_FAILURE",
    ),
    Kind(
        "policy.quorum", "As many signed as the policy asks for", ("policy",), "indeterminate, SIG_CONSTRAINTS_FAILURE"
    ),
    Kind(
        "policy.algorithm",
        "The policy relies on the credential's suite",
        ("issued",),
        "indeterminate, CRYPTO_CONSTRAINTS_FAILURE or CRYPTO_CONSTRAINTS_FAILURE_NO_POE",
    ),
)

CHECKS: Final[Mapping[str, Kind]] = MappingProxyType({kind.id: kind for kind in _KINDS})
