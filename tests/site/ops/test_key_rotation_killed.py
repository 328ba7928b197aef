"""A change of the secret key that is cut short between two of its steps is finished or undone by what runs next."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from pointsync import key_file
from pointsync.models import SignIn
from pointsync.ops import key_rotation
from pointsync.runtime import runtime
from pointsync.web import secret_key
from tests.site.ops.key_rotation_steps import Process, count, fill, noted, secrets
from tests.support.moving_clock import START as NOW


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_after(patch: pytest.MonkeyPatch, module: object, step: str) -> Iterator[None]:
    """A step is done, and nothing behind it."""
    real = getattr(module, step)

    def last(*args: object, **more: object) -> None:
        real(*args, **more)
        raise Killed

    with patch.context() as context:
        context.setattr(module, step, last)
        yield


STEPS: dict[str, tuple[object, str, bool]] = {
    "the next key was written": (key_file, "write_next", False),
    "all was encrypted, and nothing committed": (key_rotation.audit_recorder, "note", False),
    "it was committed": (key_rotation, "_seal", True),
    "the key before was linked": (key_file.os, "link", True),
    "the next key took its place": (key_file.os, "replace", True),
    "the folder was synced": (key_file, "take_next", True),
}
"""Where it is killed, and whether the key is then changed."""


@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps_it_is_finished_or_undone(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    module, name, is_changed = STEPS[step]
    data = tmp_path / "data"
    with process():
        before, first = fill(), runtime().config.secret_key
        with killed_after(monkeypatch, module, name), pytest.raises(Killed):
            key_rotation.rotate(NOW)
    with process():
        assert secret_key.settle()
        assert secrets() == before
        assert ((data / "secret_key").read_text() != first, noted(), count(SignIn)) == (
            is_changed,
            int(is_changed),
            int(not is_changed),
        )
        kept = [each.read_text() for each in data.glob("secret_key.*")]
        assert kept == [first] * is_changed, "no next key is left, and the one before is there once"
    with process():
        assert key_rotation.rotate(NOW + timedelta(days=1)).sealed
        assert secrets() == before


def test_a_power_cut_that_leaves_half_a_next_key_changes_nothing(process: Process, tmp_path: Path) -> None:
    with process():
        before = fill()
        for content in (b"", b"0123", b"\0" * 64):
            (tmp_path / "data" / "secret_key.new").write_bytes(content)
            assert secret_key.settle()
            assert secrets() == before
            assert not (tmp_path / "data" / "secret_key.new").exists()


def test_a_change_cut_short_is_done_before_another_one(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process():
        before = fill()
        with killed_after(monkeypatch, key_rotation, "_seal"), pytest.raises(Killed):
            key_rotation.rotate(NOW)
    with process():
        assert key_rotation.rotate(NOW).sealed
        assert (secrets(), noted()) == (before, 2)
    assert len(list((tmp_path / "data").glob("secret_key.before-rotation-*"))) == 2
