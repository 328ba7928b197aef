"""Shops and their orders, the rules of hooks as text, and deliveries that are counted later"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from pointsync.urls import normalise_address

revision = "b7d2f0c4a918"
down_revision = "6f1c0d9b2a47"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
FOREIGN_KEY = "fk_hook_shop_id"
STATUSES = {"processing": ["processing", "completed"], "completed": ["completed"]}


def upgrade() -> None:
    op.create_table(
        "shop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("name", sa.String(191), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into_id"], ["shop.id"], name=op.f("fk_shop_merged_into_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop")),
        sa.UniqueConstraint("code", name=op.f("uq_shop_code")),
    )
    op.create_table(
        "shop_address",
        sa.Column("address", sa.String(500), nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_address_shop_id")),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_shop_address")),
    )
    op.create_index(op.f("ix_shop_address_shop_id"), "shop_address", ["shop_id"])
    op.create_table(
        "order_rule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_rule")),
        sa.UniqueConstraint("digest", name=op.f("uq_order_rule_digest")),
    )
    _create_order_tables()
    _create_kept_deliveries()
    op.add_column("hook", sa.Column("order_rule", sa.Text(), nullable=True))
    _add_shop_of_hook()
    _fill_shops(op.get_bind())


def _add_shop_of_hook() -> None:
    """On SQLite the table is not copied to add a foreign key: its deliveries refer to it."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE hook ADD COLUMN shop_id INTEGER CONSTRAINT {FOREIGN_KEY} REFERENCES shop (id)")
    else:
        op.add_column("hook", sa.Column("shop_id", sa.Integer(), sa.ForeignKey("shop.id", name=FOREIGN_KEY)))


def _create_order_tables() -> None:
    is_current, has_problem = sa.text("replaced_at IS NULL"), sa.text("problem IS NOT NULL")
    op.create_table(
        "shop_order",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("shop_id", sa.Integer(), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("order_key", sa.String(191), nullable=True),
        sa.Column("number", sa.String(64), nullable=False),
        sa.Column("first_n", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("currency", sa.String(8), nullable=False),
        sa.Column("ordered_at", TIME, nullable=True),
        sa.Column("modified_at", TIME, nullable=True),
        sa.Column("highest_refund_id", sa.BigInteger(), nullable=False),
        sa.Column("highest_line_id", sa.BigInteger(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(32), nullable=True),
        sa.Column("replaced_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("fk_shop_order_shop_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shop_order")),
    )
    op.create_index(
        "uq_shop_order_current",
        "shop_order",
        ["shop_id", "order_id"],
        unique=True,
        sqlite_where=is_current,
        postgresql_where=is_current,
    )
    op.create_index(
        "ix_shop_order_problem", "shop_order", ["id"], sqlite_where=has_problem, postgresql_where=has_problem
    )
    op.create_index("ix_shop_order_order_id", "shop_order", ["order_id"])
    op.create_table(
        "shop_order_points",
        sa.Column("shop_order_id", ROW_NUMBER, nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("customer_id", ROW_NUMBER, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("given_at", TIME, nullable=False),
        sa.Column("rule_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_shop_order_points_customer_id")),
        sa.ForeignKeyConstraint(["reserve_id"], ["reserve.id"], name=op.f("fk_shop_order_points_reserve_id")),
        sa.ForeignKeyConstraint(["rule_id"], ["order_rule.id"], name=op.f("fk_shop_order_points_rule_id")),
        sa.ForeignKeyConstraint(["shop_order_id"], ["shop_order.id"], name=op.f("fk_shop_order_points_shop_order_id")),
        sa.PrimaryKeyConstraint("shop_order_id", "reserve_id", "customer_id", name=op.f("pk_shop_order_points")),
    )


def _create_kept_deliveries() -> None:
    op.create_table(
        "kept_delivery",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("hook_id", sa.Integer(), nullable=False),
        sa.Column("address", sa.String(500), nullable=False),
        sa.Column("topic_kind", sa.String(16), nullable=False),
        sa.Column("thing_id", sa.BigInteger(), nullable=False),
        sa.Column("topic", sa.String(191), nullable=False),
        sa.Column("shop", sa.String(500), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["hook.id"], name=op.f("fk_kept_delivery_hook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_delivery")),
    )
    op.create_index("uq_kept_delivery", "kept_delivery", ["hook_id", "address", "topic_kind", "thing_id"], unique=True)


def _fill_shops(connection: sa.Connection) -> None:
    """A shop for each address that hooks have learned; hooks keep counting the order's total, at their rate.

    Hooks of one shop keep the date of the first of them.
    """
    hook = sa.table(
        "hook",
        *(sa.column(name) for name in ("id", "rule", "rate", "status", "shop", "shop_id", "order_rule")),
        sa.column("created_at", TIME),
    )
    shop = sa.table(
        "shop", *(sa.column(name) for name in ("id", "code", "name", "currency")), sa.column("created_at", TIME)
    )
    shop_address = sa.table("shop_address", sa.column("address"), sa.column("shop_id"), sa.column("created_at", TIME))
    shop_ids: dict[str, int] = {}
    first_created: dict[str, Any] = {}
    for row in connection.execute(sa.select(hook).order_by(hook.c.created_at, hook.c.id)).all():
        address = normalise_address(row.shop or "")
        created_at = first_created.setdefault(address, row.created_at) if address else row.created_at
        if address and address not in shop_ids:
            shop_id = shop_ids[address] = len(shop_ids) + 1
            code = hashlib.sha256(address.encode()).hexdigest()[:16]
            values = {"id": shop_id, "code": code, "name": address[:191], "currency": "", "created_at": row.created_at}
            connection.execute(sa.insert(shop).values(values))
            values = {"address": address, "shop_id": shop_id, "created_at": row.created_at}
            connection.execute(sa.insert(shop_address).values(values))
        rule = {
            "base": "total",
            "statuses": STATUSES.get(row.status, [row.status]),
            "rates": {"": _rate_text(row.rate)},
            "counts_from": _time_text(created_at),
        }
        text = json.dumps(rule, sort_keys=True) if row.rule == "orders" else None
        changes = {"order_rule": text, "shop_id": shop_ids.get(address)}
        connection.execute(sa.update(hook).where(hook.c.id == row.id).values(changes))
    if shop_ids and connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT setval(pg_get_serial_sequence('shop', 'id'), (SELECT max(id) FROM shop))"))


def _rate_text(rate: Any) -> str:
    """The exact rate: SQLite returns a number that may be a float."""
    return f"{float(rate):.6f}".rstrip("0").rstrip(".")


def _time_text(at: Any) -> str:
    """A time in UTC, which SQLite stores without a time zone."""
    text: str = at.isoformat()
    return text if at.tzinfo else f"{text}+00:00"


def downgrade() -> None:
    op.drop_column("hook", "shop_id")
    op.drop_column("hook", "order_rule")
    for table in ("kept_delivery", "shop_order_points", "shop_order", "order_rule", "shop_address", "shop"):
        op.drop_table(table)
