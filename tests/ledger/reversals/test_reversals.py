"""Reversals of what came from a blocked origin: previewed, then done once, even if interrupted."""

from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement, lock_origin
from pointsync.ledger.below_zero import overdrawn
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry import rule as expiry_rule
from pointsync.ledger.integrity import verify
from pointsync.ledger.record import Draft
from pointsync.ledger.reversals import reversals
from pointsync.models import Customer, Delivery, Movement, Reversal
from tests.ledger.record_drafts import ANNA, balance, record_all, record_one, row_counts
from tests.ledger.reversals.reversal_steps import (
    LATER,
    NOW,
    OTHER,
    THIEF,
    apply_movements,
    block_origin,
    list_corrections,
    preview_reversal,
    reverse_all,
    reversed_count,
    run_batches,
    start_reversal,
)
from tests.ledger.rewards.level_steps import BOB, add_level, list_unlocks
from tests.support.apps import get_reserve, run_concurrently

pytestmark = pytest.mark.usefixtures("app")
HOUR = timedelta(hours=1)


def test_it_is_shown_first_and_changes_nothing_by_that():
    record_all(Draft(ANNA, 10), Draft("carol@shop.example", 500))
    apply_movements(
        IncomingMovement("1", ANNA, 100),
        IncomingMovement("2", ANNA, -30),
        IncomingMovement("3", BOB, -20),
        IncomingMovement("4", ANNA, 5),
    )
    apply_movements(IncomingMovement("1", ANNA, 1000), origin=OTHER)
    record_one(-1050, kind="manual")
    before = row_counts()
    found = preview_reversal()
    [part] = found.reserve_totals
    assert (part.reserve_key, part.movements, part.given, part.taken) == ("default", 4, 105, 50)
    assert (found.customers, part.balances, found.below_zero, found.movements) == (2, 2, 1, 4)
    assert [(each.customer, each.points, each.after) for each in found.largest_changes] == [
        (ANNA, -75, -40),
        (BOB, 20, 0),
    ]
    assert row_counts() == before
    assert preview_reversal().digest == found.digest
    block_origin()
    apply_movements(IncomingMovement("5", ANNA, 1))
    assert preview_reversal().digest != found.digest


def test_one_correction_for_each_customer_and_reserve_says_why():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    record_all(Draft(ANNA, 10))
    apply_movements(
        IncomingMovement("1", ANNA, 100),
        IncomingMovement("2", ANNA, -30),
        IncomingMovement("3", BOB, 7),
        IncomingMovement("4", BOB, -7),
    )
    apply_movements(IncomingMovement("5", ANNA, 3), key="gold")
    block_origin()
    reversal_id = reverse_all()
    assert list_corrections() == [
        (ANNA, "default", -70, "Reversal of Tea shop: 2 movements"),
        (ANNA, "gold", -3, "Reversal of Tea shop: 1 movement"),
    ]
    assert (balance(), balance(key="gold"), balance(BOB)) == (10, 0, 0)
    with db.transaction() as session:
        row = session.get_one(Reversal, reversal_id)
        assert (row.total, row.done, row.corrections, row.finished_at) == (5, 5, 2, LATER)
        assert verify.find_balance_differences(session) == verify.find_hourly_total_differences(session) == []
        assert session.query(Delivery).count() == 0, "a correction stays here"


def test_by_when_it_was_recorded_and_not_by_what_its_origin_says():
    """A thief of a key can use any date in the movements."""
    apply_movements(IncomingMovement("1", ANNA, 100, at=NOW + 2 * HOUR))
    apply_movements(IncomingMovement("2", ANNA, 20, at=NOW - timedelta(days=900)), now=NOW + HOUR)
    block_origin()
    reverse_all(since=NOW + HOUR)
    assert [points for _, _, points, _ in list_corrections()] == [-20]


