"""Helpers for tests of the Remote sites list: an admin's edits and what the list shows."""

import pytest

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger import reserves
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import backfill, queue, remotes
from tests.support.moving_clock import START as NOW
from tests.support.remote_rows import AUTH, remote_input


@pytest.fixture
def gold(app) -> None:
    """A second reserve."""
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)


def change_remote(remote_id: int, auth: str = AUTH, version: int = 1, now=NOW, **fields: str) -> int:
    """Edit a remote; return the id of the remote that replaces it, or its own."""
    with db.transaction() as session:
        remote = remotes.get(session, remote_id)
        return remotes.change(session, get_runtime().vault, remote, remote_input(auth, **fields), version, now).id


def remove_remote(remote_id: int, drop_count: int = 0, now=NOW) -> None:
    """Delete a remote."""
    with db.transaction() as session:
        remotes.delete(session, remotes.get(session, remote_id), now, expected_drop_count=drop_count)


def delete_drained_remotes(now=NOW) -> None:
    """What the scheduled job does with closing remotes."""
    with db.transaction() as session:
        remotes.delete_drained(session, now)


def listed_ids() -> list[int]:
    """The ids of the remotes on the list."""
    with db.transaction() as session:
        return [remote.id for remote in queue.list_all(session)]


def expect_refused(error_type: type[DomainError], call, *args, **kwargs) -> DomainError:
    """Return the error that the call raises; the list must stay as it was."""
    before = listed_ids()
    with pytest.raises(error_type) as refusal:
        call(*args, **kwargs)
    assert listed_ids() == before
    return refusal.value


def run_backfill(remote_id: int) -> None:
    """Run a remote's backfill to its end."""
    with db.transaction() as session:
        while backfill.enqueue_next_chunk(session, remote_id, NOW):
            pass
