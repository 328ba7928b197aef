"""Which Pass an origin uses, and the key that it offers instead of the pinned one"""

import sqlalchemy as sa
from alembic import op

revision = "7c2f64b0a9d1"
down_revision = "8e41f60b97d3"
branch_labels = None
depends_on = None

COLUMNS = {
    "old_pass_at": sa.DateTime(timezone=True),
    "new_pass_at": sa.DateTime(timezone=True),
    "offered_key": sa.String(length=64),
    "key_refused_at": sa.DateTime(timezone=True),
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("origin", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("origin", name)