def test_one_reserve_alone():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    apply_movements(IncomingMovement("1", ANNA, 100))
    apply_movements(IncomingMovement("2", ANNA, 3), key="gold")
    block_origin()
    reverse_all(key="gold")
    assert (balance(), balance(key="gold")) == (100, 0)


def test_overlapping_ranges_take_back_each_movement_once():
    apply_movements(IncomingMovement("1", ANNA, 100))
    apply_movements(IncomingMovement("2", ANNA, 20), now=NOW + HOUR)
    apply_movements(IncomingMovement("3", ANNA, 3), now=NOW + 2 * HOUR)
    block_origin()
    reverse_all(since=NOW + HOUR)
    assert preview_reversal().skipped_reversed == 2
    reverse_all()
    assert [points for _, _, points, _ in list_corrections()] == [-23, -100]
    assert (balance(), reversed_count()) == (0, 3)
    with pytest.raises(Conflict, match="can be reversed"):
        reverse_all()


@pytest.mark.parametrize("batches_done", [1, 2])
def test_killed_and_restarted_it_gives_the_same_result(monkeypatch: pytest.MonkeyPatch, batches_done: int):
    monkeypatch.setattr(reversals, "BATCH_SIZE", 2)
    monkeypatch.setattr(reversals, "SCAN_SIZE", 3)
    apply_movements(*(IncomingMovement(str(number), f"c{number}@shop.example", number) for number in range(1, 8)))
    block_origin()
    reversal_id = start_reversal(preview_reversal())
    first = run_batches(reversal_id)
    for _ in range(batches_done):
        next(first)
    with db.transaction() as session:  # a batch that was written, but not saved as done
        session.get_one(Reversal, reversal_id).after_customer_id = 0
    assert list(run_batches(reversal_id))[-1] is False
    assert [points for _, _, points, _ in list_corrections()] == [-number for number in range(1, 8)]
    with db.transaction() as session:
        assert session.get_one(Reversal, reversal_id).done == 7


def test_two_workers_and_two_admins_at_once(app):
    apply_movements(*(IncomingMovement(str(number), f"c{number}@shop.example", 5) for number in range(1, 40)))
    block_origin()
    found = preview_reversal()

    def ask() -> str:
        try:
            db.run_in_transaction(lambda session: reversals.create(session, found, "Reversal", LATER))
        except Conflict as error:
            return error.code
        return "started"

    assert sorted(run_concurrently(app, ask, ask)) == ["reversal_under_way", "started"]
    with db.transaction() as session:
        [reversal_id] = [each.id for each in reversals.list_unfinished(session)]
        ids, _ = reversals.find_affected_customers(session, reversal_id, 0)
    process = partial(
        reversals.process_batch, reversal_id=reversal_id, customer_ids=ids, after_customer_id=ids[-1], now=LATER
    )
    run_concurrently(app, *[lambda: db.run_in_transaction(process)] * 3)
    assert (len(list_corrections()), reversed_count()) == (39, 39)


def test_it_can_be_stopped_and_requested_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reversals, "BATCH_SIZE", 1)
    apply_movements(IncomingMovement("1", ANNA, 100), IncomingMovement("2", BOB, 50))
    block_origin()
    reversal_id = start_reversal(preview_reversal())
    assert next(run_batches(reversal_id)) is True
    with db.transaction() as session:
        reversals.stop(session, reversal_id, LATER)
        assert not reversals.process_batch(session, reversal_id, [2], 2, LATER)
    assert (balance(), balance(BOB)) == (0, 50)
    reverse_all()
    assert (balance(BOB), reversed_count()) == (0, 2)


def test_corrected_movements_are_skipped():
    apply_movements(IncomingMovement("1", ANNA, -40), IncomingMovement("2", ANNA, -3), IncomingMovement("3", BOB, 9))
    with db.transaction() as session:
        flagged = session.query(Movement).filter_by(id="1").one().seq
        overdrawn.correct(session, flagged, NOW)
    assert balance() == 0
    block_origin()
    found = preview_reversal()
    assert (found.skipped_corrected, found.movements) == (1, 2)
    reverse_all()
    assert (balance(), balance(BOB)) == (3, 0)


