"""Disabled admins; for sign-ins the last use, address, browser and method"""

import sqlalchemy as sa
from alembic import op

revision = "d15ab1ed5ee0"
down_revision = "5c09e5a91ca7"
branch_labels = None
depends_on = None

NEW = (
    ("seen_at", sa.DateTime(timezone=True)),
    ("address", sa.String(length=64)),
    ("browser", sa.String(length=80)),
    ("how", sa.String(length=16)),
)


def upgrade() -> None:
    op.add_column("admin", sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True))
    for name, kind in NEW:
        op.add_column("sign_in", sa.Column(name, kind, nullable=True))
    op.execute("UPDATE sign_in SET seen_at = began_at, address = '', browser = '', how = 'password'")
    with op.batch_alter_table("sign_in") as batch:
        for name, kind in NEW:
            batch.alter_column(name, existing_type=kind, nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("sign_in") as batch:
        for name, _ in NEW:
            batch.drop_column(name)
    with op.batch_alter_table("admin") as batch:
        batch.drop_column("disabled_at")
