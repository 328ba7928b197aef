"""A PointSync for the shops of the tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.site_template import data_folder, reuse_app, site_folder, site_template

__all__ = ["data_folder", "site_folder", "site_template"]


@pytest.fixture
def app(data_folder: Path) -> Iterator[Flask]:
    """A site on SQLite."""
    with reuse_app(data_folder, {}) as app:
        yield app
