"""The rules for movements that are to be recorded on this site, checked before anything is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pointsync.email_address import ERASED_DOMAIN, Address, parse
from pointsync.errors import DomainError, InvalidInput, combine
from pointsync.ledger import reserves
from pointsync.ledger.people.erased.tokens import is_reserved
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Reserve
from pointsync.models.movement import LOCAL_KINDS, SENT_KINDS
from pointsync.text_limits import MAX_REASON_LENGTH, MAX_REF_LENGTH, validate_points, validate_text

MAX_ERRORS = 20
MAX_TIME_AHEAD = timedelta(days=1)
ERASED = f"Addresses ending in @{ERASED_DOMAIN} belong to erased people. Give the customer's own address."
KINDS = SENT_KINDS | LOCAL_KINDS


@dataclass(frozen=True, slots=True)
class Draft:
    """A movement to record: either `points`, a whole number, or `set_to`, the new balance."""

    customer: str
    points: int | None = None
    set_to: int | None = None
    reserve: str = DEFAULT_RESERVE
    kind: str | None = None
    reason: str = ""
    ref: str | None = None
    at: datetime | None = None
    field_prefix: str = ""
    """What precedes a field's name in an error, such as `movements[3].`."""
    has_happened: bool = False
    """The shop has already given what the points paid for, so the movement may take the balance below zero."""
    is_entered: bool = False
    """Somebody outside PointSync named the customer, who must not be an erased person."""


@dataclass(slots=True)
class CheckedDraft:
    """A draft with what the rules made of it; a field is unset if its rule is broken."""

    draft: Draft
    email: str = field(init=False)
    """The key of the customer's e-mail address."""
    spelling: str | None = field(init=False, default=None)
    """The address as it was given, if the draft names it in a spelling that is not the key."""
    reserve: Reserve = field(init=False)
    reason: str = field(init=False)
    """Without surrounding spaces."""

    @property
    def address(self) -> Address:
        """The customer's address."""
        return Address(self.email, self.spelling or self.email)


def validate(session: Session, drafts: Sequence[Draft], now: datetime) -> list[CheckedDraft]:
    """Check all `drafts`. Raises a DomainError that names the invalid fields of up to 20 errors."""
    errors: list[DomainError] = []
    checked_drafts: list[CheckedDraft] = []
    reserves_by_key: dict[str, Reserve] = {}
    for draft in drafts:
        checked, draft_errors = check(session, draft, reserves_by_key, now)
        checked_drafts.append(checked)
        errors += draft_errors
        if len(errors) >= MAX_ERRORS:
            break
    if errors:
        raise combine(errors[:MAX_ERRORS])
    return checked_drafts


def check(
    session: Session, draft: Draft, reserves_by_key: dict[str, Reserve], now: datetime
) -> tuple[CheckedDraft, list[DomainError]]:
    """The draft with what the rules made of it, and an error for each rule that it breaks.

    `reserves_by_key` holds the reserves that were looked up before; the draft's own is added.
    """
    checked, errors = CheckedDraft(draft), []
    for rule in (_check_customer, _check_points, _check_kind, _check_ref, _check_at, _check_reason):
        try:
            rule(checked, now)
        except DomainError as error:
            errors.append(error)
    try:
        checked.reserve = reserves_by_key.get(draft.reserve) or _find_reserve(session, draft)
        reserves_by_key[draft.reserve] = checked.reserve
    except DomainError as error:
        errors.append(error)
    return checked, errors


def _check_customer(checked: CheckedDraft, _now: datetime) -> None:
    draft = checked.draft
    try:
        checked.email, checked.spelling = parse(draft.customer)
    except InvalidInput as error:
        raise InvalidInput(f"{draft.field_prefix}customer", error.message) from error
    if draft.is_entered and is_reserved(checked.email):
        raise InvalidInput(f"{draft.field_prefix}customer", ERASED)


def _check_points(checked: CheckedDraft, _now: datetime) -> None:
    draft = checked.draft
    if (draft.points is None) == (draft.set_to is None):
        raise InvalidInput(f"{draft.field_prefix}points", "Give either points or set, and only one of them.")
    if draft.set_to is not None:
        validate_points(draft.set_to, f"{draft.field_prefix}set")
    elif draft.points:
        validate_points(draft.points, f"{draft.field_prefix}points")
    else:
        raise InvalidInput(f"{draft.field_prefix}points", "0 points change nothing; give a number above or below 0.")


def _check_kind(checked: CheckedDraft, _now: datetime) -> None:
    draft = checked.draft
    if draft.kind is not None and draft.kind not in KINDS:
        raise InvalidInput(f"{draft.field_prefix}kind", f"The kind must be one of {', '.join(sorted(KINDS))}.")


def _check_ref(checked: CheckedDraft, _now: datetime) -> None:
    draft = checked.draft
    if draft.ref is None:
        return
    if not draft.ref.strip():
        raise InvalidInput(f"{draft.field_prefix}ref", "The ref is empty; leave it out, or give the shop's own id.")
    if validate_text(draft.ref, MAX_REF_LENGTH, f"{draft.field_prefix}ref") != draft.ref:
        raise InvalidInput(f"{draft.field_prefix}ref", "The ref begins or ends with a space; remove the space.")


def _check_at(checked: CheckedDraft, now: datetime) -> None:
    draft = checked.draft
    if draft.at is not None and draft.at > now + MAX_TIME_AHEAD:
        raise InvalidInput(
            f"{draft.field_prefix}at", "The time is more than a day in the future; give the time when it happened."
        )


def _check_reason(checked: CheckedDraft, _now: datetime) -> None:
    draft = checked.draft
    checked.reason = validate_text(draft.reason, MAX_REASON_LENGTH, f"{draft.field_prefix}reason")


def _find_reserve(session: Session, draft: Draft) -> Reserve:
    field_name = f"{draft.field_prefix}reserve"
    reserve = reserves.get(session, draft.reserve, field_name)
    if not reserve.is_active:
        raise InvalidInput(field_name, f"The points reserve {reserve.key} is not active.", "inactive_reserve")
    return reserve
