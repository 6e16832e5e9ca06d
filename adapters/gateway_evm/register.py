"""The contract `RecordRegister` as it is shipped: what puts it on a network and how it is asked.

The artefact `contract/RecordRegister.json` is what `contract/compile.cjs` makes of `contract/RecordRegister.sol`; a
test compiles again and compares. The compiler's metadata is left out, so the code depends on source and settings alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from gateway.proofs import abi

__all__ = [
    "ACCEPTED",
    "Artefact",
    "artefact",
    "ask_digests",
    "ask_fence",
    "ask_owner",
    "ask_writer",
    "is_known",
    "set_writer",
]


class Artefact(msgspec.Struct, frozen=True):
    """What was compiled. `bytecode` makes the contract, `code_hash` is Keccak-256 of the code that then stands."""

    contract: str
    compiler: str
    settings: dict[str, object]
    abi: list[dict[str, object]]
    bytecode: str
    code_hash: str


@cache
def artefact() -> Artefact:
    """The artefact of this release."""
    data = files("gateway_evm").joinpath("contract/RecordRegister.json").read_bytes()
    return msgspec.json.decode(data, type=Artefact)


ACCEPTED: Final[dict[str, str]] = {}
"""Code hashes of earlier releases of the contract that this release still reads and writes, with their version."""

_DIGESTS: Final = abi.selector("digestsOf(bytes32[])")
_WRITERS: Final = abi.selector("writers(address)")
_FENCES: Final = abi.selector("fences(address)")
_OWNER: Final = abi.selector("owner()")
_SET_WRITER: Final = abi.selector("setWriter(address,bool)")


def ask_digests(keys: Sequence[bytes]) -> bytes:
    """The call `digestsOf(keys)`; its answer is `bytes32[]`."""
    return _DIGESTS + abi.encode(["bytes32[]"], [list(keys)])


def ask_writer(address: bytes) -> bytes:
    """The call `writers(address)`; its answer is `bool`."""
    return _WRITERS + abi.encode(["address"], [address])


def ask_fence(address: bytes) -> bytes:
    """The call `fences(address)`; its answer is `uint64`."""
    return _FENCES + abi.encode(["address"], [address])


def ask_owner() -> bytes:
    """The call `owner()`; its answer is `address`."""
    return _OWNER


def set_writer(address: bytes, *, allowed: bool) -> bytes:
    """The call `setWriter(address, allowed)`, the owner's alone."""
    return _SET_WRITER + abi.encode(["address", "bool"], [address, allowed])


def is_known(code_hash: bytes) -> bool:
    """Whether code with this hash is the contract, of this release or of an earlier one that it still speaks to."""
    digest = code_hash.hex()
    return digest == artefact().code_hash or digest in ACCEPTED
