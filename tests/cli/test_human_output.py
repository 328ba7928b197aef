"""Output for people on a terminal and in a pipe, and `flask --app wsgi`."""

import json
import os
import pwd
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from pointsync import __version__
from tests.cli.command_batch import run_commands
from tests.support.paths import CHECKOUT
from tests.support.process import SiteProcess

REASON = "A reason of many words, " * 15


def test_piped_output_is_complete_and_without_colour(site: SiteProcess) -> None:
    args = ("record", "alice@example.com", "5", "--reason", REASON.strip())
    recorded, history, reserves, settings = run_commands(
        site, [args, ("history", "alice@example.com"), ("reserve", "list"), ("setting", "list")]
    )
    assert recorded.out == "alice@example.com: +5 points in default, now 5.\n"
    assert REASON.strip() in history.out
    assert len(history.out.splitlines()) == 2
    for each in (history, reserves, settings):
        assert each.code == 0
        assert "\x1b" not in each.out
        assert all(line == line.rstrip() for line in each.out.splitlines())


def test_empty_lists_say_how_to_begin(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path).create()
    for done in run_commands(fresh, [("remote", "list"), ("key", "list"), ("hook", "list")]):
        assert f"pointsync {done.args[0]} " in done.out


def test_a_refused_movement_is_not_listed_as_waiting_too(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path).create()
    secrets = ("--auth", "wrk_0123456789abcdef", "--pass", "wrs_0123456789abcdef")
    add = ("remote", "add", "--url", "http://127.0.0.1:9", *secrets, "--target", "default", "--observed", "default")
    run_commands(fresh, [add, ("record", "a@b.example", "1"), ("record", "a@b.example", "2")])
    with sqlite3.connect(fresh.data_dir / "pointsync.db") as database:
        database.execute("UPDATE delivery SET state = 'failed' WHERE id = 1")
    table, as_json = run_commands(fresh, [("remote", "list"), ("remote", "list", "--json")])
    assert re.search(r" error +1  ", table.out), table.out
    [row] = json.loads(as_json.out)
    assert (row["waiting"], row["refused"]) == (2, 1)


def test_secrets_are_read_from_stdin(site: SiteProcess) -> None:
    key = "127.0.0.1:9|wrk_0123456789abcdef:wrs_0123456789abcdef\r\n"
    line = ("--target", "default", "--observed", "default", "--json")
    [added] = run_commands(site, [("remote", "add", "--sharing-key-stdin", *line)], key)
    [changed] = run_commands(site, [("remote", "change", "1", "--pass-stdin", "--json")], "wrs_fedcba9876543210\n")
    [admin] = run_commands(site, [("admin", "create", "joe", "--password-stdin", "--json")], "a long password\n")
    assert added.json["id"] == changed.json["id"] == 1
    assert admin.json == {"name": "joe"}


def test_an_admin_is_disabled_enabled_and_given_another_password(tmp_path: Path) -> None:
    commands = [
        ("admin", "list"),
        ("admin", "create", "ann", "--password-stdin"),
        ("admin", "create", "ben", "--password-stdin"),
        ("admin", "disable", "ann", "--json"),
        ("admin", "disable", "ben"),
        ("admin", "list", "--json"),
        ("admin", "list"),
        ("admin", "disable", "zoe"),
        ("admin", "reset-password", "ann", "--password-stdin"),
        ("admin", "enable", "ann", "--json"),
        ("admin", "reset-password", "ann", "--password-stdin", "--json"),
    ]
    found = run_commands(SiteProcess(tmp_path).create(), commands, "a long password\n")
    none, _, _, shut, last, listed, table, unknown, still, opened, reset = found
    assert "pointsync admin create NAME" in none.out
    assert [each.code for each in found if each.code] == [last.code, unknown.code] == [1, 1]
    assert (last.out, unknown.out) == ("", "")
    assert shut.json == {"name": "ann", "disabled": True}
    assert [(each["name"], each["disabled_at"] is None) for each in listed.json] == [("ann", False), ("ben", True)]
    assert set(listed.json[0]) == {"name", "created_at", "disabled_at"}
    assert table.out.splitlines()[0].split() == ["Name", "Created", "Disabled"]
    assert still.out.startswith("ann has a new password and is signed out everywhere. They are still disabled")
    assert opened.json == reset.json == {"name": "ann", "disabled": False}


