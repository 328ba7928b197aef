"""A site for each test, on both databases; a mail server, and servers that misbehave."""

from tests.site.ops.key_rotation_steps import process
from tests.support import hypothesis_profile
from tests.support.apps import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url
from tests.support.mail_server import make_post, post
from tests.support.scripted_server import client, make_client, serve
from tests.sync.remote_edits import gold
from tests.sync.site.site_starts import here

assert hypothesis_profile

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
