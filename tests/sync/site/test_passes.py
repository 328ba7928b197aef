"""Rotating this site's Pass: the old Pass's grace period and end, and which sites still use it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.config import Config
from pointsync.errors import Conflict
from pointsync.models import Origin, Site
from pointsync.runtime import get_runtime
from pointsync.schedule import ticks
from pointsync.sync.site import passes
from tests.support.apps import run_concurrently
from tests.support.moving_clock import START as NOW
from tests.support.moving_clock import MovingClock
from tests.support.remote_rows import AUTH, OTHER_AUTH, add_remote
from tests.sync.site.site_starts import confirm, get_site, identity, start_site

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)


def rotate_pass(now=NOW, **kwargs) -> None:
    """Rotate the Pass."""
    with db.transaction() as session:
        passes.rotate(session, get_runtime().vault, now, **kwargs)


def save_call(auth: str = AUTH, at=NOW, *, is_old: bool = False) -> None:
    """Save an accepted call of another site."""
    with db.transaction() as session:
        origin = session.get(Origin, auth) or Origin(auth=auth, first_seen_at=at)
        session.add(origin)
        origin.last_seen_at = at
        passes.save_use(origin, is_old_pass=is_old, now=at)


def get_old_pass(config: Config, now=NOW) -> passes.OldPass | None:
    with db.transaction() as session:
        return passes.get_old(session, config, now)


def sites_with_old_pass(config: Config, now=NOW) -> list[tuple[str, object]]:
    """The sites that use the old Pass, with the times of their last calls."""
    old_pass = get_old_pass(config, now)
    assert old_pass is not None
    return [(each.auth, each.last_called_at) for each in old_pass.callers]


@pytest.mark.usefixtures("app")
class TestRotation:
    def test_both_passes_are_valid_for_a_day_and_then_only_the_new_one(self, site_config):
        [first] = identity(site_config).passes
        rotate_pass()
        new, kept = identity(site_config, NOW).passes
        assert (kept, ids.is_pass(new), new != first) == (first, True, True)
        assert identity(site_config).sharing_key.endswith(new)
        assert identity(site_config, NOW + DAY - MILLISECOND).passes == (new, first)
        ended = identity(site_config, NOW + DAY)
        assert (ended.passes, ended.expired_pass) == ((new,), first)
        assert identity(site_config, NOW + DAY - MILLISECOND).expired_pass is None

    def test_the_old_pass_can_be_revoked_at_once(self, site_config):
        [first] = identity(site_config).passes
        rotate_pass(revoke_old_now=True)
        [new] = identity(site_config).passes
        assert new != first
        assert identity(site_config).expired_pass == first
        assert get_old_pass(site_config) == passes.OldPass(NOW, False, ())

    def test_the_grace_period_can_be_ended_early_and_only_once(self, site_config):
        rotate_pass()
        with db.transaction() as session:
            passes.revoke_old(session, NOW + MINUTE)
        assert len(identity(site_config, NOW + MINUTE).passes) == 1
        assert get_old_pass(site_config, NOW + MINUTE) == passes.OldPass(NOW + MINUTE, False, ())
        for later in (MINUTE, DAY, 40 * DAY):
            with db.transaction() as session, pytest.raises(Conflict) as refusal:
                passes.revoke_old(session, NOW + later)
            assert refusal.value.code == "no_old_pass"

    def test_without_a_rotation_there_is_nothing_to_revoke(self, site_config):
        with db.transaction() as session, pytest.raises(Conflict, match="There is no old Pass to revoke"):
            passes.revoke_old(session, NOW)
        assert get_old_pass(site_config) is None

    def test_only_the_newest_old_pass_is_kept(self, site_config):
        [first] = identity(site_config).passes
        rotate_pass()
        second = identity(site_config).passes[0]
        rotate_pass(NOW + MINUTE)
        found = identity(site_config, NOW + MINUTE)
        assert found.passes[1:] == (second,)
        assert first not in (*found.passes, found.expired_pass)

    def test_passes_are_stored_encrypted(self, site_config):
        [first] = identity(site_config).passes
        rotate_pass()
        stored = get_site()
        for sealed in (stored.sealed_pass, stored.sealed_old_pass):
            assert "wrs_" not in sealed
        assert get_runtime().vault.decrypt(stored.sealed_old_pass) == first

    def test_a_rotation_that_expects_another_version_changes_nothing(self, site_config):
        """A double click, or two admins at once, would cut off every site that still has the first Pass."""
        version = passes.pass_version(get_site().sealed_pass)
        assert get_runtime().vault.decrypt(get_site().sealed_pass) not in version
        rotate_pass(expected_version=version)
        before = identity(site_config).passes
        save_call(at=NOW + MINUTE)
        with pytest.raises(Conflict) as refusal:
            rotate_pass(NOW + MINUTE, expected_version=version)
        assert refusal.value.code == "changed_meanwhile"
        assert identity(site_config, NOW + MINUTE).passes == before
        assert sites_with_old_pass(site_config, NOW + MINUTE) == [], "the callers are not marked either"

    def test_of_two_concurrent_rotations_one_succeeds(self, site_config, app):
        version = passes.pass_version(get_site().sealed_pass)

        def rotate(session: Session) -> None:
            passes.rotate(session, get_runtime().vault, NOW, expected_version=version)

        def press() -> str:
            try:
                db.run_in_transaction(rotate)
            except Conflict as error:
                return error.code
            return "changed"

        first = identity(site_config).passes
        save_call()
        assert sorted(run_concurrently(app, *[press] * 4)) == ["changed", *["changed_meanwhile"] * 3]
        assert identity(site_config).passes[1:] == first

    def test_the_expired_pass_is_kept_for_a_month(self, site_config, moving_clock: MovingClock):
        save_call()
        rotate_pass(revoke_old_now=True)
        first = identity(site_config).expired_pass
        month = passes.EXPIRED_PASS_RETENTION
        assert identity(site_config, NOW + month - MILLISECOND).expired_pass == first
        assert identity(site_config, NOW + month).expired_pass is None
        assert get_old_pass(site_config, NOW + month) is None
        moving_clock.advance(month - MILLISECOND)
        ticks.prune_tables()
        assert get_site().sealed_old_pass
        assert sites_with_old_pass(site_config, clock.now()) == [(AUTH, NOW)]
        moving_clock.advance(MILLISECOND + timedelta(seconds=ticks.LEASE_SECONDS))
        ticks.prune_tables()
        assert (get_site().sealed_old_pass, get_site().old_pass_ends_at) == (None, None)
        with db.transaction() as session:
            assert session.get_one(Origin, AUTH).old_pass_at is None

    def test_a_copy_forgets_the_old_pass(self, site_config):
        start_site(site_config)
        save_call()
        rotate_pass()
        with db.transaction() as session:
            session.get_one(Site, 1).hold = "The marker belongs to another database."
        confirm(site_config, "copy")
        assert (len(identity(site_config).passes), identity(site_config).expired_pass, get_old_pass(site_config)) == (
            1,
            None,
            None,
        )


@pytest.mark.usefixtures("app")
class TestCallers:
    """Which sites still use the old Pass."""

    def test_recent_callers_count_until_they_use_the_new_pass(self, site_config):
        add_remote()
        save_call(AUTH, NOW - DAY)
        save_call(OTHER_AUTH, NOW - 2 * DAY)
        save_call("wrk_" + "9" * 16, NOW - passes.EXPIRED_PASS_RETENTION)
        rotate_pass(revoke_old_now=True)
        assert sites_with_old_pass(site_config) == [(AUTH, NOW - DAY), (OTHER_AUTH, NOW - 2 * DAY)]
        save_call(OTHER_AUTH, NOW + MINUTE)
        assert sites_with_old_pass(site_config, NOW + MINUTE) == [(AUTH, NOW - DAY)]
        [caller] = get_old_pass(site_config, NOW + MINUTE).callers
        assert (caller.auth, caller.name) == (AUTH, "https://other.example")

    def test_a_call_with_the_old_pass_is_saved_with_its_time(self, site_config):
        rotate_pass()
        save_call(at=NOW + MINUTE, is_old=True)
        assert sites_with_old_pass(site_config, NOW + MINUTE) == [(AUTH, NOW + MINUTE)]
        save_call(at=NOW + 2 * MINUTE)
        assert sites_with_old_pass(site_config, NOW + 2 * MINUTE) == []

    def test_a_call_already_in_flight_does_not_count(self, site_config):
        """It was signed before the remote was changed there and arrives after the first call with the new Pass."""
        rotate_pass()
        save_call(at=NOW + MINUTE, is_old=True)
        save_call(at=NOW + 2 * MINUTE)
        save_call(at=NOW + 3 * MINUTE - MILLISECOND, is_old=True)
        assert sites_with_old_pass(site_config, NOW + 3 * MINUTE) == []
        save_call(at=NOW + 3 * MINUTE, is_old=True)
        assert sites_with_old_pass(site_config, NOW + 3 * MINUTE) == [(AUTH, NOW + 3 * MINUTE)]

    def test_another_rotation_starts_over(self, site_config):
        save_call()
        rotate_pass()
        save_call(at=NOW + MINUTE)
        rotate_pass(NOW + 2 * MINUTE)
        assert sites_with_old_pass(site_config, NOW + 2 * MINUTE) == [(AUTH, NOW + MINUTE)]

    def test_sites_that_never_called_are_not_listed(self, site_config):
        add_remote()
        rotate_pass()
        assert sites_with_old_pass(site_config) == []

    def test_the_list_of_callers_is_bounded(self, site_config, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(passes, "MAX_CALLERS", 2)
        for number in range(3):
            save_call(f"wrk_{number:016x}", NOW + number * MINUTE, is_old=True)
        rotate_pass(NOW + 3 * MINUTE)
        assert sites_with_old_pass(site_config, NOW + 3 * MINUTE) == [
            (f"wrk_{number:016x}", NOW + number * MINUTE) for number in (2, 1)
        ]


def uses_old_pass(origin: Origin) -> bool:
    """`passes.uses_old_pass`, which is a database condition, in Python."""
    new_at, old_at = origin.new_pass_at, origin.old_pass_at
    return old_at is not None and (new_at is None or old_at > new_at)


@given(st.lists(st.tuples(st.integers(1, 25), st.integers(0, 3)), min_size=1, max_size=20), st.integers(0, 5))
def test_a_site_with_two_remotes_counts_while_one_of_them_uses_the_old_pass(rounds, extra_calls):
    """One remote has the new Pass and sends often; the other still pings with the old one."""
    origin, now = Origin(auth=AUTH, old_pass_at=NOW), NOW
    for minutes, sent_count in rounds:
        now += minutes * MINUTE
        passes.save_use(origin, is_old_pass=True, now=now)
        for number in range(sent_count + 1):
            passes.save_use(origin, is_old_pass=False, now=now + (number + 1) * MILLISECOND)
        later = now + passes.OLD_PASS_SILENCE - timedelta(minutes=5)
        passes.save_use(origin, is_old_pass=True, now=later)
        assert uses_old_pass(origin)
        passes.save_use(origin, is_old_pass=False, now=later + MINUTE)
        assert uses_old_pass(origin), "the other remote has been silent for only a minute"
        now = later + MINUTE
    last = origin.old_pass_at
    passes.save_use(origin, is_old_pass=False, now=last + passes.OLD_PASS_SILENCE)
    assert not uses_old_pass(origin)
    for number in range(extra_calls):
        passes.save_use(origin, is_old_pass=False, now=last + passes.OLD_PASS_SILENCE + (number + 1) * DAY)
        assert not uses_old_pass(origin)


@pytest.mark.usefixtures("app")
def test_the_old_pass_ends_in_time_although_the_clock_was_set_back(site_config):
    rotate_pass()
    earlier = NOW - 365 * DAY
    with db.transaction() as session:
        passes.delete_expired(session, earlier)
    assert get_old_pass(site_config, earlier + DAY - MILLISECOND).is_valid
    assert not get_old_pass(site_config, earlier + DAY).is_valid


@pytest.mark.usefixtures("app")
def test_a_caller_that_has_changed_is_not_listed_because_the_clock_was_set_back(site_config):
    rotate_pass()
    save_call(at=NOW, is_old=True)
    save_call(at=NOW - 2 * DAY)
    save_call(at=NOW - 2 * DAY + MINUTE)
    assert sites_with_old_pass(site_config, NOW - 2 * DAY + MINUTE) == []
