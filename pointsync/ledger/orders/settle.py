"""Settling an order: the difference between what it is worth now and what it has given is recorded as movements.

Nobody else computes points of orders. It does not matter who reports an order, how often, and in which order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.email_address import Address, parse
from pointsync.errors import InvalidInput
from pointsync.ledger import customers
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import accounts, order_rows, reasons, refs, shops, stored_rules
from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.newer import is_answer_newest, is_certain, is_older
from pointsync.ledger.orders.order_rows import LockedOrder
from pointsync.ledger.orders.problems import OrderProblem
from pointsync.ledger.orders.report import OrderReport
from pointsync.ledger.orders.rule import OWN_CURRENCY, TOTAL, OrderRule, find_obstacle
from pointsync.ledger.orders.worth import compute_goods, compute_points
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.members import find_people, of_customer
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Customer, Movement, Reserve, Shop, ShopOrderPoints

APPLIED, UNCHANGED, OLDER, NOT_COUNTED = "applied", "unchanged", "older", "not_counted"


@dataclass(frozen=True, slots=True)
class Settlement:
    """The outcome of a report."""

    status: str
    """`applied`: movements were recorded. `unchanged`: the order had given what it is worth. `older`: a newer report
    was taken in before. `not_counted`: it has never given anything, or its currency has no rate."""
    points: int
    """What the order has given in the reserve now."""
    points_before: int = 0
    changes: list[RecordResult] = field(default_factory=list)
    reason: str = ""
    """Why it does not count, as a sentence."""
    is_certain: bool = True
    """Whether the report is certainly the shop's present state and tells all that the rule needs. If not, asking the
    shop may give another result."""


@dataclass(slots=True)
class _Worth:
    """What an order is to have given: the points, or why it does not count."""

    points: int = 0
    reason: str = ""
    problem: OrderProblem | None = None


def settle(
    session: Session,
    report: OrderReport,
    *,
    shop: Shop,
    reserve: Reserve,
    rule: OrderRule,
    now: datetime,
    early_sources: Sequence[EarlySource] = (),
    counted_elsewhere: Collection[int] = (),
) -> Settlement:
    """Take in a report of an order, and record what its worth has changed in `reserve`.

    An order that has counted keeps the rule by which it did. Points that it gave in the past are read from the
    movements when its row is new, also those of the hooks in `early_sources`. An order that has counted in a reserve
    that nobody counts any more stays there; `counted_elsewhere` are the reserves that others count.

    The caller repeats the transaction on a violation of a unique index (`run_in_transaction`). Raises TryLater while
    orders cannot be counted (`fetch_back.must_orders_wait`), InvalidInput if the reserve is not active or the report
    lacks what the rule needs.
    """
    fetch_back.refuse_orders(session)
    account = accounts.lock(session, shop.id, report.account_id)
    order = order_rows.lock_or_create(session, shop, report, early_sources, now)
    if report.is_deleted:  # its report has nothing but the id
        report = replace(report, number=order.row.number)
    reserve = _choose_reserve(session, order, reserve, counted_elsewhere)
    given = order.points_in(reserve.id)
    points_before = sum(each.points for each in given)
    if order.is_other(report):
        if _was_modified_before(report, order):
            return Settlement(OLDER, points_before, points_before, is_certain=False)
        emails = {each for each in (report.customer and report.customer.key, account and account.email) if each}
        order = order_rows.replace(session, shop, order, report, emails, early_sources, now)
        given = order.points_in(reserve.id)
        points_before = sum(each.points for each in given)
    elif is_older(report, order.seen, now):
        return Settlement(OLDER, points_before, points_before, is_certain=False)
    is_certain = _is_certain(report, order, rule)
    report = accounts.choose_customer(session, report, order.row, account, _find_holder(session, given))
    report = _place_customer(session, report, order, given)
    worth = _compute_worth(session, report, shop, order, given, rule)
    drafts = _build_drafts(session, report, order, reserve, worth, given)
    rule_id = _find_rule_id(session, shop, report, given, rule) if drafts else None
    results = _record_drafts(session, order, shop, drafts, rule_id, now)
    if any(result.movement.points > 0 for result in results):
        _learn_currency(session, shop, report, rule)
    order.remember(session, report, worth.problem, now)
    points = points_before + sum(result.movement.points for result in results)
    unchanged = NOT_COUNTED if worth.problem or not order.points_in(reserve.id) else UNCHANGED
    status = APPLIED if results else unchanged
    return Settlement(status, points, points_before, results, worth.reason, is_certain)


def settle_customer(session: Session, order: LockedOrder, shop: Shop, email: str, now: datetime) -> None:
    """Let an order belong to the customer with this address. It is worth what it was.

    Raises InvalidInput if the reserve is not active.
    """
    row = order.row
    report = OrderReport(id=row.order_id, number=row.number, status=row.status, customer=parse(email))
    for reserve_id in sorted({each.reserve_id for each in order.points}):
        given = order.points_in(reserve_id)
        report = _place_customer(session, report, order, given)
        worth = _Worth(sum(each.points for each in given))
        drafts = _build_drafts(session, report, order, session.get_one(Reserve, reserve_id), worth, given)
        rule_id = next((each.rule_id for each in given if each.rule_id is not None), None)
        _record_drafts(session, order, shop, drafts, rule_id, now)
    session.flush()


def _record_drafts(
    session: Session,
    order: LockedOrder,
    shop: Shop,
    drafts: Sequence[tuple[Draft, ShopOrderPoints | None]],
    rule_id: int | None,
    now: datetime,
) -> list[RecordResult]:
    results = record(session, [draft for draft, _ in drafts], shops.source_of(shop), now) if drafts else []
    for (_, row), result in zip(drafts, results, strict=True):
        order.add_points(session, row, result.movement, rule_id)
    return results


def _find_holder(session: Session, given: Sequence[ShopOrderPoints]) -> Address | None:
    """The address under which a customer has points from the order."""
    holders = (session.get_one(Customer, each.customer_id) for each in given if each.points > 0)
    return next((Address(each.email, each.spelling or each.email) for each in holders), None)


def _place_customer(
    session: Session, report: OrderReport, order: LockedOrder, given: Sequence[ShopOrderPoints]
) -> OrderReport:
    """The report with the token of its customer, if the order belongs to a person who was erased since."""
    if report.customer is None:
        return report
    holders = [session.get_one(Customer, each.customer_id).email for each in given]
    token = next((each for each in holders if lives.is_of(session, each, report.customer.key)), None)
    ordered_at = report.created_at or order.row.ordered_at
    if token is None and ordered_at is not None:
        dated = (report.customer.key, ordered_at)
        token = lives.find_tokens(session, [dated]).get(dated)
    return report if token is None else replace(report, customer=Address(token, token))


def _choose_reserve(
    session: Session, order: LockedOrder, reserve: Reserve, counted_elsewhere: Collection[int]
) -> Reserve:
    if order.points_in(reserve.id):
        return reserve
    left = sorted({each.reserve_id for each in order.points} - set(counted_elsewhere))
    return session.get_one(Reserve, left[0]) if left else reserve


def _is_certain(report: OrderReport, order: LockedOrder, rule: OrderRule) -> bool:
    return is_certain(report, order.seen) and (report.tells_refunded_lines or rule.base == TOTAL)


def _was_modified_before(report: OrderReport, order: LockedOrder) -> bool:
    if is_answer_newest(report, order.seen):
        return False
    seen_at = order.row.modified_at
    return report.modified_at is not None and seen_at is not None and report.modified_at < seen_at


def _compute_worth(
    session: Session,
    report: OrderReport,
    shop: Shop,
    order: LockedOrder,
    given: Sequence[ShopOrderPoints],
    rule: OrderRule,
) -> _Worth:
    own = next((stored_rules.load(session, each.rule_id) for each in given if each.rule_id is not None), rule)
    if obstacle := find_obstacle(report, own):
        return _Worth(reason=obstacle)
    if report.lines is None and own.base != TOTAL:
        raise InvalidInput("line_items", f"The report of {report.label} does not list its items.", "no_lines")
    if report.customer is None and not any(each.points > 0 for each in given):
        return _Worth(reason=report.customer_problem or f"{report.label} has no customer.")
    rate = own.rate_for(report.currency, shop.currency) or rule.rate_for(report.currency, shop.currency)
    if rate is None:
        reason = f"{report.label} is in {report.currency}, which has no rate here, so it does not count."
        return _Worth(reason=reason, problem=OrderProblem.NO_RATE)
    minimum = own.minimum_for(report.currency, shop.currency)
    if minimum is not None and compute_goods(report, own) < minimum:
        return _Worth(reason=f"{report.label} is below the lowest amount that earns points.")
    points = compute_points(report, own, rate)
    return _Worth(points, "" if points else f"{report.label} is worth no points now.")


def _build_drafts(
    session: Session,
    report: OrderReport,
    order: LockedOrder,
    reserve: Reserve,
    worth: _Worth,
    given: Sequence[ShopOrderPoints],
) -> list[tuple[Draft, ShopOrderPoints | None]]:
    """A draft for each customer whose points change, with the row of the points that the customer has so far."""
    emails = {each.customer_id: session.get_one(Customer, each.customer_id).email for each in given}
    owner = report.customer or _find_holder(session, given)
    email = owner.key if owner else None
    people = customers.find_ids(session, sorted({*emails.values(), *([email] if email else [])}))
    changes: list[tuple[str, int, ShopOrderPoints | None, bool]] = []
    # A customer may have another address now than the one under which the points were given.
    own_rows = [each for each in given if email is not None and people[emails[each.customer_id]] == people.get(email)]
    for each in given:
        if each not in own_rows and each.points:
            changes.append((emails[each.customer_id], -each.points, each, True))
    own = max(own_rows, key=lambda each: each.points, default=None)
    difference = worth.points - sum(each.points for each in own_rows)
    if email is not None and difference:
        changes.append((emails[own.customer_id] if own else email, difference, own, False))
    drafts = []
    for customer, points, row, is_other in changes:
        is_moved = len(changes) > 1 and is_other
        draft = Draft(
            owner.spelling if owner and customer == email else customer,
            points,
            reserve=reserve.key,
            kind="earn" if points > 0 else "refund",
            reason=reasons.movement_reason(report, order.seen, points, is_counted=worth.points > 0, is_moved=is_moved),
            ref=refs.make_ref(report.id, order.next_n()),
            at=row.given_at if points < 0 and row is not None and _has_expired_since(session, row) else None,
            has_happened=True,
        )
        drafts.append((draft, row))
    return drafts


def _has_expired_since(session: Session, row: ShopOrderPoints) -> bool:
    """Whether points of the customer have expired since the order gave its points.

    Then what is taken back is dated like them: so expiry is calculated as if they had never been given, and gives back
    what it has taken of them. Points that have expired are not taken back twice, here and on all other sites.
    """
    query = select(Movement.seq).where(
        of_customer(session, find_people(session, [row.customer_id])[row.customer_id]),
        Movement.reserve_id == row.reserve_id,
        Movement.kind == "expire",
        Movement.recorded_at > row.given_at,
    )
    return session.scalar(query.limit(1)) is not None


def _find_rule_id(
    session: Session, shop: Shop, report: OrderReport, given: Sequence[ShopOrderPoints], rule: OrderRule
) -> int:
    """The rule that stays with the order in this reserve: the one by which it first counted."""
    found = next((each.rule_id for each in given if each.rule_id is not None), None)
    return found or stored_rules.store(session, rule.frozen_for(report.currency, shop.currency))


def _learn_currency(session: Session, shop: Shop, report: OrderReport, rule: OrderRule) -> None:
    """The first order that counts tells the shop's own currency, unless the rule names that currency beside its own."""
    if shop.currency or not report.currency or (OWN_CURRENCY in rule.rates and report.currency in rule.rates):
        return
    session.refresh(shop, with_for_update=True)
    if not shop.currency:
        shop.currency = report.currency
        session.flush()
