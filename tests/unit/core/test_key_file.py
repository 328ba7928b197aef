"""The file of a generated key, and its replacement by the next key."""

import stat
from datetime import UTC, datetime

import pytest

from pointsync import key_file
from pointsync.errors import ConfigError

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
BEFORE = "secret_key.before-rotation-20260301T123000Z"


def names(folder):
    """The names of the files in a folder."""
    return sorted(each.name for each in folder.iterdir())


def test_the_next_key_replaces_the_current_one_which_is_archived(tmp_path):
    first = key_file.read_or_create(tmp_path)
    next_key = key_file.write_next(tmp_path)
    assert (key_file.read_or_create(tmp_path), key_file.read_next(tmp_path)) == (first, next_key)
    assert len({first, next_key}) == 2
    assert key_file.activate_next(tmp_path, NOW) == tmp_path / BEFORE
    assert (key_file.read_or_create(tmp_path), (tmp_path / BEFORE).read_text()) == (next_key, first)
    assert names(tmp_path) == ["secret_key", BEFORE]
    assert {stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()} == {0o600}


def test_the_next_key_file_is_private_even_where_one_existed(tmp_path):
    (tmp_path / "secret_key.new").write_text("left")
    (tmp_path / "secret_key.new").chmod(0o644)
    assert key_file.write_next(tmp_path) != "left"
    assert stat.S_IMODE((tmp_path / "secret_key.new").stat().st_mode) == 0o600


def test_each_old_key_is_archived_under_its_own_name(tmp_path):
    keys = [key_file.read_or_create(tmp_path)]
    for number in ("", "-2", "-3"):
        keys.append(key_file.write_next(tmp_path))
        assert key_file.activate_next(tmp_path, NOW).name == f"{BEFORE}{number}"
    assert [(tmp_path / f"{BEFORE}{number}").read_text() for number in ("", "-2", "-3")] == keys[:3]


def test_a_key_that_was_archived_is_not_archived_twice(tmp_path, monkeypatch):
    first, next_key = key_file.read_or_create(tmp_path), key_file.write_next(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(key_file.os, "replace", interrupt)
        with pytest.raises(InterruptedError):
            key_file.activate_next(tmp_path, NOW)
    assert key_file.activate_next(tmp_path, NOW.replace(year=2027)) == tmp_path / BEFORE
    assert names(tmp_path) == ["secret_key", BEFORE]
    assert (key_file.read_or_create(tmp_path), (tmp_path / BEFORE).read_text()) == (next_key, first)


def test_a_missing_and_an_empty_next_key_file_are_the_same(tmp_path):
    assert key_file.read_next(tmp_path) is None
    key_file.delete_next(tmp_path)
    (tmp_path / "secret_key.new").touch()
    assert key_file.read_next(tmp_path) is None
    key_file.delete_next(tmp_path)
    assert names(tmp_path) == []


def test_a_next_key_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "secret_key.new").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"secret_key\.new"):
        key_file.read_next(tmp_path)


def interrupt(*_args):
    """Simulates a kill between two steps."""
    raise InterruptedError
