"""Runs and calls of this site, and what a database that lost something shows."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from pointsync import clock, db, ids, startup
from pointsync.db import place, run_lock
from pointsync.db.committed import EXTENSION_KEY, Committed, get_committed
from pointsync.models import Site
from pointsync.schedule import ticks
from pointsync.sync.site import installation, marker, runs
from tests.support.apps import create_application, open_context
from tests.sync.site.site_starts import OTHER_URL, confirm, get_site, identity, record_points, start_site

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _new_process(app):
    """The application is shared by tests, each of which begins as a new process."""
    app.extensions[EXTENSION_KEY] = Committed()
    run_lock.release()


def change_site(**values: object) -> None:
    """Change the site's row behind the back of this process, as another state of the database has it."""
    with db.get_engine().begin() as connection:
        connection.execute(update(Site.__table__).values(values))


def join() -> str:
    """Start as a serving process does; the run that it works in."""
    startup.join_run()
    run = get_site().run
    assert run is not None
    return run


def watch(config) -> str | None:
    """Do what a heartbeat does; why sending is stopped."""
    with db.transaction() as session:
        installation.watch(session, config)
    with db.transaction() as session:
        installation.save_marker(session, config)
    return get_site().hold


def may_send() -> bool:
    with db.transaction() as session:
        return runs.may_send(session, session.execute(runs.select_state()).one())


def test_the_first_run_of_a_database(site_config):
    start_site(site_config)
    assert (identity(site_config).run, get_site().call) == (None, 0)
    run = join()
    assert (identity(site_config).run, get_site().call) == (run, 1)
    assert ids.is_run(run)
    assert ids.first_call_of(run) == 1
    assert may_send()


def test_a_claimed_batch_counts_a_call(site_config):
    start_site(site_config)
    join()
    with db.transaction() as session:
        runs.count_call(session)
        runs.count_call(session)
    assert (identity(site_config).call, get_committed().numbers.call) == (3, 3)


def test_a_later_process_takes_part_in_the_run(app, site_config):
    start_site(site_config)
    run = join()
    other = create_application(app.config["SQLALCHEMY_DATABASE_URI"], site_config.data)
    with open_context(other):
        startup.join_run()
    assert get_site().run == run


def test_a_stopped_site_begins_no_run_and_asks_without_one(site_config):
    start_site(site_config)
    run = join()
    moved = replace(site_config, public_url=OTHER_URL)
    start_site(moved)
    startup.join_run()
    assert (get_site().run, get_site().call, identity(moved).run) == (run, 1, None)
    assert not may_send()
    confirm(moved, "moved")
    assert get_site().run != run
    assert (ids.first_call_of(get_site().run), identity(moved).call) == (2, 2)


@pytest.mark.parametrize("choice", ["moved", "restored", "copy"])
def test_an_admins_answer_begins_a_run_above_everything_known(site_config, choice):
    start_site(site_config)
    join()
    record_points()
    numbers = marker.read(site_config.data)
    marker.replace(site_config.data, numbers._replace(call=70))
    assert "restored from a backup" in start_site(site_config)
    confirm(site_config, choice)
    site = get_site()
    assert (site.call, ids.first_call_of(site.run)) == (71, 71)
    assert marker.read(site_config.data) == (site.marker, site.last_id, 1, 71)
    assert start_site(site_config) is None
    assert may_send()


def test_a_lower_call_than_in_the_marker_stops_sending(site_config):
    start_site(site_config)
    join()
    with db.transaction() as session:
        runs.count_call(session)
    start_site(site_config)
    change_site(call=1)
    assert "restored from a backup" in start_site(site_config)


def test_the_marker_is_never_lowered(site_config):
    start_site(site_config)
    record_points()
    start_site(site_config)
    before = marker.read(site_config.data)
    lower = marker.DatabaseMarker(before.token, before.last_id - 1, before.last_seq + 1, 0)
    marker.advance(site_config.data, lower)
    assert marker.read(site_config.data) == before._replace(last_seq=before.last_seq + 1)
    marker.advance(site_config.data, marker.DatabaseMarker("of another database", 2**62, 9, 9))
    assert marker.read(site_config.data) == before._replace(last_seq=before.last_seq + 1)


