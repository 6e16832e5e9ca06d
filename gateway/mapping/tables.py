"""Code tables: an office's codes beside the common ones, in files of their own.

    {"source": "where the codes come from", "open": false,
     "codes": {"office code": "common code", …},
     "write": {"common code": "office code"},       which of several, on the way back
     "unmapped": "W00"}                             open tables: the standard's code for what is not in the table

A closed table refuses an unknown code by name. An open one falls back to `unmapped`; the rule beside it keeps the
office's own code, and the loss report says that it was not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import InputError, fault
from gateway.mapping.days import Unfit

__all__ = ["BAD_TABLE", "Table", "Unknown", "Unmapped", "load"]

BAD_TABLE = fault(
    "mapping.table",
    "A code table is not what it must be.",
    'Write {"source", "open", "codes", "write"?, "unmapped"?}; a common code of several codes stands in "write".',
)


class Unknown(Unfit):
    """A closed table does not know the code."""


class Unmapped(str):
    """The standard's code for what an open table does not know."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `codes` reads, `back` writes; `unmapped` is None where the table is closed."""

    name: str
    source: str
    codes: Mapping[str, Any]
    back: Mapping[Any, str]
    unmapped: str | None

    def read(self, code: Any) -> Any:
        """The common code. Raises Unknown where a closed table has none."""
        if type(code) is not str:
            raise Unfit(f"not a code of the table {self.name!r}")
        made = self.codes.get(code)
        if made is None:
            if self.unmapped is None:
                raise Unknown(f"the code {code[:60]!r} is not in the closed table {self.name!r}")
            return Unmapped(self.unmapped)
        return made

    def write(self, common: Any) -> str:
        """The office's code. Raises Unknown where there is none."""
        made = self.back.get(common) if type(common) in (str, bool) else None
        if made is None:
            raise Unknown(f"the table {self.name!r} has no code for {str(common)[:60]!r}")
        return made


def load(name: str, data: Any) -> Table:
    """The table of a parsed file. Raises InputError."""
    where = f"tables/{name}.json"
    if not isinstance(data, dict) or not set(data) <= {"source", "open", "codes", "write", "unmapped", "note"}:
        raise InputError(BAD_TABLE, "not an object with the members of a table", where=where)
    source, codes, write = data.get("source"), data.get("codes"), data.get("write", {})
    if not isinstance(source, str) or not source:
        raise InputError(BAD_TABLE, "it does not say where its codes come from", where=where)
    if not isinstance(codes, dict) or not codes or not all(type(value) in (str, bool) for value in codes.values()):
        raise InputError(BAD_TABLE, "codes must map texts to texts, true or false", where=where)
    if not isinstance(write, dict) or not all(type(value) is str for value in write.values()):
        raise InputError(BAD_TABLE, "write must map common codes to the office's codes", where=where)
    unmapped = data.get("unmapped")
    if type(data.get("open")) is not bool or data["open"] != (unmapped is not None):
        raise InputError(BAD_TABLE, "open is true exactly where there is an unmapped code", where=where)
    if unmapped is not None and type(unmapped) is not str:
        raise InputError(BAD_TABLE, "unmapped must be a text", where=where)
    back: dict[Any, str] = {}
    for code, common in codes.items():
        if common in back and str(common) not in write:
            raise InputError(
                BAD_TABLE,
                f"{back[common]!r} and {code!r} both mean {common!r}: say in write which is written",
                where=where,
            )
        back.setdefault(common, code)
    for common, code in write.items():
        if codes.get(code) != common:
            raise InputError(BAD_TABLE, f"write gives {code!r} for {common!r}, which does not read so", where=where)
        back[common] = code
    return Table(name, source, codes, back, unmapped)
