"""Steps with customers who have several addresses, for the tests of this folder."""

from sqlalchemy import select

from pointsync import db
from pointsync.digests import digest
from pointsync.ledger import customers
from pointsync.ledger.holds.customer_balances import list_by_email
from pointsync.ledger.integrity.verify import find_balance_differences
from pointsync.ledger.people import people
from pointsync.ledger.record import Draft
from pointsync.models import Customer, Movement, MovementChange
from tests.ledger.record_drafts import ANNA, record_all
from tests.support.moving_clock import START as NOW

BOB, CAROL = "bob@shop.example", "carol@shop.example"


def give(points: int, email: str = ANNA, **more):
    [result] = record_all(Draft(email, points, **more))
    return result


def balance_of(email: str) -> int | None:
    """The points of the customer who has this address; None if there is no such customer."""
    with db.transaction() as session:
        found = list_by_email(session, [email], NOW).get(email)
        return None if found is None else sum(each.points for each in found)


def shown(email: str) -> str:
    with db.transaction() as session:
        return customers.get(session, email).email


def rename(email: str, to: str) -> None:
    with db.transaction() as session:
        people.rename(session, email, to, NOW)


def add_alias(email: str, alias: str) -> None:
    with db.transaction() as session:
        people.add_alias(session, email, alias, NOW)


def merge(email: str, into: str) -> None:
    with db.transaction() as session:
        people.merge(session, email, into, NOW)


def unmerge(email: str) -> None:
    """Undo the last merge of the customer."""
    with db.transaction() as session:
        last = people.list_merges(session, customers.get(session, email))[0]
        people.unmerge(session, last.change.key, NOW)


def history(email: str) -> list[int]:
    with db.transaction() as session:
        page = customers.list_movements(session, customers.get(session, email), None, None, 50)
        return [each.points for each in page.movements]


def is_right() -> bool:
    """Whether all balances are the sums of their movements, and nothing looks as if somebody had edited movements."""
    with db.transaction() as session:
        rows = session.execute(select(Movement, Customer.email).join(Customer, Customer.id == Movement.customer_id))
        digests = all(each.digest == digest(each.id, each.points, each.sent_customer or email) for each, email in rows)
        return digests and not find_balance_differences(session) and not session.scalar(select(MovementChange.id))
