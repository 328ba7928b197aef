"""The breakdown of a balance: its movements by site and kind, what is pending, and what will expire."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from pointsync import db
from pointsync.ledger import customers
from pointsync.ledger.apply import IncomingMovement, apply
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import make_period_rule
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Delivery, DeliveryState, Movement
from pointsync.reports.balance_breakdown import BalanceBreakdown, RemoteBacklog, explain
from pointsync.runtime import get_runtime
from pointsync.sync.site import names
from tests.support.apps import get_reserve
from tests.support.bulk_rows import insert_rows
from tests.support.moving_clock import START as NOW
from tests.support.queries import queries_of, query_plan
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, add_remote, get_remote, record_points

pytestmark = pytest.mark.usefixtures("app")

LONG_AGO = NOW - timedelta(days=400)


def explain_balance(
    key: str = "default", email: str = ANNA, now: datetime = NOW, max_replayed: int | None = None
) -> BalanceBreakdown:
    """Explain the customer's balance. This site is called `own`."""
    with db.transaction() as session:
        local_auth = get_local_auth(session)
        site_names = names.read(session, get_runtime().config)
        site_names.by_auth[local_auth] = "own"
        customer = customers.get(session, email)
        reserve = get_reserve(session, key)
        return explain(
            session, customer, reserve, site_names, local_auth, ZoneInfo("UTC"), now, max_replayed=max_replayed
        )


def apply_movements(origin: str, *points: int, kind: str = "earn", at: datetime = NOW) -> None:
    """Apply movements of another site."""
    with db.transaction() as session:
        incoming = [
            IncomingMovement(f"{kind}{at:%j}{each}", ANNA, number, kind=kind, at=at)
            for each, number in enumerate(points)
        ]
        apply(session, origin, get_reserve(session), incoming, NOW)


def part_rows(breakdown: BalanceBreakdown) -> list[tuple[str, str, int, int]]:
    """Site, kind, number of movements and points of each part."""
    return [(part.site_name, part.kind, part.movements, part.points) for part in breakdown.parts]


def test_parts_by_site_and_kind_with_this_site_first(gold):
    first = add_remote()
    with db.transaction() as session:
        get_remote(session, first).name = "Tea shop"
    record_points(500, 20)
    record_points(-100, kind="spend")
    record_points(7, reserve="gold")
    apply_movements(AUTH, 100, 3, at=LONG_AGO)
    apply_movements(OTHER_AUTH, -40, kind="of a newer site")
    breakdown = explain_balance()
    assert (breakdown.balance, breakdown.sum, breakdown.movements, breakdown.adds_up) == (483, 483, 6, True)
    assert breakdown.first_movement_at == LONG_AGO
    assert part_rows(breakdown) == [
        ("own", "earn", 2, 520),
        ("own", "spend", 1, -100),
        ("Tea shop", "earn", 2, 103),
        (OTHER_AUTH, "of a newer site", 1, -40),
    ]
    assert part_rows(explain_balance("gold")) == [("own", "earn", 1, 7)]


def test_an_empty_balance(gold):
    record_points(5)
    breakdown = explain_balance("gold")
    assert (breakdown.balance, breakdown.parts, breakdown.first_movement_at, breakdown.adds_up) == (0, (), None, True)
    assert (breakdown.outstanding, breakdown.losses, breakdown.levels) == ((), (), ())


@pytest.mark.parametrize(
    ("table", "column", "balance", "total"), [(Balance, "points", 99, 5), (Movement, "points", 5, 99)]
)
def test_an_edited_row_is_detected(table, column, balance, total):
    record_points(5)
    with db.transaction() as session:
        session.execute(update(table).values({column: 99}))
    breakdown = explain_balance()
    assert (breakdown.balance, breakdown.sum, breakdown.adds_up) == (balance, total, False)


def test_outstanding_deliveries_by_remote(gold):
    first, second = add_remote(), add_remote(OTHER_AUTH)
    record_points(1, 2, 3, 4)
    record_points(50, reserve="gold")
    with db.transaction() as session:
        states = [DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.UNKNOWN, DeliveryState.FAILED]
        deliveries = session.query(Delivery).filter_by(remote_id=first).order_by(Delivery.id).all()
        for delivery, state in zip(deliveries, states, strict=True):
            delivery.state = state
        session.execute(update(Delivery).where(Delivery.remote_id == second).values(state=DeliveryState.SET_ASIDE))
        get_remote(session, first).name = "Tea shop"
    assert explain_balance().outstanding == (RemoteBacklog(first, "Tea shop", 2, 1),)
    assert explain_balance("gold").outstanding == ()


def test_points_that_will_expire():
    record_points(10, 20, now=NOW - timedelta(days=30))
    record_points(5)
    assert explain_balance().losses == ()
    with db.transaction() as session:
        rule = make_period_rule("transactional", 60, "days", NOW.date() - timedelta(days=90))
        rules.set_rule(session, get_reserve(session), rule)
    assert explain_balance().losses == (Loss(date(2026, 3, 31), 30), Loss(date(2026, 4, 30), 5))
    assert explain_balance(now=NOW + timedelta(days=45)).losses == (
        Loss(date(2026, 4, 15), 30),
        Loss(date(2026, 4, 30), 5),
    )
    assert explain_balance(max_replayed=2).losses is None
    assert explain_balance(max_replayed=3).losses


def test_levels_of_this_reserve(gold):
    with db.transaction() as session:
        levels.create(session, get_reserve(session), "Silver", "", 50, NOW)
        levels.create(session, get_reserve(session, "gold"), "Guest", "", 1, NOW)
    record_points(60)
    record_points(60, reserve="gold")
    [(unlock, level)] = explain_balance().levels
    assert (level.title, unlock.at) == ("Silver", NOW)


def test_a_fixed_number_of_queries_by_index():
    record_points(5)

    def queries() -> list:
        def call(session):
            site_names = names.SiteNames({}, {})
            explain(session, customers.get(session, ANNA), reserve, site_names, "own", ZoneInfo("UTC"), NOW)

        return queries_of(call)

    with db.transaction() as session:
        reserve = get_reserve(session)
    few = queries()
    with db.transaction() as session:
        insert_rows(session, customers=0, movements=400, remotes=3)
    many = queries()
    assert len(many) == len(few) <= 7
    if db.get_engine().dialect.name == "sqlite":
        steps = [step for query in many for step in query_plan(query)]
        assert not [step for step in steps if step.startswith(("SCAN movement", "SCAN delivery"))]
