"""A site in this process, for tests of the web server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import (
    create_application,
    create_site,
    open_context,
    sqlite_app,
    sqlite_tables,
    sqlite_url,
)

__all__ = ["sqlite_app", "sqlite_tables", "sqlite_url"]


@pytest.fixture
def site_app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """A site that no test has changed; its connections are closed at the end."""
    app = create_application(sqlite_url, tmp_path)
    with open_context(app):
        create_site()
    yield app
    with open_context(app):
        pass
