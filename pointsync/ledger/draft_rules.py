"""What can be asked for: all rules that drafts break, each by its field, before anything is recorded."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Invalid, Refused, together
from pointsync.ledger import reserves
from pointsync.models import Reserve
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_REASON, MAX_REF, check_points, check_text

if TYPE_CHECKING:
    from pointsync.ledger.record import Draft

MOST_FAULTS = 20
AHEAD = timedelta(days=1)
KINDS = SENT_KINDS | LOCAL_KINDS


def check(session: Session, drafts: Sequence["Draft"], now: datetime) -> dict[str, Reserve]:
    """The reserves that `drafts` name, by key, where nothing is wrong with any of them.

    Raises Refused that names all faulty fields at once, at most 20 faults.
    """
    found: list[Refused] = []
    named: dict[str, Reserve] = {}
    for draft in drafts:
        found += faults(session, draft, named, now)
        if len(found) >= MOST_FAULTS:
            break
    if found:
        raise together(found[:MOST_FAULTS])
    return named


def faults(session: Session, draft: "Draft", named: dict[str, Reserve], now: datetime) -> list[Refused]:
    """All rules that one draft breaks. `named` are the reserves found so far, by key; its own is added to them."""
    found = []
    for rule in (_customer, _points, _kind, _ref, _at, _reason):
        try:
            rule(draft, now)
        except Refused as fault:
            found.append(fault)
    if draft.reserve not in named:
        try:
            named[draft.reserve] = _reserve(session, draft)
        except Refused as fault:
            found.append(fault)
    return found


def _customer(draft: "Draft", _now: datetime) -> None:
    try:
        normalise(draft.customer)
    except Invalid as fault:
        raise Invalid(f"{draft.where}customer", fault.message) from fault


def _points(draft: "Draft", _now: datetime) -> None:
    if (draft.points is None) == (draft.set_to is None):
        raise Invalid(f"{draft.where}points", "Give either points or set, and only one of them.")
    if draft.set_to is not None:
        check_points(draft.set_to, f"{draft.where}set")
    elif draft.points:
        check_points(draft.points, f"{draft.where}points")
    else:
        raise Invalid(f"{draft.where}points", "0 points change nothing; give a number above or below 0.")


def _kind(draft: "Draft", _now: datetime) -> None:
    if draft.kind is not None and draft.kind not in KINDS:
        raise Invalid(f"{draft.where}kind", f"The kind must be one of {', '.join(sorted(KINDS))}.")


def _ref(draft: "Draft", _now: datetime) -> None:
    if draft.ref is None:
        return
    if not draft.ref.strip():
        raise Invalid(f"{draft.where}ref", "The ref is empty; leave it out, or give the shop's own id.")
    if check_text(draft.ref, MAX_REF, f"{draft.where}ref") != draft.ref:
        raise Invalid(f"{draft.where}ref", "The ref begins or ends with a space; give it without.")


def _at(draft: "Draft", now: datetime) -> None:
    if draft.at is not None and draft.at > now + AHEAD:
        raise Invalid(f"{draft.where}at", "The moment lies more than a day ahead; give the time when it happened.")


def _reason(draft: "Draft", _now: datetime) -> None:
    check_text(draft.reason, MAX_REASON, f"{draft.where}reason")


def _reserve(session: Session, draft: "Draft") -> Reserve:
    field = f"{draft.where}reserve"
    reserve = reserves.get(session, draft.reserve, field)
    if not reserve.is_active:
        raise Invalid(field, f"The points reserve {reserve.key} is not active.", "inactive_reserve")
    return reserve
