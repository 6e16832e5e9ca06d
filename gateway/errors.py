"""The exception tree. Every error carries a stable code, what is wrong, where, and what to do.

    GatewayError
    ├── ConfigError       a setting is wrong; `run` opens nothing
    ├── InputError        bytes from outside are not what they must be (formats, evidence, dossiers, credentials)
    │   └── LimitError    … because they exceed a size, count or nesting limit
    ├── MappingError      a record cannot be translated; it is quarantined, its neighbours pass
    ├── TrustError        keys, DIDs, credentials, registry
    ├── StoreError        the database: missing, foreign, of another schema, full
    ├── Transient         a network did not answer as it should; tried again
    ├── Permanent         a network will never take this; the lane is parked
    │   └── Broken        an anchor or parent link does not hold; that source stops, and only it
    └── Misuse            a caller of this library broke a contract (a bug, not bad input)

A *fault* is declared once, beside the code that raises it; the reference page of errors is generated
from all declared faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "Broken",
    "ConfigError",
    "Fault",
    "GatewayError",
    "InputError",
    "LimitError",
    "MappingError",
    "Misuse",
    "Permanent",
    "StoreError",
    "Transient",
    "TrustError",
    "declared",
    "fault",
]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of error. `code` is dotted and never changes meaning; `hint` tells the cure."""

    code: str
    summary: str
    hint: str


_declared: Final[dict[str, Fault]] = {}


def fault(code: str, summary: str, hint: str) -> Fault:
    """Declare a fault, once, at module level. Raises ValueError where the code is taken by another."""
    made = Fault(code, summary, hint)
    if _declared.setdefault(code, made) != made:
        raise ValueError(f"the code {code!r} is already declared with another meaning")
    return made


def declared() -> tuple[Fault, ...]:
    """All faults of the modules imported so far, by code."""
    return tuple(_declared[code] for code in sorted(_declared))


class GatewayError(Exception):
    """An error with a code and a cure.

    `detail` says what was found; `where` names the file, key, path or offset; `hint` overrides the
    fault's own cure where the place that raises knows a better one.
    """

    def __init__(self, kind: Fault, detail: str = "", *, where: str | None = None, hint: str | None = None) -> None:
        self.fault = kind
        self.code = kind.code
        self.detail = detail or kind.summary
        self.where = where
        self.hint = hint or kind.hint
        super().__init__(self.code, self.detail, where)

    def __str__(self) -> str:
        place = f" (at {self.where})" if self.where else ""
        return f"{self.code}: {self.detail}{place}"

    def as_dict(self) -> dict[str, str | None]:
        """The form that `--json` prints and the store keeps."""
        return {"code": self.code, "detail": self.detail, "where": self.where, "hint": self.hint}


class ConfigError(GatewayError):
    """A setting is wrong. `others` holds the further faults of the same file, so that all are told at once."""

    others: tuple[ConfigError, ...] = ()


class InputError(GatewayError):
    """Bytes from outside are not what they must be."""


class LimitError(InputError):
    """Bytes from outside exceed a limit; nothing was decoded beyond it."""


class MappingError(GatewayError):
    """A record cannot be translated."""


class TrustError(GatewayError):
    """Keys, DIDs, credentials or the registry do not hold."""


class StoreError(GatewayError):
    """The database cannot be used as it is."""


class Transient(GatewayError):
    """A network did not answer as it should; the same call may succeed later."""


class Permanent(GatewayError):
    """A network will never take this, however often it is tried."""


class Broken(Permanent):
    """An anchor or a parent link does not hold; the source stops for a person, and only it."""


class Misuse(GatewayError):
    """A caller of this library broke a contract."""
