"""Orders that a hook receives: settled by the ledger, with a message for the list of deliveries."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.orders import shops
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.settle import APPLIED, NOT_COUNTED, OLDER, Settlement, settle
from pointsync.models import Hook, Shop
from pointsync.woocommerce import kept, rules
from pointsync.woocommerce.outcome import DeliveryKept, HookOutcome
from pointsync.woocommerce.reading import keys
from pointsync.woocommerce.values import DeliveryIgnored

_KEPT_FOR_ACCOUNT = (
    "It is kept, and counted once the shop has delivered the customer (topics Customer created, updated)."
)


class AnswerOutdated(Exception):
    """A report has arrived since this site asked the shop, so the shop has to be asked again."""


def settle_order(
    session: Session, hook: Hook, shop: Shop | None, address: str, report: OrderReport, now: datetime
) -> tuple[HookOutcome, Shop | None]:
    """Settle an order that a hook received from this address. Return the outcome, and the shop if the hook is to
    belong to it.

    `shop` is None while nobody knows the address: the shop is created if the order counts. Otherwise nothing of it
    stays, so that the first useless delivery of a test copy decides nothing.

    If a delivery may not be the shop's present state, or lacks the lines of refunds, and the shop can be asked, it is
    kept until the shop has answered. The shop is not asked here, since its answer may take seconds, in which nobody
    could record anything. Raises DeliveryKept for that and for an order that has only an account which is not known
    yet, AnswerOutdated for an answer, DeliveryIgnored, and what `settle` raises.
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
    if report.account_id and report.customer_problem and settlement.reason == report.customer_problem:
        raise DeliveryKept(kept.UNKNOWN_ACCOUNT, f"{report.customer_problem} {_KEPT_FOR_ACCOUNT}")
    if not settlement.is_certain and settlement.status in (APPLIED, OLDER):
        _ask_shop(session, shop, report, settlement, now)
    outcome = replace(summarize(report, settlement), settlement=settlement)
    is_useful = settlement.status not in (NOT_COUNTED, OLDER)
    if is_new and not is_useful:
        raise DeliveryIgnored(outcome.message, problem=None)
    return outcome, shop if is_useful else None


def _ask_shop(session: Session, shop: Shop, report: OrderReport, settlement: Settlement, now: datetime) -> None:
    """Raise if the shop's present state of an order has to be asked for."""
    if report.asked_at is not None:
        if settlement.status == OLDER:
            raise AnswerOutdated
    elif keys.can_ask(session, shop.id, now):
        raise DeliveryKept(kept.READING, f"{report.label}: the shop is asked what the order is now.", shop.id)


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
