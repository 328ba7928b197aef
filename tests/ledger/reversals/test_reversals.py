"""What came from a blocked origin since a moment is taken back: shown first, then once, whatever happens amid it."""

from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger import overdrawn, reserves, verify
from pointsync.ledger.apply import Incoming, lock_origin
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry import rule as expiry_rule
from pointsync.ledger.record import Draft
from pointsync.ledger.reversals import reversals
from pointsync.models import Customer, Delivery, Movement, Reversal
from tests.ledger.record_drafts import ANNA, balance, counts, made, recorded
from tests.ledger.reversals.reversal_steps import (
    LATER,
    NOW,
    OTHER,
    THIEF,
    blocked,
    corrections,
    foreseen,
    parts,
    sent,
    started,
    taken_back,
    times_reversed,
)
from tests.ledger.rewards.level_steps import BOB, level, unlocks
from tests.support.apps import reserve, together

pytestmark = pytest.mark.usefixtures("app")
HOUR = timedelta(hours=1)


def test_it_is_shown_first_and_changes_nothing_by_that():
    recorded(Draft(ANNA, 10), Draft("carol@shop.example", 500))
    sent(Incoming("1", ANNA, 100), Incoming("2", ANNA, -30), Incoming("3", BOB, -20), Incoming("4", ANNA, 5))
    sent(Incoming("1", ANNA, 1000), origin=OTHER)
    made(-1050, kind="manual")
    before = counts()
    found = foreseen()
    [part] = found.parts
    assert (part.reserve_key, part.movements, part.given, part.taken) == ("default", 4, 105, 50)
    assert (found.customers, part.balances, found.below_zero, found.movements) == (2, 2, 1, 4)
    assert [(each.customer, each.points, each.after) for each in found.people] == [(ANNA, -75, -40), (BOB, 20, 0)]
    assert counts() == before
    assert foreseen().digest == found.digest
    blocked()
    sent(Incoming("5", ANNA, 1))
    assert foreseen().digest != found.digest


def test_one_correction_for_each_customer_and_reserve_says_why():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    recorded(Draft(ANNA, 10))
    sent(Incoming("1", ANNA, 100), Incoming("2", ANNA, -30), Incoming("3", BOB, 7), Incoming("4", BOB, -7))
    sent(Incoming("5", ANNA, 3), key="gold")
    blocked()
    reversal_id = taken_back()
    assert corrections() == [
        (ANNA, "default", -70, "Reversal of Tea shop: 2 movements"),
        (ANNA, "gold", -3, "Reversal of Tea shop: 1 movement"),
    ]
    assert (balance(), balance(key="gold"), balance(BOB)) == (10, 0, 0)
    with db.write() as session:
        row = session.get_one(Reversal, reversal_id)
        assert (row.total, row.done, row.corrections, row.finished_at) == (5, 5, 2, LATER)
        assert verify.differences(session) == verify.flow_differences(session) == []
        assert session.query(Delivery).count() == 0, "a correction stays here"


def test_by_when_it_was_recorded_and_not_by_what_its_origin_says():
    """Who has stolen a key can date back."""
    sent(Incoming("1", ANNA, 100, at=NOW + 2 * HOUR))
    sent(Incoming("2", ANNA, 20, at=NOW - timedelta(days=900)), now=NOW + HOUR)
    blocked()
    taken_back(since=NOW + HOUR)
    assert [points for _, _, points, _ in corrections()] == [-20]


def test_one_reserve_alone():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    sent(Incoming("1", ANNA, 100))
    sent(Incoming("2", ANNA, 3), key="gold")
    blocked()
    taken_back(key="gold")
    assert (balance(), balance(key="gold")) == (100, 0)


def test_overlapping_ranges_take_back_each_movement_once():
    sent(Incoming("1", ANNA, 100))
    sent(Incoming("2", ANNA, 20), now=NOW + HOUR)
    sent(Incoming("3", ANNA, 3), now=NOW + 2 * HOUR)
    blocked()
    taken_back(since=NOW + HOUR)
    assert foreseen().left_reversed == 2
    taken_back()
    assert [points for _, _, points, _ in corrections()] == [-23, -100]
    assert (balance(), times_reversed()) == (0, 3)
    with pytest.raises(Conflict, match="left to take back"):
        taken_back()


@pytest.mark.parametrize("parts_done", [1, 2])
def test_killed_and_begun_again_it_comes_to_the_same(monkeypatch: pytest.MonkeyPatch, parts_done: int):
    monkeypatch.setattr(reversals, "AT_ONCE", 2)
    monkeypatch.setattr(reversals, "LOOKED_AT", 3)
    sent(*(Incoming(str(number), f"c{number}@shop.example", number) for number in range(1, 8)))
    blocked()
    reversal_id = started(foreseen())
    first = parts(reversal_id)
    for _ in range(parts_done):
        next(first)
    with db.write() as session:  # a part that is written, but not noted as done
        session.get_one(Reversal, reversal_id).after_customer_id = 0
    assert list(parts(reversal_id))[-1] is False
    assert [points for _, _, points, _ in corrections()] == [-number for number in range(1, 8)]
    with db.write() as session:
        assert session.get_one(Reversal, reversal_id).done == 7


