"""Evidence as it stands in a file: bytes first, structure only after the limits were looked at."""

from __future__ import annotations

from typing import Any, Final

from gateway.errors import InputError, LimitError, fault
from gateway.proofs import cbor
from gateway.spi import Evidence, Limits

__all__ = ["read_evidence"]

_MEMBERS: Final = {"type", "network", "extraction", "shared", "own"}

FORM = fault(
    "evidence.form",
    "The evidence does not have the form that every type of evidence has.",
    "Ask for the file again as it was handed out.",
)


def read_evidence(data: bytes, limits: Limits) -> Evidence:
    """The evidence in `data`: deterministic CBOR of what `Evidence.encode` writes.

    What `extraction` and `own` hold is for the verifier of that type. Raises InputError, LimitError over a limit.
    """
    content: Any = cbor.decode(data, limit=limits.evidence, nesting=limits.nesting)
    if not isinstance(content, dict) or set(content) != _MEMBERS:
        raise InputError(FORM, "its members are not type, network, extraction, shared and own")
    kind, network, extraction = content["type"], content["network"], content["extraction"]
    shared, own = content["shared"], content["own"]
    if type(kind) is not str or not 0 < len(kind) <= 64:
        raise InputError(FORM, "its type is not a short text", where="type")
    if type(network) is not bytes or len(network) != 32:
        raise InputError(FORM, "the network is not a digest of 32 bytes", where="network")
    if type(shared) is not list or any(type(digest) is not bytes or len(digest) != 32 for digest in shared):
        raise InputError(FORM, "what it shares is not a list of digests of 32 bytes", where="shared")
    if len(shared) > limits.shared:
        raise LimitError(FORM, f"it names {len(shared)} shared objects, at most {limits.shared}", where="shared")
    if len(set(shared)) != len(shared):
        raise InputError(FORM, "it names a shared object twice", where="shared")
    if type(own) is not dict or type(extraction) is not dict:
        raise InputError(FORM, "its own part or its extraction is not a map")
    return Evidence(type=kind, network=network, extraction=extraction, shared=tuple(shared), own=own)
