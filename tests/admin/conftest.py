"""A site at its first start, and visitors to its panel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.accounts import admins
from pointsync.models import Site
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import NAME, PASSWORD, Visitor
from tests.support.site_template import BOTH, data, first_start, lent, place, postgres_tables, quick_passwords, where

__all__ = ["BOTH", "data", "first_start", "place", "postgres_tables", "quick_passwords", "where"]

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings beside the database's; a test overrides them with a parameter of its own."""
    return {}


@pytest.fixture
def fresh(data: Path, where: dict[str, str], settings: dict[str, str]) -> Iterator[Flask]:
    """A site without any admin."""
    with lent(data, where | settings) as app:
        yield app


@pytest.fixture
def app(fresh: Flask) -> Flask:
    """A site with one admin."""
    with fresh.app_context():
        db.in_write(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    return fresh


@pytest.fixture
def link(fresh: Flask) -> str:
    """The path of a one-time link to create the first admin of `fresh`."""
    with fresh.app_context(), db.write() as session:
        session.get_one(Site, 1).setup_digest = crypto.digest(TOKEN)
    return f"/setup/{TOKEN}"


@pytest.fixture
def still_clock() -> Iterator[MovingClock]:
    """The clock, standing at this moment until the test moves it."""
    moving = MovingClock(clock.now())
    clock.set_source(moving.now)
    yield moving
    clock.set_source(None)


@pytest.fixture
def stranger(app: Flask) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(app)


@pytest.fixture
def ada(app: Flask) -> Visitor:
    """The admin, signed in."""
    visitor = Visitor(app)
    assert visitor.sign_in().status_code == 303
    return visitor