def test_an_inactive_reserve_is_skipped_and_reported():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    apply_movements(IncomingMovement("1", ANNA, 5), key="gold")
    apply_movements(IncomingMovement("2", ANNA, 6))
    with db.transaction() as session:
        get_reserve(session, "gold").is_active = False
    block_origin()
    assert (preview_reversal().skipped_inactive, preview_reversal().movements) == (1, 1)
    reverse_all()
    assert (balance(), balance(key="gold")) == (0, 5)
    with db.transaction() as session:
        get_reserve(session, "gold").is_active = True
    reverse_all()
    assert balance(key="gold") == 0


def test_a_balance_that_would_leave_its_bounds_is_skipped_and_the_others_are_not():
    billions = 2_000_000_000
    apply_movements(IncomingMovement("1", ANNA, -billions), IncomingMovement("2", BOB, 4))
    record_all(Draft(ANNA, billions, kind="manual"))
    record_all(Draft(ANNA, billions, kind="manual"))
    block_origin()
    reversal_id = reverse_all()
    assert (balance(), balance(BOB), reversed_count()) == (billions, 0, 1)
    with db.transaction() as session:
        row = session.get_one(Reversal, reversal_id)
        assert (row.out_of_bounds, row.done, row.total) == (1, 1, 2)


def test_below_zero_it_is_recorded_and_listed():
    apply_movements(IncomingMovement("1", ANNA, 100))
    record_one(-80)
    block_origin()
    reverse_all()
    assert balance() == -80
    with db.transaction() as session:
        [below] = overdrawn.list_page(session, NOW).rows
        assert (below.movement.kind, below.movement.points, below.is_correctable) == ("correction", -100, True)


def test_only_for_a_blocked_site():
    apply_movements(IncomingMovement("1", ANNA, 100))
    with pytest.raises(Conflict) as refusal:
        start_reversal(preview_reversal())
    assert refusal.value.code == "not_blocked"
    assert reversed_count() == 0


def test_movements_after_an_unblocking_are_not_reversed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reversals, "BATCH_SIZE", 1)
    apply_movements(IncomingMovement("1", ANNA, 100), IncomingMovement("2", BOB, 50))
    block_origin()
    running = run_batches(start_reversal(preview_reversal()))
    next(running)
    with db.transaction() as session:
        lock_origin(session, THIEF, NOW).blocked_at = None
    apply_movements(IncomingMovement("3", BOB, 8), now=LATER)
    assert list(running)[-1] is False
    assert (balance(), balance(BOB)) == (0, 8)


def test_points_given_back_unlock_a_level_quietly():
    add_level()
    apply_movements(IncomingMovement("1", ANNA, -100))
    record_one(150)
    assert list_unlocks() == []
    block_origin()
    reverse_all()
    assert list_unlocks() == [(ANNA, "Silver", 100, True)]


def test_expiry_takes_corrections_as_it_does_any():
    zone = ZoneInfo("UTC")
    record_all(Draft(ANNA, 30))
    apply_movements(IncomingMovement("1", ANNA, 100), IncomingMovement("2", BOB, -10))
    block_origin()
    reverse_all()
    with db.transaction() as session:
        rule = expiry_rule.make_period_rule("transactional", 90, "days", NOW.date())
        rules.set_rule(session, get_reserve(session), rule)
        ids = list(session.scalars(select(Customer.id)))
        runs = [
            expire.expire_customers(session, get_reserve(session).id, ids, zone, NOW + timedelta(days=days))
            for days in (60, 100, 101)
        ]
        assert verify.find_balance_differences(session) == []
    assert runs == [0, 1, 0]
    assert (balance(), balance(BOB)) == (0, 0)
