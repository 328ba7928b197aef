"""The migration by which customers whose addresses differ only in letter case become one."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import alembic.command
import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.digests import digest
from pointsync.models import (
    AuditEntry,
    Balance,
    Customer,
    Level,
    LevelUnlock,
    Movement,
    MovementChange,
    Reserve,
    Shop,
    ShopAccount,
    ShopOrder,
    ShopOrderPoints,
)
from pointsync.reports import audit_log
from tests.support.apps import create_application, open_context
from tests.support.moving_clock import START

REVISION = "5e8b40d1c7fa"
EMAILS = {
    1: "straße@x.example",
    2: "anna@x.example",
    3: "strasse@x.example",
    4: "i\u0307nci@x.example",
    5: "ıslak@x.example",
    6: "müller@x.example",
}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(database_url: str, tmp_path: Path):
    """An application on a database of the version before."""
    with open_context(create_application(database_url, tmp_path)) as app:
        if file := db.get_database_file():
            file.create()
        alembic.command.upgrade(db.init_migrations(app).get_config(), f"{REVISION}-1")
        yield app


def put(model: Any, columns: str, *rows: tuple, **same: Any) -> None:
    """Insert rows, each with the values of `columns`; all of them have the values of `same`."""
    with db.transaction() as session:
        values = [dict(zip(columns.split(), row, strict=True)) | same for row in rows]
        session.connection().execute(model.__table__.insert(), values)


def put_customers() -> None:
    """Customers with movements: 1 and 3 are one, 4 and 5 get another key, 2 and 6 stay."""
    put(Reserve, "id key name", (1, "a", "A"), is_active=True, may_go_below_zero=False, created_at=START)
    put(Customer, "id email", *EMAILS.items(), created_at=START)
    facts = [(1, 1, 10), (2, 3, 20), (3, 1, 5), (4, 2, 7), (5, 4, 8), (6, 5, 9), (7, 6, 4)]
    rows = [(seq, str(seq), each, points, digest(str(seq), points, EMAILS[each])) for seq, each, points in facts]
    texts = {"origin": "wrk_here", "kind": "earn", "reason": ""}
    flags = {"below_zero": False, "is_history": False, "balance": 0, "reserve_id": 1}
    put(Movement, "seq id customer_id points digest", *rows, at=START, recorded_at=START, **texts, **flags)
    put(Balance, "customer_id points", (1, 15), (2, 7), (3, 20), (4, 8), (5, 9), (6, 4), reserve_id=1)


def upgrade() -> None:
    db.upgrade()


def test_customers_and_their_movements(app):
    put_customers()
    upgrade()
    with db.transaction() as session:
        customers = session.scalars(select(Customer).order_by(Customer.id)).all()
        assert [(each.id, each.email, each.spelling) for each in customers] == [
            (2, EMAILS[2], None),
            (3, EMAILS[3], None),
            (4, "inci@x.example", EMAILS[4]),
            (5, "islak@x.example", EMAILS[5]),
            (6, EMAILS[6], None),
        ]
        movements = session.scalars(select(Movement).order_by(Movement.seq)).all()
        assert [(each.customer_id, each.sent_customer) for each in movements] == [
            *((3, EMAILS[1]), (3, None), (3, EMAILS[1]), (2, None), (4, EMAILS[4]), (5, EMAILS[5]), (6, None))
        ]
        assert [each.balance for each in movements[:3]] == [10, 30, 35]
        balances = session.execute(select(Balance.customer_id, Balance.points)).all()
        assert sorted(map(tuple, balances)) == [(2, 7), (3, 35), (4, 8), (5, 9), (6, 4)]


def test_what_other_sites_compare_stays_as_it_is(app):
    put_customers()
    upgrade()
    with db.transaction() as session:
        emails = dict(session.execute(select(Customer.id, Customer.email)).all())
        for each in session.scalars(select(Movement)):
            assert each.digest == digest(each.id, each.points, each.sent_customer or emails[each.customer_id])
        assert session.scalars(select(MovementChange)).all() == [], "nobody has edited anything"


def test_all_that_refers_to_them(app):
    put_customers()
    put(
        Level,
        "id title points",
        (1, "Silver", 5),
        (2, "Gold", 9),
        reserve_id=1,
        description="",
        is_active=True,
        created_at=START,
    )
    unlocks = [(1, 1, START + MINUTE), (3, 1, START + 2 * MINUTE), (1, 2, START + 3 * MINUTE)]
    put(LevelUnlock, "customer_id level_id at", *unlocks, is_quiet=False)
    put(Shop, "id code name", (1, "shop", "shop.example"), currency="", created_at=START)
    put(
        ShopAccount,
        "account_id email",
        (4, EMAILS[1]),
        (5, EMAILS[2]),
        shop_id=1,
        is_deleted=False,
        is_settling=False,
        after_order_id=0,
    )
    put(ShopOrder, "id order_id", (1, 1), (2, 2), shop_id=1, seen_at=START)
    put(ShopOrderPoints, "shop_order_id customer_id", (1, 1), (1, 3), (2, 1), reserve_id=1, points=3, given_at=START)
    upgrade()
    with db.transaction() as session:
        rows = session.execute(select(LevelUnlock.customer_id, LevelUnlock.level_id, LevelUnlock.at))
        assert sorted(map(tuple, rows)) == [(3, 1, START + MINUTE), (3, 2, START + 3 * MINUTE)]
        assert session.scalars(select(Level.next_customer_id)).all() == [3, 3], "their sum may reach a level"
        accounts = select(ShopAccount.email).order_by(ShopAccount.account_id)
        assert session.scalars(accounts).all() == [EMAILS[3], EMAILS[2]]
        points = select(ShopOrderPoints.shop_order_id, ShopOrderPoints.customer_id, ShopOrderPoints.points)
        assert sorted(map(tuple, session.execute(points))) == [(1, 3, 6), (2, 3, 3)]


def test_an_admin_sees_who_became_one(app):
    put_customers()
    upgrade()
    with db.transaction() as session:
        entry = session.scalars(select(AuditEntry)).one()
        assert (entry.noun, entry.before) == ("customer", {"customers": f"{EMAILS[1]}, {EMAILS[3]}"})
        assert entry.after == {"customer": EMAILS[3]}
        assert audit_log.describe(entry) == "This site merged customer strasse@x.example"


def test_the_version_before_can_read_it_again(app):
    put_customers()
    upgrade()
    alembic.command.downgrade(db.init_migrations(app).get_config(), f"{REVISION}-1")
    with db.transaction() as session:
        emails = session.scalars(select(Customer.email).order_by(Customer.id)).all()
        assert emails == [EMAILS[number] for number in (2, 3, 4, 5, 6)]
    upgrade()
