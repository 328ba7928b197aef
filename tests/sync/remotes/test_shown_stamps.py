"""What a remote shows: only a stamp under this site's own key can stop the whole site, and only one that proves it."""

import pytest
from sqlalchemy import select

from pointsync import crypto, db, ids, startup
from pointsync.db import place, run_lock
from pointsync.models import Remote, Site
from pointsync.sync.remotes import shown_stamps
from pointsync.sync.site import runs, stamps
from pointsync.sync.site.stamps import MAX_CALL, Stamp
from tests.support.apps import ALSO_POSTGRES
from tests.sync.site.site_starts import add_remote, confirm, get_site, identity, start_site

pytestmark = pytest.mark.parametrize("app", ALSO_POSTGRES, indirect=True)
OTHER_RUN = f"{3:016x}{'f' * 16}"
"""It began at call 3, after this site's run."""


@pytest.fixture(autouse=True)
def site(app, site_config):
    """A site in its second run, which began at call 2 and has made call 3; with one remote."""
    run_lock.release()
    start_site(site_config)
    startup.join_run()
    with db.transaction() as session:
        runs.begin(session, session.get_one(Site, 1), place.of(session))
        runs.count_call(session)
    add_remote()
    return identity(site_config)


def stamp(site, run: str, call: int, last_id: int = 0, private_key: str | None = None) -> Stamp:
    return stamps.make(site.auth, private_key or site.private_key, run, call, last_id)


def heed(code: str, shown: Stamp | None) -> str | None:
    """Save what the remote showed; why sending is stopped then."""
    with db.transaction() as session:
        shown_stamps.heed(session, session.scalars(select(Remote)).one(), code, shown)
    return get_site().hold


def run_beginning_at(call: int) -> str:
    return ids.new_run(call)


@pytest.mark.parametrize("call", [3, 4, 500])
def test_behind_with_a_stamp_of_another_run_stops_sending(site, call):
    reason = heed("behind", stamp(site, OTHER_RUN, call, 77))
    assert "set back to an earlier state" in reason
    assert "https://other.example" in reason
    assert (get_site().call, get_site().last_id) == (call, 77)


@pytest.mark.parametrize("call", [0, 1])
def test_behind_with_an_earlier_stamp_stops_nothing(site, call):
    """A member has kept it from before the last restart."""
    assert heed("behind", stamp(site, run_beginning_at(0), call)) is None
    assert get_site().call == 3


def test_behind_with_a_later_stamp_of_an_earlier_run_stops_sending(site):
    """This run has made more calls by now than that one, but that one made calls after this one had begun."""
    assert "set back to an earlier state" in heed("behind", stamp(site, run_beginning_at(1), 2))


@pytest.mark.parametrize("first_call", [1, 2])
@pytest.mark.parametrize("call", [2, 3, 900])
def test_twice_with_a_stamp_of_an_earlier_run_that_is_alive_stops_sending(site, first_call, call):
    assert "another running installation" in heed("twice", stamp(site, run_beginning_at(first_call), call))


def test_twice_with_a_stamp_from_before_the_restart_stops_nothing(site):
    """Its last call was call 1: the run before this one cannot have made the calls of this one."""
    assert heed("twice", stamp(site, run_beginning_at(1), 1)) is None


def test_twice_with_a_stamp_of_a_later_run_stops_nothing(site):
    """The later one of two installations is stopped, whatever a remote says to the earlier one."""
    assert heed("twice", stamp(site, run_beginning_at(3), 900)) is None


@pytest.mark.parametrize("code", ["ok", "behind", "twice"])
@pytest.mark.parametrize(("call", "last_id"), [(4, 0), (3, 10**18)])
def test_a_call_or_an_id_of_this_run_that_the_database_does_not_have_stops_sending(site, code, call, last_id):
    assert "does not have" in heed(code, stamp(site, site.run, call, last_id))


@pytest.mark.parametrize("code", ["ok", "behind", "twice", "again"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_stamp_of_what_this_run_was_stops_nothing(site, code, call):
    assert heed(code, stamp(site, site.run, call)) is None


@pytest.mark.parametrize("code", ["ok", "again", "timeout", "bad_answer", "changed_key"])
def test_other_codes_stop_nothing(site, code):
    assert heed(code, stamp(site, OTHER_RUN, 900)) is None


@pytest.mark.parametrize("code", ["behind", "twice"])
def test_without_a_stamp_under_this_sites_own_key_nothing_is_stopped(site, code):
    """A member or a stranger makes it up, or shows a stamp of another site."""
    other_key, _ = crypto.new_signing_key()
    real = stamp(site, run_beginning_at(1), 900)
    for shown in (
        None,
        stamp(site, OTHER_RUN, 900, private_key=other_key),
        stamps.make("wrk_00000000000000ff", site.private_key, OTHER_RUN, 900, 0),
        Stamp(real.run, 901, real.last_id, real.signature),
        Stamp(OTHER_RUN, real.call, real.last_id, real.signature),
        Stamp(real.run, real.call, 5, real.signature),
        Stamp(real.run, real.call, real.last_id, "AAAA"),
        Stamp(real.run, real.call, real.last_id, "!"),
    ):
        assert heed(code, shown) is None
    assert (get_site().call, get_site().last_id) == (3, 0)


def test_while_sending_is_stopped_the_highest_stamp_counts(site, site_config):
    heed("behind", stamp(site, OTHER_RUN, 500))
    reason = get_site().hold
    heed("behind", stamp(site, OTHER_RUN, 900, 88))
    heed("behind", stamp(site, OTHER_RUN, 700, 77))
    assert (get_site().hold, get_site().call, get_site().last_id) == (reason, 900, 88)
    confirm(site_config, "restored")
    assert (get_site().call, ids.first_call_of(get_site().run)) == (901, 901)
    assert heed("behind", stamp(site, OTHER_RUN, 900, 88)) is None


def test_the_highest_call_leaves_room_for_a_run(site, site_config):
    heed("behind", stamp(site, OTHER_RUN, MAX_CALL))
    confirm(site_config, "restored")
    assert get_site().call == MAX_CALL
