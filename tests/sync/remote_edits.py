"""What the tests of the Remote sites list share: an admin's edits of it, and what it shows after them."""

import pytest

from pointsync import db
from pointsync.errors import Refused
from pointsync.ledger import reserves
from pointsync.runtime import runtime
from pointsync.sync.remotes import backfill, queue, remotes
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import AUTH, typed


@pytest.fixture
def gold(app) -> None:
    """A second reserve."""
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)


def changed(remote_id: int, auth: str = AUTH, version: int = 1, now=NOW, **fields: str) -> int:
    """Edit a line; the id of the one that stands for it now."""
    with db.write() as session:
        remote = remotes.get(session, remote_id)
        return remotes.change(session, runtime().vault, remote, typed(auth, **fields), version, now).id


def removed(remote_id: int, dropping: int = 0, now=NOW) -> None:
    """Delete a line."""
    with db.write() as session:
        remotes.remove(session, remotes.get(session, remote_id), now, dropping=dropping)


def emptied(now=NOW) -> None:
    """What the scheduled job does with lines that are closing."""
    with db.write() as session:
        remotes.close_emptied(session, now)


def shown() -> list[int]:
    """The lines on the list."""
    with db.write() as session:
        return [remote.id for remote in queue.every(session)]


def refused(of: type[Refused], call, *args, **more) -> Refused:
    """Why that is refused; the list is as it was."""
    before = shown()
    with pytest.raises(of) as refusal:
        call(*args, **more)
    assert shown() == before
    return refusal.value


def caught_up(remote_id: int) -> None:
    """Run a line's history to its end."""
    with db.write() as session:
        while backfill.step(session, remote_id, NOW):
            pass
