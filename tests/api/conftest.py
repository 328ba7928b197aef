"""A whole site in this process, with one API key, and ways to ask it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.ledger.verify import differences
from pointsync.models import Hook, HookDelivery, Reserve
from pointsync.runtime import runtime
from pointsync.woocommerce import hooks
from tests.api.api_clients import SECRET, SHOP, Shop, Woo, shop_of
from tests.support.site_template import BOTH, data, database, first_start, lent, place, postgres_tables

__all__ = ["data", "first_start", "place", "postgres_tables"]


@pytest.fixture
def app(data: Path) -> Iterator[Flask]:
    """A site on SQLite; afterwards every balance is the sum of its movements, whatever the test did."""
    with lent(data, {}) as app:
        yield app
        _check(app)


@pytest.fixture(params=BOTH)
def any_app(request: pytest.FixtureRequest, data: Path) -> Iterator[Flask]:
    """The same on each kind of database in turn."""
    with database(request, request.param) as settings, lent(data, settings) as app:
        yield app
        _check(app)


def _check(app: Flask) -> None:
    with app.app_context():
        assert differences(db.db.session()) == []
        db.db.session.remove()


@pytest.fixture
def shop(app: Flask) -> Shop:
    """A caller with a key."""
    return shop_of(app)


@pytest.fixture
def stranger(app: Flask) -> Shop:
    """A caller without one."""
    return Shop(app.test_client(), None)


@pytest.fixture
def add_reserve(app: Flask) -> Callable[..., None]:
    """Make a points reserve."""

    def add(key: str, **fields: Any) -> None:
        with app.app_context():
            db.in_write(lambda session: session.add(Reserve(key=key, name=key, created_at=clock.now(), **fields)))

    return add


@pytest.fixture
def add_hook(app: Flask) -> Callable[..., Woo]:
    """Make a hook, and the shop that delivers to it."""

    def add(name: str = "shop", *, shop: str = SHOP, reserve: str = "default", **fields: Any) -> Woo:
        with app.app_context():
            made: Hook = db.in_write(
                lambda session: hooks.add(
                    session,
                    runtime().vault,
                    name=name,
                    secret=SECRET,
                    reserve_key=reserve,
                    now=clock.now(),
                    **({"rate": "1", "status": "completed", "by_movements": False} | fields),
                )
            )
            return Woo(app, name, shop, path=hooks.url(made, None))

    return add


@pytest.fixture
def outcomes(app: Flask) -> Callable[[], list[tuple[str, str]]]:
    """What came of all deliveries to hooks, oldest first: outcome and sentence."""

    def read() -> list[tuple[str, str]]:
        with app.app_context():
            rows = db.db.session.scalars(db.db.select(HookDelivery).order_by(HookDelivery.id))
            return [(row.outcome, row.message) for row in rows]

    return read
