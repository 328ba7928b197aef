"""Reads the bodies of calls about holds."""

from datetime import datetime
from typing import Any

from pointsync import clock
from pointsync.api.request_bodies import FIELD_MESSAGES, BodySchema, parse_object
from pointsync.api.schemas import NewCapture, NewHold
from pointsync.errors import InvalidInput
from pointsync.ledger.holds.capture import CAPTURE_KINDS, CaptureRequest
from pointsync.ledger.holds.holds import HoldRequest
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.text_limits import MAX_POINTS, MAX_REASON_LENGTH, MAX_REF_LENGTH, validate_text

_REF_MESSAGE = "The ref must be the shop's own id in quotes, such as cart-17."
_UNTIL_MESSAGE = "The end must be a time with a time zone, such as 2026-01-31T12:00:00Z, in quotes."
_POINTS_MESSAGE = f"The points must be a whole number from 1 to {MAX_POINTS:,}."
_HOLD_SCHEMA = BodySchema(
    NewHold,
    'The body must be an object, such as {"customer": …, "points": 50, "ref": "cart-17", "until": …}.',
    {
        "customer": FIELD_MESSAGES["customer"],
        "points": _POINTS_MESSAGE,
        "reserve": FIELD_MESSAGES["reserve"],
        "ref": _REF_MESSAGE,
        "until": _UNTIL_MESSAGE,
    },
)
_CAPTURE_SCHEMA = BodySchema(
    NewCapture,
    'The body must be an object, such as {"movement_ref": "order-17"}.',
    {
        "movement_ref": "The movement_ref must be the shop's own id of the movement in quotes, such as order-17.",
        "points": f"{_POINTS_MESSAGE} You can leave it out to take all.",
        "kind": f"The kind must be one of {', '.join(CAPTURE_KINDS)}. You can leave it out.",
        "reason": FIELD_MESSAGES["reason"],
        "done": FIELD_MESSAGES["done"],
    },
)


def parse_hold(body: Any) -> HoldRequest:
    """The hold in `body`. Raises DomainError that names all invalid fields."""
    hold = parse_object(body, _HOLD_SCHEMA)
    return HoldRequest(
        hold.customer,
        hold.points,
        DEFAULT_RESERVE if hold.reserve is None else hold.reserve,
        hold.ref,
        _parse_until(hold.until),
    )


def parse_capture(body: Any) -> CaptureRequest:
    """The capture in `body`. Raises DomainError that names all invalid fields."""
    capture = parse_object(body, _CAPTURE_SCHEMA)
    if not capture.movement_ref.strip() or capture.movement_ref != capture.movement_ref.strip():
        raise InvalidInput("movement_ref", "The movement_ref is empty, or begins or ends with a space.")
    validate_text(capture.movement_ref, MAX_REF_LENGTH, "movement_ref")
    validate_text(capture.reason or "", MAX_REASON_LENGTH, "reason")
    return CaptureRequest(
        capture.movement_ref, capture.points, capture.kind or "spend", capture.reason or "", bool(capture.done)
    )


def _parse_until(text: str) -> datetime:
    try:
        return clock.from_text(text)
    except ValueError as error:
        raise InvalidInput("until", _UNTIL_MESSAGE) from error
