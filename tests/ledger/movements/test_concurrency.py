"""Concurrent calls: no update is lost, nothing counts twice, and no deadlock reaches the caller."""

import random
from functools import partial

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger import received_summary
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity import scrub
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement, Site
from tests.support.apps import get_reserve, run_concurrently
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
ORIGIN = "wrk_0123456789abcdef"


def record_job(*drafts: Draft, source: str = "test"):
    """Record `drafts` in one transaction; returns their statuses."""
    return [each.status for each in db.run_in_transaction(lambda session: record(session, drafts, source, NOW))]


def apply_job(batch: list[IncomingMovement], origin: str = ORIGIN) -> list[str]:
    """Apply a batch in one transaction; returns the statuses."""
    return [
        each.status
        for each in db.run_in_transaction(lambda session: apply(session, origin, get_reserve(session), batch, NOW))
    ]


def balances() -> dict[str, int]:
    """Every customer's points; checks that every balance is the sum of its movements."""
    with db.transaction() as session:
        assert find_balance_differences(session) == []
        assert find_hourly_total_differences(session) == []
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        return dict(rows.all())


def row_count(model) -> int:
    """The number of rows."""
    with db.transaction() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_sixteen_concurrent_calls_for_one_customer_lose_nothing(app):
    def shop(number: int) -> None:
        for _ in range(4):
            record_job(Draft(ANNA, number + 1))

    run_concurrently(app, *(partial(shop, number) for number in range(16)))
    assert balances() == {ANNA: 4 * sum(range(1, 17))}
    assert row_count(Movement) == 64


def test_the_last_points_are_spent_once(app):
    record_job(Draft(ANNA, 10))

    def spend() -> str:
        try:
            return record_job(Draft(ANNA, -10))[0]
        except Exception as error:
            return getattr(error, "code", repr(error))

    assert sorted(run_concurrently(app, *[spend] * 8)) == ["insufficient_points"] * 7 + ["recorded"]
    assert balances() == {ANNA: 0}


def test_sets_at_once_each_count_from_what_is_there(app):
    run_concurrently(app, *(partial(record_job, Draft(ANNA, set_to=number)) for number in (10, 20, 30, 40)))
    assert balances()[ANNA] in (10, 20, 30, 40)


def test_the_same_batch_from_eight_at_once_is_applied_once(app):
    batch = [IncomingMovement(str(1000 + number), f"c{number % 20}@shop.example", 1) for number in range(60)]
    outcomes = run_concurrently(app, *[partial(apply_job, batch)] * 8)
    assert sorted(outcomes) == [["applied"] * 60, *[["duplicate"] * 60] * 7]
    assert balances() == {f"c{number}@shop.example": 3 for number in range(20)}
    with db.transaction() as session:
        have = received_summary.get_have(session, ORIGIN, get_reserve(session).id)
        assert (have["count"], have["max_id"]) == (60, "1059")
        assert scrub.find_wrong_sums(session) == {}


def test_batches_of_many_origins_over_the_same_customers_in_any_order(app):
    rng = random.Random(7)
    customers = [f"c{number}@shop.example" for number in range(40)]

    def site(number: int) -> None:
        own = random.Random(number)
        for round_number in range(3):
            chosen = own.sample(customers, 30)
            batch = [IncomingMovement(f"{round_number}{place:03}", email, 1) for place, email in enumerate(chosen)]
            assert set(apply_job(batch, origin=f"wrk_{number:016x}")) == {"applied"}
            record_job(*(Draft(email, 1) for email in own.sample(customers, 30)))

    rng.shuffle(customers)
    run_concurrently(app, *(partial(site, number) for number in range(6)))
    assert sum(balances().values()) == row_count(Movement) == 6 * 3 * (30 + 30)


def test_the_same_ref_from_eight_at_once_is_recorded_once(app):
    outcomes = run_concurrently(app, *[partial(record_job, Draft(ANNA, 25, ref="order-7"))] * 8)
    assert sorted(outcomes) == [["duplicate"]] * 7 + [["recorded"]]
    assert balances() == {ANNA: 25}


def test_the_same_ref_with_other_points_at_once_leaves_one(app):
    def shop(points: int) -> str:
        try:
            return record_job(Draft(ANNA, points, ref="order-7"))[0]
        except Exception as error:
            return getattr(error, "code", repr(error))

    outcomes = run_concurrently(app, *(partial(shop, points) for points in range(1, 9)))
    assert sorted(outcomes) == ["recorded"] + ["ref_conflict"] * 7
    assert row_count(Movement) == 1


def test_a_new_customer_is_created_once_by_concurrent_calls(app):
    emails = [f"new{number}@shop.example" for number in range(12)]

    def shop(number: int) -> None:
        own = emails[number:] + emails[:number]
        record_job(*(Draft(email, 1) for email in own))

    def site(number: int) -> None:
        batch = [IncomingMovement(str(place + 1), email, 1) for place, email in enumerate(reversed(emails))]
        apply_job(batch, origin=f"wrk_{number:016x}")

    run_concurrently(
        app, *(partial(shop, number) for number in range(5)), *(partial(site, number) for number in range(5))
    )
    assert balances() == dict.fromkeys(emails, 10)
    assert row_count(Customer) == 12


def test_recording_and_applying_at_once_number_this_sites_movements_one_by_one(app):
    def shop() -> None:
        for _ in range(5):
            record_job(Draft(ANNA, 1), Draft(ANNA, 1))

    def site(number: int) -> None:
        for name in range(1, 6):
            apply_job([IncomingMovement(str(name), ANNA, 1)], origin=f"wrk_{number:016x}")

    run_concurrently(app, *[shop] * 4, *(partial(site, number) for number in range(4)))
    with db.transaction() as session:
        auth = session.get_one(Site, 1).auth
        movement_ids = session.scalars(select(Movement.id).where(Movement.origin == auth).order_by(Movement.seq)).all()
    assert len(movement_ids) == len(set(movement_ids)) == 40
    assert balances() == {ANNA: 60}
