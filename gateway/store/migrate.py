"""Brings a database to this release's schema; creates it where there is none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from gateway.errors import StoreError
from gateway.store.database import NEWER, UNUSABLE, open_engine, path_of
from gateway.store.schema import SCHEMA

__all__ = ["Migrated", "migrate", "pending"]


@dataclass(frozen=True, slots=True)
class Migrated:
    """From which schema (None: there was no database) to which."""

    before: str | None
    after: str


def _config(connection: sa.Connection) -> object:
    from alembic.config import Config  # alembic costs 0.1 s of start-up, and only migrating needs it

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _current(connection: sa.Connection) -> str | None:
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def pending(url: str) -> Migrated:
    """What `migrate` would do. Raises StoreError where it could not."""
    path = path_of(url)
    if path is not None and not path.is_file():
        return Migrated(None, SCHEMA)
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            before = _current(connection)
    except sa.exc.DBAPIError as error:
        raise StoreError(UNUSABLE, str(error.orig), where=str(path or url)) from error
    finally:
        engine.dispose()
    if before is not None and before > SCHEMA:
        raise StoreError(NEWER, f"its schema is {before}, this release works with {SCHEMA}", where=str(path or url))
    return Migrated(before, SCHEMA)


def migrate(url: str) -> Migrated:
    """Create or bring up to date. Harmless when nothing is to do. Raises StoreError; nothing half-done stays."""
    from alembic import command
    from alembic.config import Config

    plan = pending(url)
    path = path_of(url)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            config = _config(connection)
            assert isinstance(config, Config)
            command.upgrade(config, SCHEMA)
            connection.exec_driver_sql("COMMIT")
    except sa.exc.DBAPIError as error:
        raise StoreError(UNUSABLE, str(error.orig), where=str(path or url)) from error
    finally:
        engine.dispose()
    return plan
