"""Making the rows of addresses belong to the customers to whom the changes of people give them.

A row leads to its customer's row, and only that one has balances, so the balances move. Reaching a level with the sum
unlocks it. Nothing else changes: movements, holds, orders and mails refer to the row of their address for ever.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in
from pointsync.email_address import parse
from pointsync.errors import Conflict
from pointsync.ledger import customers
from pointsync.ledger.balances import BalanceKey, LockedBalances
from pointsync.ledger.people.replay import People
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Customer, Movement
from pointsync.text_limits import MAX_POINTS


def arrange(
    session: Session, people: People, addresses: Iterable[str], now: datetime, *, must_fit: bool = True
) -> None:
    """Give `addresses`, and all other addresses of their customers, to the customers that `people` names.

    Raises Conflict (`balance_out_of_bounds`) if a sum of balances would leave its bounds, unless not `must_fit`.
    """
    wanted = set(addresses)
    for address in tuple(wanted):
        wanted.update(people.find(address).addresses)
    rows = lock_rows(session, wanted, now)
    ids = {row.email: row.id for row in rows}
    targets = {row.id: ids[people.find(row.email).address] for row in rows}
    before = {row.id: row.merged_into_id or row.id for row in rows}
    moved = [row.id for row in rows if targets[row.id] != before[row.id]]
    if not moved:
        return
    for row in rows:
        row.merged_into_id = None if targets[row.id] == row.id else targets[row.id]
    session.flush()
    _move_balances(session, before, targets, moved, must_fit=must_fit)
    for customer_id in sorted({targets[address_id] for address_id in moved}):
        levels.unlock_by_sums(session, customer_id, now)


def lock_rows(session: Session, addresses: Collection[str], now: datetime) -> list[Customer]:
    """The rows of the addresses, created if they are missing, and locked: who records something for them waits.

    They are locked before balances and the site, as by everybody who records something.
    """
    customers.get_or_create(session, map(parse, addresses), now)
    query = select(Customer).where(is_in(Customer.email, addresses)).order_by(Customer.id).with_for_update()
    return list(session.scalars(query.execution_options(populate_existing=True)))


def _move_balances(
    session: Session, before: Mapping[int, int], targets: Mapping[int, int], moved: Iterable[int], *, must_fit: bool
) -> None:
    """Give the points of the moved addresses to the customers to whom they belong now."""
    transfers: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for address_id in moved:
        transfers[before[address_id], targets[address_id]].append(address_id)
    members: defaultdict[int, int] = defaultdict(int)
    for customer_id in before.values():
        members[customer_id] += 1
    changes: defaultdict[BalanceKey, int] = defaultdict(int)
    for (old, new), address_ids in transfers.items():
        is_whole = len(address_ids) == members[old]
        for reserve_id, points in (
            _read_balances(session, old) if is_whole else _sum_movements(session, address_ids)
        ).items():
            changes[old, reserve_id] -= points
            changes[new, reserve_id] += points
    balances = LockedBalances(session, changes)
    for key, points in changes.items():
        if abs(balances.add(key, points)) > MAX_POINTS and must_fit:
            message = (
                f"A balance would be more than {MAX_POINTS:,} or less than -{MAX_POINTS:,}. Adjust the points first."
            )
            raise Conflict("balance_out_of_bounds", message)
    balances.save()
    gone = [address_id for address_id, target in targets.items() if target != address_id]
    session.execute(delete(Balance).where(Balance.customer_id.in_(gone)).execution_options(synchronize_session=False))


def _read_balances(session: Session, customer_id: int) -> dict[int, int]:
    """By reserve, locked."""
    query = select(Balance.reserve_id, Balance.points).where(Balance.customer_id == customer_id)
    rows = session.execute(query.order_by(Balance.reserve_id).with_for_update())
    return {row[0]: row[1] for row in rows}


def _sum_movements(session: Session, address_ids: list[int]) -> dict[int, int]:
    """What was recorded under these addresses, by reserve."""
    query = select(Movement.reserve_id, func.sum(Movement.points)).where(Movement.customer_id.in_(address_ids))
    return {reserve_id: int(points) for reserve_id, points in session.execute(query.group_by(Movement.reserve_id))}
