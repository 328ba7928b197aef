"""Orders that a hook receives: settled by the ledger, with a message for the list of deliveries."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.orders import shops
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.settle import APPLIED, NOT_COUNTED, OLDER, Settlement, settle
from pointsync.models import Hook, Shop
from pointsync.woocommerce import rules
from pointsync.woocommerce.outcome import HookOutcome
from pointsync.woocommerce.values import DeliveryIgnored


def settle_order(
    session: Session, hook: Hook, shop: Shop | None, address: str, report: OrderReport, now: datetime
) -> tuple[HookOutcome, Shop | None]:
    """Settle an order that a hook received from this address. Return the outcome, and the shop if the hook is to
    belong to it.

    `shop` is None while nobody knows the address: the shop is created if the order counts. Otherwise nothing of it
    stays, so that the first useless delivery of a test copy decides nothing. Raises DeliveryIgnored and what
    `settle` raises.
    """
    is_new = shop is None
    if shop is None:
        shop = shops.create(session, address, now, fallback=f"hook {hook.token}")
    settlement = settle(
        session,
        report,
        shop=shop,
        reserve=hook.reserve,
        rule=rules.rule_of(session, hook, shop),
        now=now,
        early_sources=rules.early_sources(session, hook, shop),
        counted_elsewhere=_list_counted_reserves(session, shop),
    )
    outcome = summarize(report, settlement)
    is_useful = settlement.status not in (NOT_COUNTED, OLDER)
    if is_new and not is_useful:
        raise DeliveryIgnored(outcome.message)
    return outcome, shop if is_useful else None


def summarize(report: OrderReport, settlement: Settlement) -> HookOutcome:
    """What happened, for admins."""
    label, points, before = report.label, settlement.points, settlement.points_before
    if settlement.status == OLDER:
        return HookOutcome("duplicate", f"{label}: a newer report was counted before, so nothing changed.")
    if settlement.status == NOT_COUNTED:
        return HookOutcome("unused", settlement.reason)
    if settlement.status != APPLIED:
        text = f"{label}: {_points(points)}, as before. Nothing changed."
        return HookOutcome("duplicate", text if points else f"{text} {settlement.reason}".rstrip())
    if len({each.email for each in settlement.changes}) > 1:
        text = f"{label}: its points were moved to another customer, who has {_points(points)} from it now."
    elif points > before:
        text = f"{label}: {_points(points - before)}{f' more; {points:,} now' if before else ''}."
    else:
        text = f"{label}: {_points(before - points)} taken back; {points:,} left."
    return HookOutcome("recorded", f"{text} {settlement.reason}".rstrip())


def _points(count: int) -> str:
    return f"{count:,} point" if count == 1 else f"{count:,} points"


def _list_counted_reserves(session: Session, shop: Shop) -> list[int]:
    """The reserves in which active hooks count the shop's orders."""
    query = select(Hook.reserve_id).where(Hook.shop_id == shop.id, Hook.rule == "orders", Hook.removed_at.is_(None))
    return list(session.scalars(query.distinct()))
