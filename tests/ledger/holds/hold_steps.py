"""Helpers for the tests of holds: place, capture and release holds for Anna, and spend her points."""

from datetime import datetime, timedelta

from pointsync import db
from pointsync.errors import DomainError
from pointsync.ledger.holds import capture, holds
from pointsync.ledger.holds.capture import CaptureRequest
from pointsync.ledger.holds.holds import HoldRequest
from pointsync.ledger.record import Draft, record
from pointsync.models import Hold
from tests.ledger.record_drafts import ANNA
from tests.support.moving_clock import START as NOW

SOURCE = "api:shop"
HOUR = timedelta(hours=1)


def place(
    points: int, ref: str = "cart-1", *, until: datetime = NOW + HOUR, now: datetime = NOW, **more: str
) -> tuple[Hold, bool]:
    """Place or extend a hold for Anna."""
    fields = {"customer": ANNA, "reserve": "default"} | more
    request = HoldRequest(points=points, ref=ref, until=until, **fields)
    return db.run_in_transaction(lambda session: holds.place(session, request, SOURCE, now))


def take(ref: str = "cart-1", points: int | None = None, *, now: datetime = NOW, **more: object) -> tuple[Hold, str]:
    """Capture a hold; return it and the status of the movement."""
    request = CaptureRequest(**({"movement_ref": f"paid-{ref}", "points": points} | more))
    hold, result = db.run_in_transaction(lambda session: capture.capture(session, SOURCE, ref, request, now))
    return hold, result.status


def release(ref: str = "cart-1", *, now: datetime = NOW) -> Hold:
    return db.run_in_transaction(lambda session: holds.release(session, SOURCE, ref, now))


def spend(points: int, *, now: datetime = NOW, **more: object) -> str:
    """Spend Anna's points; return `recorded`, or the code of the refusal."""
    draft = Draft(ANNA, -points, **more)
    try:
        [result] = db.run_in_transaction(lambda session: record(session, [draft], SOURCE, now))
    except DomainError as error:
        return error.code
    return result.status


def give(points: int, *, now: datetime = NOW, **more: object) -> None:
    db.run_in_transaction(lambda session: record(session, [Draft(ANNA, points, **more)], SOURCE, now))
