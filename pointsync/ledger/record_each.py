"""Recording movements of which each is accepted or refused by itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync.errors import Conflict, DomainError, combine
from pointsync.ledger import customers, draft_rules
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.record import REFUSED_BELOW_ZERO, RecordResult, record_valid
from pointsync.models import Reserve


def record_each(
    session: Session, drafts: Sequence[Draft], source: str, now: datetime
) -> list[RecordResult | DomainError]:
    """Record each of `drafts`, at most 1,000, that the rules allow; the error of a refused one is in its place.

    They are recorded in their order, so one may spend what an earlier one has given. Raises TryLater if lost movements
    must be back first; then none is recorded.
    """
    refusals: dict[int, DomainError] = {}
    accepted: list[CheckedDraft] = []
    reserves_by_key: dict[str, Reserve] = {}
    for index, draft in enumerate(drafts):
        checked, errors = draft_rules.check(session, draft, reserves_by_key, now)
        if errors:
            refusals[index] = combine(errors)
        accepted.append(checked)
    refusals |= _refuse_strangers(session, accepted, refusals)
    valid = [checked for index, checked in enumerate(accepted) if index not in refusals]
    results = iter(record_valid(session, valid, source, now, is_all_or_none=False) if valid else ())
    return [refusals[index] if index in refusals else next(results) for index in range(len(drafts))]


def _refuse_strangers(
    session: Session, checked_drafts: Sequence[CheckedDraft], refusals: dict[int, DomainError]
) -> dict[int, DomainError]:
    """The refusals of what unknown customers would spend without having any points, so that they are not created."""
    spending: dict[str, list[int]] = {}
    receiving: set[str] = set()
    for index, checked in enumerate(checked_drafts):
        if index in refusals:
            continue
        if _can_only_spend(checked):
            spending.setdefault(checked.email, []).append(index)
        else:
            receiving.add(checked.email)
    only_spending = sorted(spending.keys() - receiving)
    known = customers.find_ids(session, only_spending)
    return {
        index: _stranger_error(checked_drafts[index])
        for email in only_spending
        if email not in known
        for index in spending[email]
    }


def _can_only_spend(checked: CheckedDraft) -> bool:
    draft = checked.draft
    is_spending = (draft.kind or "spend") in REFUSED_BELOW_ZERO and draft.points is not None and draft.points < 0
    return is_spending and not draft.has_happened and not checked.reserve.may_go_below_zero


def _stranger_error(checked: CheckedDraft) -> Conflict:
    message = f"{checked.email} has 0 points in {checked.reserve.key}, fewer than {-(checked.draft.points or 0):,}."
    return Conflict("insufficient_points", message, {f"{checked.draft.field_prefix}points": message})
