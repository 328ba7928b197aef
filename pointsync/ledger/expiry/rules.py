"""The rules of expiry that reserves have: read, set, switched off."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.expiry.rule import YEARLY, Rule
from pointsync.models import Expiry, Reserve

NONE = "none"


def rule_of(expiry: Expiry) -> Rule:
    """The rule that is kept there; it must be one that is on."""
    if expiry.kind == YEARLY:
        return Rule(YEARLY, expiry.since, month=expiry.month or 12, day=expiry.day or 31)
    return Rule(expiry.kind, expiry.since, expiry.count or 0, "months" if expiry.unit == "months" else "days")


def get(session: Session, reserve: Reserve) -> Rule | None:
    """The reserve's rule; None where its points are never lost."""
    expiry = session.get(Expiry, reserve.id)
    return None if expiry is None or expiry.kind == NONE else rule_of(expiry)


def rules(session: Session) -> dict[int, Rule]:
    """The rules that are on, of reserves that are not active, too, by the reserve's id."""
    return {each.reserve_id: rule_of(each) for each in session.scalars(select(Expiry).where(Expiry.kind != NONE))}


def on(session: Session) -> list[tuple[Expiry, Reserve]]:
    """Those that are on, of reserves that are active, by the reserve's key."""
    query = (
        select(Expiry, Reserve)
        .join(Reserve, Reserve.id == Expiry.reserve_id)
        .where(Expiry.kind != NONE, Reserve.is_active)
        .order_by(Reserve.key)
    )
    return [(expiry, reserve) for expiry, reserve in session.execute(query)]


def set_rule(session: Session, reserve: Reserve, rule: Rule) -> None:
    """Let the reserve's points be lost by `rule`, from its `since` on. The same rule again changes nothing."""
    expiry = _locked(session, reserve, rule.since)
    if expiry.kind != NONE and _is_same(rule_of(expiry), rule):
        return
    is_yearly = rule.kind == YEARLY
    expiry.kind, expiry.since = rule.kind, rule.since
    expiry.count, expiry.unit = (None, None) if is_yearly else (rule.count, rule.unit)
    expiry.month, expiry.day = (rule.month, rule.day) if is_yearly else (None, None)
    _begin_anew(session, expiry)


def switch_off(session: Session, reserve: Reserve, today: date) -> None:
    """Let the reserve's points be lost no more; those that are lost stay so."""
    expiry = _locked(session, reserve, today)
    if expiry.kind != NONE:
        expiry.kind, expiry.since = NONE, today
        _begin_anew(session, expiry)


def _locked(session: Session, reserve: Reserve, today: date) -> Expiry:
    """The reserve's row, made if missing; the reserve is locked, so that two who set it at once come one by one."""
    session.scalars(select(Reserve).where(Reserve.id == reserve.id).with_for_update()).one()
    expiry = session.get(Expiry, reserve.id, populate_existing=True)
    if expiry is None:
        expiry = Expiry(reserve_id=reserve.id, kind=NONE, version=0, since=today, seen_seq=0)
        session.add(expiry)
    return expiry


def _begin_anew(session: Session, expiry: Expiry) -> None:
    expiry.version += 1
    expiry.done_day, expiry.told_day, expiry.seen_seq = None, None, 0
    session.flush()


def _is_same(one: Rule, other: Rule) -> bool:
    shape = [(each.kind, each.count, each.unit, each.month, each.day) for each in (one, other)]
    return shape[0] == shape[1]
