"""Mails about points that expire soon, prepared once a day for each reserve with a rule."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.clock import local_date
from pointsync.ledger import mail_queue
from pointsync.ledger.balances import points_by_customer
from pointsync.ledger.expiry import expire, rules
from pointsync.ledger.people.members import select_members
from pointsync.models import Customer, ExpirySettings, Mail
from pointsync.models.mail import EXPIRY

AnnouncedDays = dict[int, list[tuple[date, date]]]
"""By customer id: ranges of days, each from the first to the last day that one mail announced."""


def list_due(session: Session, zone: ZoneInfo, now: datetime) -> list[ExpirySettings]:
    """The rules of the reserves whose mails were not prepared today."""
    day = local_date(now, zone)
    return [expiry for expiry, _ in rules.list_enabled(session) if expiry.told_day != day]


def make_batch(
    session: Session, expiry: ExpirySettings, after_customer_id: int, days: int, zone: ZoneInfo, now: datetime
) -> tuple[list[dict[str, Any]], int]:
    """The mails for the next 200 customers after `after_customer_id`, and the id to continue after, or 0 at the end.

    One mail per customer, about all losses in the next `days` days that no mail has announced. If an expiry day moves
    because the customer was active, the new day is announced again.
    """
    day = local_date(now, zone)
    losses, continue_after = expire.forecast_batch(
        session, expiry, after_customer_id, zone, day, day + timedelta(days=days)
    )
    announced = _find_announced_days(session, expiry.reserve_id, losses)
    balances = points_by_customer(session, expiry.reserve_id, list(losses))
    mails = []
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
            cause = f"{expiry.reserve_id}:{customer_id}:{facts['day']}"
            mails.append(mail_queue.build_mail(EXPIRY, cause, facts, customer_id, expiry.reserve_id, now, now))
    return mails, continue_after


def mark_done(session: Session, reserve_id: int, version: int, zone: ZoneInfo, now: datetime) -> None:
    """Save that today's mails are prepared; if the rule has a new version meanwhile, they are prepared again."""
    expiry = session.get_one(ExpirySettings, reserve_id, with_for_update=True, populate_existing=True)
    if expiry.version == version:
        expiry.told_day = local_date(now, zone)
    session.flush()


def _find_announced_days(session: Session, reserve_id: int, customer_ids: Iterable[int]) -> AnnouncedDays:
    query = select(Customer.person_id(), Mail.facts).join(Customer, Customer.id == Mail.customer_id)
    of_customers = Mail.customer_id.in_(select_members(list(customer_ids)))
    query = query.where(of_customers, Mail.reserve_id == reserve_id, Mail.kind == EXPIRY)
    announced: AnnouncedDays = {}
    for customer_id, facts in session.execute(query):
        day_range = (date.fromisoformat(facts["day"]), date.fromisoformat(facts["last_day"]))
        announced.setdefault(customer_id, []).append(day_range)
    return announced
