"""The rows of orders: locked for one report at a time, with what each customer has from them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.orders import given, newer, stored_rules
from pointsync.ledger.orders.given import EarlySource
from pointsync.ledger.orders.newer import SeenState
from pointsync.ledger.orders.problems import OrderProblem
from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Shop, ShopOrder, ShopOrderPoints
from pointsync.text_limits import sanitise

MAX_STATUS_LENGTH = 40
MAX_NUMBER_LENGTH = 64


@dataclass(slots=True)
class LockedOrder:
    """An order's row, locked until the transaction ends, and the points given so far."""

    row: ShopOrder
    points: list[ShopOrderPoints] = field(default_factory=list)

    @property
    def seen(self) -> SeenState:
        """The newest state seen so far."""
        row = self.row
        seen_at = row.seen_at if row.status or row.is_deleted else None  # a row of which nothing was seen so far
        return SeenState(row.modified_at, (row.highest_refund_id, row.highest_line_id), row.is_deleted, seen_at)

    def points_in(self, reserve_id: int) -> list[ShopOrderPoints]:
        """What customers have from the order in a reserve."""
        return [each for each in self.points if each.reserve_id == reserve_id]

    def is_other(self, report: OrderReport) -> bool:
        """Whether the report is about another order with the same id: the shop has used its id again."""
        return bool(report.key and self.row.order_key and report.key != self.row.order_key)

    def next_n(self) -> int:
        """The number for the next movement."""
        self.row.n += 1
        return self.row.n

    def add_points(
        self, session: Session, points: ShopOrderPoints | None, movement: MovementRow, rule_id: int | None
    ) -> None:
        """Count a movement of the order; `points` is the row for its customer, if there is one."""
        if points is None:
            points = ShopOrderPoints(
                shop_order_id=self.row.id,
                reserve_id=movement.reserve_id,
                customer_id=movement.address_id,
                points=0,
                given_at=movement.at,
            )
            session.add(points)
            self.points.append(points)
        points.points += movement.points
        points.rule_id = points.rule_id or rule_id

    def remember(self, session: Session, report: OrderReport, problem: OrderProblem | None, now: datetime) -> None:
        """Store the state of a report as the newest one seen."""
        row, seen = self.row, newer.after(report, self.seen)
        row.modified_at, row.is_deleted = seen.modified_at, seen.is_deleted
        row.highest_refund_id, row.highest_line_id = seen.highest_ids
        row.problem, row.seen_at = problem, report.asked_at or now
        if not report.is_deleted:
            row.order_key = report.key or row.order_key
            row.number = sanitise(report.number, MAX_NUMBER_LENGTH)
            row.status = sanitise(report.status, MAX_STATUS_LENGTH)
            row.currency = report.currency
            row.ordered_at = report.created_at or row.ordered_at
            row.account_id = row.account_id if report.account_id is None else report.account_id
        session.flush()


def lock_or_create(
    session: Session, shop: Shop, report: OrderReport, early_sources: Sequence[EarlySource], now: datetime
) -> LockedOrder:
    """The order's row, locked. A new one, and one that is stale, first reads what its movements have given.

    Two transactions may create it at once: the unique index refuses the second one, which must run again.
    """
    row = lock(session, shop.id, report.id)
    if row is None:
        row = _new_row(shop.id, report, 1, now)
        row.is_stale = True
        session.add(row)
        session.flush()
    return load(session, shop, row, early_sources)


def load(session: Session, shop: Shop, row: ShopOrder, early_sources: Sequence[EarlySource]) -> LockedOrder:
    """The order of a row that is locked. A stale one first reads what its movements have given."""
    order = LockedOrder(row)
    if row.is_stale:
        _read_again(session, shop, order, early_sources)
    query = select(ShopOrderPoints).where(ShopOrderPoints.shop_order_id == row.id)
    order.points = list(session.scalars(query.order_by(ShopOrderPoints.reserve_id, ShopOrderPoints.customer_id)))
    return order


def lock(session: Session, shop_id: int, order_id: int) -> ShopOrder | None:
    """The row of the shop's present order with this id, locked; None if none was ever reported."""
    query = select(ShopOrder).where(
        ShopOrder.shop_id == shop_id, ShopOrder.order_id == order_id, ShopOrder.replaced_at.is_(None)
    )
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def replace(
    session: Session,
    shop: Shop,
    order: LockedOrder,
    report: OrderReport,
    emails: Collection[str],
    early_sources: Sequence[EarlySource],
    now: datetime,
) -> LockedOrder:
    """Begin another order under the same id. The one before is kept, and listed if customers have points from it.

    `emails` are the addresses to which the new order may belong. What it had given before this site was restored is
    its own again (`given.find_start_of_next`).
    """
    row = order.row
    start = given.find_start_of_next(session, shop, row.order_id, row.first_n, emails)
    if start is not None:
        row.n = start - 1
        _read_again(session, shop, order, early_sources, row.n)
        order = load(session, shop, row, early_sources)
    row.replaced_at = now
    row.problem = OrderProblem.REPLACED if any(each.points for each in order.points) else None
    session.flush()
    new = _new_row(row.shop_id, report, row.n + 1, now)
    new.is_stale = start is not None
    session.add(new)
    session.flush()
    return load(session, shop, new, early_sources)


def _new_row(shop_id: int, report: OrderReport, first_n: int, now: datetime) -> ShopOrder:
    return ShopOrder(
        shop_id=shop_id,
        order_id=report.id,
        order_key=report.key,
        number="",
        first_n=first_n,
        n=first_n - 1,
        status="",
        currency="",
        highest_refund_id=0,
        highest_line_id=0,
        is_deleted=False,
        seen_at=now,
        is_stale=False,
    )


def _read_again(
    session: Session,
    shop: Shop,
    order: LockedOrder,
    early_sources: Sequence[EarlySource],
    last_n: int | None = None,
) -> None:
    """Read from the movements what the order has given, up to the number `last_n`. What is known of its rules stays."""
    row = order.row
    rows = session.scalars(select(ShopOrderPoints).where(ShopOrderPoints.shop_order_id == row.id)).all()
    before = {(each.reserve_id, each.customer_id): each.rule_id for each in rows}
    for each in rows:
        session.delete(each)
    session.flush()
    recorded = given.read_recorded(session, shop, row.order_id, row.first_n, early_sources, last_n)
    for key, found in sorted(recorded.points.items()):
        rule_id = before.get(key)
        if rule_id is None and found.rule is not None:
            rule_id = stored_rules.store(session, found.rule)
        session.add(
            ShopOrderPoints(
                shop_order_id=row.id,
                reserve_id=found.reserve_id,
                customer_id=found.customer_id,
                points=found.points,
                given_at=found.given_at,
                rule_id=rule_id,
            )
        )
    row.n, row.is_stale = max(row.n, recorded.n), False
    session.flush()
