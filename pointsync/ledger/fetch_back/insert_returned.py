"""Inserting returned movements: their rows, and their deliveries to the remotes that lack them."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.digests import DigestSum
from pointsync.email_address import parse
from pointsync.ledger import customers
from pointsync.ledger.balances import LockedBalances, leaves_bounds
from pointsync.ledger.customers import FoundCustomer
from pointsync.ledger.fetch_back.merge import MergedMovement
from pointsync.ledger.fetch_back.placement import Placement, load_own
from pointsync.ledger.insert_movements import insert_movements
from pointsync.ledger.movement_row import MovementRow
from pointsync.ledger.orders.given import mark_stale
from pointsync.ledger.people.erased.lives import hide_in
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Delivery, DeliveryState, Hold, Remote, Reserve, Site
from pointsync.models.movement import SENT_KINDS


def lock_remotes(session: Session) -> None:
    """Lock all remotes until the transaction ends, so that no call begins meanwhile. Before balances and the site."""
    query = select(Remote.id).order_by(Remote.id).with_for_update(key_share=True, of=Remote)
    session.scalars(query).all()


def insert_returned(session: Session, placements: Sequence[Placement], now: datetime) -> list[int]:
    """Record the movements of `placements`, without mails.

    Return the ids of those that are not recorded, because a balance would leave its bounds.
    """
    dated = [(parse(each.merged.customer), _time_of(each.merged)) for each in placements]
    placed = {
        each.merged.movement_id: customer
        for each, customer in zip(placements, customers.get_or_create_at(session, dated, now), strict=True)
    }
    keys = {
        each.merged.movement_id: (placed[each.merged.movement_id][1].id, each.merged.reserve_id) for each in placements
    }
    balances = LockedBalances(session, keys.values())
    site = Site.get_for_update(session)
    reserves = {reserve.id: reserve for reserve in session.scalars(select(Reserve))}
    rows: list[MovementRow] = []
    refused: list[int] = []
    for each in placements:
        merged, key = each.merged, keys[each.merged.movement_id]
        if leaves_bounds(balances.get(key), merged.points):
            refused.append(merged.movement_id)
            continue
        (address, customer), reserve = placed[merged.movement_id], reserves[merged.reserve_id]
        balance = balances.add(key, merged.points)
        rows.append(_build_row(merged, address.key, customer, balance, site.auth, reserve, now))
    if rows:
        balances.save()
        insert_movements(session, rows)
        mark_stale(session, (row.ref for row in rows if row.source))
        site.last_id = max(site.last_id, *(int(row.id) for row in rows))
        recorded = [each for each in placements if each.merged.movement_id not in refused]
        _create_deliveries(session, recorded, now)
        _move_captures(session, recorded)
    return refused


def _build_row(
    merged: MergedMovement,
    email: str,
    customer: FoundCustomer,
    balance: int,
    auth: str,
    reserve: Reserve,
    now: datetime,
) -> MovementRow:
    return MovementRow(
        origin=auth,
        id=str(merged.movement_id),
        customer_id=customer.id,
        address_id=customer.address_id,
        reserve_id=reserve.id,
        kind=merged.kind,
        points=merged.points,
        set_to=None,
        balance=balance,
        reason="" if is_token(email) else merged.reason,
        source=merged.source if merged.ref else None,
        ref=hide_in(merged.ref, merged.customer, email) if is_token(email) else merged.ref,
        at=_time_of(merged),
        recorded_at=now,
        below_zero=balance < 0 and merged.points < 0 and not reserve.may_go_below_zero,
        is_history=True,
        digest=merged.digest,
        sent_customer=None if merged.customer == email or is_token(email) else merged.customer,
    )


def _time_of(merged: MergedMovement) -> datetime:
    return merged.at or ids.time_of(merged.movement_id)


def _create_deliveries(session: Session, placements: Sequence[Placement], now: datetime) -> None:
    """Delivered to the remotes that returned a movement, pending for the others that observe its reserve."""
    own = load_own(session, [each.merged.movement_id for each in placements])
    returned_by = frozenset[int]().union(*(each.merged.remote_ids for each in placements))
    query = select(Remote).where(or_(Remote.deleted_at.is_(None), Remote.id.in_(returned_by))).order_by(Remote.id)
    remotes = session.scalars(query).all()
    rows: list[dict[str, Any]] = []
    confirmed: defaultdict[int, list[int]] = defaultdict(list)
    for each in placements:
        seq = own[each.merged.movement_id].seq
        for remote in remotes:
            values = _delivery_values(remote, each, now)
            if values is not None:
                rows.append({"movement_seq": seq, "remote_id": remote.id, "attempts": 0, "is_history": False} | values)
            if values and values["state"] == DeliveryState.DELIVERED and each.merged.points:
                confirmed[remote.id].append(each.merged.digest)
    if rows:
        session.execute(insert(Delivery), rows)
    for remote in remotes:
        remote.delivered += DigestSum.of(confirmed[remote.id])
    session.flush()


def _move_captures(session: Session, placements: Sequence[Placement]) -> None:
    """A hold that a repeat has captured was captured by the returned movement, so that the shop may repeat that."""
    own = load_own(session, [each.merged.movement_id for each in placements if each.repeat_seqs])
    for each in placements:
        if each.repeat_seqs:
            seq = own[each.merged.movement_id].seq
            session.execute(update(Hold).where(Hold.movement_seq.in_(each.repeat_seqs)).values(movement_seq=seq))


def _delivery_values(remote: Remote, placement: Placement, now: datetime) -> dict[str, Any] | None:
    """The columns that differ between deliveries; None if the remote has nothing to do with the movement."""
    merged = placement.merged
    values: dict[str, Any] = {"delivered_at": None, "called_at": None, "message": None}
    if remote.id in merged.remote_ids:
        return values | {"state": DeliveryState.DELIVERED, "delivered_at": now}
    observes = remote.reserve_id == merged.reserve_id and remote.deleted_at is None and remote.closing_at is None
    if not observes or merged.kind not in SENT_KINDS or not merged.points:
        return None
    if remote.id in placement.not_sent:
        return values | {"state": DeliveryState.SET_ASIDE, "message": placement.not_sent[remote.id]}
    # A WooRewards shop returns nothing, and may have received the movement before it was lost here.
    return values | {"state": DeliveryState.PENDING, "called_at": now if remote.is_woorewards else None}
