"""The parts of a report that the ledger and the shops' orders have."""

from collections.abc import Iterator

from sqlalchemy import func, select

from pointsync.clock import to_text
from pointsync.ledger.holds.customer_balances import list_by_email
from pointsync.ledger.movement_json import Movement as MovementJson
from pointsync.ledger.people import stored
from pointsync.ledger.rewards import levels
from pointsync.models import (
    Hold,
    Movement,
    Redemption,
    Reserve,
    Reward,
    Shop,
    ShopAccount,
    ShopOrder,
    ShopOrderPoints,
)
from pointsync.reports.person_report.person import Person
from pointsync.sync.people.report_json import (
    ReportedAccount,
    ReportedAddress,
    ReportedBalance,
    ReportedChange,
    ReportedHold,
    ReportedLevel,
    ReportedOrder,
    ReportedRedemption,
)

MAX_ROWS = 10_000
"""Of one part, except movements."""
CHUNK_SIZE = 1000


def list_addresses(person: Person) -> Iterator[ReportedAddress]:
    """The addresses, the one that is shown first."""
    for place, row in enumerate(person.rows):
        yield ReportedAddress(address=row.email, first_seen_at=to_text(row.created_at), is_shown=place == 0)


def list_changes(person: Person) -> Iterator[ReportedChange]:
    """The changes about these addresses, the oldest first."""
    for each in sorted(stored.list_related(person.session, list(person.emails.values())), key=lambda each: each.order):
        yield ReportedChange(
            at=to_text(each.at), change=each.change, customer=each.customer, into=each.into, origin=each.origin
        )


def list_balances(person: Person) -> Iterator[ReportedBalance]:
    """The points in each reserve."""
    for each in list_by_email(person.session, [person.address], person.now).get(person.address, []):
        yield ReportedBalance(reserve=each.reserve, points=each.points, held=each.held)


def list_levels(person: Person) -> Iterator[ReportedLevel]:
    """The levels that were reached."""
    if person.rows:
        for unlock, level, reserve in levels.list_reached(person.session, person.rows[0]):
            yield ReportedLevel(at=to_text(unlock.at), level=level.title, reserve=reserve.key)


def list_redemptions(person: Person) -> Iterator[ReportedRedemption]:
    """The rewards that were redeemed here, the newest first."""
    query = (
        select(Movement, Reward.title, Reserve.key)
        .join(Redemption, Redemption.movement_seq == Movement.seq)
        .join(Reward, Reward.id == Redemption.reward_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .where(Movement.customer_id.in_(person.row_ids))
        .order_by(Movement.seq.desc())
    )
    for movement, title, reserve_key in person.session.execute(query.limit(MAX_ROWS)):
        yield ReportedRedemption(
            at=to_text(movement.at),
            address=person.emails[movement.customer_id],
            reward=title,
            reserve=reserve_key,
            points=movement.points,
            movement=movement.id,
        )


def list_holds(person: Person) -> Iterator[ReportedHold]:
    """The holds, also those that have ended, the newest first."""
    query = (
        select(Hold, Reserve.key)
        .join(Reserve, Reserve.id == Hold.reserve_id)
        .where(Hold.customer_id.in_(person.row_ids))
        .order_by(Hold.id.desc())
    )
    for hold, reserve_key in person.session.execute(query.limit(MAX_ROWS)):
        yield ReportedHold(
            at=to_text(hold.created_at),
            address=person.emails[hold.customer_id],
            reserve=reserve_key,
            points=hold.points,
            state=hold.state,
            until=to_text(hold.until_at),
            source=hold.source,
            ref=hold.ref,
        )


def list_orders(person: Person) -> Iterator[ReportedOrder]:
    """The orders that gave points, the newest first."""
    query = (
        select(ShopOrderPoints, ShopOrder, Shop.name, Reserve.key)
        .join(ShopOrder, ShopOrder.id == ShopOrderPoints.shop_order_id)
        .join(Shop, Shop.id == ShopOrder.shop_id)
        .join(Reserve, Reserve.id == ShopOrderPoints.reserve_id)
        .where(ShopOrderPoints.customer_id.in_(person.row_ids))
        .order_by(ShopOrder.id.desc())
    )
    for points, order, shop, reserve_key in person.session.execute(query.limit(MAX_ROWS)):
        yield ReportedOrder(
            at=to_text(order.ordered_at) if order.ordered_at else None,
            address=person.emails[points.customer_id],
            shop=shop,
            order=str(order.order_id),
            number=order.number,
            status=order.status,
            reserve=reserve_key,
            points=points.points,
        )


def list_accounts(person: Person) -> Iterator[ReportedAccount]:
    """The accounts in shops that have one of the addresses."""
    query = (
        select(ShopAccount, Shop.name)
        .join(Shop, Shop.id == ShopAccount.shop_id)
        .where(person.texts.may_name(ShopAccount.email.expression))
        .order_by(ShopAccount.shop_id, ShopAccount.account_id)
    )
    for account, shop in person.session.execute(query.limit(MAX_ROWS)):
        if not person.texts.is_named_in(account.email or ""):
            continue
        yield ReportedAccount(
            at=to_text(account.modified_at) if account.modified_at else None,
            address=account.email or "",
            shop=shop,
            account=str(account.account_id),
        )


def list_movements(person: Person, before_seq: int | None) -> Iterator[tuple[int, MovementJson]]:
    """The movements with their `seq`, the newest first, from the one before `before_seq` on. `customer` is the address
    under which each was recorded."""
    while person.rows:
        parts = [
            select(Movement.seq)
            .where(Movement.customer_id == row_id, *([] if before_seq is None else [Movement.seq < before_seq]))
            .order_by(Movement.seq.desc())
            .limit(CHUNK_SIZE)
            for row_id in person.row_ids
        ]
        seqs = sorted((seq for part in parts for seq in person.session.scalars(part)), reverse=True)[:CHUNK_SIZE]
        if not seqs:
            return
        query = (
            select(Movement, Reserve.key)
            .join(Reserve, Reserve.id == Movement.reserve_id)
            .where(Movement.seq.between(seqs[-1], seqs[0]), Movement.customer_id.in_(person.row_ids))
            .order_by(Movement.seq.desc())
        )
        for movement, reserve_key in person.session.execute(query).all():
            yield movement.seq, MovementJson.from_row(movement, person.emails[movement.customer_id], reserve_key)
        before_seq = seqs[-1]


def count_movements(person: Person) -> int:
    """How many there are."""
    query = select(func.count()).select_from(Movement).where(Movement.customer_id.in_(person.row_ids))
    return person.session.scalar(query) or 0
