"""Runs Alembic on the application's engine, in one transaction."""

from typing import Any, Literal

from alembic import context
from flask import current_app

from pointsync import db, models
from pointsync.db import RowNumber, UtcDateTime

assert models  # importing the models registers the tables


def render_item(kind: str, item: Any, autogen_context: Any) -> str | Literal[False]:
    """Write our own column types into migrations as the types that they have in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and item is RowNumber:
        return "sa.BigInteger().with_variant(sa.Integer(), 'sqlite')"
    return False


def run() -> None:
    """Upgrade the current application's database, or compare it with the models."""
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
            db.allow_idle_transaction(connection)
            context.run_migrations()


run()
