"""A site that runs with the wrong secret key: every request is answered with 503 and what to do, never with 500."""

import html
import shutil
from pathlib import Path

import pytest
from flask import Flask

from pointsync import clock, db
from pointsync.accounts import admins
from pointsync.ops import key_rotation
from pointsync.runtime import get_runtime
from pointsync.web.db_unavailable import DATABASE_CHECKED_KEY
from tests.api.test_other_database_version import PATHS
from tests.support.panel_client import NAME, PASSWORD, PanelClient
from tests.support.site_template import open_site

FIRST, SECOND = "the first key of this test", "the second key of this test"
WRONG = "POINTSYNC_SECRET_KEY is not the key that this database's secrets are encrypted with"
STILL_OLD = (
    "still encrypted with POINTSYNC_SECRET_KEY_OLD: stop all processes of this site, then run: pointsync rotate-key"
)
PAGES = ("/", "/system/points-sync", "/system/network", "/system/woocommerce")


@pytest.fixture
def folder(site_template: Path, tmp_path: Path) -> Path:
    """The folder of a site, for the test's own applications."""
    return shutil.copytree(site_template, tmp_path / "data")


def signed_in_admin(app: Flask) -> PanelClient:
    """Create an admin of that site and sign in."""
    with app.app_context():
        db.run_in_transaction(lambda session: admins.create(session, NAME, PASSWORD, clock.now()))
    visitor = PanelClient(app)
    assert visitor.sign_in().status_code == 303
    assert visitor.is_in()
    return visitor


def rotate_key(folder: Path, running: Flask, **settings: str) -> None:
    """Rotate the key while the process `running` has no open connection."""
    with running.app_context():
        db.get_engine().dispose()
    with open_site(folder, settles=False, **settings) as app, app.app_context():
        db.get_engine().dispose()
        assert key_rotation.rotate(clock.now()).reencrypted


def assert_refused(app: Flask, message: str) -> None:
    """Every request is refused with the message."""
    caller = app.test_client()
    for path in (*PATHS, *PAGES):
        answer = caller.get(path)
        assert answer.status_code == 503, path
        assert message in html.unescape(answer.text), path
    assert caller.post("/pointsync/v1/ping", data=b"{}").status_code == 503
    health = caller.get("/healthz")
    assert (health.status_code, message in health.json["reason"]) == (503, True)
    with caller.get("/static/icon.svg") as picture:
        assert picture.status_code == 200


def test_every_request_is_refused_with_a_wrong_key_or_before_the_rotation(folder: Path) -> None:
    key = (folder / "secret_key").read_text()
    for settings, message in (
        ({"POINTSYNC_SECRET_KEY": FIRST}, WRONG),
        ({"POINTSYNC_SECRET_KEY": FIRST, "POINTSYNC_SECRET_KEY_OLD": key}, STILL_OLD),
        ({"POINTSYNC_SECRET_KEY": FIRST, "POINTSYNC_SECRET_KEY_OLD": SECOND}, "Neither POINTSYNC_SECRET_KEY nor"),
    ):
        with open_site(folder, **settings) as app:
            assert_refused(app, message)
    with open_site(folder) as app:
        assert app.test_client().get("/sign-in").status_code == 200


def test_a_running_process_finds_a_generated_key_and_sessions_end(folder: Path) -> None:
    with open_site(folder) as app:
        ada = signed_in_admin(app)
        rotate_key(folder, app)
        assert not ada.is_in()
        assert ada.sign_in().status_code == 303
        assert ada.get("/").status_code == 503, "it notices that its key is wrong and reads the new one"
        assert not ada.is_in()
        assert ada.sign_in().status_code == 303
        assert [ada.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        with app.app_context():
            assert get_runtime().config.secret_key == (folder / "secret_key").read_text()


def test_a_configured_key_that_changes_while_a_process_runs_causes_no_500(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    with open_site(folder, POINTSYNC_SECRET_KEY=FIRST) as app:
        ada = signed_in_admin(app)
        rotate_key(folder, app, POINTSYNC_SECRET_KEY=SECOND, POINTSYNC_SECRET_KEY_OLD=FIRST)
        assert ada.sign_in().status_code == 303
        hook = {"name": "zebra", "secret": "s", "reserve": "default", "rate": "1", "status": "completed"}
        answer = ada.send("/system/woocommerce/add", **hook)
        assert (answer.status_code, WRONG in html.unescape(answer.text)) == (503, True)
        assert_refused(app, WRONG)
        for path, word in ((PATHS[-1], "rest_error"), ("/pointsync/v1/ping", "failed")):
            app.extensions[DATABASE_CHECKED_KEY] = True  # As if this were the first request that needs a secret.
            answer = app.test_client().open(path, method="GET" if "wp-json" in path else "POST", data=b"{}")
            assert (answer.status_code, word in answer.text) == (503, True), answer.text
    with open_site(folder, POINTSYNC_SECRET_KEY=SECOND) as app:
        again = PanelClient(app)
        assert again.sign_in().status_code == 303
        assert "zebra" not in again.get("/system/woocommerce").text
