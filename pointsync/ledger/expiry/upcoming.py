"""What one customer loses in the next year."""

from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.expire import forecast_customer
from pointsync.ledger.expiry.lots import Loss
from pointsync.models import Customer, Reserve

LOOKAHEAD = timedelta(days=366)


def list_losses(session: Session, customer: Customer, reserve: Reserve, zone: ZoneInfo, day: date) -> tuple[Loss, ...]:
    """What expires from `day`, today, on, if nothing moves any more: one for each day, the first one first.

    Empty if the points of the reserve do not expire.
    """
    rule = rules.get_rule(session, reserve)
    if rule is None:
        return ()
    points: Counter[date] = Counter()
    for loss in forecast_customer(session, reserve, rule, zone, day + LOOKAHEAD, customer):
        points[max(loss.day, day)] += loss.points
    return tuple(Loss(*each) for each in sorted(points.items()))
