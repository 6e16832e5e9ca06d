"""JSON (RFC 8259) with one reading: no member twice, no lone surrogate, no NaN, and no number that is read as another.

Integers stay integers however long they are; a decimal fraction that no double holds exactly in its shortest writing
stays a Decimal. So what is written again is equal by JCS (RFC 8785) wherever JCS is defined, and equal digit by digit
where it is not. Members keep their order; blanks between tokens are not kept.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import orjson

from gateway.errors import InputError, LimitError, fault
from gateway.mapping.formats import LIMIT, NESTING, TOO_DEEP, TOO_LARGE

__all__ = ["JsonFormat", "read", "write"]

MALFORMED = fault("json.malformed", "The bytes are not JSON.", "Look at the place that is named; RFC 8259 is the rule.")
REPEATED = fault(
    "json.repeated-member",
    "A member stands twice in one object, so that two readers could see two records.",
    "Keep one of the two.",
)
NO_TEXT = fault(
    "json.lone-surrogate",
    "A text holds half of a surrogate pair, which no byte form of Unicode has.",
    "The office's text was cut in the middle of a character: take it again from the source.",
)
NO_NUMBER = fault(
    "json.number",
    "A number cannot be kept as it stands.",
    "Write it as a text, or with at most 4,000 digits, and within the range of a double where it has a fraction.",
)

_DIGITS = 4000


class JsonFormat:
    """JSON as native bytes."""

    syntax = "json"

    def decode(self, content: bytes) -> Any:
        return read(content)

    def complete(self, tree: Any) -> Any:
        return tree

    def encode(self, tree: Any) -> tuple[bytes, Any]:
        return write(tree), tree


def read(content: bytes, *, limit: int = LIMIT, nesting: int = NESTING) -> Any:
    """The tree of `content`. Raises LimitError over `limit` bytes or `nesting` levels, else InputError."""
    if len(content) > limit:
        raise LimitError(TOO_LARGE, f"{len(content)} bytes, at most {limit} are read")
    if content.count(b"[") + content.count(b"{") > nesting:
        _measure(content, nesting)
    try:
        tree = orjson.loads(content)
        # orjson keeps the last of two equal members and reads long integers as doubles; where writing gives the very
        # bytes back, neither can have happened
        if orjson.dumps(tree) == content:
            return tree
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass  # the slow reader below says what is wrong
    return _read_slowly(content)


def _measure(content: bytes, nesting: int) -> None:
    depth = 0
    text = False
    escaped = False
    for byte in content:
        if text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                text = False
        elif byte == 0x22:
            text = True
        elif byte in b"[{":
            depth += 1
            if depth > nesting:
                raise LimitError(TOO_DEEP, f"more than {nesting} levels")
        elif byte in b"]}":
            depth -= 1


def _read_slowly(content: bytes) -> Any:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(MALFORMED, "not UTF-8", where=f"byte {error.start}") from error
    try:
        tree = json.loads(
            text, object_pairs_hook=_object, parse_float=_fraction, parse_int=_integer, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        raise InputError(MALFORMED, error.msg, where=f"line {error.lineno} column {error.colno}") from error
    except RecursionError as error:
        raise LimitError(TOO_DEEP) from error
    if "\\u" in text:
        _no_surrogates(tree)
    return tree


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise InputError(REPEATED, where=name[:80].encode("utf-8", "replace").decode())
            seen.add(name)
    return made


def _integer(digits: str) -> int | float:
    if len(digits) > _DIGITS:
        raise InputError(NO_NUMBER, f"{len(digits)} digits")
    # JCS writes the negative zero as 0; as an integer it is 0
    return int(digits)


def _fraction(digits: str) -> float | Decimal:
    if len(digits) > _DIGITS:
        raise InputError(NO_NUMBER, f"{len(digits)} digits")
    number = float(digits)
    if not math.isfinite(number):
        raise InputError(NO_NUMBER, "beyond the range of a double")
    try:
        exact = Decimal(digits)
    except InvalidOperation as error:
        raise InputError(NO_NUMBER, "an exponent out of range") from error
    if Decimal(repr(number)) == exact:
        return number
    if number == 0 or abs(exact.adjusted()) > 308:
        raise InputError(NO_NUMBER, "beyond the range of a double")
    return exact


def _constant(name: str) -> NoReturn:
    raise InputError(MALFORMED, f"{name} is not JSON")


def _no_surrogates(tree: Any) -> None:
    try:
        json.dumps(tree, ensure_ascii=False, default=str).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(NO_TEXT) from error


def write(tree: Any, *, ordered: bool = False, limit: int = LIMIT) -> bytes:
    """`tree` without blanks; with `ordered` the members are sorted by code point.

    Raises InputError where a text has no byte form, LimitError over `limit` bytes.
    """
    try:
        content = orjson.dumps(tree, option=orjson.OPT_SORT_KEYS if ordered else None)
    except orjson.JSONEncodeError:
        content = _write_slowly(tree, ordered)
    if len(content) > limit:
        raise LimitError(TOO_LARGE, f"{len(content)} bytes, at most {limit} are written")
    return content


def _write_slowly(tree: Any, ordered: bool) -> bytes:
    parts: list[str] = []
    _write_into(parts, tree, ordered)
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(NO_TEXT) from error


def _write_into(parts: list[str], tree: Any, ordered: bool) -> None:
    if isinstance(tree, dict):
        mark = "{"
        for name in sorted(tree) if ordered else tree:
            parts.append(f"{mark}{json.dumps(name, ensure_ascii=False)}:")
            _write_into(parts, tree[name], ordered)
            mark = ","
        parts.append("{}" if mark == "{" else "}")
    elif isinstance(tree, (list, tuple)):
        mark = "["
        for item in tree:
            parts.append(mark)
            _write_into(parts, item, ordered)
            mark = ","
        parts.append("[]" if mark == "[" else "]")
    elif isinstance(tree, Decimal):
        parts.append(str(tree))
    else:
        parts.append(json.dumps(tree, ensure_ascii=False, allow_nan=False))
