"""The audit log, with triggers that protect it from changes"""

import sqlalchemy as sa
from alembic import op

revision = "a0d1710c5b3e"
down_revision = "b10c4ed0a7e2"
branch_labels = None
depends_on = None

LEAST_DAYS = 365
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
GUARDS = {
    "sqlite": (
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is not changed'); END",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
        f"WHEN OLD.at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-{LEAST_DAYS} days') "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is not deleted'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $guard$ BEGIN "
        f"IF TG_OP = 'DELETE' AND OLD.at <= clock_timestamp() - interval '{LEAST_DAYS} days' THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'the audit log is neither changed nor deleted'; END $guard$",
        "CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_guard()",
    ),
}


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=191), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("noun", sa.String(length=32), nullable=False),
        sa.Column("thing_id", sa.String(length=191), nullable=False),
        sa.Column("thing", sa.String(length=191), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    for column in ("at", "actor", "noun"):
        op.create_index(op.f(f"ix_audit_{column}"), "audit", [column])
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_guard()")
