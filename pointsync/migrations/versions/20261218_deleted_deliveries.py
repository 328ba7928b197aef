"""A trigger notes deliveries that are deleted"""

import sqlalchemy as sa
from alembic import op

revision = "c41f7d92ab06"
down_revision = "a90c3d57e1b4"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)

NOTE = (
    "INSERT INTO lost_delivery (movement_seq, remote_id, state, called_at, unsure_until, delivered_at, is_history) "
    "VALUES (OLD.movement_seq, OLD.remote_id, OLD.state, OLD.called_at, OLD.unsure_until, OLD.delivered_at, "
    "OLD.is_history)"
)
TRIGGERS = {
    "sqlite": (f"CREATE TRIGGER delivery_deleted AFTER DELETE ON delivery BEGIN {NOTE}; END",),
    "postgresql": (
        "CREATE FUNCTION note_lost_delivery() RETURNS trigger LANGUAGE plpgsql AS $note$ BEGIN "
        f"{NOTE}; RETURN NULL; END $note$",
        "CREATE TRIGGER delivery_deleted AFTER DELETE ON delivery FOR EACH ROW EXECUTE FUNCTION note_lost_delivery()",
    ),
}


def upgrade() -> None:
    op.create_table(
        "lost_delivery",
        sa.Column("id", ROW_NUMBER, nullable=False),
        sa.Column("movement_seq", ROW_NUMBER, nullable=False),
        sa.Column("remote_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("called_at", TIME, nullable=True),
        sa.Column("unsure_until", TIME, nullable=True),
        sa.Column("delivered_at", TIME, nullable=True),
        sa.Column("is_history", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lost_delivery")),
    )
    for statement in TRIGGERS[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    op.execute("DROP TRIGGER delivery_deleted" + ("" if is_sqlite else " ON delivery"))
    if not is_sqlite:
        op.execute("DROP FUNCTION note_lost_delivery()")
    op.drop_table("lost_delivery")
