"""A complete site in this process, and clients that call it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from pointsync import clock, db
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.models import Hook, HookDelivery, Reserve
from pointsync.runtime import get_runtime
from pointsync.woocommerce import api_rule, hooks
from tests.api.api_clients import SECRET, SHOP, ApiClient, HookClient, create_api_client
from tests.support.apps import BOTH_DATABASES
from tests.support.site_template import (
    data_folder,
    empty_database,
    postgres_tables,
    reuse_app,
    site_folder,
    site_template,
)

__all__ = ["data_folder", "postgres_tables", "site_folder", "site_template"]


@pytest.fixture
def app(data_folder: Path) -> Iterator[Flask]:
    """A site on SQLite. After the test it checks that every balance is the sum of its movements."""
    with reuse_app(data_folder, {}) as app:
        yield app
        _assert_balanced(app)


@pytest.fixture(params=BOTH_DATABASES)
def app_on_each_database(request: pytest.FixtureRequest, data_folder: Path) -> Iterator[Flask]:
    """The same on each kind of database."""
    with empty_database(request, request.param) as settings, reuse_app(data_folder, settings) as app:
        yield app
        _assert_balanced(app)


def _assert_balanced(app: Flask) -> None:
    with app.app_context():
        assert find_balance_differences(db.session()) == []
        db.session.remove()


@pytest.fixture
def api_client(app: Flask) -> ApiClient:
    """A caller with a key."""
    return create_api_client(app)


@pytest.fixture
def stranger(app: Flask) -> ApiClient:
    """A caller without one."""
    return ApiClient(app.test_client(), None)


@pytest.fixture
def add_reserve(app: Flask) -> Callable[..., None]:
    """Create a points reserve."""

    def add(key: str, **fields: Any) -> None:
        with app.app_context():
            db.run_in_transaction(
                lambda session: session.add(Reserve(key=key, name=key, created_at=clock.now(), **fields))
            )

    return add


@pytest.fixture
def add_hook(app: Flask) -> Callable[..., HookClient]:
    """Create a hook, and a shop that delivers to it."""

    def add(
        name: str = "shop", *, shop: str = SHOP, reserve: str = "default", secret: str = SECRET, **fields: Any
    ) -> HookClient:
        with app.app_context():
            hook: Hook = db.run_in_transaction(
                lambda session: hooks.add(
                    session,
                    get_runtime().vault,
                    name=name,
                    secret=secret,
                    reserve_key=reserve,
                    now=clock.now(),
                    **({"rate": "1", "status": "completed", "by_movements": False} | fields),
                )
            )
            return HookClient(app, name, shop, path=hooks.delivery_url(hook, None))

    return add


@pytest.fixture
def add_order_rule(app: Flask, api_client: ApiClient) -> Callable[..., Hook]:
    """Let the shop of `api_client` report its orders by the API."""

    def add(key_shop: str = "web-shop", *, reserve: str = "default", **options: Any) -> Hook:
        options = {"key_shop": key_shop, "reserve_key": reserve, "now": clock.now()} | options
        with app.app_context():
            return db.run_in_transaction(lambda session: api_rule.add(session, get_runtime().vault, **options))

    return add


@pytest.fixture
def hook_outcomes(app: Flask) -> Callable[[], list[tuple[str, str]]]:
    """The outcome and the message of all deliveries to hooks, oldest first."""

    def read() -> list[tuple[str, str]]:
        with app.app_context():
            rows = db.session.scalars(select(HookDelivery).order_by(HookDelivery.id))
            return [(row.outcome, row.message) for row in rows]

    return read
