"""A key rotation that is killed between two steps is finished or undone by the next process."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pointsync import key_file
from pointsync.models import SignIn
from pointsync.ops import key_rotation
from pointsync.runtime import get_runtime
from pointsync.web import secret_key
from tests.site.ops.key_rotation_steps import (
    OpenProcess,
    create_secrets,
    decrypted_secrets,
    rotation_audit_count,
    row_count,
)
from tests.support.moving_clock import START as NOW


class ProcessKilled(BaseException):
    """Ends the process here."""


@contextmanager
def kill_after_step(patch: pytest.MonkeyPatch, module: object, step: str) -> Iterator[None]:
    """Let the step finish, then kill the process."""
    run_step = getattr(module, step)

    def run_and_kill(*args: object, **options: object) -> None:
        run_step(*args, **options)
        raise ProcessKilled

    with patch.context() as context:
        context.setattr(module, step, run_and_kill)
        yield


STEPS: dict[str, tuple[object, str, bool]] = {
    "the next key was written": (key_file, "write_next", False),
    "everything was encrypted, nothing committed": (key_rotation.audit_recorder, "log_action", False),
    "it was committed": (key_rotation, "_reencrypt_database", True),
    "the old key was linked": (key_file.os, "link", True),
    "the next key took its place": (key_file.os, "replace", True),
    "the folder was synced": (key_file, "activate_next", True),
}
"""The step after which the process is killed, and whether the key is then changed."""


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_rotation_is_finished_or_undone(
    open_process: OpenProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, name, is_changed = STEPS[step]
    data = tmp_path / "data"
    with open_process():
        before, first = create_secrets(), get_runtime().config.secret_key
        with kill_after_step(monkeypatch, module, name), pytest.raises(ProcessKilled):
            key_rotation.rotate(NOW)
    with open_process():
        assert secret_key.verify_key()
        assert decrypted_secrets() == before
        assert ((data / "secret_key").read_text() != first, rotation_audit_count(), row_count(SignIn)) == (
            is_changed,
            int(is_changed),
            int(not is_changed),
        )
        kept = [each.read_text() for each in data.glob("secret_key.*")]
        assert kept == [first] * is_changed, "no next key is left, and the old key is kept once"
    with open_process():
        assert key_rotation.rotate(NOW + timedelta(days=1)).reencrypted
        assert decrypted_secrets() == before


def test_half_a_next_key_after_a_power_cut_changes_nothing(open_process: OpenProcess, tmp_path: Path) -> None:
    with open_process():
        before = create_secrets()
        for content in (b"", b"0123", b"\0" * 64):
            (tmp_path / "data" / "secret_key.new").write_bytes(content)
            assert secret_key.verify_key()
            assert decrypted_secrets() == before
            assert not (tmp_path / "data" / "secret_key.new").exists()


def test_an_interrupted_rotation_is_finished_before_the_next(
    open_process: OpenProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_process():
        before = create_secrets()
        with kill_after_step(monkeypatch, key_rotation, "_reencrypt_database"), pytest.raises(ProcessKilled):
            key_rotation.rotate(NOW)
    with open_process():
        assert key_rotation.rotate(NOW).reencrypted
        assert (decrypted_secrets(), rotation_audit_count()) == (before, 2)
    assert len(list((tmp_path / "data").glob("secret_key.before-rotation-*"))) == 2
