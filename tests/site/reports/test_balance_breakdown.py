"""Why a balance is what it is: its movements by site and kind, and all that may still change it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from pointsync import db
from pointsync.ledger import customers
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.lots import Loss
from pointsync.ledger.expiry.rule import period
from pointsync.ledger.outbox import own_auth
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Delivery, Movement, State
from pointsync.reports.balance_breakdown import Owed, Why, explain
from pointsync.runtime import runtime
from pointsync.sync.site import names
from tests.support.apps import reserve
from tests.support.bulk_rows import fill
from tests.support.moving_clock import START as NOW
from tests.support.queries import asked, plan
from tests.support.remote_rows import ANNA, AUTH, OTHER_AUTH, added, line, sold

pytestmark = pytest.mark.usefixtures("app")

THEN = NOW - timedelta(days=400)


def why(key: str = "default", email: str = ANNA, now: datetime = NOW, most: int | None = None) -> Why:
    """The customer's balance, explained; this site is called `own`."""
    with db.write() as session:
        own = own_auth(session)
        known = names.read(session, runtime().config)
        known.origins[own] = "own"
        who = customers.get(session, email)
        return explain(session, who, reserve(session, key), known, own, ZoneInfo("UTC"), now, most_replayed=most)


def received(origin: str, *points: int, kind: str = "earn", at: datetime = NOW) -> None:
    """Movements that another site made."""
    with db.write() as session:
        incoming = [
            Incoming(f"{kind}{at:%j}{each}", ANNA, number, kind=kind, at=at) for each, number in enumerate(points)
        ]
        apply(session, origin, reserve(session), incoming, NOW)


def parts(found: Why) -> list[tuple[str, str, int, int]]:
    """Site, kind, count and sum."""
    return [(part.site, part.kind, part.movements, part.points) for part in found.parts]


def test_by_site_and_kind_this_site_first(gold):
    first = added()
    with db.write() as session:
        line(session, first).name = "Tea shop"
    sold(500, 20)
    sold(-100, kind="spend")
    sold(7, reserve="gold")
    received(AUTH, 100, 3, at=THEN)
    received(OTHER_AUTH, -40, kind="of a newer site")
    found = why()
    assert (found.balance, found.sum, found.movements, found.adds_up) == (483, 483, 6, True)
    assert found.since == THEN
    assert parts(found) == [
        ("own", "earn", 2, 520),
        ("own", "spend", 1, -100),
        ("Tea shop", "earn", 2, 103),
        (OTHER_AUTH, "of a newer site", 1, -40),
    ]
    assert parts(why("gold")) == [("own", "earn", 1, 7)]


def test_nothing_at_all(gold):
    sold(5)
    found = why("gold")
    assert (found.balance, found.parts, found.since, found.adds_up) == (0, (), None, True)
    assert (found.owed, found.losses, found.reached) == ((), (), ())


@pytest.mark.parametrize(
    ("table", "column", "balance", "total"), [(Balance, "points", 99, 5), (Movement, "points", 5, 99)]
)
def test_a_row_that_was_edited_is_seen(table, column, balance, total):
    sold(5)
    with db.write() as session:
        session.execute(update(table).values({column: 99}))
    found = why()
    assert (found.balance, found.sum, found.adds_up) == (balance, total, False)


def test_what_waits_and_what_was_refused(gold):
    first, second = added(), added(OTHER_AUTH)
    sold(1, 2, 3, 4)
    sold(50, reserve="gold")
    with db.write() as session:
        states = [State.DELIVERED, State.PENDING, State.UNKNOWN, State.FAILED]
        deliveries = session.query(Delivery).filter_by(remote_id=first).order_by(Delivery.id).all()
        for delivery, state in zip(deliveries, states, strict=True):
            delivery.state = state
        session.execute(update(Delivery).where(Delivery.remote_id == second).values(state=State.ASIDE))
        line(session, first).name = "Tea shop"
    assert why().owed == (Owed(first, "Tea shop", 2, 1),)
    assert why("gold").owed == ()


def test_what_will_be_lost_and_when():
    sold(10, 20, now=NOW - timedelta(days=30))
    sold(5)
    assert why().losses == ()
    with db.write() as session:
        rule = period("transactional", 60, "days", NOW.date() - timedelta(days=90))
        rules.set_rule(session, reserve(session), rule)
    assert why().losses == (Loss(date(2026, 3, 31), 30), Loss(date(2026, 4, 30), 5))
    assert why(now=NOW + timedelta(days=45)).losses == (Loss(date(2026, 4, 15), 30), Loss(date(2026, 4, 30), 5))
    assert why(most=2).losses is None
    assert why(most=3).losses


def test_levels_reached_in_this_reserve(gold):
    with db.write() as session:
        levels.add(session, reserve(session), "Silver", "", 50, NOW)
        levels.add(session, reserve(session, "gold"), "Guest", "", 1, NOW)
    sold(60)
    sold(60, reserve="gold")
    [(unlock, level)] = why().reached
    assert (level.title, unlock.at) == ("Silver", NOW)


def test_a_fixed_number_of_queries_by_index():
    sold(5)

    def queries() -> list:
        def ask(session):
            known = names.Names({}, {})
            explain(session, customers.get(session, ANNA), pot, known, "own", ZoneInfo("UTC"), NOW)

        return asked(ask)

    with db.write() as session:
        pot = reserve(session)
    few = queries()
    with db.write() as session:
        fill(session, customers=0, movements=400, remotes=3)
    many = queries()
    assert len(many) == len(few) <= 7
    if db.db.engine.dialect.name == "sqlite":
        steps = [step for query in many for step in plan(query)]
        assert not [step for step in steps if step.startswith(("SCAN movement", "SCAN delivery"))]
