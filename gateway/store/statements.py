"""Hot statements: rows go in as tuples, in the order of the columns named here, many of them in one statement.

One statement is one step of the database. Python lets its lock go at every step, and takes it back from whoever works
meanwhile: with a step for every row, writing a few thousand of them would wait a few thousand times. SQLAlchemy
gives the names their quotes and the parameters their form.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect

__all__ = ["Among", "Insert", "Update", "chunks", "pack", "unpack"]

_TOGETHER: Final = (64, 8, 1)
"""Rows of one statement: few sizes, so that few statements are prepared."""


class _Rows:
    """A statement over rows of `width` parameters each."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._texts: dict[tuple[str, int], str] = {}

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        at = 0
        while at < len(rows):
            size = next(size for size in _TOGETHER if size <= len(rows) - at)
            some = rows[at : at + size]
            at += size
            if any(len(row) != self._width for row in some):
                raise ValueError(f"a row of another number of values than {self._width}")
            text = self._texts.get((connection.dialect.name, size)) or self._made(connection.dialect, size)
            connection.exec_driver_sql(text, tuple(chain.from_iterable(some)))

    def _made(self, dialect: Dialect, size: int) -> str:
        mark = {"qmark": "?", "format": "%s", "pyformat": "%s"}[dialect.paramstyle]
        row = f"({', '.join([mark] * self._width)})"
        text = self._texts[dialect.name, size] = self._text(dialect, ", ".join([row] * size))
        return text

    def _text(self, dialect: Dialect, values: str) -> str:
        raise NotImplementedError


class Insert(_Rows):
    """`INSERT INTO table (columns) VALUES …`."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        super().__init__(len(columns))
        self._table = table
        self._columns = [table.c[name] for name in columns]

    def _text(self, dialect: Dialect, values: str) -> str:
        quote = dialect.identifier_preparer
        names = ", ".join(quote.format_column(column) for column in self._columns)
        return f"INSERT INTO {quote.format_table(self._table)} ({names}) VALUES {values}"  # noqa: S608  # of marks


class Update(_Rows):
    """`UPDATE table SET columns = … WHERE id = …`; a row is the id, then the values in the order of `columns`."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        super().__init__(1 + len(columns))
        self._table = table
        self._columns = [table.c[name] for name in columns]

    def _text(self, dialect: Dialect, values: str) -> str:
        quote = dialect.identifier_preparer
        table = quote.format_table(self._table)
        sets = ", ".join(
            f"{quote.format_column(column)} = given.column{place}" for place, column in enumerate(self._columns, 2)
        )
        return f"UPDATE {table} SET {sets} FROM (VALUES {values}) AS given WHERE {table}.id = given.column1"  # noqa: S608


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


def chunks(values: Sequence[Any], size: int = 500) -> Sequence[Sequence[Any]]:
    """`values` in runs that fit the number of parameters that a statement may have."""
    return [values[at : at + size] for at in range(0, len(values), size)]


def pack(ids: Sequence[int]) -> bytes:
    """Ids as a packed column holds them: int64, little-endian, one after the other."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpack(packed: bytes) -> tuple[int, ...]:
    """The ids in a packed column."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)
