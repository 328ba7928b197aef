"""Repairing the ledger also ends what the last scrub has reported."""

from sqlalchemy import update

from pointsync import db
from pointsync.ledger.integrity import scrub
from pointsync.ledger.record import Draft, record
from pointsync.models import Balance, Site
from pointsync.ops import verify_ledger
from tests.support.moving_clock import START as NOW


def test_repaired_totals_are_not_reported_any_more(app: object) -> None:
    with db.transaction() as session:
        record(session, [Draft("anna@shop.example", 10)], "test", NOW)
    with db.transaction() as session:
        session.execute(update(Balance).values(points=500))
        scrub.save_result(session, scrub.count_wrong_totals(session))
        assert session.get_one(Site, 1).scrub_differences == 1
    differences = verify_ledger.list_differences(lambda _text: None)
    verify_ledger.repair(differences)
    assert [each["repair"] for each in differences] == ["recounted"]
    with db.transaction() as session:
        assert session.get_one(Site, 1).scrub_differences == 0
