"""Digests of movements and their sums, runs of a database, comparisons with remotes, and triggers that note edits"""

import sqlalchemy as sa
from alembic import op

revision = "e9a1be7eed05"
down_revision = "d15ab1ed5ee0"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
ZERO = sa.text("0")

NOTED = ("origin", "id", "customer_id", "reserve_id", "points", "digest")
"""The columns of a movement whose change is noted."""
NOTE = (
    "INSERT INTO movement_change (movement_seq, origin, movement_id, reserve_id, points, digest) "
    "VALUES (OLD.seq, OLD.origin, OLD.id, OLD.reserve_id, OLD.points, OLD.digest)"
)
TRIGGERS = {
    "sqlite": (
        f"CREATE TRIGGER movement_updated AFTER UPDATE OF {', '.join(NOTED)} ON movement "
        f"WHEN OLD.digest IS NOT NULL BEGIN {NOTE}; END",
        f"CREATE TRIGGER movement_deleted AFTER DELETE ON movement WHEN OLD.digest IS NOT NULL BEGIN {NOTE}; END",
    ),
    "postgresql": (
        "CREATE FUNCTION note_movement_change() RETURNS trigger LANGUAGE plpgsql AS $note$ BEGIN "
        f"{NOTE}; RETURN NULL; END $note$",
        f"CREATE TRIGGER movement_updated AFTER UPDATE OF {', '.join(NOTED)} ON movement "
        "FOR EACH ROW WHEN (OLD.digest IS NOT NULL) EXECUTE FUNCTION note_movement_change()",
        "CREATE TRIGGER movement_deleted AFTER DELETE ON movement "
        "FOR EACH ROW WHEN (OLD.digest IS NOT NULL) EXECUTE FUNCTION note_movement_change()",
    ),
}
DROPPED = ("acknowledged", "counted_since", "restored_at", "again_from_id")
"""What a remote was believed to have, which is compared now."""


def upgrade() -> None:
    dialect = op.get_bind().dialect.name

    def add(table: str, name: str, kind: sa.types.TypeEngine, default: sa.TextClause | None = None) -> None:
        op.add_column(table, sa.Column(name, kind, nullable=default is None, server_default=default))

    add("movement", "digest", sa.LargeBinary(16))
    add("movement", "sent_customer", sa.String(320))
    add("holding", "hash", sa.LargeBinary(16))
    for name, kind, default in (
        ("run", sa.String(32), None),
        ("call", sa.BigInteger(), ZERO),
        ("place", sa.String(191), None),
        ("undigested_seq", ROW_NUMBER, None),
        ("undigested_total", sa.BigInteger(), ZERO),
        ("scrubbed_seq", ROW_NUMBER, ZERO),
        ("scrub_started_at", TIME, None),
        ("scrub_finished_at", TIME, None),
        ("scrub_differences", sa.BigInteger(), ZERO),
    ):
        add("site", name, kind, default)
    op.execute("UPDATE site SET undigested_seq = (SELECT MAX(seq) FROM movement)")
    op.execute("UPDATE site SET undigested_total = undigested_seq WHERE undigested_seq IS NOT NULL")
    for name, kind, default in (
        ("is_key_proven", sa.Boolean(), sa.false()),
        ("run", sa.String(32), None),
        ("call", sa.BigInteger(), ZERO),
        ("last_id", sa.BigInteger(), ZERO),
        ("stamp", sa.String(128), None),
        ("previous_run", sa.String(32), None),
        ("replaced_at", TIME, None),
        ("nonce", sa.String(32), None),
    ):
        add("origin", name, kind, default)
    op.execute("UPDATE remote SET clock_offset_seconds = 0")  # they came from unsigned answers
    op.execute(sa.text("UPDATE origin SET is_key_proven = :yes WHERE public_key IS NOT NULL").bindparams(yes=True))
    for name, kind, default in (
        ("checked_run", sa.String(32), None),
        ("delivered_count", sa.BigInteger(), ZERO),
        ("delivered_hash", sa.LargeBinary(16), None),
        ("compared_at", TIME, None),
        ("compared_count", sa.BigInteger(), ZERO),
        ("is_equal_there", sa.Boolean(), None),
        ("is_equal_here", sa.Boolean(), None),
        ("gap", sa.LargeBinary(16), None),
        ("differs_since", TIME, None),
    ):
        add("remote", name, kind, default)
    for name in DROPPED:
        op.drop_column("remote", name)
    op.create_table(
        "movement_change",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("movement_seq", ROW_NUMBER, nullable=False),
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("movement_id", sa.String(64), nullable=False),
        sa.Column("reserve_id", sa.Integer(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement_change")),
    )
    op.create_table(
        "altered_movement",
        sa.Column("movement_seq", ROW_NUMBER, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("found_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("movement_seq", name=op.f("pk_altered_movement")),
    )
    op.create_table(
        "comparison",
        sa.Column("remote_id", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("gap", sa.LargeBinary(16), nullable=True),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("after_id", "compared", "total", "sent_again", "confirmed")
        ),
        sa.ForeignKeyConstraint(["remote_id"], ["remote.id"], name=op.f("fk_comparison_remote_id")),
        sa.PrimaryKeyConstraint("remote_id", name=op.f("pk_comparison")),
    )
    op.create_table(
        "difference",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("remote_id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(191), nullable=False),
        sa.Column("movement_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("here_customer", sa.String(320), nullable=True),
        sa.Column("here_points", sa.BigInteger(), nullable=True),
        sa.Column("there_customer", sa.String(320), nullable=True),
        sa.Column("there_points", sa.BigInteger(), nullable=True),
        sa.Column("found_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["remote_id"], ["remote.id"], name=op.f("fk_difference_remote_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_difference")),
    )
    op.create_index("uq_difference", "difference", ["remote_id", "origin", "movement_id"], unique=True)
    for statement in TRIGGERS[dialect]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for name in ("movement_updated", "movement_deleted"):
        op.execute(f"DROP TRIGGER {name}" + ("" if is_sqlite else " ON movement"))
    if not is_sqlite:
        op.execute("DROP FUNCTION note_movement_change()")
    for table in ("difference", "comparison", "altered_movement", "movement_change"):
        op.drop_table(table)
    op.drop_column("movement", "digest")
    op.drop_column("movement", "sent_customer")
    op.drop_column("holding", "hash")
    for name in ("run", "call", "place", "undigested_seq", "undigested_total"):
        op.drop_column("site", name)
    for name in ("scrubbed_seq", "scrub_started_at", "scrub_finished_at", "scrub_differences"):
        op.drop_column("site", name)
    for name in ("is_key_proven", "run", "call", "last_id", "stamp", "previous_run", "replaced_at", "nonce"):
        op.drop_column("origin", name)
    for name in ("checked_run", "delivered_count", "delivered_hash", "compared_at", "compared_count"):
        op.drop_column("remote", name)
    for name in ("is_equal_there", "is_equal_here", "gap", "differs_since"):
        op.drop_column("remote", name)
    for name, kind, default in (
        ("acknowledged", sa.BigInteger(), ZERO),
        ("counted_since", TIME, None),
        ("restored_at", TIME, None),
        ("again_from_id", ROW_NUMBER, None),
    ):
        op.add_column("remote", sa.Column(name, kind, nullable=default is None, server_default=default))
