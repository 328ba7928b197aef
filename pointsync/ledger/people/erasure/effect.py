"""Letting changes of people take effect: the state of their customers is a function of all related ones."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.ledger.people import stored
from pointsync.ledger.people.arrange import arrange
from pointsync.ledger.people.disputed import mark_disputed
from pointsync.ledger.people.erasure import erasing
from pointsync.ledger.people.replay import People, replay
from pointsync.models import Customer


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
