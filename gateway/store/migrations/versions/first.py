"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_documents")),
        sa.UniqueConstraint("digest", name=op.f("uq_documents_digest")),
    )
    op.create_table(
        "mappings",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mappings")),
        sa.UniqueConstraint("digest", name=op.f("uq_mappings_digest")),
    )
    op.create_table(
        "names",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_names")),
        sa.UniqueConstraint("name", name=op.f("uq_names_name")),
    )
    op.create_table(
        "networks",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("office", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("genesis", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_networks")),
        sa.UniqueConstraint("digest", name=op.f("uq_networks_digest")),
    )
    op.create_table(
        "orders",
        sa.Column("id", ROW, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    op.create_index(
        "ix_orders_open",
        "orders",
        ["id"],
        unique=False,
        sqlite_where=sa.text("done IS NULL"),
        postgresql_where=sa.text("done IS NULL"),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )
    op.create_table(
        "subjects",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subjects")),
        sa.UniqueConstraint("subject", name=op.f("uq_subjects_subject")),
    )
    op.create_index(op.f("ix_subjects_number"), "subjects", ["number"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("destination", ROW, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("deliveries", sa.LargeBinary(), nullable=False),
        sa.Column("prepared", sa.BigInteger(), nullable=False),
        sa.Column("submitted", sa.BigInteger(), nullable=True),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["destination"], ["networks.id"], name=op.f("fk_attempts_destination")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(
        "ix_attempts_open",
        "attempts",
        ["destination", "id"],
        unique=False,
        sqlite_where=sa.text("state < 2"),
        postgresql_where=sa.text("state < 2"),
    )
    op.create_table(
        "sources",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("network", ROW, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=True),
        sa.Column("block", sa.LargeBinary(), nullable=True),
        sa.Column("head", sa.BigInteger(), nullable=True),
        sa.Column("read", sa.BigInteger(), nullable=True),
        sa.Column("stopped", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_sources_network")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sources")),
        sa.UniqueConstraint("network", "name", name=op.f("uq_sources_network_name")),
    )
    op.create_table(
        "batches",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("source", ROW, nullable=False),
        sa.Column("height", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("stored", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["sources.id"], name=op.f("fk_batches_source")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    op.create_table(
        "entries",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("batch", ROW, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("locus", sa.LargeBinary(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("relay", sa.LargeBinary(), nullable=True),
        sa.Column("mark", sa.LargeBinary(), nullable=True),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("withdraws", sa.LargeBinary(), nullable=True),
        sa.Column("format", ROW, nullable=False),
        sa.Column("native", sa.LargeBinary(), nullable=True),
        sa.Column("native_digest", sa.LargeBinary(), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("mapping", ROW, nullable=True),
        sa.Column("losses", ROW, nullable=True),
        sa.Column("residue", ROW, nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_entries_batch")),
        sa.ForeignKeyConstraint(["format"], ["names.id"], name=op.f("fk_entries_format")),
        sa.ForeignKeyConstraint(["losses"], ["documents.id"], name=op.f("fk_entries_losses")),
        sa.ForeignKeyConstraint(["mapping"], ["mappings.id"], name=op.f("fk_entries_mapping")),
        sa.ForeignKeyConstraint(["residue"], ["documents.id"], name=op.f("fk_entries_residue")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entries")),
    )
    op.create_index(op.f("ix_entries_entry"), "entries", ["entry"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("entry", ROW, autoincrement=False, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_quarantine_entry")),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "records",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("entry", ROW, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", ROW, nullable=False),
        sa.Column("subject", ROW, nullable=False),
        sa.Column("lanes", sa.LargeBinary(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("json_start", sa.Integer(), nullable=False),
        sa.Column("json_end", sa.Integer(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_records_entry")),
        sa.ForeignKeyConstraint(["kind"], ["names.id"], name=op.f("fk_records_kind")),
        sa.ForeignKeyConstraint(["subject"], ["subjects.id"], name=op.f("fk_records_subject")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records")),
        sa.UniqueConstraint("key", "revision", name=op.f("uq_records_key_revision")),
    )
    op.create_index(op.f("ix_records_entry"), "records", ["entry"], unique=False)
    op.create_index(op.f("ix_records_subject"), "records", ["subject"], unique=False)
    op.create_table(
        "also_about",
        sa.Column("subject", ROW, autoincrement=False, nullable=False),
        sa.Column("record", ROW, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_also_about_record")),
        sa.ForeignKeyConstraint(["subject"], ["subjects.id"], name=op.f("fk_also_about_subject")),
        sa.PrimaryKeyConstraint("subject", "record", name=op.f("pk_also_about")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ROW, autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("record", ROW, nullable=False),
        sa.Column("destination", ROW, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", ROW, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("locus", sa.LargeBinary(), nullable=True),
        sa.Column("losses", ROW, nullable=True),
        sa.ForeignKeyConstraint(["destination"], ["networks.id"], name=op.f("fk_deliveries_destination")),
        sa.ForeignKeyConstraint(["losses"], ["documents.id"], name=op.f("fk_deliveries_losses")),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_deliveries_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("key", name=op.f("uq_deliveries_key")),
    )
    op.create_index(
        "ix_deliveries_held",
        "deliveries",
        ["destination", "id"],
        unique=False,
        sqlite_where=sa.text("state = 1"),
        postgresql_where=sa.text("state = 1"),
    )
    op.create_index(op.f("ix_deliveries_record"), "deliveries", ["record"], unique=False)
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["destination", "id"],
        unique=False,
        sqlite_where=sa.text("state = 0"),
        postgresql_where=sa.text("state = 0"),
    )
    op.create_table(
        "events",
        sa.Column("id", ROW, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("network", ROW, nullable=True),
        sa.Column("entry", ROW, nullable=True),
        sa.Column("record", ROW, nullable=True),
        sa.Column("delivery", ROW, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_events_delivery")),
        sa.ForeignKeyConstraint(["entry"], ["entries.id"], name=op.f("fk_events_entry")),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name=op.f("fk_events_network")),
        sa.ForeignKeyConstraint(["record"], ["records.id"], name=op.f("fk_events_record")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_delivery"), "events", ["delivery"], unique=False)
    op.create_index(op.f("ix_events_entry"), "events", ["entry"], unique=False)
    op.create_index(op.f("ix_events_record"), "events", ["record"], unique=False)
    op.create_table(
        "parked",
        sa.Column("delivery", ROW, autoincrement=False, nullable=False),
        sa.Column("destination", ROW, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_parked_delivery")),
        sa.ForeignKeyConstraint(["destination"], ["networks.id"], name=op.f("fk_parked_destination")),
        sa.PrimaryKeyConstraint("delivery", name=op.f("pk_parked")),
    )
    op.create_index(op.f("ix_parked_destination"), "parked", ["destination"], unique=False)
    op.create_table(
        "skipped",
        sa.Column("delivery", ROW, autoincrement=False, nullable=False),
        sa.Column("destination", ROW, nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name=op.f("fk_skipped_delivery")),
        sa.ForeignKeyConstraint(["destination"], ["networks.id"], name=op.f("fk_skipped_destination")),
        sa.PrimaryKeyConstraint("delivery", name=op.f("pk_skipped")),
    )
    op.create_index(op.f("ix_skipped_destination"), "skipped", ["destination"], unique=False)


def downgrade() -> None:
    op.drop_table("skipped")
    op.drop_table("parked")
    op.drop_table("events")
    op.drop_table("deliveries")
    op.drop_table("also_about")
    op.drop_table("records")
    op.drop_table("quarantine")
    op.drop_table("entries")
    op.drop_table("batches")
    op.drop_table("sources")
    op.drop_table("attempts")
    op.drop_table("subjects")
    op.drop_table("settings")
    op.drop_table("orders")
    op.drop_table("networks")
    op.drop_table("names")
    op.drop_table("mappings")
    op.drop_table("documents")
