"""What the tests of a changed key share: the processes of one site, and what is in its database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from pointsync import config, create_app, db
from pointsync.accounts import sign_ins
from pointsync.models import Admin, Audit, Hook, Remote, Site
from pointsync.runtime import runtime
from pointsync.sync.site import passes
from tests.support.apps import BOTH, empty, opened, reserve, settle_in
from tests.support.moving_clock import START as NOW

FIRST, SECOND = "the first key of this test", "the second key of this test"
SECRETS = {"remote": "wrs_remoteremote0001", "hook": "the secret of a hook"}

Process = Callable[..., AbstractContextManager[Flask]]


@pytest.fixture(params=BOTH)
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    """A process of one and the same site, begun with settings of its own; before it ends, its database is let go."""
    if request.param == "sqlite":
        url = request.getfixturevalue("sqlite_url")
    else:
        lasting: Flask = request.getfixturevalue("postgres_app")
        url = lasting.config["SQLALCHEMY_DATABASE_URI"]
        with opened(lasting):
            pass
    folder = tmp_path / "data"

    @contextmanager
    def begin(**settings: str) -> Iterator[Flask]:
        environ = {"POINTSYNC_DATA": str(folder), "POINTSYNC_DATABASE_URL": url} | settings
        with opened(create_app(config.load(environ, root=folder), answers=False)) as app:
            yield app

    yield begin
    if request.param != "sqlite":
        with opened(lasting):
            empty()


def key(new: str, old: str = "") -> dict[str, str]:
    """The settings of an admin who keeps the key."""
    return {"POINTSYNC_SECRET_KEY": new} | ({"POINTSYNC_SECRET_KEY_OLD": old} if old else {})


def fill() -> dict[str, str]:
    """A site in which each kind of secret is, one of each without any, and an admin who is signed in; its secrets."""
    settle_in()
    with db.write() as session:
        vault = runtime().vault
        passes.rotate(session, vault, NOW)
        line = {"target": "default", "reserve": reserve(session), "query_template": "", "created_at": NOW, "facts": {}}
        hook = {
            "reserve_id": reserve(session).id,
            "rule": "orders",
            "rate": 1,
            "status": "completed",
            "created_at": NOW,
        }
        admin = Admin(name="Ada", password_hash="", created_at=NOW)
        session.add_all(
            [
                Remote(url="https://a.example", auth="wrk_a", sealed_pass=vault.seal(SECRETS["remote"]), **line),
                Remote(url="https://b.example", auth="wrk_b", sealed_pass="", deleted_at=NOW, **line),
                Hook(name="orders", token="t", sealed_secret=vault.seal(SECRETS["hook"]), **hook),
                admin,
            ]
        )
        session.flush()
        sign_ins.begin(session, admin, NOW)
    return secrets()


def secrets() -> dict[str, str]:
    """All that this process's key opens."""
    with db.write() as session:
        site, vault = session.get_one(Site, 1), runtime().vault
        return {
            "pass": vault.open(site.sealed_pass),
            "old pass": vault.open(site.sealed_old_pass or ""),
            "private key": vault.open(site.sealed_private_key),
            "remote": vault.open(session.scalars(select(Remote).where(Remote.auth == "wrk_a")).one().sealed_pass),
            "hook": vault.open(session.scalars(select(Hook)).one().sealed_secret),
        }


def ciphertexts() -> list[str]:
    """What stands in the database of them."""
    with db.write() as session:
        site = session.get_one(Site, 1)
        return [
            site.sealed_pass,
            site.sealed_old_pass or "",
            site.sealed_private_key,
            *session.scalars(select(Remote.sealed_pass).where(Remote.auth == "wrk_a")),
            *session.scalars(select(Hook.sealed_secret)),
        ]


def count(model: type, *which: object) -> int:
    """How many rows."""
    with db.write() as session:
        return session.scalar(select(func.count()).select_from(model).where(*which)) or 0  # type: ignore[arg-type]


def noted() -> int:
    """How often the audit log says that the key was changed."""
    return count(Audit, Audit.action == "rotated")
