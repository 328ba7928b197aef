"""A site at its first start, and visitors to its panel."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, crypto, db
from pointsync.accounts import admins
from pointsync.models import Site
from tests.support.apps import ALSO_POSTGRES, BOTH_DATABASES
from tests.support.moving_clock import MovingClock
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.site_template import (
    data_folder,
    database_settings,
    postgres_tables,
    reuse_app,
    site_folder,
    site_template,
)

__all__ = [
    "ALSO_POSTGRES",
    "BOTH_DATABASES",
    "data_folder",
    "database_settings",
    "postgres_tables",
    "site_folder",
    "site_template",
]

SETUP_TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def settings() -> dict[str, str]:
    """Settings beside the database's; a test overrides them with a parameter of its own."""
    return {}


@pytest.fixture
def app_without_admin(
    data_folder: Path, database_settings: dict[str, str], settings: dict[str, str]
) -> Iterator[Flask]:
    """A site without any admin."""
    with reuse_app(data_folder, database_settings | settings) as app:
        yield app


@pytest.fixture
def app(app_without_admin: Flask) -> Flask:
    """A site with one admin."""
    with app_without_admin.app_context():
        db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    return app_without_admin


@pytest.fixture
def setup_link(app_without_admin: Flask) -> str:
    """The path of a one-time link to create the first admin of `fresh`."""
    with app_without_admin.app_context(), db.transaction() as session:
        session.get_one(Site, 1).setup_digest = crypto.sha256_hex(SETUP_TOKEN)
    return f"/setup/{SETUP_TOKEN}"


@pytest.fixture
def stopped_clock() -> Iterator[MovingClock]:
    """The clock, standing at this moment until the test moves it."""
    moving = MovingClock(clock.now())
    clock.set_source(moving.now)
    yield moving
    clock.set_source(None)


@pytest.fixture
def stranger(app: Flask) -> PanelClient:
    """Somebody who is not signed in."""
    return PanelClient(app)


@pytest.fixture
def ada(app: Flask) -> PanelClient:
    """The admin, signed in."""
    visitor = PanelClient(app)
    visitor.sign_in_by_cookie()
    return visitor
