"""Helpers for tests of a site's identity: a site with its own data directory, its starts and confirmations."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.config import Config
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import installation, local_site
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW

URL = "https://shop.example/points"
OTHER_URL = "https://test.example"
OTHER = "wrk_00000000000000ff"


@pytest.fixture
def site_config(tmp_path: Path) -> Config:
    """The configuration of a site with its own data directory and a public URL."""
    return replace(get_runtime().config, data=tmp_path, public_url=URL, site_name="Lyon")


def start_site(config: Config) -> str | None:
    """Do what a start does: verify the installation and update the marker."""
    with db.transaction() as session:
        stopped_reason = installation.verify(session, config)
    with db.transaction() as session:
        installation.save_marker(session, config)
    return stopped_reason


def confirm(config: Config, choice: str) -> None:
    """Confirm as an admin what this database is."""
    with db.transaction() as session:
        installation.confirm(session, get_runtime().vault, config, choice, NOW)


def record_points(points: int = 5) -> None:
    """Record a movement."""
    with db.transaction() as session:
        record(session, [Draft("anna@shop.example", points)], "test", NOW)


def apply_movement(points: int = 3) -> None:
    """Apply a movement from another site."""
    with db.transaction() as session:
        incoming = IncomingMovement("7", "anna@shop.example", points, at=NOW)
        assert [each.status for each in apply(session, OTHER, get_reserve(session), [incoming], NOW)] == ["applied"]


def last_seq() -> int:
    """The row number of the last movement."""
    with db.transaction() as session:
        return session.scalar(select(func.max(Movement.seq))) or 0


def get_site() -> Site:
    """The site's row."""
    with db.transaction() as session:
        return session.get_one(Site, 1)


def identity(config: Config, now=NOW) -> local_site.Identity:
    """This site's identity."""
    with db.transaction() as session:
        return local_site.load_identity(session, get_runtime().vault, config, now)


def marker_id(config: Config) -> str:
    """The marker stored beside the database."""
    return (config.data / "marker").read_text().split()[0]


def add_remote() -> None:
    """Add a remote."""
    with db.transaction() as session:
        session.add(
            Remote(
                url="https://other.example",
                auth="wrk_0123456789abcdef",
                sealed_pass="",
                target="default",
                reserve=get_reserve(session),
                query_template="",
                created_at=NOW,
                facts={},
            )
        )
