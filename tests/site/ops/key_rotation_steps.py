"""Helpers for the key rotation tests: processes of one site, and the secrets in its database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import config, create_app, db
from pointsync.accounts import sign_ins
from pointsync.models import Admin, AuditEntry, Hook, Remote, Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import passes
from tests.support.apps import BOTH_DATABASES, create_site, delete_all_rows, get_reserve, open_context
from tests.support.moving_clock import START as NOW

FIRST, SECOND = "the first key of this test", "the second key of this test"
SECRETS = {"remote": "wrs_remoteremote0001", "hook": "the secret of a hook"}

OpenProcess = Callable[..., AbstractContextManager[Flask]]


@pytest.fixture(params=BOTH_DATABASES)
def open_process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenProcess]:
    """Start a process of the same site with its own settings. At its end it closes the database."""
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_url")
    else:
        base_app: Flask = request.getfixturevalue("postgres_app")
        url = base_app.config["SQLALCHEMY_DATABASE_URI"]
        with open_context(base_app):
            pass
    folder = tmp_path / "data"

    @contextmanager
    def start(**settings: str) -> Iterator[Flask]:
        environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": url} | settings
        with open_context(create_app(config.load(environ, root=folder), with_blueprints=False)) as app:
            yield app

    yield start
    if request.param != "sqlite":
        with open_context(base_app):
            delete_all_rows()


def key_settings(new: str, old: str = "") -> dict[str, str]:
    """The settings of an admin who sets the key."""
    return {"POINTSYNC_SECRET_KEY": new} | ({"POINTSYNC_SECRET_KEY_OLD": old} if old else {})


def create_secrets() -> dict[str, str]:
    """Create a site with every kind of secret, rows without one, and a signed-in admin. Return its secrets."""
    create_site()
    with db.transaction() as session:
        vault = get_runtime().vault
        passes.rotate(session, vault, NOW)
        remote = {
            "target": "default",
            "reserve": get_reserve(session),
            "query_template": "",
            "created_at": NOW,
            "facts": {},
        }
        hook = {
            "reserve_id": get_reserve(session).id,
            "rule": "orders",
            "rate": 1,
            "status": "completed",
            "created_at": NOW,
        }
        admin = Admin(name="Ada", password_hash="", created_at=NOW)
        session.add_all(
            [
                Remote(url="https://a.example", auth="wrk_a", sealed_pass=vault.encrypt(SECRETS["remote"]), **remote),
                Remote(url="https://b.example", auth="wrk_b", sealed_pass="", deleted_at=NOW, **remote),
                Hook(name="orders", token="t", sealed_secret=vault.encrypt(SECRETS["hook"]), **hook),
                admin,
            ]
        )
        session.flush()
        sign_ins.create(session, admin, NOW)
    return decrypted_secrets()


def decrypted_secrets() -> dict[str, str]:
    """Return all secrets, decrypted with this process's key."""
    with db.transaction() as session:
        site, vault = session.get_one(Site, 1), get_runtime().vault
        return {
            "pass": vault.decrypt(site.sealed_pass),
            "old pass": vault.decrypt(site.sealed_old_pass or ""),
            "private key": vault.decrypt(site.sealed_private_key),
            "remote": vault.decrypt(session.scalars(select(Remote).where(Remote.auth == "wrk_a")).one().sealed_pass),
            "hook": vault.decrypt(session.scalars(select(Hook)).one().sealed_secret),
        }


def ciphertexts() -> list[str]:
    """Return the encrypted secrets in the database."""
    with db.transaction() as session:
        site = session.get_one(Site, 1)
        return [
            site.sealed_pass,
            site.sealed_old_pass or "",
            site.sealed_private_key,
            *session.scalars(select(Remote.sealed_pass).where(Remote.auth == "wrk_a")),
            *session.scalars(select(Hook.sealed_secret)),
        ]


def row_count(model: type, *conditions: object) -> int:
    """Count rows."""
    with db.transaction() as session:
        return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0  # type: ignore[arg-type]


def rotation_audit_count() -> int:
    """Count the key rotations in the audit log."""
    return row_count(AuditEntry, AuditEntry.action == "rotated")
