"""A remote's status during an outage and after it, as the job computes it."""

from datetime import timedelta

from pointsync import db
from pointsync.models import StatusChange
from pointsync.schedule import remote_ticks
from tests.peer.peer_site import PeerSite
from tests.peer.signed_caller import ALICE
from tests.support.moving_clock import MovingClock

Pair = tuple[PeerSite, PeerSite]
DELAY = timedelta(seconds=180)
WARNING_DAYS = timedelta(days=7)


def run_status_job(site: PeerSite) -> None:
    """Run the job that computes statuses."""
    with site.app.app_context():
        remote_ticks.refresh_statuses()


def test_orange_after_an_outage_and_green_after_the_warning_period(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    assert a.remote_json(remote_id)["status"] == "none"
    a.record(ALICE, 1)
    a.deliver(remote_id)
    run_status_job(a)
    assert a.remote_json(remote_id)["status"] == "green"

    b.__exit__()
    a.record(ALICE, 2)
    a.deliver(remote_id)
    assert a.remote_json(remote_id)["status"] == "warning"
    failed_at = moving_clock.now()
    b.__enter__()
    moving_clock.advance(DELAY)
    a.deliver(remote_id)
    assert a.balances() == b.balances() == {ALICE: 3}
    run_status_job(a)
    remote_json = a.remote_json(remote_id)
    assert (remote_json["status"], remote_json["waiting"]) == ("warning", 0)

    moving_clock.advance(failed_at + WARNING_DAYS - moving_clock.now() - timedelta(milliseconds=1))
    run_status_job(a)
    assert a.remote_json(remote_id)["status"] == "warning"
    moving_clock.advance(timedelta(milliseconds=1))
    a.check(remote_id)
    assert a.remote_json(remote_id)["status"] == "green"
    changes = a.read(lambda session: [(each.before, each.after) for each in session.query(StatusChange)])
    assert changes == [("none", "green"), ("green", "warning"), ("warning", "green")]


def test_settings_take_effect_with_the_next_run_of_the_job(pair: Pair, moving_clock: MovingClock) -> None:
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.__exit__()
    a.record(ALICE, 2)
    a.deliver(remote_id)
    b.__enter__()
    moving_clock.advance(DELAY)
    a.deliver(remote_id)
    run_status_job(a)
    assert a.remote_json(remote_id)["status"] == "warning"
    a.change_setting("warning_days", "0")
    run_status_job(a)
    assert a.remote_json(remote_id)["status"] == "green"


def test_the_job_does_not_replace_a_newer_status(pair: Pair, moving_clock: MovingClock) -> None:
    """The list never shows a status older than the last attempt."""
    a, b = pair
    remote_id, _ = a.list_site(b)
    b.__exit__()
    a.record(ALICE, 2)
    moving_clock.advance(timedelta(seconds=1))
    a.deliver(remote_id)
    moving_clock.advance(-timedelta(seconds=1))
    a.change_setting("warning_days", "0")
    with a.app.app_context():
        remote_ticks.refresh_statuses()
        db.session.remove()
    b.__enter__()
    assert a.remote_json(remote_id)["status"] == "warning"
