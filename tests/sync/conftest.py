"""A site for each test, on both databases; servers that misbehave, and clients to call them."""

from tests.support import properties
from tests.support.local import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url
from tests.sync.edits import gold
from tests.sync.mail_servers import make_post, post
from tests.sync.rotating import process
from tests.sync.servers import client, make_client, serve
from tests.sync.starts import here

assert properties

__all__ = [
    "app",
    "client",
    "gold",
    "here",
    "make_client",
    "make_post",
    "post",
    "postgres_app",
    "process",
    "serve",
    "sqlite_app",
    "sqlite_sites",
    "sqlite_tables",
    "sqlite_url",
]
