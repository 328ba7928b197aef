"""Fixtures: a site for each test on both databases, a mail server, and servers that follow a script."""

from tests.site.ops.key_rotation_steps import open_process
from tests.support import hypothesis_profile
from tests.support.apps import app, postgres_app, sqlite_app, sqlite_sites, sqlite_tables, sqlite_url
from tests.support.mail_server import mail_server, make_mail_server
from tests.support.scripted_server import client, make_client, serve
from tests.sync.remote_edits import gold
from tests.sync.site.site_starts import site_config

assert hypothesis_profile

__all__ = [
    "app",
    "client",
    "gold",
    "mail_server",
    "make_client",
    "make_mail_server",
    "open_process",
    "postgres_app",
    "serve",
    "site_config",
    "sqlite_app",
    "sqlite_sites",
    "sqlite_tables",
    "sqlite_url",
]
