"""What can be asked for: all rules that drafts break, each by its field, before anything is recorded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import DomainError, InvalidInput, combine
from pointsync.ledger import reserves
from pointsync.models import Reserve
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_REASON_LENGTH, MAX_REF_LENGTH, validate_points, validate_text

if TYPE_CHECKING:
    from pointsync.ledger.record import Draft

MAX_ERRORS = 20
MAX_TIME_AHEAD = timedelta(days=1)
KINDS = SENT_KINDS | LOCAL_KINDS


def validate(session: Session, drafts: Sequence["Draft"], now: datetime) -> dict[str, Reserve]:
    """The reserves that `drafts` name, by key, where nothing is wrong with any of them.

    Raises Refused that names all faulty fields at once, at most 20 faults.
    """
    errors: list[DomainError] = []
    reserves_by_key: dict[str, Reserve] = {}
    for draft in drafts:
        errors += find_errors(session, draft, reserves_by_key, now)
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise combine(errors[:MAX_ERRORS])
    return reserves_by_key


def find_errors(
    session: Session, draft: "Draft", reserves_by_key: dict[str, Reserve], now: datetime
) -> list[DomainError]:
    """All rules that one draft breaks. `named` are the reserves found so far, by key; its own is added to them."""
    errors = []
    for rule in (_validate_customer, _validate_points, _validate_kind, _validate_ref, _validate_at, _validate_reason):
        try:
            rule(draft, now)
        except DomainError as error:
            errors.append(error)
    if draft.reserve not in reserves_by_key:
        try:
            reserves_by_key[draft.reserve] = _find_reserve(session, draft)
        except DomainError as error:
            errors.append(error)
    return errors


def _validate_customer(draft: "Draft", _now: datetime) -> None:
    try:
        normalise(draft.customer)
    except InvalidInput as error:
        raise InvalidInput(f"{draft.field_prefix}customer", error.message) from error


def _validate_points(draft: "Draft", _now: datetime) -> None:
    if (draft.points is None) == (draft.set_to is None):
        raise InvalidInput(f"{draft.field_prefix}points", "Give either points or set, and only one of them.")
    if draft.set_to is not None:
        validate_points(draft.set_to, f"{draft.field_prefix}set")
    elif draft.points:
        validate_points(draft.points, f"{draft.field_prefix}points")
    else:
        raise InvalidInput(f"{draft.field_prefix}points", "0 points change nothing; give a number above or below 0.")


def _validate_kind(draft: "Draft", _now: datetime) -> None:
    if draft.kind is not None and draft.kind not in KINDS:
        raise InvalidInput(f"{draft.field_prefix}kind", f"The kind must be one of {', '.join(sorted(KINDS))}.")


def _validate_ref(draft: "Draft", _now: datetime) -> None:
    if draft.ref is None:
        return
    if not draft.ref.strip():
        raise InvalidInput(f"{draft.field_prefix}ref", "The ref is empty; leave it out, or give the shop's own id.")
    if validate_text(draft.ref, MAX_REF_LENGTH, f"{draft.field_prefix}ref") != draft.ref:
        raise InvalidInput(f"{draft.field_prefix}ref", "The ref begins or ends with a space; give it without.")


def _validate_at(draft: "Draft", now: datetime) -> None:
    if draft.at is not None and draft.at > now + MAX_TIME_AHEAD:
        raise InvalidInput(
            f"{draft.field_prefix}at", "The moment lies more than a day ahead; give the time when it happened."
        )


def _validate_reason(draft: "Draft", _now: datetime) -> None:
    validate_text(draft.reason, MAX_REASON_LENGTH, f"{draft.field_prefix}reason")


def _find_reserve(session: Session, draft: "Draft") -> Reserve:
    field = f"{draft.field_prefix}reserve"
    reserve = reserves.get(session, draft.reserve, field)
    if not reserve.is_active:
        raise InvalidInput(field, f"The points reserve {reserve.key} is not active.", "inactive_reserve")
    return reserve
