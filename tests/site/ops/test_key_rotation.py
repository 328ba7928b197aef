"""Key rotation: either everything is encrypted with the new key, or nothing changes."""

import logging
from pathlib import Path

import pytest
from flask import current_app
from sqlalchemy import select

from pointsync import db, key_file, startup
from pointsync.crypto import Vault, WrongSecretKey
from pointsync.errors import ConfigError, Conflict
from pointsync.models import AuditEntry, Hook, SignIn
from pointsync.ops import in_use, key_rotation
from pointsync.runtime import get_runtime
from pointsync.sync.site import passes
from pointsync.web import secret_key
from tests.site.ops.key_rotation_steps import (
    FIRST,
    SECOND,
    SECRETS,
    OpenProcess,
    ciphertexts,
    create_secrets,
    decrypted_secrets,
    key_settings,
    rotation_audit_count,
    row_count,
)
from tests.support.moving_clock import START as NOW


def test_a_generated_key_is_replaced_by_a_new_one(open_process: OpenProcess, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with open_process() as app:
        before = create_secrets()
        first = get_runtime().config.secret_key
        rotated = key_rotation.rotate(NOW)
        assert (rotated.reencrypted, (data / "secret_key.new").exists()) == (
            key_rotation.ReencryptionResult(5, ()),
            False,
        )
        second = (data / "secret_key").read_text()
        assert rotated.old_key_path is not None
        assert (rotated.old_key_path.read_text(), first != second) == (first, True)
        assert app.config["SECRET_KEY"] == get_runtime().config.secret_key == second, "this process uses the new key"
        assert decrypted_secrets() == before
    with open_process() as app:
        assert app.config["SECRET_KEY"] == second
        assert secret_key.verify_key()
        assert decrypted_secrets() == before
        with pytest.raises(WrongSecretKey):
            Vault(first).decrypt(ciphertexts()[0])
        assert (row_count(SignIn), rotation_audit_count()) == (0, 1)
        assert row_count(AuditEntry, AuditEntry.noun == "remote", AuditEntry.action == "changed") == 0, (
            "no Pass was changed"
        )


def test_neither_keys_nor_old_ciphertexts_are_left_in_the_log_or_database(
    open_process: OpenProcess, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with open_process():
        create_secrets()
        before, first = ciphertexts(), get_runtime().config.secret_key
        key_rotation.rotate(NOW)
        keys = [first, get_runtime().config.secret_key]
        with db.transaction() as session:
            logged = caplog.text + "".join(
                f"{each.thing}{each.before}{each.after}" for each in session.scalars(select(AuditEntry))
            )
        assert set(before).isdisjoint(ciphertexts())
        is_sqlite = get_runtime().config.is_sqlite
    assert "the secret key was changed" in logged
    assert [each for each in keys if each in logged] == []
    if is_sqlite:
        file_bytes = b"".join(each.read_bytes() for each in tmp_path.glob("pointsync.db*"))
        assert len(file_bytes) > 100_000
        assert [text for text in [*before, *keys] if text.encode() in file_bytes] == []


def test_a_key_set_by_an_admin_is_replaced_by_the_next(open_process: OpenProcess, tmp_path: Path) -> None:
    with open_process(**key_settings(FIRST)):
        before = create_secrets()
        with pytest.raises(Conflict, match="POINTSYNC_SECRET_KEY_OLD"):
            key_rotation.rotate(NOW)
    with open_process(**key_settings(SECOND, FIRST)):
        with pytest.raises(secret_key.KeyNotRotated, match="pointsync rotate-key"):
            secret_key.verify_key()
        assert key_rotation.rotate(NOW) == key_rotation.RotationResult(key_rotation.ReencryptionResult(5, ()), None)
        assert (decrypted_secrets(), row_count(SignIn), rotation_audit_count()) == (before, 0, 1)
        assert key_rotation.rotate(NOW) == key_rotation.RotationResult(None, None)
        assert (decrypted_secrets(), rotation_audit_count()) == (before, 1)
    with open_process(**key_settings(SECOND)):
        assert secret_key.verify_key()
        assert decrypted_secrets() == before
    with (
        open_process(**key_settings(FIRST)),
        pytest.raises(WrongSecretKey, match="POINTSYNC_SECRET_KEY is not the key"),
    ):
        secret_key.verify_key()
    with open_process(**key_settings("a third key of this test", FIRST)):
        for call in (secret_key.verify_key, lambda: key_rotation.rotate(NOW)):
            with pytest.raises(secret_key.NoMatchingKey, match="Neither"):
                call()
    assert [each.name for each in (tmp_path / "data").glob("secret_key*")] == []


def test_from_a_generated_key_to_one_set_by_an_admin_and_back(open_process: OpenProcess, tmp_path: Path) -> None:
    generated_path = str(tmp_path / "data" / "secret_key")
    with open_process():
        before = create_secrets()
    with open_process(POINTSYNC_SECRET_KEY=FIRST, POINTSYNC_SECRET_KEY_OLD_FILE=generated_path):
        assert key_rotation.rotate(NOW).old_key_path is None
        assert decrypted_secrets() == before
    with open_process(), pytest.raises(WrongSecretKey):
        secret_key.verify_key()
    with open_process(POINTSYNC_SECRET_KEY_OLD=FIRST):
        key_rotation.rotate(NOW)
        assert decrypted_secrets() == before
    with open_process():
        assert secret_key.verify_key()


def test_rotation_is_refused_while_another_process_has_the_database_open(
    open_process: OpenProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_use, "GRACE_SECONDS", 0.5)
    with open_process():
        before = create_secrets()
    with open_process():
        assert secret_key.verify_key(), "every long-running process starts with this and keeps its connection"
        with open_process(), pytest.raises(Conflict, match="Stop pointsync serve"):
            key_rotation.rotate(NOW)
        assert decrypted_secrets() == before
        assert not (get_runtime().config.data / "secret_key.new").exists()
    with open_process():
        assert key_rotation.rotate(NOW).reencrypted


def test_a_process_that_missed_the_rotation_cannot_encrypt_and_loads_the_new_key(open_process: OpenProcess) -> None:
    """For example a process with no open connection during the rotation."""
    with open_process() as process:
        create_secrets()
        db.session.remove()
        db.get_engine().dispose()
        with open_process():
            key_rotation.rotate(NOW)
        old_vault = get_runtime().vault
        with pytest.raises(WrongSecretKey), db.transaction() as session:
            session.scalars(select(Hook)).one().sealed_secret = old_vault.encrypt("x")
        with pytest.raises(WrongSecretKey), db.transaction() as session:
            passes.rotate(session, old_vault, NOW)
        with db.transaction() as session:
            session.scalars(select(Hook)).one().name = "other"
        assert secret_key.verify_key()
        assert decrypted_secrets()["hook"] == SECRETS["hook"]
        assert process.config["SECRET_KEY"] == get_runtime().config.secret_key


def test_secrets_that_the_old_key_cannot_decrypt_stay_and_are_named(open_process: OpenProcess) -> None:
    with open_process():
        create_secrets()
        foreign = Vault(SECOND).encrypt("x")
        with db.transaction() as session:
            session.scalars(select(Hook)).one().sealed_secret = foreign
        assert key_rotation.rotate(NOW).reencrypted == key_rotation.ReencryptionResult(4, ("hook orders",))
        assert ciphertexts()[-1] == foreign


def test_without_a_site_there_is_nothing_to_rotate(open_process: OpenProcess, tmp_path: Path) -> None:
    with open_process(), pytest.raises(Conflict, match="no site yet"):
        key_rotation.rotate(NOW)
    assert [each.name for each in (tmp_path / "data").glob("secret_key*")] == ["secret_key"]


def test_if_the_new_key_cannot_be_written_nothing_changes(
    open_process: OpenProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raise_disk_full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with open_process():
        before = create_secrets()
        with monkeypatch.context() as patch:
            patch.setattr(key_file.os, "fsync", raise_disk_full)
            with pytest.raises(OSError, match="No space"):
                key_rotation.rotate(NOW)
        assert secret_key.verify_key()
        assert (decrypted_secrets(), rotation_audit_count()) == (before, 0)


def test_a_wrong_key_is_refused_at_every_start(open_process: OpenProcess, caplog: pytest.LogCaptureFixture) -> None:
    with open_process(**key_settings(FIRST)):
        before = create_secrets()
    for settings in (
        key_settings(SECOND),
        key_settings(SECOND, FIRST),
        key_settings(SECOND, "another one of this test"),
    ):
        for start in (startup.require_database, startup.prepare_database):
            with open_process(**settings), pytest.raises(ConfigError, match="POINTSYNC_SECRET_KEY"):
                start()
    with open_process(**key_settings(FIRST, SECOND)):
        assert startup.prepare_database() is None
        assert "POINTSYNC_SECRET_KEY_OLD is no longer needed" in caplog.text
        assert decrypted_secrets() == before
        assert current_app.config["SECRET_KEY"] == FIRST
