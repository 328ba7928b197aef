"""Erasures of people, and triggers that let them take addresses away"""

import sqlalchemy as sa
from alembic import op

from pointsync.errors import ConfigError

revision = "c4e81f0a7d35"
down_revision = "c41f7a3e92b6"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

NOTE = (
    "INSERT INTO movement_change (movement_seq, origin, movement_id, reserve_id, points, digest) "
    "SELECT seq, origin, id, reserve_id, points, digest FROM movement "
    "WHERE customer_id = OLD.id AND digest IS NOT NULL"
)
CHANGED = "(OLD.email <> NEW.email OR OLD.id <> NEW.id)"
NOT_ERASED = {
    "sqlite": "substr(NEW.email, -15) <> '@erased.invalid'",
    "postgresql": "right(NEW.email, 15) <> '@erased.invalid'",
}
"""Nothing can show any more who the movements of an erased person belong to, so they are not compared again."""
CUSTOMER_TRIGGER = {
    "sqlite": "CREATE TRIGGER customer_updated AFTER UPDATE OF id, email ON customer WHEN {when} BEGIN {note}; END",
    "postgresql": "CREATE TRIGGER customer_updated AFTER UPDATE OF id, email ON customer "
    "FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION note_customer_change()",
}
IS_PERMITTED = (
    "EXISTS (SELECT 1 FROM audit_permit) AND OLD.id = NEW.id AND OLD.at = NEW.at AND OLD.how = NEW.how "
    "AND OLD.action = NEW.action AND OLD.noun = NEW.noun"
)
AUDIT_TRIGGER = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit {when}"
    "BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END"
)
AUDIT_FUNCTION = (
    "CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN "
    "{permit}IF TG_OP = 'DELETE' AND OLD.at <= clock_timestamp() - interval '365 days' THEN RETURN OLD; END IF; "
    "RAISE EXCEPTION 'the audit log is neither changed nor deleted'; END $guard$"
)


def upgrade() -> None:
    op.add_column("customer", sa.Column("erased_until", TIME, nullable=True))
    op.create_table(
        "erasure_key",
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("sealed_key", sa.String(1000), nullable=False),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_erasure_key")),
    )
    op.create_table(
        "erasure",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("origin", sa.String(191), nullable=True),
        sa.Column("change_id", sa.String(64), nullable=True),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("requested_by", sa.String(191), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("stopped_at", TIME, nullable=True),
        sa.Column("stopped_by", sa.String(191), nullable=True),
        sa.Column("effective_at", TIME, nullable=True),
        sa.Column("carried_out_at", TIME, nullable=True),
        sa.Column("cleaned_at", TIME, nullable=True),
        sa.Column("position", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("sealed_addresses", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("origin", "change_id", name=op.f("uq_erasure_origin_change_id")),
    )
    is_waiting = sa.text("effective_at IS NULL AND stopped_at IS NULL")
    op.create_index("ix_erasure_waiting", "erasure", ["due_at"], sqlite_where=is_waiting, postgresql_where=is_waiting)
    op.create_table(
        "erased_address",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("hash", sa.String(40), nullable=False),
        sa.Column("erasure_id", ROW_NUMBER, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("token", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erased_address")),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasure.id"], name=op.f("fk_erased_address_erasure_id")),
        sa.UniqueConstraint("hash", "erasure_id", name=op.f("uq_erased_address_hash_erasure_id")),
        sa.UniqueConstraint("token", name=op.f("uq_erased_address_token")),
    )
    op.create_index(op.f("ix_erased_address_erasure_id"), "erased_address", ["erasure_id"])
    op.create_table(
        "erasure_receipt",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("erasure_id", ROW_NUMBER, nullable=False),
        sa.Column("auth", sa.String(191), nullable=False),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("is_told_by_hand", sa.Boolean(), nullable=False),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("done_at", TIME, nullable=True),
        sa.Column("cleaned_at", TIME, nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("ticked_by", sa.String(191), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_receipt")),
        sa.ForeignKeyConstraint(["erasure_id"], ["erasure.id"], name=op.f("fk_erasure_receipt_erasure_id")),
        sa.UniqueConstraint("erasure_id", "auth", name=op.f("uq_erasure_receipt_erasure_id_auth")),
    )
    op.create_table(
        "backup_file",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("path", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_file")),
        sa.UniqueConstraint("path", name=op.f("uq_backup_file_path")),
    )
    op.create_table(
        "audit_permit",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_permit")),
    )
    _set_triggers(is_erasing=True)


def downgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM erasure")):
        raise ConfigError(
            "People were erased, or somebody has asked for it. The version before knows nothing of that: it would bring "
            "erased people back, and forget the requests. Restore a backup of that version instead."
        )
    _set_triggers(is_erasing=False)
    for table in ("audit_permit", "backup_file", "erasure_receipt", "erased_address", "erasure", "erasure_key"):
        op.drop_table(table)
    op.drop_column("customer", "erased_until")


def _set_triggers(*, is_erasing: bool) -> None:
    dialect = op.get_bind().dialect.name
    when = f"{CHANGED} AND {NOT_ERASED[dialect]}" if is_erasing else CHANGED
    create_customer_trigger = CUSTOMER_TRIGGER[dialect].format(when=when, note=NOTE)
    if dialect == "sqlite":
        statements = [
            "DROP TRIGGER customer_updated",
            create_customer_trigger,
            "DROP TRIGGER audit_no_update",
            AUDIT_TRIGGER.format(when=f"WHEN NOT ({IS_PERMITTED}) " if is_erasing else ""),
        ]
    else:
        permit = f"IF TG_OP = 'UPDATE' THEN IF {IS_PERMITTED} THEN RETURN NEW; END IF; END IF; " if is_erasing else ""
        statements = [
            "DROP TRIGGER customer_updated ON customer",
            create_customer_trigger,
            AUDIT_FUNCTION.format(permit=permit),
        ]
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)
