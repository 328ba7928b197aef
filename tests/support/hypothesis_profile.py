"""Property tests: no time limit per example, since a busy machine is no fault, and a failure that replays."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsync import db

settings.register_profile("pointsync", deadline=None, print_blob=True)
settings.load_profile("pointsync")

POSTGRES_SHARE = 5


def given_on_each_database(
    *strategies: st.SearchStrategy[Any], max_examples: int
) -> Callable[[Callable[..., None]], Callable[[Flask], None]]:
    """Let a test of the fixture `app` check `max_examples` examples on SQLite, and a fifth of them on PostgreSQL.

    The examples are about the ledger's rules, which are the same code on both; where its SQL differs, the first
    examples show it.
    """

    def decorate(check: Callable[..., None]) -> Callable[[Flask], None]:
        def test(app: Flask) -> None:
            is_sqlite = db.get_engine().dialect.name == "sqlite"

            @settings(max_examples=max_examples if is_sqlite else max_examples // POSTGRES_SHARE)
            @given(st.tuples(*strategies))
            def check_example(values: tuple[Any, ...]) -> None:
                check(app, *values)

            check_example()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate
