"""Fixtures for every tier, and each tier's marker on its tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pointsync import clock
from tests.support import postgres
from tests.support.moving_clock import MovingClock
from tests.support.route_cache import compile_once
from tests.support.woorewards_shop import WooRewardsSite

TESTS = Path(__file__).parent
TIERS = {"unit", "ledger", "site", "sync", "peer", "api", "admin", "cli", "browser", "proxy", "postgres", "faults"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their tier's folder, before `-m` chooses among them."""
    for item in items:
        if item.path.is_relative_to(TESTS) and (tier := item.path.relative_to(TESTS).parts[0]) in TIERS:
            item.add_marker(tier)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: what a machine lacks there must be installed, not passed over."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _routes() -> Iterator[None]:
    """Each test has an application of its own; what is the same in all of them is made once."""
    with pytest.MonkeyPatch.context() as patch:
        compile_once(patch)
        yield


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """A PostgreSQL for all tests. Where it is missing they skip; in CI they fail, lest they never run."""
    if reason := postgres.available():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with postgres.Cluster() as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: postgres.Cluster) -> Iterator[str]:
    """An empty PostgreSQL database, removed afterwards, whoever is still connected."""
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/pointsync.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def woorewards() -> Iterator[WooRewardsSite]:
    """A WooRewards shop that listens."""
    with WooRewardsSite() as site:
        yield site


@pytest.fixture
def moving_clock() -> Iterator[MovingClock]:
    """The application's clock, standing still until the test moves it."""
    moving = MovingClock()
    clock.set_source(moving.now)
    yield moving
    clock.set_source(None)
