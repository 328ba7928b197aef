"""Mails about points that are lost soon: thought of once a day for every customer of a reserve that has a rule."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger import mail_queue
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.expiry.rule import local_date
from pointsync.models import Balance, ExpirySettings, Mail
from pointsync.models.mail import EXPIRY

AnnouncedDays = dict[int, list[tuple[date, date]]]


def list_due(session: Session, zone: ZoneInfo, now: datetime) -> list[ExpirySettings]:
    """The rules of the reserves in which not everybody was thought of today."""
    day = local_date(now, zone)
    return [expiry for expiry, _ in rules.list_enabled(session) if expiry.told_day is None or expiry.told_day < day]


def make_batch(
    session: Session, expiry: ExpirySettings, after_customer_id: int, days: int, zone: ZoneInfo, now: datetime
) -> tuple[list[dict[str, Any]], int]:
    """The mails to queue for the next 200 customers behind the id `after`, and the last id, 0 at the end.

    One mail for a customer, about all days of loss in the next `days` days that no mail has told of. Days that
    moved, since the customer did something, are new days.
    """
    day = local_date(now, zone)
    losses, last = expire.forecast_batch(session, expiry, after_customer_id, zone, day, day + timedelta(days=days))
    announced = _find_announced_days(session, expiry.reserve_id, losses)
    balances = _points_by_customer(session, expiry.reserve_id, losses)
    rows = []
    for customer_id, customer_losses in losses.items():
        ranges = announced.get(customer_id, [])
        new_losses = [each for each in customer_losses if not any(first <= each.day <= end for first, end in ranges)]
        if new_losses:
            facts = {
                "points": sum(each.points for each in new_losses),
                "balance": balances.get(customer_id, 0),
                "day": new_losses[0].day.isoformat(),
                "last_day": new_losses[-1].day.isoformat(),
            }
            row = {"customer_id": customer_id, "reserve_id": expiry.reserve_id, "at": now, "recorded_at": now}
            cause = f"{expiry.reserve_id}:{customer_id}:{facts['day']}"
            rows.append(mail_queue.make_row(EXPIRY, cause, row, facts))
    return rows, last


def mark_done(session: Session, reserve_id: int, version: int, zone: ZoneInfo, now: datetime) -> None:
    """Everybody was thought of today by the rule of that version; one that was set meanwhile begins anew."""
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    if expiry.version == version:
        expiry.told_day = local_date(now, zone)
    session.flush()


def _find_announced_days(session: Session, reserve_id: int, customer_ids: Iterable[int]) -> AnnouncedDays:
    """From which day to which day a mail has told of, by customer."""
    query = select(Mail.customer_id, Mail.facts).where(
        Mail.customer_id.in_(list(customer_ids)), Mail.reserve_id == reserve_id, Mail.kind == EXPIRY
    )
    announced: AnnouncedDays = {}
    for customer_id, facts in session.execute(query):
        day_range = (date.fromisoformat(facts["day"]), date.fromisoformat(facts["last_day"]))
        announced.setdefault(customer_id or 0, []).append(day_range)
    return announced


def _points_by_customer(session: Session, reserve_id: int, customer_ids: Iterable[int]) -> dict[int, int]:
    query = select(Balance.customer_id, Balance.points).where(
        Balance.customer_id.in_(list(customer_ids)), Balance.reserve_id == reserve_id
    )
    return {row.customer_id: row.points for row in session.execute(query)}
