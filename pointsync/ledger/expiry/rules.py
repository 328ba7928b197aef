"""The expiry rules of the reserves: reading and changing them."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.expiry.rule import YEARLY, ExpiryRule
from pointsync.models import ExpirySettings, Reserve

NONE = "none"


def to_rule(expiry: ExpirySettings) -> ExpiryRule:
    """The stored rule; its kind must not be `none`."""
    if expiry.kind == YEARLY:
        return ExpiryRule(YEARLY, expiry.since, month=expiry.month or 12, day=expiry.day or 31)
    return ExpiryRule(expiry.kind, expiry.since, expiry.count or 0, "months" if expiry.unit == "months" else "days")


def get_rule(session: Session, reserve: Reserve) -> ExpiryRule | None:
    """The reserve's rule; None if its points never expire."""
    expiry = session.get(ExpirySettings, reserve.id)
    return None if expiry is None or expiry.kind == NONE else to_rule(expiry)


def rules_by_reserve_id(session: Session) -> dict[int, ExpiryRule]:
    """All rules, also those of inactive reserves, by the reserve's id."""
    return {
        each.reserve_id: to_rule(each)
        for each in session.scalars(select(ExpirySettings).where(ExpirySettings.kind != NONE))
    }


def list_enabled(session: Session) -> list[tuple[ExpirySettings, Reserve]]:
    """The rules of active reserves, sorted by the reserve's key."""
    query = (
        select(ExpirySettings, Reserve)
        .join(Reserve, Reserve.id == ExpirySettings.reserve_id)
        .where(ExpirySettings.kind != NONE, Reserve.is_active)
        .order_by(Reserve.key)
    )
    return [(expiry, reserve) for expiry, reserve in session.execute(query)]


def set_rule(session: Session, reserve: Reserve, rule: ExpiryRule) -> None:
    """Set the reserve's rule. If only its `since` differs from the rule in force, nothing changes."""
    expiry = _get_for_update(session, reserve, rule.since)
    if expiry.kind != NONE and _is_same_rule(to_rule(expiry), rule):
        return
    is_yearly = rule.kind == YEARLY
    expiry.kind, expiry.since = rule.kind, rule.since
    expiry.count, expiry.unit = (None, None) if is_yearly else (rule.count, rule.unit)
    expiry.month, expiry.day = (rule.month, rule.day) if is_yearly else (None, None)
    _reset_progress(session, expiry)


def disable(session: Session, reserve: Reserve, today: date) -> None:
    """Stop the expiry of the reserve's points; expired points stay expired."""
    expiry = _get_for_update(session, reserve, today)
    if expiry.kind != NONE:
        expiry.kind, expiry.since = NONE, today
        _reset_progress(session, expiry)


def _get_for_update(session: Session, reserve: Reserve, today: date) -> ExpirySettings:
    """The reserve's row, created if missing. The reserve is locked, so concurrent changes wait for each other."""
    session.scalars(select(Reserve).where(Reserve.id == reserve.id).with_for_update()).one()
    expiry = session.get(ExpirySettings, reserve.id, populate_existing=True)
    if expiry is None:
        expiry = ExpirySettings(reserve_id=reserve.id, kind=NONE, version=0, since=today, seen_seq=0)
        session.add(expiry)
    return expiry


def _reset_progress(session: Session, expiry: ExpirySettings) -> None:
    expiry.version += 1
    expiry.done_day, expiry.told_day, expiry.seen_seq = None, None, 0
    session.flush()


def _is_same_rule(one: ExpiryRule, other: ExpiryRule) -> bool:
    fields = [(each.kind, each.count, each.unit, each.month, each.day) for each in (one, other)]
    return fields[0] == fields[1]
