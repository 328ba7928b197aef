"""A site for each test, on both databases; servers that misbehave, and clients to call them."""

from tests.support import hypothesis_profile
from tests.support.apps import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url
from tests.support.scripted_server import client, make_client, serve
from tests.sync.remote_edits import gold
from tests.sync.site.site_starts import site_config

assert hypothesis_profile

__all__ = [
    "app",
    "client",
    "gold",
    "make_client",
    "postgres_app",
    "serve",
    "site_config",
    "sqlite_app",
    "sqlite_sites",
    "sqlite_tables",
    "sqlite_url",
]
