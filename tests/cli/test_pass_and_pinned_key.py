"""`pointsync pass`, and `pointsync remote key` for a remote that offers a new key."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pointsync.crypto import format_fingerprint, new_signing_key
from tests.support.process import SiteProcess

AUTH, PASSWORD = "wrk_0123456789abcdef", "wrs_0123456789abcdef"
LINE = ("--target", "default", "--observed", "default")
PINNED, NEW = (new_signing_key()[1] for _ in range(2))
SEEN_AT = "2026-03-01 12:00:00.000000"


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[SiteProcess]:
    """A site for one test that does not run. It has a remote that does not answer."""
    site = SiteProcess(tmp_path / "own", env={"POINTSYNC_PUBLIC_URL": "https://mugs.example"}).create()
    site.cli("remote", "add", "--url", "http://127.0.0.1:9", "--auth", AUTH, "--pass", PASSWORD, *LINE)
    return site


def set_origin_rows(site: SiteProcess, **values: str | bool | None) -> None:
    """Write the values that calls and pings would have stored."""
    with closing(sqlite3.connect(site.data_dir / "pointsync.db")) as database, database:
        for name, value in values.items():
            database.execute(f"UPDATE origin SET {name} = ? WHERE auth = ?", (value, AUTH))


def test_the_pass_is_rotated_and_the_old_one_is_revoked_early(own_site: SiteProcess) -> None:
    before = own_site.cli("site", "--secrets")
    assert own_site.cli("pass", "show") == {"old_pass": None}
    set_origin_rows(own_site, old_pass_at=SEEN_AT)
    rotated = own_site.cli("pass", "rotate", "--secrets")
    assert set(rotated) == {"old_pass", "pass", "sharing_key"}
    assert rotated["pass"] != before["pass"]
    assert rotated["sharing_key"] == f"mugs.example|{before['auth']}:{rotated['pass']}"
    after = own_site.cli("site", "--secrets")
    assert (after["pass"], after["sharing_key"]) == (rotated["pass"], rotated["sharing_key"])
    assert rotated["old_pass"]["works"] is True
    assert rotated["old_pass"]["sites"] == [], "calls before the rotation used another Pass"

    set_origin_rows(own_site, old_pass_at=SEEN_AT)
    shown = own_site.cli("pass", "show")["old_pass"]
    assert shown["sites"] == [{"auth": AUTH, "name": "http://127.0.0.1:9", "last_at": "2026-03-01T12:00:00Z"}]
    text = own_site.run("pass", "show").stdout
    assert "works until" in text
    assert f"http://127.0.0.1:9 ({AUTH})" in text

    ended = own_site.cli("pass", "end-old")["old_pass"]
    assert (ended["works"], ended["sites"]) == (False, shown["sites"])
    again = own_site.run("pass", "end-old")
    assert (again.returncode, again.stdout) == (1, "")
    assert "There is no old Pass to revoke" in again.stderr


def test_at_once_and_without_showing_secrets(own_site: SiteProcess) -> None:
    before = own_site.cli("site", "--secrets")["pass"]
    done = own_site.run("pass", "rotate", "--at-once")
    assert done.returncode == 0
    assert "ended at" in done.stdout
    assert "wrs_" not in done.stdout + done.stderr
    after = own_site.cli("site", "--secrets")["pass"]
    assert after != before
    assert own_site.cli("pass", "rotate", "--at-once").keys() == {"old_pass"}
    assert own_site.cli("site", "--secrets")["pass"] not in (before, after)


def test_another_key_is_refused_and_then_accepted(own_site: SiteProcess) -> None:
    set_origin_rows(own_site, public_key=PINNED, is_key_proven=True, offered_key=NEW)
    shown = {
        "id": 1,
        "pinned": format_fingerprint(PINNED),
        "offered": format_fingerprint(NEW),
        "from_calls": False,
        "refused_at": None,
    }
    assert own_site.cli("remote", "key", "1") == shown
    assert format_fingerprint(NEW) in own_site.run("remote", "key", "1").stdout

    other = own_site.run("remote", "accept-key", "1", "--fingerprint", format_fingerprint(PINNED))
    assert other.returncode == 1
    assert "a different fingerprint" in other.stderr
    assert own_site.cli("remote", "key", "1") == shown

    assert own_site.cli("remote", "refuse-key", "1") == {"id": 1, "refused": True}
    kept = own_site.cli("remote", "key", "1")
    assert kept["refused_at"]
    assert kept | {"refused_at": None} == shown

    accepted = own_site.cli("remote", "accept-key", "1", "--fingerprint", format_fingerprint(NEW))
    assert (accepted["id"], accepted["ping"]["code"]) == (1, "refused_connection")
    assert own_site.cli("remote", "key", "1") == shown | {"pinned": format_fingerprint(NEW), "offered": None}


def test_the_key_of_calls_is_shown_and_refused(own_site: SiteProcess) -> None:
    set_origin_rows(own_site, public_key=NEW, is_key_proven=False)
    shown = {
        "id": 1,
        "pinned": None,
        "offered": format_fingerprint(NEW),
        "from_calls": True,
        "refused_at": None,
    }
    assert own_site.cli("remote", "key", "1") == shown
    assert "Key of its calls, not proven" in own_site.run("remote", "key", "1").stdout
    own_site.cli("remote", "refuse-key", "1")
    refused = own_site.cli("remote", "key", "1")
    assert refused["refused_at"]
    assert refused | {"refused_at": None} == shown | {"from_calls": False}
    accepted = own_site.cli("remote", "accept-key", "1", "--fingerprint", format_fingerprint(NEW))
    assert accepted["ping"]["code"] == "refused_connection"
    assert own_site.cli("remote", "key", "1")["pinned"] == format_fingerprint(NEW)
