"""Sites for the tests of commands."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.support.process import SiteProcess

DumpDatabase = Callable[[SiteProcess], str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> SiteProcess:
    """A site that does not run, with its own data for the module."""
    return SiteProcess(tmp_path_factory.mktemp("site"), env={"POINTSYNC_SITE_NAME": "Mug shop"}).create()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteProcess]:
    """A site that runs for the whole module. A test that stops a site starts its own."""
    with SiteProcess(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def dump() -> DumpDatabase:
    """The content of a site's database as text."""

    def read(site: SiteProcess) -> str:
        path = site.data_dir / "pointsync.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return "\n".join(connection.iterdump())

    return read
