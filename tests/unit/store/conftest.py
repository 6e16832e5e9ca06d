"""A database of its own for each test, and batches to put into it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from gateway.proofs import cbor
from gateway.spi import Evidence, NativeRecord, NetworkId, Position, Relay, SourceRecord
from gateway.store.database import Database
from gateway.store.drafts import Arrival, EntryDraft, MappingUsed, RecordDraft, Taken
from gateway.store.intake import Intake
from gateway.store.migrate import migrate
from gateway.store.schema import EntryState

HERE = NetworkId("sandbox", "here", b"h" * 32)
THERE = NetworkId("sandbox", "there", b"t" * 32)
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW = 1_772_366_400_000_000


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'gateway.db'}"
    migrate(made)
    return made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    try:
        yield opened
    finally:
        opened.close()


class Store:
    """A store with one source and one destination."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.intake = Intake()
        database.rolled_back = self.intake.forget
        self.here = self.do(lambda c: self.intake.network(c, HERE, "xa", "XA"))
        self.there = self.do(lambda c: self.intake.network(c, THERE, "xb", "XB"))
        self.source = self.do(lambda c: self.intake.source(c, self.here, "ledger"))
        self.position: Position | None = None

    def do(self, work: Any) -> Any:
        return self.database.write_now(work)

    def ask(self, query: str, *values: Any) -> list[Any]:
        return self.do(lambda c: c.exec_driver_sql(query, values).fetchall())

    def entry(self, *subjects: str, number: int = 0, content: bytes = b"{}", **fields: Any) -> EntryDraft:
        """One entry with one record about `subjects`, on its way to `there`."""
        key = hashlib.sha256(b"%d" % number).digest()
        source = SourceRecord(
            "ledger",
            {"block": key, "index": number},
            NativeRecord("register-sandbox", content),
            Evidence("sandbox/1", HERE.digest, {}, (hashlib.sha256(b"block").digest(),), {}),
            WHEN,
            key,
            Relay(key, os.urandom(32)),
        )
        json = b'{"n":%d}' % number
        record = RecordDraft(
            hashlib.sha256(b"record" + key).digest(),
            1,
            0,
            "Application",
            subjects or (f"XA/xa-application/XA{number}",),
            (6, 6 + len(json)),
            b'{"a":1' + json + b"}",
            None,
            [(self.there, hashlib.sha256(b"delivery" + key).digest())],
        )
        draft = EntryDraft(
            source,
            EntryState.SEALED,
            cbor.encode(dict(source.locus)),
            source.evidence.encode(),
            "consensus",
            MappingUsed("register-sandbox", "1.0.0", b"m" * 32),
            b"[]",
            b"",
            [record],
        )
        for name, value in fields.items():
            setattr(draft, name, value)
        return draft

    def arrival(self, *entries: EntryDraft, **fields: Any) -> Arrival:
        height = 1 if self.position is None else self.position.height + 1
        made = Arrival(
            self.source,
            self.position,
            Position(height, height.to_bytes(32, "big")),
            height,
            NOW,
            list(entries),
            {hashlib.sha256(b"block").digest(): b"block"},
        )
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    def take(self, *entries: EntryDraft, **fields: Any) -> Taken:
        arrival = self.arrival(*entries, **fields)
        taken = self.do(lambda c: self.intake.take(c, arrival, _never, NOW))
        self.position = arrival.position
        return taken  # type: ignore[no-any-return]  # by way of the writer


def _never(*_: Any) -> Any:
    raise AssertionError("nothing is withdrawn here")


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


def count(connection: Connection, table: str) -> int:
    return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
