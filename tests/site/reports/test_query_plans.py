"""Query plans on SQLite: each list uses an index, however many rows there are and however many are waiting."""

from itertools import product
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from pointsync import db
from pointsync.models import Customer, Delivery
from pointsync.reports import attempts, customer_history, deliveries, overview
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import queue
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START
from tests.support.queries import queries_of, query_plan, sqlite_steps

LARGE_TABLES = ("movement", "delivery", "customer", "attempt", "status_change", "balance")
CUSTOMER = "b2@many.example"


@pytest.fixture(scope="module")
def sizes(sqlite_sites):
    """A small site, and one with 20 times as many rows, where the newer half is pending at the first remote."""
    with sqlite_sites() as small, sqlite_sites() as large:
        for app, times in ((small, 1), (large, 20)):
            with app.app_context():
                with db.transaction() as session:
                    insert_rows(session, customers=100 * times, movements=2_000 * times, remotes=3)
                if app is large:
                    with db.transaction() as session:
                        half = session.scalar(select(func.max(Delivery.id))) // 2
                        waits = "UPDATE delivery SET state = 'pending' WHERE remote_id = 1 AND id > :half"
                        session.execute(text(waits), {"half": half})
        yield small, large


def view_cost(sizes, view) -> list[int]:
    """Return the cost of the first, second and last page, at both sizes. Each query must use an index."""
    costs = []
    for app in sizes:
        with app.app_context():
            with db.transaction() as session:
                next_cursor = view(session, None).next
            for cursor in (None, next_cursor, "last"):
                queries = queries_of(lambda session, cursor=cursor: view(session, cursor))
                assert plan_faults(queries, cursor) == []
                costs.append(sqlite_steps(lambda session, cursor=cursor: view(session, cursor)))
    return costs


def plan_faults(queries, cursor) -> list[str]:
    """List the steps of the plans that must not happen on a large table: a sort or a full scan."""
    faults = []
    for query in queries:
        for step in query_plan(query):
            # A primary key is read from its end, and reading stops at the limit: the measured cost proves that.
            is_by_key = step.startswith("SCAN") and "ORDER BY" in query[0] and "LIMIT" in query[0]
            if "TEMP B-TREE" in step and any(f"FROM {name}" in query[0] for name in LARGE_TABLES):
                faults.append(step)
            if any(step.startswith(f"SCAN {name}") for name in LARGE_TABLES) and not (
                is_by_key and cursor in (None, "last")
            ):
                faults.append(step)
    return faults


@pytest.mark.parametrize(("remote_id", "state"), [*product((None, 1, 2), (None, *deliveries.STATES))])
def test_deliveries(sizes, remote_id, state):
    def view(session, cursor):
        return deliveries.list_page(session, remote_id=remote_id, state=state, cursor=cursor)

    costs = view_cost(sizes, view)
    assert max(costs) < 400, costs


@pytest.mark.parametrize(("remote_id", "state"), [*product((None, 1), (None, "failed", "delivered", "waiting"))])
def test_deliveries_of_a_customer(sizes, remote_id, state):
    def view(session, cursor):
        return deliveries.list_page(session, remote_id=remote_id, state=state, customer=CUSTOMER, cursor=cursor)

    costs = view_cost(sizes, view)
    assert max(costs) < 400, costs


@pytest.mark.parametrize(("remote_id", "only_failed"), [*product((None, 1), (False, True))])
def test_attempts(sizes, remote_id, only_failed):
    def view(session, cursor):
        return attempts.list_page(session, remote_id=remote_id, only_failed=only_failed, cursor=cursor)

    costs = view_cost(sizes, view)
    assert max(costs) < 400, costs


@pytest.mark.parametrize("remote_id", [None, 1])
def test_status_changes(sizes, remote_id):
    costs = view_cost(
        sizes, lambda session, cursor: attempts.list_status_changes(session, remote_id=remote_id, cursor=cursor)
    )
    assert max(costs) < 400, costs


def test_a_customers_history(sizes):
    query = select(Customer).where(Customer.email == CUSTOMER)

    def view(session, cursor):
        customer = session.scalars(query).one()
        return customer_history.list_page(session, get_runtime().config, customer, cursor=cursor, size=10)

    costs = view_cost(sizes, view)
    assert max(costs) < 400, costs


def test_the_overview(sizes):
    attention_costs, totals_costs = [], []
    for app in sizes:
        with app.app_context():
            plans = str([query_plan(query) for query in queries_of(overview.count_attention)])
            for index in ("ix_delivery_failed", "ix_balance_points"):
                assert f"INDEX {index}" in plans
            assert "TEMP B-TREE" not in plans
            attention_costs.append(sqlite_steps(overview.count_attention))
            [query] = queries_of(lambda session: overview.get_daily_totals(session, ZoneInfo("UTC"), 31, START))
            assert query_plan(query) == ["SEARCH flow USING INDEX sqlite_autoindex_flow_1 (hour>?)"]
            totals_costs.append(
                sqlite_steps(lambda session: overview.get_daily_totals(session, ZoneInfo("UTC"), 31, START))
            )
    assert attention_costs[1] < 20 * 2 * attention_costs[0], attention_costs
    assert totals_costs[1] < 4 * totals_costs[0], "a row per hour: a busy site has no more of them than a quiet one"


def test_the_oldest_pending_delivery(sizes):
    costs = []
    for app in sizes:
        with app.app_context():
            plans = str([query_plan(query) for query in queries_of(queue.oldest_waiting_at)])
            assert "INDEX ix_delivery_pending" in plans
            assert "TEMP B-TREE" not in plans
            assert "SCAN delivery" not in plans
            assert "SCAN movement" not in plans
            costs.append(sqlite_steps(queue.oldest_waiting_at))
    assert costs[1] < 2 * costs[0], costs


def test_control_a_list_without_its_index_costs_more(sizes):
    """Proof that the check can fail: without the index, all newer pending rows are read one by one."""
    query = select(Delivery.id).where(Delivery.remote_id == 1, func.lower(Delivery.state) == "delivered")
    query = query.order_by(Delivery.id.desc()).limit(21)
    _, large = sizes
    with large.app_context():
        assert plan_faults(queries_of(lambda session: session.scalars(query).all()), "somewhere") == ["SCAN delivery"]
        assert sqlite_steps(lambda session: session.scalars(query).all()) > 4_000
