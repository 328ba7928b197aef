"""After the clock was set back, whatever waits continues, and waits no longer than its setting says."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from pointsync import clock, db
from pointsync.models import Delivery, DeliveryState, Remote
from pointsync.runtime import get_runtime
from pointsync.schedule import remote_ticks
from pointsync.sync.delivery import claim, due
from pointsync.sync.delivery.batch import Batch
from pointsync.sync.protocol.ping import POINTSYNC, WOOREWARDS
from pointsync.sync.site import settings
from tests.support.apps import ALSO_POSTGRES
from tests.support.moving_clock import MovingClock
from tests.support.remote_rows import add_remote, get_remote, record_points

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)]

SECOND = timedelta(seconds=1)
DELAY = timedelta(seconds=180)
"""The setting's default."""
JUMPS = [timedelta(minutes=2), timedelta(hours=1), timedelta(days=365)]

each_jump = pytest.mark.parametrize("jump", JUMPS, ids=["two minutes", "an hour", "a year"])


def make_remote(now: datetime, dialect: str = POINTSYNC, count: int = 1) -> int:
    """A remote with waiting movements; returns its id."""
    remote_id = add_remote(now=now)
    record_points(*range(1, count + 1), now=now)
    set_remote(remote_id, dialect=dialect)
    return remote_id


def set_remote(remote_id: int, **values: object) -> None:
    with db.transaction() as session:
        session.execute(update(Remote).where(Remote.id == remote_id).values(values))


def set_deliveries(**values: object) -> None:
    with db.transaction() as session:
        session.execute(update(Delivery).values(values))


def is_due(remote_id: int) -> bool:
    with db.transaction() as session:
        return remote_id in claim.list_due(session, clock.now())


def claim_next(remote_id: int) -> Batch | None:
    """Lease the remote and claim a batch, as a courier does."""
    with db.transaction() as session:
        state, now = get_runtime(), clock.now()
        remote = Remote.get_for_update(session, remote_id)
        assert remote
        sending_state = claim.lease_remote(session, remote, state.worker_id, now)
        if not sending_state:
            return None
        return claim.claim_batch(session, remote, sending_state, state.vault, settings.read(session), now)


@each_jump
def test_a_failing_remote_is_tried_again(moving_clock: MovingClock, jump: timedelta) -> None:
    now = moving_clock.now()
    remote_id = make_remote(now)
    set_remote(remote_id, last_failure_at=now, next_attempt_at=now + DELAY)
    moving_clock.advance(SECOND)
    assert not is_due(remote_id)
    assert claim_next(remote_id) is None
    moving_clock.advance(-jump)
    assert is_due(remote_id)
    assert claim_next(remote_id)


def test_a_wait_that_began_before_the_jump_does_not_get_longer_than_it_was(moving_clock: MovingClock) -> None:
    now = moving_clock.now()
    remote_id = make_remote(now)
    set_remote(remote_id, last_failure_at=now, next_attempt_at=now + DELAY)
    moving_clock.advance(DELAY - SECOND)
    moving_clock.advance(-timedelta(minutes=2))
    assert not is_due(remote_id)
    moving_clock.advance(timedelta(minutes=2) + SECOND)
    assert is_due(remote_id)


@each_jump
def test_a_movement_that_failed_on_its_own_is_sent(moving_clock: MovingClock, jump: timedelta) -> None:
    remote_id = make_remote(moving_clock.now())
    set_deliveries(not_before=moving_clock.now() + DELAY)
    assert not is_due(remote_id)
    moving_clock.advance(-jump)
    assert is_due(remote_id)
    assert claim_next(remote_id)


@each_jump
def test_a_movement_for_an_unknown_customer_is_sent(moving_clock: MovingClock, jump: timedelta) -> None:
    """Its delay grows up to a day, which no setting says."""
    now = moving_clock.now()
    remote_id = make_remote(now, WOOREWARDS)
    set_deliveries(state=DeliveryState.UNKNOWN, called_at=now, not_before=now + timedelta(hours=20))
    moving_clock.advance(SECOND)
    assert not is_due(remote_id)
    moving_clock.advance(-jump)
    assert is_due(remote_id)
    assert claim_next(remote_id)


@each_jump
def test_an_unanswered_woorewards_call_is_given_its_whole_time_again(
    moving_clock: MovingClock, jump: timedelta
) -> None:
    """The shop may still be processing it, and would record a second one as well. Others are sent meanwhile."""
    now = moving_clock.now()
    remote_id = make_remote(now, WOOREWARDS, count=2)
    assert [each.movement.points for each in claim_next(remote_id).items] == [1]
    moving_clock.advance(-jump)
    assert [each.movement.points for each in claim_next(remote_id).items] == [2]
    assert not is_due(remote_id)
    assert claim_next(remote_id) is None
    moving_clock.advance(due.UNSURE_PERIOD - SECOND)
    assert claim_next(remote_id) is None
    moving_clock.advance(SECOND)
    assert is_due(remote_id)
    assert [each.movement.points for each in claim_next(remote_id).items] == [1]


@each_jump
def test_the_warning_about_a_failure_ends_in_time(moving_clock: MovingClock, jump: timedelta) -> None:
    now = moving_clock.now()
    remote_id = make_remote(now)
    set_remote(remote_id, last_failure_at=now, next_attempt_at=now + DELAY)
    moving_clock.advance(-jump)
    remote_ticks.refresh_statuses()
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        assert (remote.last_failure_at, remote.next_attempt_at) == (moving_clock.now(), None)


@pytest.mark.parametrize("jump", [2 * SECOND, 30 * SECOND, *JUMPS])
def test_statuses_are_computed_again_at_once(moving_clock: MovingClock, jump: timedelta) -> None:
    remote_id = make_remote(moving_clock.now())
    remote_ticks.refresh_statuses()
    set_remote(remote_id, status="green", status_text="In step.")
    moving_clock.advance(-jump)
    remote_ticks.refresh_statuses()
    with db.transaction() as session:
        remote = get_remote(session, remote_id)
        assert (remote.status_at, remote.status) == (moving_clock.now(), "warning")
        assert "Sending is late" in remote.status_text
        assert session.scalar(select(Delivery.state)) == DeliveryState.PENDING
