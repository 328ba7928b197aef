"""A site for each test, on both databases."""

from tests.support import properties
from tests.support.local import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url

assert properties

__all__ = ["app", "postgres_app", "sqlite_app", "sqlite_sites", "sqlite_tables", "sqlite_url"]
