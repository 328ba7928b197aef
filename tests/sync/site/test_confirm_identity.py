"""The word that ends the hold: moved, restored or a copy."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from pointsync import crypto, db
from pointsync.errors import Conflict
from pointsync.ledger.apply import have
from pointsync.models import Delivery, Movement, Remote, Site, State
from pointsync.runtime import runtime
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW
from tests.sync.site.site_starts import OTHER_URL, confirm, identity, listed, marker, row, sold, start

pytestmark = pytest.mark.usefixtures("app")


def test_moved_goes_on_as_the_same_site_at_the_new_url(here):
    start(here)
    listed()
    sold()
    before = identity(here)
    moved = replace(here, public_url=OTHER_URL)
    start(moved)
    confirm(moved, "moved")
    assert (identity(moved).auth, identity(moved).passes) == (before.auth, before.passes)
    assert (row().hold, row().url) == (None, OTHER_URL)
    assert [start(moved), start(moved)] == [None, None]
    with db.write() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [None]


def test_moved_to_another_machine_without_its_marker(here, tmp_path):
    start(here)
    sold()
    (tmp_path / "new").mkdir()
    moved = replace(here, data=tmp_path / "new")
    start(moved)
    confirm(moved, "moved")
    assert marker(moved) == row().marker
    assert start(moved) is None


def test_restored_never_uses_again_the_ids_that_were_lost(here):
    start(here)
    sold()
    backup = row().last_id
    sold()
    sold()
    start(here)
    lost = row().last_id
    with db.write() as session:
        session.get_one(Site, 1).last_id = backup
    start(here)
    auth = row().auth
    confirm(here, "restored")
    assert (row().hold, row().auth, row().last_id, row().confirmed_id) == (None, auth, lost, lost)
    assert start(here) is None
    sold()
    with db.write() as session:
        newest = session.scalars(select(Movement.id).order_by(Movement.seq.desc())).first()
    assert int(newest) > lost


@pytest.mark.parametrize(("code", "waits"), [("restored", False), ("timeout", True)])
def test_a_line_that_was_stopped_for_it_goes_on_at_once(here, code, waits):
    start(here)
    listed()
    sold()
    later = NOW + timedelta(hours=1)
    with db.write() as session:
        session.execute(update(Remote).values(attempt_code=code, is_probing=True, next_attempt_at=later))
    start(replace(here, public_url=OTHER_URL))
    confirm(replace(here, public_url=OTHER_URL), "restored")
    with db.write() as session:
        assert session.scalars(select(Remote.next_attempt_at)).all() == [later if waits else None]


def test_a_copy_becomes_a_site_of_its_own(here, tmp_path):
    start(here)
    listed()
    sold()
    before, kept = identity(here), row()
    with db.write() as session:
        session.get_one(Site, 1).sealed_old_pass = runtime().vault.seal("wrs_oldoldoldoldold1")
        session.get_one(Site, 1).old_pass_ends_at = NOW + timedelta(hours=1)
    copy = replace(here, public_url=OTHER_URL)
    start(copy)
    confirm(copy, "copy")
    after = identity(copy)
    assert after.auth != before.auth
    assert not set(after.passes) & {*before.passes, "wrs_oldoldoldoldold1"}
    assert (after.public_key, after.private_key) != (before.public_key, before.private_key)
    assert crypto.ed25519_verifies(after.public_key, crypto.ed25519_signature(after.private_key, b"body"), b"body")
    assert (row().hold, row().url) == (None, OTHER_URL)
    assert marker(copy) == row().marker != kept.marker
    assert start(copy) is None
    with db.write() as session:
        assert session.scalars(select(Remote.deleted_at)).all() == [NOW]


def test_what_a_copy_owed_is_left_to_the_real_site_whose_movements_it_holds(here):
    start(here)
    listed()
    sold(5)
    sold(7)
    real, last_id = row().auth, row().last_id
    copy = replace(here, public_url=OTHER_URL)
    start(copy)
    confirm(copy, "copy")
    with db.write() as session:
        assert set(session.scalars(select(Delivery.state))) == {State.ASIDE}
        assert have(session, real, reserve(session)) == {"count": 2, "max_id": str(last_id)}
    sold(1)
    own = row().auth
    with db.write() as session:
        newest = session.scalars(select(Movement).order_by(Movement.seq.desc())).first()
        assert (newest.origin, newest.balance) == (own, 13)
        assert len(session.scalars(select(Delivery)).all()) == 2


def test_the_real_site_is_not_taken_for_the_copys_after_it(here, tmp_path):
    """The copy's marker must not fit the database it was copied from."""
    start(here)
    sold()
    real = row().marker
    (tmp_path / "copy").mkdir()
    copy = replace(here, data=tmp_path / "copy")
    start(copy)
    confirm(copy, "copy")
    assert marker(copy) != real


def test_there_is_nothing_to_confirm_where_nothing_is_held(here):
    start(here)
    for what in ("moved", "restored", "copy"):
        with pytest.raises(Conflict) as refusal:
            confirm(here, what)
        assert refusal.value.code == "nothing_held"
