"""Hot statements, compiled once: rows go in as tuples, in the order of the columns named here.

SQLAlchemy compiles each for the dialect in use; only its per-row handling of dictionaries is left out, which
at a few thousand records a second costs more than the database itself.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

__all__ = ["Among", "Insert", "Update", "chunks", "pack", "unpack"]


class Insert:
    """`INSERT INTO table (columns)`, many rows at once."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        self._statement = sa.insert(table).values({name: sa.bindparam(name) for name in columns})
        self._columns = columns
        self._compiled: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            connection.exec_driver_sql(_compiled(self, connection.dialect), rows)


class Update:
    """`UPDATE table SET … WHERE id = …`, many rows at once; parameters in the order of `columns`, the id last."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        self._statement = (
            sa.update(table)
            .where(table.c.id == sa.bindparam("row"))
            .values({name: sa.bindparam(f"new_{name}") for name in columns})
        )
        self._columns = (*(f"new_{name}" for name in columns), "row")
        self._compiled: dict[str, str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            connection.exec_driver_sql(_compiled(self, connection.dialect), rows)


class Among:
    """`SELECT … WHERE column IN (…)` for any number of values, compiled for a few sizes once.

    SQLAlchemy's own expanding IN builds its text anew for every call. Sizes are filled up by repeating a value.
    """

    _SIZES = (1, 8, 64, 500)

    def __init__(self, select: sa.Select[Any], column: sa.ColumnElement[Any]) -> None:
        self._select = select
        self._column = column
        self._texts: dict[tuple[str, int], str] = {}

    def rows(self, connection: Connection, values: Sequence[Any]) -> list[Any]:
        """All rows for `values`, in no order."""
        found: list[Any] = []
        at = 0
        while at < len(values):
            size = next((size for size in self._SIZES if size >= len(values) - at), self._SIZES[-1])
            some = tuple(values[at : at + size])
            at += size
            some += some[-1:] * (size - len(some))
            text = self._texts.get((connection.dialect.name, size)) or self._text(connection.dialect, size)
            found.extend(connection.exec_driver_sql(text, some).fetchall())
        return found

    def _text(self, dialect: Dialect, size: int) -> str:
        query = self._select.where(self._column.in_([sa.bindparam(f"value{number}") for number in range(size)]))
        compiled = query.compile(dialect=dialect)
        if compiled.positiontup != [f"value{number}" for number in range(size)]:
            raise AssertionError(f"{dialect.name} takes parameters in another way than by position")
        text = self._texts[dialect.name, size] = str(compiled)
        return text


def _compiled(statement: Insert | Update, dialect: Dialect) -> str:
    text = statement._compiled.get(dialect.name)
    if text is None:
        compiled = statement._statement.compile(dialect=dialect)
        order = compiled.positiontup
        if order is None or tuple(order) != statement._columns:
            raise AssertionError(f"{dialect.name} orders the parameters as {order}, not as {statement._columns}")
        text = statement._compiled[dialect.name] = str(compiled)
    return text


def chunks(values: Sequence[Any], size: int = 500) -> Sequence[Sequence[Any]]:
    """`values` in runs that fit the number of parameters that a statement may have."""
    return [values[at : at + size] for at in range(0, len(values), size)]


def pack(ids: Sequence[int]) -> bytes:
    """Ids as a packed column holds them: int64, little-endian, one after the other."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The ids in a packed column."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)
