"""Letting changes of people take effect: the state of their customers is a function of all related ones."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people import stored
from pointsync.ledger.people.arrange import arrange
from pointsync.ledger.people.change import ALIAS, RENAME, Change, ChangeKey
from pointsync.ledger.people.erasure import erasing
from pointsync.ledger.people.replay import People, replay
from pointsync.models import Customer, CustomerChange

LOCK_ID = 7_061_111


def lock_changes(session: Session) -> None:
    """One change at a time, until the transaction ends: it is made, or takes effect, from what all others say. SQLite
    has one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})


def take_effect(session: Session, addresses: Iterable[str], now: datetime) -> People:
    """Let everybody with these addresses have what the stored changes say, whatever that does to their balances.

    A balance may leave its bounds: which addresses somebody has must be the same on all sites, and must not depend on
    balances, which may be different.
    """
    named = set(addresses)
    related = stored.list_related(session, named)
    if erased := erasing.erase_related(session, related, now):
        named |= erased
        related = stored.list_related(session, named)
    people = replay(related)
    known = session.scalars(select(Customer.email).where(is_in(Customer.email, named))).all()
    arrange(session, people, {*known, *(each for change in related for each in change.addresses)}, now, must_fit=False)
    mark_disputed(session, related, people)
    return people


def mark_disputed(session: Session, related: Sequence[Change], people: People) -> None:
    """Store which of these changes have no effect, because the address belongs to somebody else."""
    keys = {each.key for each in related if each.change in (RENAME, ALIAS)}
    customers = {each.customer for each in related if each.key in keys}
    for row in session.scalars(select(CustomerChange).where(is_in(CustomerChange.customer, customers))):
        key = ChangeKey(row.origin, row.id)
        if key in keys and row.is_disputed != (key in people.disputed):
            row.is_disputed, row.dismissed_at = key in people.disputed, None
    session.flush()
