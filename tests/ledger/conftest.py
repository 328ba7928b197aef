"""Fixtures: a site for each test, on both databases."""

from tests.support import hypothesis_profile
from tests.support.apps import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url, tables_url

assert hypothesis_profile

__all__ = ["app", "postgres_app", "sqlite_app", "sqlite_sites", "sqlite_tables", "sqlite_url", "tables_url"]
