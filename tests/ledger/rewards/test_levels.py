"""Levels: unlocked once by any movement, kept for ever, and quietly if no mail should be sent."""

from functools import partial

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.apply import IncomingMovement
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, LevelUnlock
from tests.ledger.record_drafts import ANNA, balance, record_all, record_one
from tests.ledger.rewards.level_steps import (
    BOB,
    add_level,
    add_level_without_job,
    apply_statuses,
    change_level,
    list_unlocks,
    run_level_job,
)
from tests.support.apps import get_reserve
from tests.support.moving_clock import START as NOW
from tests.support.queries import record_queries

pytestmark = pytest.mark.usefixtures("app")


def test_a_level_is_reached_at_its_points_and_costs_none():
    add_level()
    record_one(99)
    assert list_unlocks() == []
    record_one(1)
    assert list_unlocks() == [(ANNA, "Silver", 1, False)]
    assert balance() == 100


def test_a_level_is_reached_once_and_never_taken_back():
    add_level()
    record_one(150)
    record_one(-150)
    record_one(200)
    record_one(50)
    assert list_unlocks() == [(ANNA, "Silver", 150, False)]


def test_one_movement_unlocks_all_levels_it_passes():
    for title, points in (("Gold", 200), ("Silver", 100), ("Bronze", 1), ("Diamond", 201)):
        add_level(title, points)
    record_one(200)
    assert [title for _, title, _, _ in list_unlocks()] == ["Bronze", "Silver", "Gold"]


def test_within_one_batch_the_first_movement_that_reaches_it_counts():
    add_level()
    record_all(
        Draft(ANNA, 60), Draft(BOB, 100), Draft(ANNA, 70), Draft(ANNA, -70), Draft(ANNA, 71), Draft(ANNA, set_to=99)
    )
    assert list_unlocks() == [(ANNA, "Silver", 70, False), (BOB, "Silver", 100, False)]


@pytest.mark.parametrize(
    "drafts",
    [
        [Draft(ANNA, set_to=100)],
        [Draft(ANNA, -20, kind="manual"), Draft(ANNA, 120, kind="refund")],
        [Draft(ANNA, 100, kind="redeem")],
        [Draft(ANNA, 100, ref="order-1")],
    ],
)
def test_any_movement_here_counts(drafts):
    add_level()
    record_all(*drafts)
    record_all(*drafts)
    assert [(whose, title, quiet) for whose, title, _, quiet in list_unlocks()] == [(ANNA, "Silver", False)]


def test_movements_of_other_sites_count():
    add_level()
    record_one(60)
    assert (
        apply_statuses(
            IncomingMovement("1", ANNA, 30), IncomingMovement("2", BOB, 300), IncomingMovement("3", ANNA, 10)
        )
        == ["applied"] * 3
    )
    assert list_unlocks() == [(ANNA, "Silver", 10, False), (BOB, "Silver", 300, False)]
    assert apply_statuses(IncomingMovement("3", ANNA, 10)) == ["duplicate"]
    assert len(list_unlocks()) == 2


def test_no_mail_for_backfill_opening_balances_and_corrections():
    add_level()
    apply_statuses(
        IncomingMovement("1", ANNA, 300, is_history=True),
        IncomingMovement("2", BOB, 99, is_history=True),
        IncomingMovement("3", BOB, 1),
    )
    record_all(Draft("carol@shop.example", 100, kind="opening"), Draft("dora@shop.example", 100, kind="correction"))
    assert list_unlocks() == [
        (ANNA, "Silver", 300, True),
        (BOB, "Silver", 1, False),
        ("carol@shop.example", "Silver", 100, True),
        ("dora@shop.example", "Silver", 100, True),
    ]


def test_each_reserve_has_its_own():
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    add_level("Silver", 100)
    add_level("Silver", 50, key="gold")
    record_all(Draft(ANNA, 60), Draft(ANNA, 60, reserve="gold"))
    with db.transaction() as session:
        anna = session.scalars(select(Customer)).one()
        assert [(each.title, reserve.key) for _, each, reserve in levels.list_reached(session, anna)] == [
            ("Silver", "gold")
        ]


def test_an_inactive_level_is_not_reached():
    number = add_level()
    change_level(number, is_active=False)
    record_one(200)
    run_level_job()
    assert list_unlocks() == []
    change_level(number)
    run_level_job()
    assert list_unlocks() == [(ANNA, "Silver", None, True)]


