"""Levels: reached once by whatever brings the points, kept for ever, told of quietly where nobody is to be mailed."""

from functools import partial

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.apply import Incoming
from pointsync.ledger.record import Draft, record
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Unlock
from tests.ledger.record_drafts import ANNA, balance, made, recorded
from tests.ledger.rewards.level_steps import BOB, applied, caught_up, change, level, new_level, unlocks
from tests.support.apps import reserve
from tests.support.moving_clock import START as NOW
from tests.support.queries import watched

pytestmark = pytest.mark.usefixtures("app")


def test_a_level_is_reached_at_its_points_and_costs_none():
    level()
    made(99)
    assert unlocks() == []
    made(1)
    assert unlocks() == [(ANNA, "Silver", 1, False)]
    assert balance() == 100


def test_it_is_reached_once_and_never_taken_back():
    level()
    made(150)
    made(-150)
    made(200)
    made(50)
    assert unlocks() == [(ANNA, "Silver", 150, False)]


def test_one_movement_reaches_all_on_its_way_and_no_other():
    for title, points in (("Gold", 200), ("Silver", 100), ("Bronze", 1), ("Diamond", 201)):
        level(title, points)
    made(200)
    assert [title for _, title, _, _ in unlocks()] == ["Bronze", "Silver", "Gold"]


def test_within_one_batch_the_first_that_comes_up_to_it_counts():
    level()
    recorded(
        Draft(ANNA, 60), Draft(BOB, 100), Draft(ANNA, 70), Draft(ANNA, -70), Draft(ANNA, 71), Draft(ANNA, set_to=99)
    )
    assert unlocks() == [(ANNA, "Silver", 70, False), (BOB, "Silver", 100, False)]


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
    level()
    recorded(*drafts)
    recorded(*drafts)
    assert [(whose, title, quiet) for whose, title, _, quiet in unlocks()] == [(ANNA, "Silver", False)]


def test_movements_of_other_sites_count():
    level()
    made(60)
    assert applied(Incoming("1", ANNA, 30), Incoming("2", BOB, 300), Incoming("3", ANNA, 10)) == ["applied"] * 3
    assert unlocks() == [(ANNA, "Silver", 10, False), (BOB, "Silver", 300, False)]
    assert applied(Incoming("3", ANNA, 10)) == ["duplicate"]
    assert len(unlocks()) == 2


def test_nobody_is_told_of_history_opening_balances_and_corrections():
    level()
    applied(Incoming("1", ANNA, 300, is_history=True), Incoming("2", BOB, 99, is_history=True), Incoming("3", BOB, 1))
    recorded(Draft("carol@shop.example", 100, kind="opening"), Draft("dora@shop.example", 100, kind="correction"))
    assert unlocks() == [
        (ANNA, "Silver", 300, True),
        (BOB, "Silver", 1, False),
        ("carol@shop.example", "Silver", 100, True),
        ("dora@shop.example", "Silver", 100, True),
    ]


def test_each_reserve_has_its_own():
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    level("Silver", 100)
    level("Silver", 50, key="gold")
    recorded(Draft(ANNA, 60), Draft(ANNA, 60, reserve="gold"))
    with db.write() as session:
        anna = session.scalars(select(Customer)).one()
        assert [(each.title, pot.key) for _, each, pot in levels.reached(session, anna)] == [("Silver", "gold")]


def test_one_that_is_not_active_is_not_reached():
    number = level()
    change(number, is_active=False)
    made(200)
    caught_up()
    assert unlocks() == []
    change(number)
    caught_up()
    assert unlocks() == [(ANNA, "Silver", None, True)]


def test_a_level_added_later_counts_for_those_above_it_quietly():
    recorded(Draft(ANNA, 100), Draft(BOB, 99), Draft("carol@shop.example", 500))
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
        record(session, [Draft("dave@shop.example", 500, reserve="gold")], "test", NOW)
    new_level()
    assert unlocks() == []
    made(1)
    assert unlocks() == [], "the points were there before the level"
    recorded(Draft(BOB, 1))
    caught_up()
    assert unlocks() == [
        (ANNA, "Silver", None, True),
        (BOB, "Silver", 1, False),
        ("carol@shop.example", "Silver", None, True),
    ]
    with db.write() as session:
        assert session.get_one(Unlock, (1, 1)).at == NOW


def test_one_that_is_easier_to_reach_now_is_looked_at_again():
    made(100)
    number = level(points=200)
    change(number, 150)
    caught_up()
    change(number, 300)
    with db.write() as session:
        assert levels.unfinished(session) == []
    assert unlocks() == []
    change(number, 100)
    caught_up()
    assert unlocks() == [(ANNA, "Silver", None, True)]


def test_the_job_goes_on_step_by_step(monkeypatch):
    monkeypatch.setattr(levels, "STEP", 3)
    recorded(*(Draft(f"c{number}@shop.example", 100) for number in range(8)))
    number = new_level()
    seen = []
    for _ in range(4):
        with db.write() as session:
            more = levels.step(session, number, NOW)
        seen.append((more, len(unlocks())))
    assert seen == [(True, 3), (True, 6), (False, 8), (False, 8)]


def test_one_made_inactive_halfway_goes_no_further(monkeypatch):
    monkeypatch.setattr(levels, "STEP", 3)
    recorded(*(Draft(f"c{number}@shop.example", 100) for number in range(8)))
    number = new_level()
    with db.write() as session:
        assert levels.step(session, number, NOW)
    change(number, is_active=False)
    with db.write() as session:
        assert not levels.step(session, number, NOW)
        assert not levels.step(session, number + 1, NOW)
    assert len(unlocks()) == 3


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
def test_what_cannot_be(title, points, field):
    number = level()
    for call in (partial(level, title, points), partial(change, number, points, title=title)):
        with pytest.raises(Invalid) as refusal:
            call()
        assert list(refusal.value.fields) == [field]
    with db.write() as session:
        assert [(each.title, each.points) for each in levels.every(session, reserve(session))] == [("Silver", 100)]


def test_a_title_stands_once_in_a_reserve_and_an_id_in_its_own():
    number = level()
    with pytest.raises(Conflict, match="Silver"):
        level()
    with db.write() as session:
        reserves.add(session, "gold", None, NOW)
    elsewhere = level(key="gold")
    for wrong in (elsewhere, elsewhere + 1):
        with pytest.raises(NotFound):
            change(wrong)
    change(number, 100)


def test_without_levels_a_batch_costs_one_question():
    batch = [Draft(f"c{number}@shop.example", 100) for number in range(50)]
    with db.write() as session, watched() as plain:
        record(session, batch, "test", NOW)
    asked = [statement for statement, _ in plain if "level" in statement or "unlock" in statement]
    assert len(asked) == 1
    level(points=1_000)
    with db.write() as session, watched() as with_level:
        record(session, batch, "test", NOW)
    assert len([statement for statement, _ in with_level if "level" in statement or "unlock" in statement]) == 1
    level("Bronze", 250)
    with db.write() as session, watched() as crossing:
        record(session, batch, "test", NOW)
    assert len(crossing) == len(with_level) + 3, "the movements' numbers, the unlocks, and whether mails are on"
    assert len(unlocks()) == 50
