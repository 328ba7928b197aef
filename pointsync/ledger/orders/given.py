"""What an order has given so far, read from its movements: when its row is new, and after movements came back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger.orders import refs, shops
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Movement, Shop, ShopOrder

PROBED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class EarlySource:
    """A hook that recorded a shop's orders before orders had rows: the source of its movements, and its rule.

    Several hooks may have had the same name, one after the other; each recorded from `since` on.
    """

    source: str
    rule: OrderRule
    since: datetime


@dataclass(slots=True)
class GivenPoints:
    """The points that a customer has from an order in a reserve, and the rule if an early hook gave them."""

    reserve_id: int
    customer_id: int
    points: int
    given_at: datetime
    rule: OrderRule | None = None


@dataclass(slots=True)
class RecordedOrder:
    """What the movements of an order tell: the points by reserve and customer, and the last number."""

    points: dict[tuple[int, int], GivenPoints]
    n: int

    def add(self, movement: Movement, rule: OrderRule | None) -> None:
        """Count a movement."""
        key = (movement.reserve_id, movement.customer_id)
        if key not in self.points:
            self.points[key] = GivenPoints(*key, 0, movement.at)
        given = self.points[key]
        given.points += movement.points
        given.given_at = min(given.given_at, movement.at)
        given.rule = given.rule or rule


def read_recorded(
    session: Session, shop: Shop, order_id: int, first_n: int, early_sources: Sequence[EarlySource]
) -> RecordedOrder:
    """What the movements with the numbers from `first_n` have given.

    Movements of early hooks belong to the first order with its id.
    """
    recorded = RecordedOrder({}, first_n - 1)
    if first_n == 1:
        _add_early(session, recorded, order_id, early_sources)
    start = first_n
    sources = shops.list_sources(session, shop)
    while movements := _list_numbered(session, sources, order_id, start):
        for n, movement in movements:
            recorded.add(movement, None)
            recorded.n = max(recorded.n, n)
        start += PROBED_AT_ONCE
    return recorded


def mark_stale(session: Session, movement_refs: Iterable[str | None]) -> None:
    """Let the orders with these refs read again what they have given: their movements came back, or were taken back."""
    order_ids = {order_id for ref in movement_refs if (order_id := refs.parse_order_id(ref)) is not None}
    for part in chunks(sorted(order_ids)):
        session.execute(
            update(ShopOrder)
            .where(ShopOrder.order_id.in_(part))
            .values(is_stale=True)
            .execution_options(synchronize_session=False)
        )


def _list_numbered(session: Session, sources: Sequence[str], order_id: int, start: int) -> list[tuple[int, Movement]]:
    """The next movements of the order with their numbers. Numbers are used without gaps, so this finds all of them."""
    numbers = {refs.make_ref(order_id, n): n for n in range(start, start + PROBED_AT_ONCE)}
    query = select(Movement).where(Movement.source.in_(sources), Movement.ref.in_(list(numbers)))
    return [(numbers[movement.ref or ""], movement) for movement in session.scalars(query)]


def _add_early(session: Session, recorded: RecordedOrder, order_id: int, early_sources: Sequence[EarlySource]) -> None:
    query = select(Movement).where(
        Movement.source.in_({each.source for each in early_sources}), Movement.ref == refs.make_early_ref(order_id)
    )
    for order in session.scalars(query).all() if early_sources else ():
        rule = _find_rule(order, early_sources)
        recorded.add(order, rule)
        # Refunds were always taken from the customer who got the points; a deleted one is in no report any more.
        of_refunds = select(Movement).where(
            Movement.customer_id == order.customer_id,
            Movement.source == order.source,
            Movement.ref.startswith(refs.make_early_refund_prefix(order_id), autoescape=True),
        )
        for refund in session.scalars(of_refunds):
            recorded.add(refund, rule)


def _find_rule(order: Movement, early_sources: Sequence[EarlySource]) -> OrderRule:
    """The rule of the hook that recorded an order."""
    own = sorted((each for each in early_sources if each.source == order.source), key=lambda each: each.since)
    recording = [each for each in own if each.since <= order.recorded_at]
    return (recording or own)[-1].rule
