"""Reading and writing in one application context, as a request does."""

from flask import Flask

from pointsync import db
from pointsync.ledger import reserves


def test_written_keys_are_read(app: Flask) -> None:
    before = reserves.get(db.session(), "default")
    assert before.name == "Points"
    db.run_in_transaction(lambda session: reserves.update(session, "default", "Coins", True, False))
    assert before.name == "Coins"
    assert reserves.get(db.session(), "default").name == "Coins"


def test_no_read_transaction_stays_open_beside_a_write(app: Flask) -> None:
    reserves.get(db.session(), "default")
    with db.transaction():
        assert not db.session().in_transaction()
