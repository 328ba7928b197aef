"""The secret key is changed: all is encrypted with another one or nothing is, whatever it was cut short by."""

import logging
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import select

from pointsync import db, key_file, startup
from pointsync.crypto import Vault, WrongSecret
from pointsync.errors import ConfigError, Conflict
from pointsync.models import Audit, Hook, SignIn
from pointsync.ops import in_use, key_rotation
from pointsync.runtime import runtime
from pointsync.sync.site import passes
from pointsync.web import secret_key
from tests.site.ops.key_rotation_steps import (
    FIRST,
    SECOND,
    SECRETS,
    Process,
    ciphertexts,
    count,
    fill,
    key,
    noted,
    secrets,
)
from tests.support.moving_clock import START as NOW


def test_a_made_key_gives_way_to_a_fresh_one(process: Process, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with process() as app:
        before = fill()
        first = runtime().config.secret_key
        rotated = key_rotation.rotate(NOW)
        assert (rotated.sealed, (data / "secret_key.new").exists()) == (key_rotation.Sealed(5, ()), False)
        second = (data / "secret_key").read_text()
        assert rotated.kept is not None
        assert (rotated.kept.read_text(), first != second) == (first, True)
        assert app.config["SECRET_KEY"] == runtime().config.secret_key == second, "this process goes on with it"
        assert secrets() == before
    with process() as app:
        assert app.config["SECRET_KEY"] == second
        assert secret_key.settle()
        assert secrets() == before
        with pytest.raises(WrongSecret):
            Vault(first).open(ciphertexts()[0])
        assert (count(SignIn), noted()) == (0, 1)
        assert count(Audit, Audit.noun == "remote", Audit.action == "changed") == 0, "no Pass was changed"


def test_neither_key_nor_what_the_first_opened_is_left_anywhere(
    process: Process, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with process():
        fill()
        before, first = ciphertexts(), runtime().config.secret_key
        key_rotation.rotate(NOW)
        keys = [first, runtime().config.secret_key]
        with db.write() as session:
            said = caplog.text + "".join(
                f"{each.thing}{each.before}{each.after}" for each in session.scalars(select(Audit))
            )
        assert set(before).isdisjoint(ciphertexts())
        is_sqlite = runtime().config.is_sqlite
    assert "the secret key was changed" in said
    assert [each for each in keys if each in said] == []
    if is_sqlite:
        held = b"".join(each.read_bytes() for each in tmp_path.glob("pointsync.db*"))
        assert len(held) > 100_000
        assert [text for text in [*before, *keys] if text.encode() in held] == []


def test_a_key_of_ones_own_gives_way_to_the_next(process: Process, tmp_path: Path) -> None:
    with process(**key(FIRST)):
        before = fill()
        with pytest.raises(Conflict, match="POINTSYNC_SECRET_KEY_OLD"):
            key_rotation.rotate(NOW)
    with process(**key(SECOND, FIRST)):
        with pytest.raises(secret_key.StillOld, match="pointsync rotate-key"):
            secret_key.settle()
        assert key_rotation.rotate(NOW) == key_rotation.Rotated(key_rotation.Sealed(5, ()), None)
        assert (secrets(), count(SignIn), noted()) == (before, 0, 1)
        assert key_rotation.rotate(NOW) == key_rotation.Rotated(None, None)
        assert (secrets(), noted()) == (before, 1)
    with process(**key(SECOND)):
        assert secret_key.settle()
        assert secrets() == before
    with process(**key(FIRST)), pytest.raises(WrongSecret, match="POINTSYNC_SECRET_KEY is not the one"):
        secret_key.settle()
    with process(**key("a third key of this test", FIRST)):
        for work in (secret_key.settle, lambda: key_rotation.rotate(NOW)):
            with pytest.raises(secret_key.WrongOld, match="Neither"):
                work()
    assert [each.name for each in (tmp_path / "data").glob("secret_key*")] == []


def test_from_a_made_key_to_ones_own_and_back(process: Process, tmp_path: Path) -> None:
    made = str(tmp_path / "data" / "secret_key")
    with process():
        before = fill()
    with process(POINTSYNC_SECRET_KEY=FIRST, POINTSYNC_SECRET_KEY_OLD_FILE=made):
        assert key_rotation.rotate(NOW).kept is None
        assert secrets() == before
    with process(), pytest.raises(WrongSecret):
        secret_key.settle()
    with process(POINTSYNC_SECRET_KEY_OLD=FIRST):
        key_rotation.rotate(NOW)
        assert secrets() == before
    with process():
        assert secret_key.settle()


def test_it_is_refused_while_another_process_has_the_database_open(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_use, "GRACE_SECONDS", 0.5)
    with process():
        before = fill()
    with process():
        assert secret_key.settle(), "which is what each that stays begins with, and it keeps its connection"
        with process(), pytest.raises(Conflict, match="stop pointsync serve"):
            key_rotation.rotate(NOW)
        assert secrets() == before
        assert not (runtime().config.data / "secret_key.new").exists()
    with process():
        assert key_rotation.rotate(NOW).sealed


def test_a_process_that_was_not_seen_can_seal_nothing_and_learns_of_the_new_key(process: Process) -> None:
    """Such as one that has opened nothing yet, when the key was changed."""
    with process() as unseen:
        fill()
        db.db.session.remove()
        db.db.engine.dispose()
        with process():
            key_rotation.rotate(NOW)
        stale = runtime().vault
        with pytest.raises(WrongSecret), db.write() as session:
            session.scalars(select(Hook)).one().sealed_secret = stale.seal("x")
        with pytest.raises(WrongSecret), db.write() as session:
            passes.rotate(session, stale, NOW)
        with db.write() as session:
            session.scalars(select(Hook)).one().name = "other"
        assert secret_key.settle()
        assert secrets()["hook"] == SECRETS["hook"]
        assert unseen.config["SECRET_KEY"] == runtime().config.secret_key


def test_what_the_key_before_does_not_open_stays_and_is_named(process: Process) -> None:
    with process():
        fill()
        foreign = Vault(SECOND).seal("x")
        with db.write() as session:
            session.scalars(select(Hook)).one().sealed_secret = foreign
        assert key_rotation.rotate(NOW).sealed == key_rotation.Sealed(4, ("hook orders",))
        assert ciphertexts()[-1] == foreign


def test_without_a_site_there_is_nothing_to_change(process: Process, tmp_path: Path) -> None:
    with process(), pytest.raises(Conflict, match="no site yet"):
        key_rotation.rotate(NOW)
    assert [each.name for each in (tmp_path / "data").glob("secret_key*")] == ["secret_key"]


def test_where_no_key_can_be_written_nothing_changes(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with process():
        before = fill()
        with monkeypatch.context() as patch:
            patch.setattr(key_file.os, "fsync", full)
            with pytest.raises(OSError, match="No space"):
                key_rotation.rotate(NOW)
        assert secret_key.settle()
        assert (secrets(), noted()) == (before, 0)


def test_a_wrong_key_is_refused_by_whatever_begins(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    with process(**key(FIRST)):
        before = fill()
    for settings in (key(SECOND), key(SECOND, FIRST), key(SECOND, "another one of this test")):
        for begin in (startup.make_missing, startup.bring_up):
            with process(**settings), pytest.raises(ConfigError, match="POINTSYNC_SECRET_KEY"):
                begin()
    with process(**key(FIRST, SECOND)):
        assert startup.bring_up() is None
        assert "POINTSYNC_SECRET_KEY_OLD is not needed any more" in caplog.text
        assert secrets() == before
        assert current_app.config["SECRET_KEY"] == FIRST
