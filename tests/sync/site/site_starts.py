"""What the tests of a site's identity share: a site with data of its own, its starts, and an admin's word."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from pointsync import db
from pointsync.config import Config
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, Remote, Site
from pointsync.runtime import runtime
from pointsync.sync.site import local_site
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW

URL = "https://shop.example/points"
OTHER_URL = "https://test.example"
OTHER = "wrk_00000000000000ff"


@pytest.fixture
def here(tmp_path: Path) -> Config:
    """The settings of a site with data of its own and a public URL."""
    return replace(runtime().config, data=tmp_path, public_url=URL, site_name="Lyon")


def start(config: Config) -> str | None:
    """What a start does: look whether this is the real site, and keep its marker up to date."""
    with db.write() as session:
        hold = local_site.recognise(session, config)
    with db.write() as session:
        local_site.remember(session, config)
    return hold


def confirm(config: Config, what: str) -> None:
    """An admin's word."""
    with db.write() as session:
        local_site.confirm(session, runtime().vault, config, what, NOW)


def sold(points: int = 5) -> None:
    """Record a movement."""
    with db.write() as session:
        record(session, [Draft("anna@shop.example", points)], "test", NOW)


def received(points: int = 3) -> None:
    """Apply a movement that another site has made."""
    with db.write() as session:
        incoming = Incoming("7", "anna@shop.example", points, at=NOW)
        assert [each.status for each in apply(session, OTHER, reserve(session), [incoming], NOW)] == ["applied"]


def last_seq() -> int:
    """The last movement's row."""
    with db.write() as session:
        return session.scalar(select(func.max(Movement.seq))) or 0


def row() -> Site:
    """The site as the database has it."""
    with db.write() as session:
        return session.get_one(Site, 1)


def identity(config: Config, now=NOW) -> local_site.Identity:
    """Who this site is."""
    with db.write() as session:
        return local_site.identity(session, runtime().vault, config, now)


def marker(config: Config) -> str:
    """What stands beside the database."""
    return (config.data / "marker").read_text().split()[0]


def listed() -> None:
    """Put a remote on the list."""
    with db.write() as session:
        session.add(
            Remote(
                url="https://other.example",
                auth="wrk_0123456789abcdef",
                sealed_pass="",
                target="default",
                reserve=reserve(session),
                query_template="",
                created_at=NOW,
                facts={},
            )
        )
