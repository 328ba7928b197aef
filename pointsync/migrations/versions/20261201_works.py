"""Background tasks (table `work`)"""

import sqlalchemy as sa
from alembic import op

revision = "d41c7e90ab52"
down_revision = "e4a1b7c05d93"
branch_labels = None
depends_on = None

OPEN = "finished_at IS NULL"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "work",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=191), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("unit", sa.String(length=32), nullable=False),
        sa.Column("asked_by", sa.String(length=191), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("ends_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("holder", sa.String(length=32), nullable=True),
        sa.Column("held_until", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
    )
    op.create_index("ix_work_open", "work", ["id"], sqlite_where=sa.text(OPEN), postgresql_where=sa.text(OPEN))


def downgrade() -> None:
    op.drop_index("ix_work_open", table_name="work")
    op.drop_table("work")
