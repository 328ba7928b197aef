"""Long lists as one parameter, and rows inserted by the driver: with any text and any number, on each database."""

import pytest
from sqlalchemy import select

from pointsync import db
from pointsync.db.bulk import insert_many
from pointsync.db.is_in import is_in
from pointsync.models import Customer
from tests.support.moving_clock import START as NOW

TEXTS = ["a'b\"c@x.example", "\\u0041@x.example", "{}[],@x.example", "\u00fc\u2713\u200b@x.example", "%s?:x@x.example"]


@pytest.fixture
def rows(app):
    """A customer for each text."""
    with db.transaction() as session:
        insert_many(session, Customer, ("email", "created_at"), [(text, NOW) for text in TEXTS])


def find(values) -> list[str]:
    return sorted(db.session.scalars(select(Customer.email).where(is_in(Customer.email, values))))


@pytest.mark.parametrize("count", [0, 1, len(TEXTS)])
def test_exactly_the_listed_texts_are_found(rows, count):
    assert find(TEXTS[:count]) == sorted(TEXTS[:count])
    assert find([*TEXTS[:count], *(f"nobody{number}" for number in range(5000))]) == sorted(TEXTS[:count])


def test_numbers_and_times_are_as_they_were_inserted(rows):
    found = db.session.execute(select(Customer.id, Customer.created_at)).all()
    assert {created_at for _, created_at in found} == {NOW}
    ids = [customer_id for customer_id, _ in found]
    assert set(db.session.scalars(select(Customer.id).where(is_in(Customer.id, ids[1:])))) == set(ids[1:])


def test_no_rows_are_no_statement(app):
    with db.transaction() as session:
        insert_many(session, Customer, ("email", "created_at"), [])
    assert db.session.scalars(select(Customer.id)).all() == []
