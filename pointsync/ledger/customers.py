"""Customers: found by their e-mail address, made when a movement first names them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.db.upsert import insert_or_ignore
from pointsync.email_address import normalise
from pointsync.errors import NotFound
from pointsync.ledger.balances import CHUNK_SIZE
from pointsync.ledger.movement_json import movement_to_json
from pointsync.models import Balance, Customer, Movement, Reserve


def get_or_create_ids(session: Session, emails: Iterable[str], now: datetime) -> dict[str, int]:
    """The customers' ids by e-mail (normalised before), making those that are missing."""
    unique_emails = sorted(set(emails))
    found = find_ids(session, unique_emails)
    missing = [email for email in unique_emails if email not in found]
    if missing:
        insert_or_ignore(session, Customer, [{"email": email, "created_at": now} for email in missing])
        found |= find_ids(session, missing)
    return found


def find_ids(session: Session, emails: list[str]) -> dict[str, int]:
    """The ids of those customers that this site knows, by e-mail (normalised before)."""
    found: dict[str, int] = {}
    for start in range(0, len(emails), CHUNK_SIZE):
        rows = session.execute(
            select(Customer.email, Customer.id).where(Customer.email.in_(emails[start : start + CHUNK_SIZE]))
        )
        found |= {row.email: row.id for row in rows}
    return found


def get(session: Session, email: str) -> Customer:
    """The customer with that e-mail as anybody may spell it. Raises Invalid or NotFound."""
    address = normalise(email)
    customer = session.scalar(select(Customer).where(Customer.email == address))
    if customer is None:
        raise NotFound("unknown_customer", f"No customer here has the e-mail address {address}.")
    return customer


def list_balances(session: Session, customer: Customer, reserve: Reserve | None = None) -> list[dict[str, Any]]:
    """`[{reserve, points}]`, by the reserve's key; a reserve that is asked for by itself is there even at 0."""
    query = (
        select(Reserve.key, Balance.points)
        .join(Balance, Balance.reserve_id == Reserve.id)
        .where(Balance.customer_id == customer.id)
        .order_by(Reserve.key)
    )
    if reserve is None:
        return [{"reserve": key, "points": points} for key, points in session.execute(query)]
    row = session.execute(query.where(Reserve.id == reserve.id)).first()
    return [{"reserve": reserve.key, "points": row.points if row else 0}]


def list_movements(
    session: Session, customer: Customer, reserve: Reserve | None, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """A page of the customer's movements, newest first, and where the next page begins (or None).

    `before` is what the page before gave for the next one; at most `limit` movements.
    """
    query = (
        select(Movement, Reserve.key)
        .join(Reserve, Movement.reserve_id == Reserve.id)
        .where(Movement.customer_id == customer.id)
        .order_by(Movement.seq.desc())
        .limit(limit + 1)
    )
    if reserve is not None:
        query = query.where(Movement.reserve_id == reserve.id)
    if before is not None:
        query = query.where(Movement.seq < before)
    rows = session.execute(query).all()
    page = [movement_to_json(movement, customer.email, key) for movement, key in rows[:limit]]
    return page, rows[limit - 1][0].seq if len(rows) > limit else None
