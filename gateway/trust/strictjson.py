"""JSON from outside: read in one meaning or not at all, and written in its canonical form (RFC 8785, JCS).

Duplicate members, NaN, byte order marks, invalid UTF-8, lone surrogates and deep nesting are errors here,
because two readers that settle them differently would see two documents under one signature.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

import orjson
import rfc8785

from gateway.errors import InputError, LimitError, fault

__all__ = ["canonical", "depth", "inexact", "parse"]

NOT_JSON = fault("jcs.unreadable", "The bytes are not JSON.", "Send one JSON value in UTF-8, without byte order mark.")
DUPLICATE = fault("jcs.duplicate-member", "A JSON object holds one member twice.", "Keep one of the two.")
TOO_LARGE = fault("jcs.too-large", "The JSON text is larger or deeper than allowed.", "Split it, or raise the limit.")
NOT_CANONICALISABLE = fault(
    "jcs.no-canonical-form",
    "The value has no canonical form by RFC 8785.",
    "Use text without lone surrogates, integers up to 2^53 and finite numbers.",
)

LARGEST_INTEGER: Final = 2**53 - 1
"""The largest integer that RFC 8785 (through IEEE 754 doubles, I-JSON) carries exactly."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def depth(data: bytes) -> int:
    """How deep arrays and objects are nested in `data`, by brackets outside strings. Linear; decodes nothing."""
    deepest = now = 0
    for token in _TOKEN.finditer(data):
        first = data[token.start()]
        if first in b"[{":
            now += 1
            deepest = max(deepest, now)
        elif first != 0x22:
            now -= 1
    return deepest


def parse(data: bytes, *, limit: int, nesting: int = 32) -> Any:
    """The value of `data`: dict, list, str, int, float, bool or None.

    limit    bytes read at most
    nesting  levels of arrays and objects at most

    Raises LimitError before anything is decoded; InputError on everything that is not strict JSON.
    """
    if len(data) > limit:
        raise LimitError(TOO_LARGE, f"{len(data)} bytes, at most {limit} are read")
    found = depth(data)
    if found > nesting:
        raise LimitError(TOO_LARGE, f"nested {found} deep, at most {nesting} levels are read")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
        # A lone surrogate can hide in an escape; nothing of it can be written as UTF-8 again.
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(NOT_JSON, f"not readable as JSON: {error}"[:200]) from error
    return value


def canonical(value: Any) -> bytes:
    """`value` by RFC 8785. Raises InputError where it has no such form (lone surrogate, NaN, integer beyond 2^53).

    Where a value holds no float, no integer beyond 2^53 and no member name outside the Basic Multilingual
    Plane, sorting by code point is the RFC's order by UTF-16 unit, and orjson writes the same bytes faster.
    """
    try:
        if _plain(value):
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, TypeError, ValueError, RecursionError) as error:
        raise InputError(NOT_CANONICALISABLE, str(error)[:200]) from error


def inexact(value: Any, place: str = "$") -> str | None:
    """Where in `value` the first number stands that is no integer up to 2^53 - 1, or None.

    Such numbers are not carried exactly by every reader of JSON: here they are errors and never roundings.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            found = inexact(member, f"{place}.{name}")
            if found is not None:
                return found
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found = inexact(member, f"{place}[{index}]")
            if found is not None:
                return found
    elif isinstance(value, float) or (type(value) is int and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER):
        return place
    return None


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-LARGEST_INTEGER <= value <= LARGEST_INTEGER)
    if kind is dict:
        for key, member in value.items():
            if type(key) is not str or not (key.isascii() or max(key) <= "\uffff") or not _plain(member):
                return False
        return True
    if kind is list or kind is tuple:
        return all(map(_plain, value))
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InputError(DUPLICATE, f"the member {name!r:.80} stands twice in one object")
            seen.add(name)
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text:.40} is too large")
    return number