def test_retrying_a_paused_remote_says_how_to_go_on(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path).create()
    secrets = ("--auth", "wrk_0123456789abcdef", "--pass", "wrs_0123456789abcdef")
    add = ("remote", "add", "--url", "http://127.0.0.1:9", *secrets, "--target", "default", "--observed", "default")
    *_, retried, resumed, again = run_commands(
        fresh,
        [add, ("remote", "pause", "1"), ("remote", "retry", "1"), ("remote", "resume", "1"), ("remote", "retry", "1")],
    )
    assert retried.out == "Remote 1 is paused, so nothing is sent. To resume it: pointsync remote resume 1\n"
    assert resumed.code == 0
    assert again.out == "Everything that waits for remote 1 is being sent now: 0.\n"


def test_help_creates_nothing(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path / "fresh")
    whole, noun, command = run_commands(fresh, [("--help",), ("remote", "--help"), ("remote", "add", "--help")])
    assert "serve" in whole.out
    assert "retry" in noun.out
    assert "--sharing-key" in command.out
    assert list(fresh.data_dir.iterdir()) == []


def test_the_version(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path / "fresh")
    [done] = run_commands(fresh, [("--version",)])
    assert (done.code, done.out, done.err) == (0, f"{__version__}\n", "")
    assert list(fresh.data_dir.iterdir()) == []


def test_wrong_arguments_create_nothing(tmp_path: Path) -> None:
    fresh = SiteProcess(tmp_path / "fresh")
    for done in run_commands(
        fresh, [("record", "a@b.example", "1.5"), ("remote", "ping", "x"), ("serve", "--port", "x")]
    ):
        assert done.code == 2
    assert list(fresh.data_dir.iterdir()) == []


def test_bytes_that_are_not_text(site: SiteProcess) -> None:
    for args in ([b"record", b"a\xff@b.example", b"5"], [b"\xff\xfe"], [b"key", b"create", b"\xff"]):
        done = subprocess.run(
            [*map(os.fsencode, site.command), *args],
            cwd=CHECKOUT,
            env=site.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1), done


def test_the_same_under_flask(site: SiteProcess) -> None:
    site.command = (sys.executable, "-m", "flask", "--app", "wsgi")
    try:
        assert set(site.cli("site")) == {"name", "url", "auth", "fingerprint", "hold", "fetch_back"}
        wrong = site.run("record", "bob@example.com", "ten")
        assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    finally:
        del site.command


def test_wsgi_starts_no_scheduler_and_opens_no_database(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path)
    code = "import json, threading, wsgi; print(json.dumps([t.name for t in threading.enumerate()]))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=site.env, capture_output=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == ["MainThread"]
    assert [each.name for each in tmp_path.iterdir()] == ["secret_key"]


def test_a_wrong_setting_is_one_line(tmp_path: Path) -> None:
    site = SiteProcess(tmp_path, env={"POINTSYNC_PUBLIC_URL": "nonsense"})
    for command in (site.command, (sys.executable, "-c", "import wsgi")):
        site.command = command
        done = site.run("site")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
        assert "POINTSYNC_PUBLIC_URL must begin with https://" in done.stderr


def test_changes_by_commands_are_in_the_audit_log_under_the_system_account(site: SiteProcess) -> None:
    args = [("setting", "set", "warning_days", "9"), ("audit", "--noun", "setting"), ("audit", "--limit", "0")]
    changed, listed, wrong = run_commands(site, args)
    assert changed.code == 0
    assert f"{pwd.getpwuid(os.getuid()).pw_name} changed Warning period from 7 to 9" in listed.out
    assert (wrong.code, wrong.out) == (2, "")
