"""An admin confirms what a database is: moved, restored or a copy. Then it sends again."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pointsync import crypto, db
from pointsync.digests import DigestSum
from pointsync.errors import Conflict
from pointsync.ledger import received_summary
from pointsync.ledger.integrity.scrub import find_wrong_sums
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.runtime import get_runtime
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import (
    OTHER_URL,
    add_remote,
    confirm,
    get_site,
    identity,
    marker_id,
    record_points,
    start_site,
)

pytestmark = pytest.mark.usefixtures("app")


def test_a_moved_site_continues_as_the_same_site_at_the_new_url(site_config):
    start_site(site_config)
    add_remote()
    record_points()
    before = identity(site_config)
    moved = replace(site_config, public_url=OTHER_URL)
    start_site(moved)
    confirm(moved, "moved")
    assert (identity(moved).auth, identity(moved).passes) == (before.auth, before.passes)
    assert (get_site().hold, get_site().url) == (None, OTHER_URL)
    assert [start_site(moved), start_site(moved)] == [None, None]
    with db.transaction() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [None]


def test_a_site_moved_to_another_machine_without_its_marker(site_config, tmp_path):
    start_site(site_config)
    record_points()
    (tmp_path / "new").mkdir()
    moved = replace(site_config, data=tmp_path / "new")
    start_site(moved)
    confirm(moved, "moved")
    assert marker_id(moved) == get_site().marker
    assert start_site(moved) is None


def test_a_restored_site_never_reuses_lost_ids(site_config):
    start_site(site_config)
    record_points()
    backup = get_site().last_id
    record_points()
    record_points()
    start_site(site_config)
    lost_id = get_site().last_id
    with db.transaction() as session:
        session.get_one(Site, 1).last_id = backup
    start_site(site_config)
    auth = get_site().auth
    confirm(site_config, "restored")
    site = get_site()
    assert (site.hold, site.auth, site.last_id, site.confirmed_id) == (None, auth, lost_id, lost_id)
    assert start_site(site_config) is None
    record_points()
    with db.transaction() as session:
        newest = session.scalars(select(Movement.id).order_by(Movement.seq.desc())).first()
    assert int(newest) > lost_id


@pytest.mark.parametrize(("code", "is_waiting"), [("behind", False), ("twice", False), ("timeout", True)])
def test_a_remote_that_refused_this_database_is_called_at_once(site_config, code, is_waiting):
    start_site(site_config)
    add_remote()
    record_points()
    later = NOW + timedelta(hours=1)
    with db.transaction() as session:
        session.execute(update(Remote).values(attempt_code=code, is_probing=True, next_attempt_at=later))
    start_site(replace(site_config, public_url=OTHER_URL))
    confirm(replace(site_config, public_url=OTHER_URL), "restored")
    with db.transaction() as session:
        assert session.scalars(select(Remote.next_attempt_at)).all() == [later if is_waiting else None]


def test_a_copy_becomes_a_new_site(site_config, tmp_path):
    start_site(site_config)
    add_remote()
    record_points()
    before, site_before = identity(site_config), get_site()
    with db.transaction() as session:
        session.get_one(Site, 1).sealed_old_pass = get_runtime().vault.encrypt("wrs_oldoldoldoldold1")
        session.get_one(Site, 1).old_pass_ends_at = NOW + timedelta(hours=1)
    copy = replace(site_config, public_url=OTHER_URL)
    start_site(copy)
    confirm(copy, "copy")
    after = identity(copy)
    assert after.auth != before.auth
    assert not set(after.passes) & {*before.passes, "wrs_oldoldoldoldold1"}
    assert (after.public_key, after.private_key) != (before.public_key, before.private_key)
    assert crypto.verify_ed25519(after.public_key, crypto.sign_ed25519(after.private_key, b"body"), b"body")
    assert (get_site().hold, get_site().url) == (None, OTHER_URL)
    assert marker_id(copy) == get_site().marker != site_before.marker
    assert start_site(copy) is None
    with db.transaction() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [NOW]


def test_a_copy_leaves_waiting_deliveries_to_the_original_site(site_config):
    start_site(site_config)
    add_remote()
    record_points(5)
    record_points(7)
    original_auth, last_id = get_site().auth, get_site().last_id
    copy = replace(site_config, public_url=OTHER_URL)
    start_site(copy)
    confirm(copy, "copy")
    with db.transaction() as session:
        assert set(session.scalars(select(Delivery.state))) == {DeliveryState.SET_ASIDE}
        received = received_summary.get_have(session, original_auth, get_reserve(session).id)
        digests = DigestSum.of(session.scalars(select(Movement.digest)))
        assert received == {"max_id": str(last_id), **digests.to_json()}
        assert find_wrong_sums(session) == {}
    record_points(1)
    own = get_site().auth
    with db.transaction() as session:
        newest = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (newest.origin, newest.balance) == (own, 13)
        assert len(session.scalars(select(Delivery)).all()) == 2


def test_the_marker_of_a_confirmed_copy_does_not_fit_the_original(site_config, tmp_path):
    """The copy's marker must not fit the database it was copied from."""
    start_site(site_config)
    record_points()
    original_marker = get_site().marker
    (tmp_path / "copy").mkdir()
    copy = replace(site_config, data=tmp_path / "copy")
    start_site(copy)
    confirm(copy, "copy")
    assert marker_id(copy) != original_marker


def test_a_site_that_may_send_has_nothing_to_confirm(site_config):
    start_site(site_config)
    for choice in ("moved", "restored", "copy"):
        with pytest.raises(Conflict) as refusal:
            confirm(site_config, choice)
        assert refusal.value.code == "nothing_held"
