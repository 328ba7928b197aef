"""Property tests: no time limit per example, since a busy machine is no fault, and a failure that replays."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsync import db

settings.register_profile("pointsync", deadline=None, print_blob=True)
settings.load_profile("pointsync")

POSTGRES_SHARE = 5
FEW, MANY = 0.25, 3.0
"""How many of a test's examples are checked in each run, and in the long tests."""


def given_on_each_database(
    *strategies: st.SearchStrategy[Any], max_examples: int
) -> Callable[[Callable[..., None]], Callable[[Flask, float], None]]:
    """Let a test of the fixture `app` check a quarter of `max_examples` on SQLite, and a fifth of these on PostgreSQL.

    The examples are about the ledger's rules, which are the same code on both; where its SQL differs, the first
    examples show it. The long tests check twelve times as many.
    """

    def decorate(check: Callable[..., None]) -> Callable[[Flask, float], None]:
        @pytest.mark.parametrize("share", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
        def test(app: Flask, share: float) -> None:
            is_sqlite = db.get_engine().dialect.name == "sqlite"
            count = max_examples * share / (1 if is_sqlite else POSTGRES_SHARE)

            @settings(max_examples=max(2, round(count)))
            @given(st.tuples(*strategies))
            def check_example(values: tuple[Any, ...]) -> None:
                check(app, *values)

            check_example()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate
