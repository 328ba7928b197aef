"""Property: after recording, applying and repeating in any order, each balance is the sum of its movements."""

from collections import defaultdict

from hypothesis import strategies as st
from sqlalchemy import select

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger import received_summary
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Customer, Movement
from tests.support.apps import create_site, delete_all_rows, get_reserve
from tests.support.hypothesis_profile import given_on_each_database
from tests.support.moving_clock import START as NOW

CUSTOMERS = [f"{name}@shop.example" for name in ("anna", "bob", "eve")]
ORIGINS = ["wrk_00000000000000aa", "wrk_00000000000000bb"]

customers = st.sampled_from(CUSTOMERS)
points = st.integers(-50, 50)
drafts = st.builds(
    Draft,
    customers,
    st.none() | points,
    st.none() | st.integers(-20, 60),
    kind=st.none() | st.sampled_from(["earn", "spend", "manual", "redeem", "correction"]),
    ref=st.none() | st.sampled_from(["1", "2", "3"]),
)
incoming = st.builds(
    IncomingMovement,
    st.integers(1, 8).map(str),
    customers,
    points,
    kind=st.sampled_from(["earn", "spend", "expire", "new"]),
)
steps = st.lists(
    st.tuples(st.just("record"), st.lists(drafts, min_size=1, max_size=4))
    | st.tuples(st.sampled_from(ORIGINS), st.lists(incoming, min_size=1, max_size=6)),
    min_size=1,
    max_size=8,
)


class Model:
    """The rules, without a database."""

    def __init__(self) -> None:
        self.balances: dict[str, int] = defaultdict(int)
        self.held: dict[tuple[str, str], tuple[str, int]] = {}

    def apply(self, origin: str, batch: list[IncomingMovement]) -> list[str]:
        """The status of each movement of a batch."""
        statuses = []
        for each in batch:
            before = self.held.get((origin, each.id))
            if before is not None:
                statuses.append("duplicate" if before == (each.customer, each.points) else "conflict")
            elif each.kind == "expire":
                statuses.append("refused")
            else:
                self.held[origin, each.id] = (each.customer, each.points)
                self.balances[each.customer] += each.points
                statuses.append("applied")
        return statuses


@given_on_each_database(steps, max_examples=25)
def test_a_balance_is_the_sum_of_its_movements(app, steps):
    delete_all_rows()
    create_site()
    model = Model()
    for who, things in steps:
        if who == "record":
            _record(model, things)
        else:
            with db.transaction() as session:
                results = apply(session, who, get_reserve(session), things, NOW)
            assert [result.status for result in results] == model.apply(who, things)
    with db.transaction() as session:
        assert find_balance_differences(session) == []
        assert find_hourly_total_differences(session) == []
        rows = session.execute(select(Customer.email, Balance.points).join(Balance, Balance.customer_id == Customer.id))
        assert {email: points for email, points in rows if points} == {
            email: points for email, points in model.balances.items() if points
        }
        for origin in ORIGINS:
            held = sum(1 for (name, _), (_, points) in model.held.items() if name == origin and points)
            assert received_summary.get_have(session, origin, get_reserve(session).id)["count"] == held
        _check_running_balances(session)


def _record(model: Model, drafts: list[Draft]) -> None:
    """Record drafts; recorded ones count once, refused ones do not count."""
    try:
        with db.transaction() as session:
            outcomes = record(session, drafts, "test", NOW)
    except DomainError:
        return
    for outcome in outcomes:
        if outcome.status == "recorded":
            model.balances[outcome.email] += outcome.movement.points


def _check_running_balances(session) -> None:
    """Each movement has the balance after it."""
    running: dict[int, int] = defaultdict(int)
    for movement in session.scalars(select(Movement).order_by(Movement.seq)):
        running[movement.customer_id] += movement.points
        assert movement.balance == running[movement.customer_id]
