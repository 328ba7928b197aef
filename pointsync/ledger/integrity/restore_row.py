"""A movement that somebody edited: it gets its original points and customer back, which its stored digest proves, or an
admin accepts it as it is."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from pointsync.digests import digest
from pointsync.email_address import parse
from pointsync.ledger import audit_recorder, customers
from pointsync.ledger.integrity import movement_changes
from pointsync.ledger.integrity.recount import recount_balances
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people.erased.lives import hide_in
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.ledger.people.members import lock_people
from pointsync.models import AlteredMovement, Customer, Difference, Movement

log = logging.getLogger(__name__)

MAX_ACCEPTED = 1000


def restore(session: Session, origin: str, movement_id: str, points: int, customer: str, now: datetime) -> int:
    """Give the movement these points and this customer back, as it was sent. Return the customer's balance afterwards.

    The caller has checked that the stored digest is theirs. The balances of both customers are counted anew, whether
    or not they were edited, too. The hourly totals still contain the original. For a movement of another site, its
    origin is locked; for one of this site, all remotes are.
    """
    movement = session.scalars(
        select(Movement)
        .where(Movement.origin == origin, Movement.id == movement_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    edited_customer = session.get(Customer, movement.customer_id, populate_existing=True)
    edited = {"points": movement.points, "customer": edited_customer.email if edited_customer else None}
    edited_id = lock_people(session, [movement.customer_id]).get(movement.customer_id)
    [(address, found)] = customers.get_or_create_at(session, [(parse(customer), movement.at)], now)
    email = address.key
    movement.points, movement.customer_id = points, found.address_id
    movement.sent_customer = None if customer == email or is_token(email) else customer
    if is_token(email):
        movement.reason, movement.ref = "", hide_in(movement.ref, customer, email)
    session.flush()
    movement_changes.process_movement(session, movement.seq, now)
    key = (found.id, movement.reserve_id)
    balances = recount_balances(session, [key] if edited_id is None else [key, (edited_id, movement.reserve_id)])
    log.warning("movement %s of %s has its original points and customer again", movement_id, origin)
    audit_recorder.log_action(
        session, "restored", "movement", movement_id, email, before=edited, after={"points": points, "customer": email}
    )
    return balances[key]


def list_acceptable(session: Session) -> list[str]:
    """The ids of this site's edited movements that no remote is known to hold otherwise, at most 1,000."""
    query = (
        select(Movement.id)
        .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq)
        .where(Movement.origin == get_local_auth(session), _is_undisputed())
        .order_by(Movement.seq)
        .limit(MAX_ACCEPTED)
    )
    return list(session.scalars(query))


def accept(session: Session, movement_ids: Sequence[str], now: datetime) -> int:
    """Accept edited movements of this site as they are: their digests are computed anew. Return how many there were.

    The original is lost then. All remotes are locked. Their sums do not change: they contain the edited movement.
    """
    origin, accepted = get_local_auth(session), 0
    for movement_id in sorted(set(movement_ids) & set(list_acceptable(session))):
        movement, email = session.execute(
            select(Movement, Customer.email)
            .join(Customer, Customer.id == Movement.customer_id)
            .where(Movement.origin == origin, Movement.id == movement_id)
        ).one()
        movement.digest = digest(movement.id, movement.points, movement.sent_customer or email)
        session.flush()
        movement_changes.process_movement(session, movement.seq, now, has_new_digest=True)
        after = {"points": movement.points, "customer": email}
        audit_recorder.log_action(session, "accepted", "movement", movement_id, email, after=after)
        accepted += 1
    return accepted


def _is_undisputed() -> ColumnElement[bool]:
    differs = exists().where(Difference.origin == Movement.origin, Difference.movement_id == Movement.id)
    return ~differs
