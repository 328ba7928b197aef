"""Fixtures for every tier, and each tier's marker on its tests."""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from functools import cache, partial
from itertools import accumulate
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import StrictUndefined

from pointsync import clock
from pointsync.accounts import admins
from pointsync.schedule import turns
from tests.support import bytecode, new_tables, postgres, postgres_cover, run_folder, worker_messages
from tests.support.moving_clock import MovingClock
from tests.support.route_cache import cache_compiled_routes
from tests.support.statement_cache import share_compiled_statements
from tests.support.woorewards_shop import WooRewardsSite

TESTS = Path(__file__).parent
TIERS = [
    *("faults", "cli", "postgres", "browser", "proxy", "shops", "peer"),
    *("admin", "site", "sync", "ledger", "api", "unit"),
]
"""In the order in which workers take them: first the long tests, so that none is left over at the end."""
WAITING_TIERS = ("faults", "cli", "postgres", "proxy")
"""Their tests wait for other processes most of the time, so workers take files of the others between them."""
SECONDS_PER_TEST = {"faults": 8, "postgres": 6, "proxy": 4, "browser": 4, "cli": 1, "peer": 0.25, "admin": 0.15}
"""About how long a test of a tier takes; a test of the others takes a tenth of a second."""
CHEAP_SCRYPT = "scrypt:128:8:1"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """`-n auto`: a third of the tests wait for another process, so three workers more than cores keep these busy."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return len(os.sched_getaffinity(0)) + 3


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Put all temporary files of the run into one folder, in memory where there is room."""
    gc.disable()  # until the tests are collected: nothing of what is created then becomes garbage
    if hasattr(config, "workerinput"):
        worker_messages.leave_out_needless(config)
    else:
        folder = run_folder.create()
        if config.option.basetemp is None:
            config.option.basetemp = folder / "pytest"
        if config.getoption("numprocesses", None):
            bytecode.write_missing()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove that folder, after the servers that are shared by all workers have been stopped."""
    if not hasattr(config, "workerinput"):
        postgres.stop_shared()
        run_folder.remove()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m unit` do not even import the other tiers. `postgres` is a marker in several tiers."""
    tier = config.option.markexpr
    is_other = collection_path.parent == TESTS and collection_path.name in TIERS and collection_path.name != tier
    return True if is_other and tier in TIERS and tier != "postgres" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests before `-m` chooses among them: by their tier's folder, and `long` if others cover them on PostgreSQL.

    Workers get the tests that take longest first.
    """
    covered = frozenset() if postgres_cover.is_recording(config) else postgres_cover.read_list()
    for item in items:
        if (tier := _tier(item.path)) in TIERS:
            item.add_marker(tier)
        if item.nodeid.partition("[")[0] in covered and item.get_closest_marker("postgres"):
            item.add_marker("long")
    if hasattr(config, "workerinput"):
        items.sort(key=_rank)
        places = _mix_files(items)
        items.sort(key=lambda item: places[item.path])


def pytest_collection_finish() -> None:
    """Let the garbage collector leave out the thousands of tests and modules that stay until the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def _rank(item: pytest.Item) -> int:
    tier = _tier(item.path)
    return TIERS.index(tier) if tier in TIERS else len(TIERS)


@cache
def _tier(path: Path) -> str:
    return path.relative_to(TESTS).parts[0] if path.is_relative_to(TESTS) else ""


def _mix_files(items: list[pytest.Item]) -> dict[Path, float]:
    """The place of each file in the run, from 0 to 1: files whose tests wait, and files whose tests compute, side by
    side from the beginning to the end, so that neither is left over."""
    seconds = Counter[Path]()
    for item in items:
        seconds[item.path] += SECONDS_PER_TEST.get(_tier(item.path), 0.1)
    places = {}
    for is_waiting in (True, False):
        files = {path: duration for path, duration in seconds.items() if (_tier(path) in WAITING_TIERS) == is_waiting}
        starts = accumulate(files.values(), initial=0)
        places |= {path: start / sum(files.values()) for path, start in zip(files, starts, strict=False)}
    return places


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure: what a machine lacks there must be installed, not passed over."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") == "true" and reporter and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def _shared_caches() -> Iterator[None]:
    """Each test has an application of its own; what is the same in all of them is made once."""
    with pytest.MonkeyPatch.context() as patch:
        set_attribute = partial(patch.setattr, raising=False)
        cache_compiled_routes(set_attribute)
        share_compiled_statements(set_attribute)
        yield


@pytest.fixture(scope="session", autouse=True)
def _strict_templates() -> Iterator[None]:
    """A name that a template does not know is an error; otherwise it would be shown as an empty text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"undefined": StrictUndefined})
        yield


@pytest.fixture(scope="session", autouse=True)
def _complete_jobs() -> Iterator[None]:
    """A job that a test runs is complete when it returns, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "WAIT_SECONDS", 60)
        yield


@pytest.fixture(scope="session", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    """Passwords are hashed at a cost that many tests can pay. Processes of their own hash them as users' do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admins, "DUMMY_HASH", admins.DUMMY_HASH.replace(admins.HASH_METHOD, CHEAP_SCRYPT))
        patch.setattr(admins, "HASH_METHOD", CHEAP_SCRYPT)
        yield


@pytest.fixture(scope="session")
def postgres_cluster() -> postgres.Cluster:
    """A PostgreSQL for the tests of all workers. Without it they skip; in CI they fail, so that they do run there."""
    if reason := postgres.missing_reason():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return postgres.share()


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: postgres.Cluster) -> str:
    """A PostgreSQL database with every table and no row, to be copied: nobody stays connected to it."""
    return new_tables.postgres_url(postgres_cluster)


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
