"""What an order has given so far, read from its movements: when its row is new, and after movements came back."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pointsync.db.chunking import chunks
from pointsync.ledger import customers
from pointsync.ledger.orders import refs, shops
from pointsync.ledger.orders.rule import OrderRule
from pointsync.models import Customer, Movement, Shop, ShopOrder

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
    session: Session,
    shop: Shop,
    order_id: int,
    first_n: int,
    early_sources: Sequence[EarlySource],
    last_n: int | None = None,
) -> RecordedOrder:
    """What the movements with the numbers from `first_n` to `last_n` have given; without `last_n`, to the last one.

    Movements of early hooks belong to the first order with its id.
    """
    recorded = RecordedOrder({}, first_n - 1)
    if first_n == 1:
        _add_early(session, recorded, order_id, early_sources)
    for n, movement in _iter_numbered(session, shop, order_id, first_n):
        if last_n is None or n <= last_n:
            recorded.add(movement, None)
            recorded.n = max(recorded.n, n)
    return recorded


def find_start_of_next(
    session: Session, shop: Shop, order_id: int, first_n: int, emails: Collection[str]
) -> int | None:
    """The number of the first movement of the order that has replaced this one; None if nothing tells it.

    After this site was restored to before that, the movements of both orders came back, and only the row of the one
    before is known. What came back for the customer of the new order, who has one of these addresses, belongs to the
    new order, unless the one before is known to have given that customer points.
    """
    numbered = list(_iter_numbered(session, shop, order_id, first_n))
    query = select(Customer.id, Customer.email).where(Customer.id.in_({each.customer_id for _, each in numbered}))
    holders = {row.id: row.email for row in session.execute(query)}
    people = customers.find_ids(session, sorted({*holders.values(), *emails}))
    own = {people[email] for email in emails if email in people}
    of_own = [(n, each) for n, each in numbered if people[holders[each.customer_id]] in own]
    came_back = all(each.is_history for _, each in of_own)
    return min(n for n, _ in of_own) if of_own and came_back else None


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


def _iter_numbered(session: Session, shop: Shop, order_id: int, first_n: int) -> Iterator[tuple[int, Movement]]:
    """All movements of the order from this number on, with their numbers."""
    sources, start = shops.list_sources(session, shop), first_n
    while movements := _list_numbered(session, sources, order_id, start):
        yield from movements
        start += PROBED_AT_ONCE


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
