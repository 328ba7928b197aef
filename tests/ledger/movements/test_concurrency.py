"""Many at once: no update is lost, nothing counts twice, no deadlock comes to the surface."""

import random
from functools import partial

from sqlalchemy import func, select

from pointsync import db
from pointsync.ledger.apply import Incoming, apply, have
from pointsync.ledger.record import Draft, record
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Balance, Customer, Movement, Site
from tests.support.apps import reserve, together
from tests.support.moving_clock import START as NOW

ANNA = "anna@shop.example"
ORIGIN = "wrk_0123456789abcdef"


def recording(*drafts: Draft, source: str = "test"):
    """Record `drafts` in a transaction of their own; their statuses."""
    return [each.status for each in db.in_write(lambda session: record(session, drafts, source, NOW))]


def applying(batch: list[Incoming], origin: str = ORIGIN) -> list[str]:
    """Apply a batch in a transaction of its own; what became of each."""
    return [each.status for each in db.in_write(lambda session: apply(session, origin, reserve(session), batch, NOW))]


def balances() -> dict[str, int]:
    """Every customer's points; and every balance is the sum of its movements."""
    with db.write() as session:
        assert differences(session) == []
        assert flow_differences(session) == []
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        return dict(rows.all())


def count(model) -> int:
    """How many rows there are."""
    with db.write() as session:
        return session.scalar(select(func.count()).select_from(model))


def test_sixteen_at_once_on_one_customer_lose_nothing(app):
    def shop(number: int) -> None:
        for _ in range(4):
            recording(Draft(ANNA, number + 1))

    together(app, *(partial(shop, number) for number in range(16)))
    assert balances() == {ANNA: 4 * sum(range(1, 17))}
    assert count(Movement) == 64


def test_the_last_points_are_spent_once(app):
    recording(Draft(ANNA, 10))

    def spend() -> str:
        try:
            return recording(Draft(ANNA, -10))[0]
        except Exception as error:
            return getattr(error, "code", repr(error))

    assert sorted(together(app, *[spend] * 8)) == ["insufficient_points"] * 7 + ["recorded"]
    assert balances() == {ANNA: 0}


def test_sets_at_once_each_count_from_what_is_there(app):
    together(app, *(partial(recording, Draft(ANNA, set_to=number)) for number in (10, 20, 30, 40)))
    assert balances()[ANNA] in (10, 20, 30, 40)


def test_the_same_batch_from_eight_at_once_is_applied_once(app):
    batch = [Incoming(str(1000 + number), f"c{number % 20}@shop.example", 1) for number in range(60)]
    outcomes = together(app, *[partial(applying, batch)] * 8)
    assert sorted(outcomes) == [["applied"] * 60, *[["duplicate"] * 60] * 7]
    assert balances() == {f"c{number}@shop.example": 3 for number in range(20)}
    with db.write() as session:
        assert have(session, ORIGIN, reserve(session)) == {"count": 60, "max_id": "1059"}


def test_batches_of_many_origins_over_the_same_customers_in_any_order(app):
    rng = random.Random(7)
    customers = [f"c{number}@shop.example" for number in range(40)]

    def site(number: int) -> None:
        own = random.Random(number)
        for round_number in range(3):
            chosen = own.sample(customers, 30)
            batch = [Incoming(f"{round_number}{place:03}", email, 1) for place, email in enumerate(chosen)]
            assert set(applying(batch, origin=f"wrk_{number:016x}")) == {"applied"}
            recording(*(Draft(email, 1) for email in own.sample(customers, 30)))

    rng.shuffle(customers)
    together(app, *(partial(site, number) for number in range(6)))
    assert sum(balances().values()) == count(Movement) == 6 * 3 * (30 + 30)


def test_the_same_ref_from_eight_at_once_is_recorded_once(app):
    outcomes = together(app, *[partial(recording, Draft(ANNA, 25, ref="order-7"))] * 8)
    assert sorted(outcomes) == [["duplicate"]] * 7 + [["recorded"]]
    assert balances() == {ANNA: 25}


def test_the_same_ref_with_other_points_at_once_leaves_one(app):
    def shop(points: int) -> str:
        try:
            return recording(Draft(ANNA, points, ref="order-7"))[0]
        except Exception as error:
            return getattr(error, "code", repr(error))

    outcomes = together(app, *(partial(shop, points) for points in range(1, 9)))
    assert sorted(outcomes) == ["recorded"] + ["ref_conflict"] * 7
    assert count(Movement) == 1


def test_a_new_customer_is_made_once_by_all_who_name_it_first(app):
    emails = [f"new{number}@shop.example" for number in range(12)]

    def shop(number: int) -> None:
        own = emails[number:] + emails[:number]
        recording(*(Draft(email, 1) for email in own))

    def site(number: int) -> None:
        batch = [Incoming(str(place + 1), email, 1) for place, email in enumerate(reversed(emails))]
        applying(batch, origin=f"wrk_{number:016x}")

    together(app, *(partial(shop, number) for number in range(5)), *(partial(site, number) for number in range(5)))
    assert balances() == dict.fromkeys(emails, 10)
    assert count(Customer) == 12


def test_recording_and_applying_at_once_number_this_sites_movements_one_by_one(app):
    def shop() -> None:
        for _ in range(5):
            recording(Draft(ANNA, 1), Draft(ANNA, 1))

    def site(number: int) -> None:
        for name in range(1, 6):
            applying([Incoming(str(name), ANNA, 1)], origin=f"wrk_{number:016x}")

    together(app, *[shop] * 4, *(partial(site, number) for number in range(4)))
    with db.write() as session:
        auth = session.get_one(Site, 1).auth
        made = session.scalars(select(Movement.id).where(Movement.origin == auth).order_by(Movement.seq)).all()
    assert len(made) == len(set(made)) == 40
    assert balances() == {ANNA: 60}
