"""The ids of this site's movements are unique and always grow, even if the clock is set back."""

from datetime import timedelta
from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ids import MAX_GAP, MAX_ID, lowest_id_at
from pointsync.ledger.outbox import allocate_ids
from pointsync.ledger.record import Draft, record
from pointsync.models import Movement, Site
from tests.support.apps import run_concurrently
from tests.support.moving_clock import START as NOW

SECOND = timedelta(seconds=1)


def take_ids(count: int = 1, now=NOW) -> list[int]:
    """Allocate ids and commit."""
    with db.transaction() as session:
        return [int(number) for number in allocate_ids(session, count, now)[1]]


def assert_just_above(ids: list[int], last: int) -> None:
    """The ids follow each other, after a random gap above `last`."""
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert last < ids[0] <= last + MAX_GAP


def test_an_id_holds_its_time_and_belongs_to_this_site(app):
    with db.transaction() as session:
        auth, ids, _ = allocate_ids(session, 3, NOW)
        assert auth == session.get_one(Site, 1).auth
        assert_just_above([int(each) for each in ids], lowest_id_at(NOW) - 1)


def test_two_copies_of_a_site_do_not_use_the_same_ids(app):
    with db.transaction() as session:
        last_id = session.get_one(Site, 1).last_id
    starts = set()
    for _ in range(20):
        with db.transaction() as session:
            session.get_one(Site, 1).last_id = last_id
        starts.add(take_ids()[0])
    assert len(starts) > 15


def test_ids_grow_even_when_the_clock_goes_back(app):
    steps = (0, 0, 1, -1, -3600, 10**7, -(10**7), 0, 10**7 + 1)
    seen = [number for seconds in steps for number in take_ids(2, NOW + seconds * SECOND)]
    assert seen == sorted(set(seen))
    assert 0 < seen[-1] <= MAX_ID


def test_a_clock_before_all_time_still_gives_positive_ids(app):
    assert_just_above(take_ids(2, NOW.replace(year=1999)), 0)


@pytest.mark.parametrize("received", [5, 2**40])
def test_ids_stay_above_those_received_as_ours(app, received):
    above = lowest_id_at(NOW) + received
    with db.transaction() as session:
        session.get_one(Site, 1).last_id = above
    assert_just_above(take_ids(2), above)


def test_more_in_a_millisecond_than_it_has_room_for(app):
    next_millisecond = lowest_id_at(NOW + timedelta(milliseconds=1))
    with db.transaction() as session:
        session.get_one(Site, 1).last_id = next_millisecond - 2
    taken = take_ids(3)
    assert_just_above(taken, next_millisecond - 2)
    assert_just_above(take_ids(1, NOW + timedelta(milliseconds=1)), taken[-1])


def test_a_rollback_may_leave_a_gap_and_never_a_duplicate_id(app):
    def operation(session):
        record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        db.run_in_transaction(operation)
    take_ids(3)
    with db.transaction() as session:
        record(session, [Draft("anna@shop.example", 5)], "test", NOW)
        assert int(session.scalars(select(Movement.id)).one()) == session.get_one(Site, 1).last_id


def test_sixteen_concurrent_calls_get_own_ids_in_the_order_of_their_rows(app):
    def shop(number: int) -> None:
        for round_number in range(3):
            now = NOW + (number % 5 - 2) * round_number * SECOND
            drafts = [Draft(f"c{number}@shop.example", 1)] * 3
            db.run_in_transaction(partial(record, drafts=drafts, source="test", now=now))

    run_concurrently(app, *(partial(shop, number) for number in range(16)))
    with db.transaction() as session:
        names = [int(name) for name in session.scalars(select(Movement.id).order_by(Movement.seq))]
    assert len(set(names)) == len(names) == 16 * 9
    # Within one call the ids are consecutive; the lock on the site's row sorts the calls.
    assert all(later == earlier + 1 for place, (earlier, later) in enumerate(pairwise(names)) if place % 3 != 2)
