"""A site in this process, for tests of the web server."""

from tests.support.apps import sqlite_app, sqlite_tables, sqlite_url

__all__ = ["sqlite_app", "sqlite_tables", "sqlite_url"]
