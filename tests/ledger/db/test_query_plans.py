"""On SQLite, whose plans are told exactly: each view of the customers goes by index, however many there are."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.ledger import customer_list, reserves
from pointsync.ledger.rewards import levels
from pointsync.ledger.verify import differences, flow_differences
from pointsync.models import Customer
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked, plan, work

FEW, MANY = 2_000, 18_000


@pytest.fixture(scope="module")
def sizes(sqlite_sites):
    """A small site and one ten times as large."""
    with sqlite_sites() as small, sqlite_sites() as large:
        for app, customers in ((small, FEW), (large, FEW + MANY)):
            with app.app_context(), db.write() as session:
                reserves.add(session, "gold", None, NOW)
                fill(session, customers=customers, movements=2 * customers, remotes=2)
        yield small, large


@pytest.mark.parametrize("order", customer_list.ORDERS)
@pytest.mark.parametrize("search", ["", "a"])
def test_each_view_costs_the_same_at_any_size(sizes, order, search):
    spent = []
    for app in sizes:
        with app.app_context():
            with db.write() as session:
                view = {"order": order, "search": search, "reserve": reserve(session)}
                cursor = customer_list.page(session, **view).next
                cursor = customer_list.page(session, cursor=cursor, **view).next
            for at in (None, cursor, "last"):

                def call(session, view=view, at=at):
                    return customer_list.page(session, cursor=at, **view)

                assert "TEMP B-TREE" not in str([plan(query) for query in asked(call)])
                spent.append(work(call))
    assert max(spent) < 1.5 * min(spent), spent


def test_the_count_costs_no_more_than_its_bound(sizes):
    spent = []
    for app in sizes:
        with app.app_context():
            spent.append(work(lambda session: customer_list.count(session, most=FEW - 1)))
    assert max(spent) < 1.1 * min(spent), spent


def test_the_proof_looks_at_each_row_and_not_at_each_pair(sizes):
    for proof in (differences, flow_differences):
        spent = []
        for app in sizes:
            with app.app_context(), db.write() as session:
                assert proof(session) == []
            with app.app_context():
                spent.append(work(proof))
        assert spent[1] < 20 * spent[0], spent


def test_who_is_above_a_new_level_is_looked_for_customer_by_customer(sizes):
    """By the points it would pass over all who were looked at before, again at each step."""
    app = sizes[1]
    with app.app_context():
        with db.write() as session:
            number = levels.add(session, reserve(session), "Silver", "", 1, NOW).id
        [found] = [query for query in asked(lambda session: levels.step(session, number, NOW)) if "INSERT" in query[0]]
        told = str(plan(found))
    assert "customer_id>? AND customer_id<?" in told
    assert "ix_balance_points" not in told


def test_control_a_view_without_an_index_costs_more(sizes):
    """The measure can fail: a sort by what no index holds."""
    query = select(Customer).order_by(Customer.created_at).limit(20)
    spent = []
    for app in sizes:
        with app.app_context():
            assert "TEMP B-TREE" in str(plan(asked(lambda session: session.scalars(query).all())[0]))
            spent.append(work(lambda session: session.scalars(query).all()))
    assert spent[1] > 5 * spent[0], spent