@pytest.mark.parametrize("lost", [{"last_id": 0}, {"call": 0}])
def test_a_heartbeat_notices_a_database_behind_its_marker(app, site_config, lost):
    """Another process has written the marker."""
    start_site(site_config)
    join()
    record_points()
    assert watch(site_config) is None
    app.extensions[EXTENSION_KEY] = Committed()
    change_site(**lost)
    before = marker.read(site_config.data)
    assert watch(site_config) == installation.OLDER_THAN_MARKER
    assert marker.read(site_config.data) == before


def test_a_process_notices_that_the_database_has_lost_its_commits(site_config):
    """The marker is lost as well, such as with a snapshot of the folder that was put back under a running process."""
    start_site(site_config)
    join()
    old = get_site()
    old_marker = marker.read(site_config.data)
    record_points()
    with db.transaction() as session:
        runs.count_call(session)
    known = get_site()
    change_site(last_id=old.last_id, call=old.call)
    marker.replace(site_config.data, old_marker)
    assert not may_send()
    assert watch(site_config) == installation.LOST_COMMITS
    assert (get_site().last_id, get_site().call) == (known.last_id, known.call)
    confirm(site_config, "restored")
    assert (get_site().call, watch(site_config)) == (known.call + 1, None)
    assert may_send()


def test_what_is_rolled_back_is_not_missed(site_config):
    start_site(site_config)
    join()
    with db.transaction() as session, session.begin_nested() as savepoint:
        runs.count_call(session)
        savepoint.rollback()
    with db.transaction() as session:
        runs.count_call(session)
        session.rollback()
    assert (get_site().call, watch(site_config)) == (1, None)
    assert may_send()


def test_another_place_stops_sending_and_every_answer_resumes_it(site_config):
    start_site(site_config)
    join()
    here = get_site().place
    for choice in ("moved", "restored", "copy"):
        assert may_send()
        change_site(place="elsewhere|")
        assert not may_send()
        assert "was moved, copied, or put back" in (watch(site_config) or "")
        confirm(site_config, choice)
        assert get_site().place == here
        assert watch(site_config) is None


def test_a_start_in_another_place_stops_sending(site_config):
    start_site(site_config)
    assert get_site().place
    change_site(place="elsewhere|")
    assert "was moved, copied, or put back" in start_site(site_config)


def test_a_server_that_was_started_again_begins_a_run(site_config):
    """PostgreSQL: its time line or start time differs. SQLite has no server."""
    start_site(site_config)
    run = join()
    stored = place.parse(get_site().place)
    change_site(place=str(replace(stored, opening="00000001 earlier")))
    assert not may_send()
    assert watch(site_config) is None
    assert may_send()
    assert (get_site().run != run, get_site().place, get_site().call) == (True, str(stored), 2)


def test_a_run_proves_that_it_is_alive(site_config):
    start_site(site_config)
    join()
    before = identity(site_config)
    proven = runs.prove_alive(before)
    assert (proven.run, proven.call, get_site().call) == (before.run, 2, 2)


def test_a_run_that_the_database_has_replaced_does_not(site_config):
    start_site(site_config)
    join()
    before = identity(site_config)
    with db.transaction() as session:
        runs.begin(session, session.get_one(Site, 1), place.of(session))
    proven = runs.prove_alive(before)
    assert (proven.run, proven.call, get_site().call) == (get_site().run, 2, 2)
    change_site(hold="Stopped.")
    assert runs.prove_alive(proven).run is None


def test_ids_leave_a_random_gap(site_config):
    start_site(site_config)
    gaps = set()
    for _ in range(20):
        before = max(get_site().last_id, ids.lowest_id_at(clock.now()))
        record_points()
        gaps.add(get_site().last_id - before)
    assert len(gaps) > 15


def test_heartbeats_of_an_ordinary_site_change_nothing(app, site_config):
    start_site(site_config)
    run = join()
    record_points()
    for _ in range(3):
        ticks.heartbeat()
    assert (get_site().hold, get_site().run, get_site().call) == (None, run, 1)