def test_a_level_added_later_counts_for_those_above_it_quietly():
    record_all(Draft(ANNA, 100), Draft(BOB, 99), Draft("carol@shop.example", 500))
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
        record(session, [Draft("dave@shop.example", 500, reserve="gold")], "test", NOW)
    add_level_without_job()
    assert list_unlocks() == []
    record_one(1)
    assert list_unlocks() == [], "the points are older than the level"
    record_all(Draft(BOB, 1))
    run_level_job()
    assert list_unlocks() == [
        (ANNA, "Silver", None, True),
        (BOB, "Silver", 1, False),
        ("carol@shop.example", "Silver", None, True),
    ]
    with db.transaction() as session:
        assert session.get_one(LevelUnlock, (1, 1)).at == NOW


def test_a_level_that_got_easier_is_checked_again():
    record_one(100)
    number = add_level(points=200)
    change_level(number, 150)
    run_level_job()
    change_level(number, 300)
    with db.transaction() as session:
        assert levels.list_unfinished(session) == []
    assert list_unlocks() == []
    change_level(number, 100)
    run_level_job()
    assert list_unlocks() == [(ANNA, "Silver", None, True)]


def test_the_job_goes_on_step_by_step(monkeypatch):
    monkeypatch.setattr(levels, "BATCH_SIZE", 3)
    record_all(*(Draft(f"c{number}@shop.example", 100) for number in range(8)))
    number = add_level_without_job()
    seen = []
    for _ in range(4):
        with db.transaction() as session:
            more = levels.process_batch(session, number, NOW)
        seen.append((more, len(list_unlocks())))
    assert seen == [(True, 3), (True, 6), (False, 8), (False, 8)]


def test_a_level_made_inactive_halfway_stops(monkeypatch):
    monkeypatch.setattr(levels, "BATCH_SIZE", 3)
    record_all(*(Draft(f"c{number}@shop.example", 100) for number in range(8)))
    number = add_level_without_job()
    with db.transaction() as session:
        assert levels.process_batch(session, number, NOW)
    change_level(number, is_active=False)
    with db.transaction() as session:
        assert not levels.process_batch(session, number, NOW)
        assert not levels.process_batch(session, number + 1, NOW)
    assert len(list_unlocks()) == 3


@pytest.mark.parametrize(
    ("title", "points", "field"),
    [
        ("", 100, "title"),
        ("a" * 101, 100, "title"),
        ("\0", 100, "title"),
        ("Gold", 0, "points"),
        ("Gold", 2**40, "points"),
    ],
)
def test_invalid_values(title, points, field):
    number = add_level()
    for call in (partial(add_level, title, points), partial(change_level, number, points, title=title)):
        with pytest.raises(InvalidInput) as refusal:
            call()
        assert list(refusal.value.fields) == [field]
    with db.transaction() as session:
        assert [(each.title, each.points) for each in levels.list_all(session, get_reserve(session))] == [
            ("Silver", 100)
        ]


def test_a_title_is_unique_in_a_reserve_and_an_id_belongs_to_its_own():
    number = add_level()
    with pytest.raises(Conflict, match="Silver"):
        add_level()
    with db.transaction() as session:
        reserves.create(session, "gold", None, NOW)
    elsewhere = add_level(key="gold")
    for wrong in (elsewhere, elsewhere + 1):
        with pytest.raises(NotFound):
            change_level(wrong)
    change_level(number, 100)


def test_without_levels_a_batch_costs_one_query():
    batch = [Draft(f"c{number}@shop.example", 100) for number in range(50)]
    with db.transaction() as session, record_queries() as plain:
        record(session, batch, "test", NOW)
    asked = [statement for statement, _ in plain if "level" in statement or "unlock" in statement]
    assert len(asked) == 1
    add_level(points=1_000)
    with db.transaction() as session, record_queries() as with_level:
        record(session, batch, "test", NOW)
    assert len([statement for statement, _ in with_level if "level" in statement or "unlock" in statement]) == 1
    add_level("Bronze", 250)
    with db.transaction() as session, record_queries() as crossing:
        record(session, batch, "test", NOW)
    more = "what is unlocked already, the movements' numbers, the unlocks, and whether mails are on"
    assert len(crossing) == len(with_level) + 4, more
    assert len(list_unlocks()) == 50
