"""Changes of people are sent to other sites, compared, fetched back, and may wait for approval"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "c41f7a3e92b6"
down_revision = "9b2e6f40a1d8"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
INDEXES = {
    "ix_customer_change_waiting": "approval IN ('waiting', 'refused')",
    "ix_customer_change_disputed": "is_disputed",
}
REMOTE_COLUMNS = (
    ("takes_changes", sa.Boolean(), sa.false()),
    ("are_changes_equal_there", sa.Boolean(), None),
    ("are_changes_equal_here", sa.Boolean(), None),
    ("changes_read_at", TIME, None),
    ("strange_changes", sa.Integer(), sa.text("0")),
)
FETCH_COLUMNS = (
    ("change_after_id", sa.BigInteger(), sa.text("0")),
    ("are_changes_fetched", sa.Boolean(), sa.false()),
)
CHANGE_COLUMNS = (
    ("approval", sa.String(16), None),
    ("decided_at", TIME, None),
    ("is_disputed", sa.Boolean(), sa.false()),
    ("dismissed_at", TIME, None),
)


def upgrade() -> None:
    op.create_table(
        "change_delivery",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("change_seq", ROW_NUMBER, nullable=False),
        sa.Column("auth", sa.String(191), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", TIME, nullable=True),
        sa.Column("code", sa.String(32), nullable=True),
        sa.Column("message", sa.String(500), nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_delivery")),
        sa.ForeignKeyConstraint(["change_seq"], ["customer_change.seq"], name=op.f("fk_change_delivery_change_seq")),
        sa.UniqueConstraint("change_seq", "auth", name=op.f("uq_change_delivery_change_seq_auth")),
    )
    op.create_index("ix_change_delivery_auth", "change_delivery", ["auth", "state"])
    for table, columns in (("remote", REMOTE_COLUMNS), ("remote_fetch", FETCH_COLUMNS)):
        for name, kind, default in columns:
            op.add_column(table, sa.Column(name, kind, server_default=default, nullable=default is None))
    _upgrade_changes()
    # Every site gets the changes so far.
    op.execute(
        "INSERT INTO change_delivery (change_seq, auth, state, attempts) "
        "SELECT DISTINCT customer_change.seq, remote.auth, 'pending', 0 FROM customer_change, remote, site "
        "WHERE customer_change.origin = site.auth AND remote.deleted_at IS NULL AND remote.closing_at IS NULL"
    )


def _upgrade_changes() -> None:
    op.add_column("customer_change", sa.Column("digest", sa.LargeBinary(16), nullable=True))
    for seq, digest in list(_compute_digests()):
        op.get_bind().execute(
            sa.text("UPDATE customer_change SET digest = :digest WHERE seq = :seq"), {"seq": seq, "digest": digest}
        )
    with op.batch_alter_table("customer_change") as batch:
        batch.alter_column("digest", existing_type=sa.LargeBinary(16), nullable=False)
        for name, kind, default in CHANGE_COLUMNS:
            batch.add_column(sa.Column(name, kind, server_default=default, nullable=default is None))
    for name, where in INDEXES.items():
        op.create_index(name, "customer_change", ["seq"], sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _compute_digests() -> Iterator[tuple[int, bytes]]:
    rows = op.get_bind().execute(
        sa.text(
            "SELECT seq, id, change, customer, into_address, undoes_origin, undoes_id, at FROM customer_change"
        ).columns(at=TIME)
    )
    for seq, change_id, change, customer, into, undoes_origin, undoes_id, at in rows:
        undoes = f"{undoes_origin} {undoes_id}" if undoes_id else ""
        lines = (change_id, change, customer, into or "", undoes, _to_text(at))
        yield seq, blake2b("\n".join(lines).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _to_text(at: Any) -> str:
    assert isinstance(at, datetime)
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    spec = "milliseconds" if at.microsecond >= 1000 else "seconds"
    return at.isoformat(timespec=spec).replace("+00:00", "Z")


def downgrade() -> None:
    op.drop_table("change_delivery")
    for name in INDEXES:
        op.drop_index(name, "customer_change")
    with op.batch_alter_table("customer_change") as batch:
        for name in ("digest", *(column[0] for column in CHANGE_COLUMNS)):
            batch.drop_column(name)
    for table, columns in (("remote", REMOTE_COLUMNS), ("remote_fetch", FETCH_COLUMNS)):
        for name, _, _ in columns:
            op.drop_column(table, name)
