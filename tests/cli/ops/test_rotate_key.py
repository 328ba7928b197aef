"""`rotate-key`: the rotation, what is refused before it, and backups from before it."""

import shutil
from pathlib import Path

import pytest

from tests.cli.command_batch import CommandResult, run_commands
from tests.cli.conftest import DumpDatabase
from tests.support.process import SiteProcess, free_port

NEW = "the next key of this test, of my own"
HOOK = ("hook", "add", "orders", "--secret", "s", "--reserve", "default")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data of a site, a backup of it, and one without its secret."""
    folder = tmp_path_factory.mktemp("template")
    site = SiteProcess(folder / "site").create()
    for done in run_commands(
        site,
        [HOOK, ("backup", str(folder / "whole.zip")), ("backup", str(folder / "bare.zip"), "--without-secret")],
    ):
        assert done.code == 0, done
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return shutil.copytree(template, tmp_path, dirs_exist_ok=True)


def assert_refused(done: CommandResult, word: str, code: int = 1) -> None:
    """Check that the command printed one line with `word`."""
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1), done
    assert word in done.err, done


def test_a_generated_key_and_earlier_backups(folder: Path) -> None:
    site, key_file = SiteProcess(folder / "site"), folder / "site" / "secret_key"
    first = key_file.read_text()
    before, output, rotated, after, log = run_commands(
        site,
        [
            ("site", "--secrets", "--json"),
            ("rotate-key",),
            ("rotate-key", "--json"),
            ("site", "--secrets", "--json"),
            ("audit", "--json"),
        ],
    )
    keys = {first, key_file.read_text(), *(each.read_text() for each in site.data_dir.glob("secret_key.*"))}
    assert len(keys) == 3
    assert [key for key in keys for done in (output, rotated, log) if key in done.out + done.err] == []
    assert all(
        word in output.out
        for word in ("3 secrets are now encrypted", "sign in again", "secret_key.before-rotation-", "pass rotate")
    )
    assert (rotated.json["rotated"], rotated.json["secrets"], rotated.json["unopened"]) == (True, 3, [])
    assert after.json == before.json
    assert [row["words"].split(" ", 1)[1] for row in log.json][:2] == ["rotated secret key"] * 2

    # The key of the backup is the first of the three.
    [old] = [each for each in site.data_dir.glob("secret_key.*") if each.read_text() == first]
    [refused] = run_commands(site, [("restore", str(folder / "bare.zip"))])
    assert_refused(refused, "POINTSYNC_SECRET_KEY_OLD")
    with_old = SiteProcess(site.data_dir, env={"POINTSYNC_SECRET_KEY_OLD_FILE": str(old)})
    restored, blocked, again, shown = run_commands(
        with_old,
        [
            ("restore", str(folder / "bare.zip"), "--json"),
            ("site",),
            ("rotate-key", "--json"),
            ("site", "--secrets", "--json"),
        ],
    )
    assert (restored.json["secret"], restored.json["rotate_key"]) == (False, True)
    assert_refused(blocked, "run: pointsync rotate-key", 2)
    assert (again.json["rotated"], again.json["kept"]) == (True, None)
    assert shown.json["pass"] == before.json["pass"]

    third = key_file.rename(site.data_dir / "secret_key.new").read_text()  # as after an interrupted rotation
    key_file.write_text("the key of before, by now nothing's")
    whole, shown, _ = run_commands(
        site, [("restore", str(folder / "whole.zip")), ("site", "--secrets", "--json"), ("rotate-key",)]
    )
    assert "If others may know that key, run: pointsync rotate-key" in whole.out
    assert shown.json["pass"] == before.json["pass"]
    assert [each.read_text() for each in site.data_dir.glob("secret_key.before-restore-*")] == [third]
    assert key_file.read_text() not in {*keys, third}


def test_a_configured_key_and_processes_that_start_meanwhile(folder: Path, dump: DumpDatabase) -> None:
    old_key = (folder / "site" / "secret_key").read_text()
    changing = SiteProcess(
        folder / "site",
        env={"POINTSYNC_SECRET_KEY": NEW, "POINTSYNC_SECRET_KEY_OLD": old_key, "POINTSYNC_SCHEDULER": "on"},
    )
    stranger = SiteProcess(folder / "site", env={"POINTSYNC_SECRET_KEY": NEW})
    blocked_commands = [
        ("record", "a@shop.example", "5"),
        ("worker",),
        ("upgrade",),
        ("backup", str(folder / "x.zip")),
    ]
    *refused, rotated, again, added = run_commands(
        changing, [*blocked_commands, ("rotate-key", "--json"), ("rotate-key",), ("reserve", "add", "gold")]
    )
    assert (rotated.json["rotated"], rotated.json["kept"]) == (True, None)
    assert (again.code, "Remove POINTSYNC_SECRET_KEY_OLD" in again.out, added.code) == (0, True, 0)
    for done in refused:
        assert_refused(done, "run: pointsync rotate-key", 2)
    assert not (folder / "x.zip").exists()
    assert [key for key in (NEW, old_key) for done in (*refused, rotated, again) if key in done.out + done.err] == []

    shown, needs_old, restored = run_commands(
        stranger,
        [
            ("site", "--secrets", "--json"),
            ("rotate-key",),
            ("restore", str(folder / "whole.zip")),
        ],
    )
    assert shown.json["pass"]
    assert_refused(needs_old, "POINTSYNC_SECRET_KEY_OLD")
    assert_refused(restored, "POINTSYNC_SECRET_KEY_OLD")
    now, wrong = dump(stranger), SiteProcess(folder / "site")
    assert "a@shop.example" not in now
    served = wrong.run("serve", "--port", str(free_port()))
    assert (served.returncode, served.stdout, served.stderr.count("\n")) == (2, "", 1)
    assert "POINTSYNC_SECRET_KEY is not the key" in served.stderr
    assert dump(stranger) == now
