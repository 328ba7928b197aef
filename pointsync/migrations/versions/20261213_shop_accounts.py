"""Accounts of shops, the rules of early hooks, the last order of a hook, and deliveries that need attention"""

import json

import sqlalchemy as sa
from alembic import op

revision = "3c9a7e51d6b2"
down_revision = "c1f4a09d6e27"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ADDRESS = sa.String(320).with_variant(sa.String(320, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "shop_account",
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("email", ADDRESS, nullable=True),
        sa.Column("modified_at", TIME, nullable=True),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("is_settling", sa.Boolean(), nullable=False),
        sa.Column("after_order_id", ROW_NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_account_shop_id")),
        sa.PrimaryKeyConstraint("shop_id", "account_id", name=op.f("pk_shop_account")),
    )
    op.create_index(
        "ix_shop_account_is_settling",
        "shop_account",
        ["shop_id", "account_id"],
        sqlite_where=sa.text("is_settling = 1"),
        postgresql_where=sa.text("is_settling"),
    )
    op.add_column("shop_order", sa.Column("account_id", sa.BigInteger(), nullable=True))
    has_account = sa.text("account_id > 0")
    op.create_index(
        "ix_shop_order_account",
        "shop_order",
        ["shop_id", "account_id", "id"],
        sqlite_where=has_account,
        postgresql_where=has_account,
    )
    op.add_column("kept_delivery", sa.Column("account_id", sa.BigInteger(), nullable=True))
    op.add_column("hook_delivery", sa.Column("problem", sa.String(16), nullable=True))
    has_problem = sa.text("problem IS NOT NULL")
    op.create_index(
        "ix_hook_delivery_problem",
        "hook_delivery",
        ["hook_id", "id"],
        sqlite_where=has_problem,
        postgresql_where=has_problem,
    )
    op.add_column("hook", sa.Column("early_rule", sa.Text(), nullable=True))
    op.add_column("hook", sa.Column("last_order", sa.Text(), nullable=True))
    _fill_early_rules(op.get_bind())


def _fill_early_rules(connection: sa.Connection) -> None:
    """Hooks that count the total may have recorded orders before orders had rows. From now on, a rule can change."""
    hook = sa.table("hook", sa.column("id"), sa.column("order_rule"), sa.column("early_rule"))
    for row in connection.execute(sa.select(hook).where(hook.c.order_rule.is_not(None))).all():
        if json.loads(row.order_rule).get("base") == "total":
            connection.execute(sa.update(hook).where(hook.c.id == row.id).values(early_rule=row.order_rule))


def downgrade() -> None:
    op.drop_column("hook", "last_order")
    op.drop_column("hook", "early_rule")
    op.drop_index("ix_hook_delivery_problem", "hook_delivery")
    op.drop_column("hook_delivery", "problem")
    op.drop_column("kept_delivery", "account_id")
    op.drop_index("ix_shop_order_account", "shop_order")
    op.drop_column("shop_order", "account_id")
    op.drop_table("shop_account")
