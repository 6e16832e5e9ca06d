"""Deterministic CBOR (RFC 8949 §4.2.1): one byte form per value, and nothing else is read.

Map keys are text only: for those, cbor2's length-first order is the bytewise order that the RFC asks for.
The decoder accepts exactly what `encode` gives: trailing bytes, longer integers than needed, unsorted or
repeated keys and indefinite lengths are refused by comparing the encoding of what was read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import cbor2

from gateway.errors import InputError, LimitError, fault

__all__ = ["decode", "encode"]

NOT_CANONICAL = fault(
    "cbor.not-canonical",
    "The bytes are not deterministic CBOR.",
    "Encode by RFC 8949 §4.2.1: shortest integers, sorted text keys, definite lengths, nothing after the value.",
)
TOO_LARGE = fault("cbor.too-large", "The CBOR value is larger than allowed.", "Split it, or raise the limit.")


_quick: Callable[[Any], bytes] | None
try:  # an accelerator of the extra `run`: DAG-CBOR's order of keys is the same. Who verifies a file needs none
    from cbrrr import encode_dag_cbor as _quick
except ImportError:
    _quick = None


def encode(value: Any) -> bytes:
    """The deterministic form of None, bool, int of up to 64 bits, str, bytes, list, tuple and dict with text keys."""
    if _quick is not None:
        try:
            return _quick(value)
        except (TypeError, ValueError, OverflowError):
            pass  # a tuple inside, or what neither takes: the general encoder's affair
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, limit: int = 2 * 1024 * 1024, nesting: int = 32) -> Any:
    """The value of `data`. Raises LimitError over `limit` bytes, InputError on anything `encode` would not give."""
    if len(data) > limit:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are read")
    try:
        value = cbor2.loads(data, semantic_decoders=_NO_TAGS, tag_hook=_refuse_tag, allow_indefinite=False)
        _plain(value, nesting)
        again = encode(value)
    except InputError:
        raise
    except Exception as error:  # cbor2 raises its own tree, ValueError, RecursionError and OverflowError
        raise InputError(NOT_CANONICAL, f"not readable as CBOR: {type(error).__name__}") from error
    if again != data:
        raise InputError(NOT_CANONICAL)
    return value


def _refuse_tag(*_: object) -> Any:
    raise InputError(NOT_CANONICAL, "a tag")


_NO_TAGS: Final = dict.fromkeys(
    (0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 100, 256, 258, 260, 261, 1004, 43000, 55799), _refuse_tag
)
"""Every tag that cbor2 reads by itself; integers beyond 64 bits (2, 3) are written as bytes here. Above all shared
values (28, 29): with them a hundred bytes name one list 2³² times, and whoever walks the value never comes back."""


def _plain(value: Any, depth: int) -> None:
    if depth < 0:
        raise LimitError(TOO_LARGE, "nested too deeply")
    if isinstance(value, dict):
        for key, member in value.items():
            if type(key) is not str:
                raise InputError(NOT_CANONICAL, "a map key that is not text")
            _plain(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _plain(member, depth - 1)
    elif value is not None and type(value) not in (bool, int, str, bytes):
        raise InputError(NOT_CANONICAL, f"a value of a kind that is not used here: {type(value).__name__}")
