"""The colour of a line through an outage and after it: by the job, with the clock moved."""

from datetime import timedelta

from pointsync import db
from pointsync.models import StatusChange
from pointsync.schedule import ticks
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)
WARNING_DAYS = timedelta(days=7)


def by_the_job(site: PeerSite) -> None:
    """A tick of the job that computes the status."""
    with site.app.app_context():
        ticks.compute_status()


def test_orange_after_an_outage_and_green_when_the_warning_period_is_over(
    pair: Pair, moving_clock: MovingClock
) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    assert a.shape(remote_id)["status"] == "none"
    a.record(ALICE, 1)
    a.deliver(remote_id)
    by_the_job(a)
    assert a.shape(remote_id)["status"] == "green"

    b.__exit__()
    a.record(ALICE, 2)
    a.deliver(remote_id)
    assert a.shape(remote_id)["status"] == "warning"
    failed_at = moving_clock.now()
    b.__enter__()
    moving_clock.advance(DELAY)
    a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: 3}
    by_the_job(a)
    line = a.shape(remote_id)
    assert (line["status"], line["waiting"]) == ("warning", 0)

    moving_clock.advance(failed_at + WARNING_DAYS - moving_clock.now() - timedelta(milliseconds=1))
    by_the_job(a)
    assert a.shape(remote_id)["status"] == "warning"
    moving_clock.advance(timedelta(milliseconds=1))
    by_the_job(a)
    assert a.shape(remote_id)["status"] == "green"
    changes = a.read(lambda session: [(each.before, each.after) for each in session.query(StatusChange)])
    assert changes == [("none", "green"), ("green", "warning"), ("warning", "green")]


def test_settings_take_effect_at_the_next_tick(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.__exit__()
    a.record(ALICE, 2)
    a.deliver(remote_id)
    b.__enter__()
    moving_clock.advance(DELAY)
    a.deliver(remote_id)
    by_the_job(a)
    assert a.shape(remote_id)["status"] == "warning"
    a.set("warning_days", "0")
    by_the_job(a)
    assert a.shape(remote_id)["status"] == "green"


def test_the_job_leaves_a_status_computed_since_alone(pair: Pair, moving_clock: MovingClock) -> None:
    """The list never shows a status older than the last attempt."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.__exit__()
    a.record(ALICE, 2)
    moving_clock.advance(timedelta(seconds=1))
    a.deliver(remote_id)
    moving_clock.advance(-timedelta(seconds=1))
    a.set("warning_days", "0")
    with a.app.app_context():
        ticks.compute_status()
        db.db.session.remove()
    b.__enter__()
    assert a.shape(remote_id)["status"] == "warning"
