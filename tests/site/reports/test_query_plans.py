"""On SQLite, whose plans are told exactly: each list goes by index, however much there is and however much waits."""

from itertools import product
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from pointsync import db
from pointsync.models import Customer, Delivery
from pointsync.reports import attempts, customer_history, deliveries, overview
from pointsync.runtime import runtime
from pointsync.sync.remotes import queue
from pointsync.sync.site import settings
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START
from tests.support.queries import asked, plan, work

BIG = ("movement", "delivery", "customer", "attempt", "status_change", "balance")
SOMEBODY = "b2@many.example"


@pytest.fixture(scope="module")
def sizes(sqlite_sites):
    """A small site; and one with twenty times as much, where all the newer half waits at the first remote."""
    with sqlite_sites() as small, sqlite_sites() as large:
        for app, times in ((small, 1), (large, 20)):
            with app.app_context():
                with db.write() as session:
                    fill(session, customers=100 * times, movements=2_000 * times, remotes=3)
                if app is large:
                    with db.write() as session:
                        half = session.scalar(select(func.max(Delivery.id))) // 2
                        waits = "UPDATE delivery SET state = 'pending' WHERE remote_id = 1 AND id > :half"
                        session.execute(text(waits), {"half": half})
        yield small, large


def cost(sizes, view) -> list[int]:
    """What a view costs on the first page, in the middle and at the end, at both sizes; each by index."""
    spent = []
    for app in sizes:
        with app.app_context():
            with db.write() as session:
                following = view(session, None).next
            for cursor in (None, following, "last"):
                queries = asked(lambda session, cursor=cursor: view(session, cursor))
                assert faults(queries, cursor) == []
                spent.append(work(lambda session, cursor=cursor: view(session, cursor)))
    return spent


def faults(queries, cursor) -> list[str]:
    """Lines of the plans that a big table should not have: a sort, or a look at all of it."""
    found = []
    for query in queries:
        for step in plan(query):
            # A primary key is read from its end, and the reading stops at the limit: `work` proves that.
            is_by_key = step.startswith("SCAN") and "ORDER BY" in query[0] and "LIMIT" in query[0]
            if "TEMP B-TREE" in step and any(f"FROM {name}" in query[0] for name in BIG):
                found.append(step)
            if any(step.startswith(f"SCAN {name}") for name in BIG) and not (is_by_key and cursor in (None, "last")):
                found.append(step)
    return found


@pytest.mark.parametrize(("remote_id", "state"), [*product((None, 1, 2), (None, *deliveries.STATES))])
def test_deliveries(sizes, remote_id, state):
    def view(session, cursor):
        return deliveries.page(session, remote_id=remote_id, state=state, cursor=cursor)

    spent = cost(sizes, view)
    assert max(spent) < 400, spent


@pytest.mark.parametrize(("remote_id", "state"), [*product((None, 1), (None, "failed", "delivered", "waiting"))])
def test_deliveries_of_a_customer(sizes, remote_id, state):
    def view(session, cursor):
        return deliveries.page(session, remote_id=remote_id, state=state, customer=SOMEBODY, cursor=cursor)

    spent = cost(sizes, view)
    assert max(spent) < 400, spent


@pytest.mark.parametrize(("remote_id", "only_failed"), [*product((None, 1), (False, True))])
def test_attempts(sizes, remote_id, only_failed):
    def view(session, cursor):
        return attempts.page(session, remote_id=remote_id, only_failed=only_failed, cursor=cursor)

    spent = cost(sizes, view)
    assert max(spent) < 400, spent


@pytest.mark.parametrize("remote_id", [None, 1])
def test_changes_of_status(sizes, remote_id):
    spent = cost(sizes, lambda session, cursor: attempts.changes(session, remote_id=remote_id, cursor=cursor))
    assert max(spent) < 400, spent


def test_a_customers_history(sizes):
    somebody = select(Customer).where(Customer.email == SOMEBODY)

    def view(session, cursor):
        customer = session.scalars(somebody).one()
        return customer_history.page(session, runtime().config, customer, cursor=cursor, size=10)

    spent = cost(sizes, view)
    assert max(spent) < 400, spent


def test_the_glance(sizes):
    with sizes[0].app_context(), db.write() as session:
        known = settings.read(session)
    hands, traffic = [], []
    for app in sizes:
        with app.app_context():
            plans = str([plan(query) for query in asked(lambda session: overview.hands(session, known, START))])
            for index in ("ix_delivery_failed", "ix_movement_below_zero", "ix_balance_points"):
                assert f"INDEX {index}" in plans
            assert "TEMP B-TREE" not in plans
            hands.append(work(lambda session: overview.hands(session, known, START)))
            [query] = asked(lambda session: overview.traffic(session, ZoneInfo("UTC"), 31, START))
            assert plan(query) == ["SEARCH flow USING INDEX sqlite_autoindex_flow_1 (hour>?)"]
            traffic.append(work(lambda session: overview.traffic(session, ZoneInfo("UTC"), 31, START)))
    assert hands[1] < 20 * 2 * hands[0], hands
    assert traffic[1] < 4 * traffic[0], "by hours, of which a busy site has no more than a quiet one"


def test_the_oldest_that_waits(sizes):
    spent = []
    for app in sizes:
        with app.app_context():
            plans = str([plan(query) for query in asked(queue.oldest_waiting)])
            for index in ("ix_delivery_pending", "ix_delivery_unknown_id", "ix_delivery_failed"):
                assert f"INDEX {index}" in plans
            assert "TEMP B-TREE" not in plans
            assert "SCAN delivery" not in plans
            assert "SCAN movement" not in plans
            spent.append(work(queue.oldest_waiting))
    assert spent[1] < 2 * spent[0], spent


def test_control_a_list_without_its_index_costs_more(sizes):
    """The measure can fail: what waits stands before what was delivered, and is passed over one by one."""
    query = select(Delivery.id).where(Delivery.remote_id == 1, func.lower(Delivery.state) == "delivered")
    query = query.order_by(Delivery.id.desc()).limit(21)
    _, large = sizes
    with large.app_context():
        assert faults(asked(lambda session: session.scalars(query).all()), "somewhere") == ["SCAN delivery"]
        assert work(lambda session: session.scalars(query).all()) > 4_000
