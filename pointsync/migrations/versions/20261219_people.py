"""Customers with several addresses, the changes that say so, and customers who may be the same"""

import sqlalchemy as sa
from alembic import op

revision = "9b2e6f40a1d8"
down_revision = "c41f7d92ab06"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
EMAIL_TYPE = sa.String(320).with_variant(sa.String(320, collation="C"), "postgresql")
FOREIGN_KEY = "fk_customer_merged_into_id"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":  # the table is not copied: others refer to it
        op.execute(
            f"ALTER TABLE customer ADD COLUMN merged_into_id INTEGER CONSTRAINT {FOREIGN_KEY} REFERENCES customer (id)"
        )
    else:
        op.add_column(
            "customer", sa.Column("merged_into_id", ROW_NUMBER, sa.ForeignKey("customer.id", name=FOREIGN_KEY))
        )
    is_merged = sa.text("merged_into_id IS NOT NULL")
    op.create_index(
        "ix_customer_merged_into_id", "customer", ["merged_into_id"], sqlite_where=is_merged, postgresql_where=is_merged
    )
    op.add_column("customer", sa.Column("loose_key", sa.BigInteger(), nullable=True))
    has_key = sa.text("loose_key IS NOT NULL")
    op.create_index("ix_customer_loose_key", "customer", ["loose_key"], sqlite_where=has_key, postgresql_where=has_key)
    is_new = sa.text("loose_key IS NULL")
    op.create_index("ix_customer_without_loose_key", "customer", ["id"], sqlite_where=is_new, postgresql_where=is_new)
    _create_pairs()
    op.create_table(
        "customer_change",
        sa.Column("seq", ROW_NUMBER, nullable=False),
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("change", sa.String(16), nullable=False),
        sa.Column("customer", EMAIL_TYPE, nullable=False),
        sa.Column("into_address", EMAIL_TYPE, nullable=True),
        sa.Column("undoes_origin", sa.String(191), nullable=True),
        sa.Column("undoes_id", sa.String(64), nullable=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("recorded_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_customer_change")),
        sa.UniqueConstraint("origin", "id", name=op.f("uq_customer_change_origin_id")),
    )
    op.create_index("ix_customer_change_customer", "customer_change", ["customer"])
    has_into = sa.text("into_address IS NOT NULL")
    op.create_index(
        "ix_customer_change_into_address",
        "customer_change",
        ["into_address"],
        sqlite_where=has_into,
        postgresql_where=has_into,
    )


def _create_pairs() -> None:
    op.create_table(
        "customer_pair",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("first_id", ROW_NUMBER, nullable=False),
        sa.Column("second_id", ROW_NUMBER, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("asked_by", sa.String(191), nullable=True),
        sa.Column("found_at", TIME, nullable=False),
        sa.Column("dismissed_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["first_id"], ["customer.id"], name=op.f("fk_customer_pair_first_id_customer")),
        sa.ForeignKeyConstraint(["second_id"], ["customer.id"], name=op.f("fk_customer_pair_second_id_customer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_pair")),
        sa.UniqueConstraint("first_id", "second_id", name=op.f("uq_customer_pair_first_id_second_id")),
    )
    op.create_index("ix_customer_pair_second_id", "customer_pair", ["second_id"])
    is_open = sa.text("dismissed_at IS NULL")
    op.create_index("ix_customer_pair_open", "customer_pair", ["id"], sqlite_where=is_open, postgresql_where=is_open)


def downgrade() -> None:
    # The version before knows one address per customer. So each address becomes a customer again.
    op.execute(
        "INSERT INTO balance (customer_id, reserve_id, points) SELECT movement.customer_id, movement.reserve_id, 0 "
        "FROM movement JOIN customer ON customer.id = movement.customer_id WHERE customer.merged_into_id IS NOT NULL "
        "GROUP BY movement.customer_id, movement.reserve_id"
    )
    op.execute(
        "UPDATE balance SET points = (SELECT coalesce(sum(movement.points), 0) FROM movement WHERE "
        "movement.customer_id = balance.customer_id AND movement.reserve_id = balance.reserve_id) WHERE customer_id IN "
        "(SELECT id FROM customer WHERE merged_into_id IS NOT NULL UNION SELECT merged_into_id FROM customer)"
    )
    op.drop_table("customer_change")
    op.drop_table("customer_pair")
    for name in ("ix_customer_loose_key", "ix_customer_without_loose_key"):
        op.drop_index(name, "customer")
    op.drop_column("customer", "loose_key")
    op.drop_index("ix_customer_merged_into_id", "customer")
    op.drop_column("customer", "merged_into_id")
