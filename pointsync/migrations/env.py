"""How Alembic runs here: on the application's engine, in one transaction."""

from typing import Any, Literal

from alembic import context
from flask import current_app

from pointsync import db, models
from pointsync.db import RowNumber, UtcDateTime

assert models  # the tables must be known before they are compared


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own column types into a migration as what they are in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is RowNumber:
        return "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"
    return False


def run() -> None:
    """Upgrade or compare the database of the current application."""
    configure_args = current_app.extensions["migrate"].configure_args
    with db.get_engine().execution_options(writes=True).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.Base.metadata,
            render_item=render_item,
            transaction_per_migration=False,
            **configure_args,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
