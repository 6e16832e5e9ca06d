"""One writer, transactions that hold together, a schema that is checked at start."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.errors import Misuse, StoreError
from gateway.store import migrate as migrations
from gateway.store import schema
from gateway.store.database import Database, open_engine
from gateway.store.migrate import Migrated, migrate, pending
from tests.unit.store.conftest import Store, count


def test_migrating_gives_the_tables_of_this_release(url: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'deep' / 'gateway.db'}"
    assert pending(url) == Migrated(None, schema.SCHEMA)
    assert migrate(url) == Migrated(None, schema.SCHEMA)
    assert migrate(url) == Migrated(schema.SCHEMA, schema.SCHEMA)
    assert (tmp_path / "deep" / "gateway.db").stat().st_mode & 0o077 == 0, "nobody else's to read"


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command

    url = f"sqlite:///{tmp_path / 'gateway.db'}"
    real = command.upgrade

    def half(config, revision) -> None:
        real(config, revision)
        raise sa.exc.OperationalError("CREATE", {}, sqlite3.OperationalError("disk I/O error"))

    monkeypatch.setattr(command, "upgrade", half)
    with pytest.raises(StoreError, match="disk"):
        migrate(url)
    monkeypatch.undo()
    with sqlite3.connect(tmp_path / "gateway.db") as database:
        assert database.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert migrate(url).before is None


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE alembic_version SET version_num = '0000'", "store.older-schema"),
        ("UPDATE alembic_version SET version_num = '9999'", "store.newer-schema"),
        ("DROP TABLE alembic_version", "store.foreign"),
        ("DELETE FROM alembic_version", "store.foreign"),
    ],
)
def test_another_schema_is_refused(url: str, statement: str, code: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute(statement)
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert caught.value.code == code
    if code == "store.newer-schema":
        with pytest.raises(StoreError, match="9999"):
            pending(url)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Database(f"sqlite:///{tmp_path / 'none.db'}")
    assert caught.value.code == "store.missing"
    junk = tmp_path / "junk.db"
    junk.write_bytes(b"this is a text, and no database" * 100)
    for ask in (Database, pending, migrate):
        with pytest.raises(StoreError) as caught:
            ask(f"sqlite:///{junk}")
        assert caught.value.code == "store.unusable"


def test_a_database_has_one_writer(url: str) -> None:
    first = Database(url)
    with pytest.raises(StoreError) as caught:
        Database(url)
    assert caught.value.code == "store.in-use"
    first.close()
    first.close()
    Database(url).close()
    with pytest.raises(Misuse):
        first.write_now(lambda connection: None)


async def test_work_that_fails_takes_nothing_with_it(store: Store) -> None:
    """Three pieces of work in one transaction; the one in the middle fails."""
    gate = threading.Event()
    database = store.database
    commits: list[int] = []
    database.after_commit = lambda: commits.append(1)

    def put(number: int, fail: bool = False):
        def work(connection):
            connection.execute(sa.insert(schema.settings).values(name=f"n{number}", value=number))
            if fail:
                raise ValueError("this one")
            return number

        return work

    held = asyncio.create_task(database.write(lambda connection: gate.wait(5)))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(database.write(put(number, number == 2))) for number in (1, 2, 3)]
    await asyncio.sleep(0.05)
    commits.clear()
    gate.set()
    await held
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], ValueError)
    assert results[2] == 3
    assert len(commits) == 2, "one for the first, one for the other three together"
    assert store.ask("SELECT name FROM settings ORDER BY name") == [("n1",), ("n3",)]


def test_what_was_rolled_back_is_forgotten(store: Store) -> None:
    first = store.entry("XA/a/1", number=1)

    def fails(connection):
        store.intake.take(connection, store.arrival(first), lambda *_: None, 1)
        raise ValueError("afterwards")

    with pytest.raises(ValueError, match="afterwards"):
        store.do(fails)
    assert store.do(lambda c: count(c, "entries")) == 0
    store.take(store.entry("XA/a/1", number=1))
    assert store.ask("PRAGMA foreign_key_check") == []
    assert store.ask("SELECT id FROM records") == [(1,)]


def test_a_commit_that_fails_is_told_to_all_who_shared_it(store: Store) -> None:
    def refuse() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    store.database.before_commit = refuse
    with pytest.raises(sqlite3.OperationalError):
        store.do(lambda c: c.execute(sa.insert(schema.settings).values(name="n", value=1)))
    store.database.before_commit = lambda: None
    assert store.do(lambda c: count(c, "settings")) == 0


def test_errors_of_the_database_have_a_code(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.do(lambda c: c.exec_driver_sql("SELECT nothing FROM nowhere"))
    assert caught.value.code == "store.unusable"
    assert store.do(lambda c: 1) == 1, "and it goes on"
    with pytest.raises(StoreError), store.database.reading() as connection:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")


def test_readers_see_one_state(store: Store) -> None:
    with store.database.reading() as connection:
        assert count(connection, "entries") == 0
        store.take(store.entry(number=1))
        assert count(connection, "entries") == 0
    with store.database.reading() as connection:
        assert count(connection, "entries") == 1


def test_a_commit_is_on_disk(url: str) -> None:
    """What returned from a write is there for another process at once, and the flush is the full one."""
    database = Database(url)
    assert database.write_now(lambda c: c.exec_driver_sql("PRAGMA synchronous").scalar()) == 2
    assert database.write_now(lambda c: c.exec_driver_sql("PRAGMA journal_mode").scalar()) == "wal"
    database.close()


def test_the_migration_module_has_no_second_way_in() -> None:
    assert set(migrations.__all__) == {"Migrated", "migrate", "pending"}
