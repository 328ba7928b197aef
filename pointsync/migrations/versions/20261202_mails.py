"""Mails to customers, their texts, and the status of the mail server"""

import sqlalchemy as sa
from alembic import op

revision = "b81e6d20f4a7"
down_revision = "d41c7e90ab52"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "mail",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("cause", sa.String(length=300), nullable=False),
        sa.Column("customer_id", ROW_NUMBER, nullable=True),
        sa.Column("address", sa.String(length=320), nullable=True),
        sa.Column("reserve_id", sa.Integer(), nullable=True),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT, nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_mail_customer_id")),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_mail_reserve_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("cause", name=op.f("uq_mail_cause")),
    )
    op.create_index(op.f("ix_mail_customer_id"), "mail", ["customer_id"])
    op.create_index("ix_mail_state_id", "mail", ["state", "id"])
    where = sa.text("state = 'waiting'")
    op.create_index("ix_mail_due", "mail", ["next_at", "id"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "mail_text",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=150), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_mail_text")),
    )
    op.create_table(
        "mail_server",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("failed_at", MOMENT, nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail_server")),
    )
    op.add_column("expiry", sa.Column("told_day", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("expiry", "told_day")
    for table in ("mail_server", "mail_text", "mail"):
        op.drop_table(table)
