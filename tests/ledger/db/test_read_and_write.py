"""Reading and writing in one context, as a request does both."""

from flask import Flask

from pointsync import db
from pointsync.ledger import reserves


def test_what_was_written_is_read(app: Flask) -> None:
    before = reserves.get(db.db.session(), "default")
    assert before.name == "Points"
    db.in_write(lambda session: reserves.change(session, "default", "Coins", True, False))
    assert before.name == "Coins"
    assert reserves.get(db.db.session(), "default").name == "Coins"


def test_no_transaction_of_the_reader_stays_open_beside_the_writers(app: Flask) -> None:
    reserves.get(db.db.session(), "default")
    with db.write():
        assert not db.db.session().in_transaction()