def test_two_workers_and_two_admins_at_once(app):
    sent(*(Incoming(str(number), f"c{number}@shop.example", 5) for number in range(1, 40)))
    blocked()
    found = foreseen()

    def ask() -> str:
        try:
            db.in_write(lambda session: reversals.start(session, found, "Reversal", LATER))
        except Conflict as error:
            return error.code
        return "started"

    assert sorted(together(app, ask, ask)) == ["reversal_under_way", "started"]
    with db.write() as session:
        [reversal_id] = [each.id for each in reversals.unfinished(session)]
        ids, _ = reversals.affected(session, reversal_id, 0)
    work = partial(reversals.step, reversal_id=reversal_id, customer_ids=ids, after=ids[-1], now=LATER)
    together(app, *[lambda: db.in_write(work)] * 3)
    assert (len(corrections()), times_reversed()) == (39, 39)


def test_it_may_be_stopped_and_what_is_left_asked_for_anew(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reversals, "AT_ONCE", 1)
    sent(Incoming("1", ANNA, 100), Incoming("2", BOB, 50))
    blocked()
    reversal_id = started(foreseen())
    assert next(parts(reversal_id)) is True
    with db.write() as session:
        reversals.stop(session, reversal_id, LATER)
        assert not reversals.step(session, reversal_id, [2], 2, LATER)
    assert (balance(), balance(BOB)) == (0, 50)
    taken_back()
    assert (balance(BOB), times_reversed()) == (0, 2)


def test_what_was_corrected_by_hand_is_left():
    sent(Incoming("1", ANNA, -40), Incoming("2", ANNA, -3), Incoming("3", BOB, 9))
    with db.write() as session:
        flagged = session.query(Movement).filter_by(id="1").one().seq
        overdrawn.correct(session, flagged, NOW)
    assert balance() == 0
    blocked()
    found = foreseen()
    assert (found.left_corrected, found.movements) == (1, 2)
    taken_back()
    assert (balance(), balance(BOB)) == (3, 0)


def test_a_reserve_that_is_not_active_is_left_and_said_so():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    sent(Incoming("1", ANNA, 5), key="gold")
    sent(Incoming("2", ANNA, 6))
    with db.write() as session:
        reserve(session, "gold").is_active = False
    blocked()
    assert (foreseen().left_inactive, foreseen().movements) == (1, 1)
    taken_back()
    assert (balance(), balance(key="gold")) == (0, 5)
    with db.write() as session:
        reserve(session, "gold").is_active = True
    taken_back()
    assert balance(key="gold") == 0


def test_a_balance_that_would_leave_its_bounds_is_left_and_the_others_are_not():
    billions = 2_000_000_000
    sent(Incoming("1", ANNA, -billions), Incoming("2", BOB, 4))
    recorded(Draft(ANNA, billions, kind="manual"))
    recorded(Draft(ANNA, billions, kind="manual"))
    blocked()
    reversal_id = taken_back()
    assert (balance(), balance(BOB), times_reversed()) == (billions, 0, 1)
    with db.write() as session:
        row = session.get_one(Reversal, reversal_id)
        assert (row.out_of_bounds, row.done, row.total) == (1, 1, 2)


def test_below_zero_it_is_recorded_and_listed():
    sent(Incoming("1", ANNA, 100))
    made(-80)
    blocked()
    taken_back()
    assert balance() == -80
    with db.write() as session:
        [below] = overdrawn.page(session, NOW).rows
        assert (below.movement.kind, below.movement.points, below.may_be_corrected) == ("correction", -100, True)


def test_only_of_a_site_that_is_blocked():
    sent(Incoming("1", ANNA, 100))
    with pytest.raises(Conflict) as refusal:
        started(foreseen())
    assert refusal.value.code == "not_blocked"
    assert times_reversed() == 0


def test_what_comes_after_an_unblocking_is_none_of_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reversals, "AT_ONCE", 1)
    sent(Incoming("1", ANNA, 100), Incoming("2", BOB, 50))
    blocked()
    running = parts(started(foreseen()))
    next(running)
    with db.write() as session:
        lock_origin(session, THIEF, NOW).blocked_at = None
    sent(Incoming("3", BOB, 8), now=LATER)
    assert list(running)[-1] is False
    assert (balance(), balance(BOB)) == (0, 8)


def test_points_given_back_unlock_a_level_quietly():
    level()
    sent(Incoming("1", ANNA, -100))
    made(150)
    assert unlocks() == []
    blocked()
    taken_back()
    assert unlocks() == [(ANNA, "Silver", 100, True)]


def test_expiry_takes_corrections_as_it_does_any():
    zone = ZoneInfo("UTC")
    recorded(Draft(ANNA, 30))
    sent(Incoming("1", ANNA, 100), Incoming("2", BOB, -10))
    blocked()
    taken_back()
    with db.write() as session:
        rule = expiry_rule.period("transactional", 90, "days", NOW.date())
        rules.set_rule(session, reserve(session), rule)
        ids = list(session.scalars(select(Customer.id)))
        runs = [
            expire.expire(session, reserve(session).id, ids, zone, NOW + timedelta(days=days))
            for days in (60, 100, 101)
        ]
        assert verify.differences(session) == []
    assert runs == [0, 1, 0]
    assert (balance(), balance(BOB)) == (0, 0)
