"""Every view of the customers uses an index, at any size. On SQLite, whose plans can be measured exactly."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.db.is_in import is_in
from pointsync.ledger import balances, customer_list, customers, reserves
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.integrity.verify import find_balance_differences, find_hourly_total_differences
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.rewards import levels
from pointsync.models import Customer, Movement
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of, query_plan, sqlite_steps

FEW, MANY = 2_000, 18_000


@pytest.fixture(scope="module")
def sizes(sqlite_sites):
    """A small site and one ten times as large."""
    with sqlite_sites() as small, sqlite_sites() as large:
        for app, customers in ((small, FEW), (large, FEW + MANY)):
            with app.app_context(), db.transaction() as session:
                reserves.create(session, "gold", None, NOW)
                insert_rows(session, customers=customers, movements=2 * customers, remotes=2)
        yield small, large


@pytest.mark.parametrize("order", customer_list.ORDERS)
@pytest.mark.parametrize("search", ["", "a"])
def test_each_view_costs_the_same_at_any_size(sizes, order, search):
    spent = []
    for app in sizes:
        with app.app_context():
            with db.transaction() as session:
                view = {"order": order, "search": search, "reserve": get_reserve(session)}
                cursor = customer_list.list_page(session, **view).next
                cursor = customer_list.list_page(session, cursor=cursor, **view).next
            for at in (None, cursor, "last"):

                def call(session, view=view, at=at):
                    return customer_list.list_page(session, cursor=at, **view)

                assert "TEMP B-TREE" not in str([query_plan(query) for query in queries_of(call)])
                spent.append(sqlite_steps(call))
    assert max(spent) < 1.5 * min(spent), spent


LOOKED_UP = range(1, 51)


@pytest.mark.parametrize(
    "look_up",
    [
        lambda session: balances.points_by_customer(session, get_reserve(session).id, LOOKED_UP),
        lambda session: LockedBalances(session, [(number, get_reserve(session).id) for number in LOOKED_UP]),
        lambda session: customers.find_ids(session, [f"c{number}@bulk.example" for number in LOOKED_UP]),
        lambda session: session.execute(
            select(Movement.seq).where(
                Movement.origin == get_local_auth(session), is_in(Movement.id, [str(number) for number in LOOKED_UP])
            )
        ).all(),
    ],
    ids=["balances", "locked balances", "customers", "movements"],
)
def test_looking_up_a_list_costs_the_same_at_any_size(sizes, look_up):
    spent = []
    for app in sizes:
        with app.app_context():
            spent.append(sqlite_steps(look_up))
    assert max(spent) < 1.5 * min(spent), spent


def test_the_count_costs_no_more_than_its_bound(sizes):
    spent = []
    for app in sizes:
        with app.app_context():
            spent.append(sqlite_steps(lambda session: customer_list.count(session, limit=FEW - 1)))
    assert max(spent) < 1.1 * min(spent), spent


def test_the_check_reads_each_row_and_not_each_pair(sizes):
    for check in (find_balance_differences, find_hourly_total_differences):
        spent = []
        for app in sizes:
            with app.app_context(), db.transaction() as session:
                assert check(session) == []
            with app.app_context():
                spent.append(sqlite_steps(check))
        assert spent[1] < 20 * spent[0], spent


def test_customers_above_a_new_level_are_unlocked_in_batches(sizes):
    """With the index by points it would read all earlier customers again in each batch."""
    app = sizes[1]
    with app.app_context():
        with db.transaction() as session:
            number = levels.create(session, get_reserve(session), "Silver", "", 1, NOW).id
        [found] = [
            query
            for query in queries_of(lambda session: levels.process_batch(session, number, NOW))
            if "INSERT" in query[0]
        ]
        plan = str(query_plan(found))
    assert "customer_id>? AND customer_id<?" in plan
    assert "ix_balance_points" not in plan


def test_control_a_view_without_an_index_costs_more(sizes):
    """The measurement can fail: a sort without an index."""
    query = select(Customer).order_by(Customer.created_at).limit(20)
    spent = []
    for app in sizes:
        with app.app_context():
            assert "TEMP B-TREE" in str(query_plan(queries_of(lambda session: session.scalars(query).all())[0]))
            spent.append(sqlite_steps(lambda session: session.scalars(query).all()))
    assert spent[1] > 5 * spent[0], spent
