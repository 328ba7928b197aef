"""Movements that the shop repeated here after a restore, because their first record was lost: found by source and ref,
and taken back when the first one returns."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from pointsync.db.chunking import chunks
from pointsync.email_address import normalise
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.fetch_back.merge import MergedMovement
from pointsync.ledger.orders.given import mark_stale
from pointsync.ledger.record import record_checked
from pointsync.models import ApiKey, Attempt, Delivery, DeliveryState, Hook, Movement, Shop
from pointsync.models.delivery import OPEN_STATES
from pointsync.models.movement import IMPORT_SOURCE

CORRECTION_SOURCE = "correction"
COMMAND_SOURCE = "command"
MAX_CALL_DURATION = timedelta(seconds=120)
"""A call that began earlier is over, even if its outcome was not saved."""


def find(session: Session, local_auth: str, merged: MergedMovement) -> list[Movement]:
    """This site's other movements with the ref and source of a returned one, with customer and reserve.

    If the source is unknown, because an earlier version sent it, with that ref of any source of a shop.
    """
    return find_all(session, local_auth, [merged])[merged.movement_id]


def find_all(session: Session, local_auth: str, returned: Sequence[MergedMovement]) -> dict[int, list[Movement]]:
    """The same for many returned movements, by their ids."""
    has_unknown_source = any(each.ref is not None and each.source is None for each in returned)
    shop_sources = _list_shop_sources(session) if has_unknown_source else []
    keys = {
        each.movement_id: [(source, each.ref) for source in ([each.source] if each.source else shop_sources)]
        for each in returned
        if each.ref is not None
    }
    refs_by_source: defaultdict[str, set[str]] = defaultdict(set)
    for source, ref in (key for own_keys in keys.values() for key in own_keys):
        refs_by_source[source].add(ref)
    recorded: dict[tuple[str | None, str | None], Movement] = {}
    for source, refs in refs_by_source.items():
        query = (
            select(Movement)
            .options(joinedload(Movement.customer), joinedload(Movement.reserve))
            .where(Movement.origin == local_auth, Movement.source == source)
        )
        for part in chunks(sorted(refs)):
            recorded |= {(source, each.ref): each for each in session.scalars(query.where(Movement.ref.in_(part)))}
    return {
        each.movement_id: [
            recorded[key]
            for key in keys.get(each.movement_id, [])
            if key in recorded and recorded[key].id != str(each.movement_id)
        ]
        for each in returned
    }


def has_same_content(repeat: Movement, merged: MergedMovement) -> bool:
    """Whether both have the same points, reserve and customer, and the same `at` if the shop has sent it."""
    has_sent_at = repeat.at != repeat.recorded_at and merged.at is not None
    return (
        (repeat.points, repeat.reserve_id) == (merged.points, merged.reserve_id)
        and repeat.customer.email == normalise(merged.customer)
        and (not has_sent_at or repeat.at == merged.at)
    )


def is_being_sent(session: Session, movement_seqs: Iterable[int], now: datetime) -> bool:
    """Whether one of the movements may be in a call that is running: then its delivery is about to change."""
    query = (
        select(Delivery.id)
        .join(Attempt, Attempt.remote_id == Delivery.remote_id)
        .where(
            Delivery.movement_seq.in_(list(movement_seqs)),
            Delivery.state.in_((DeliveryState.PENDING, DeliveryState.UNKNOWN)),
            Attempt.ended_at.is_(None),
            Attempt.started_at > now - MAX_CALL_DURATION,
        )
        .limit(1)
    )
    return session.scalar(query) is not None


def take_back(session: Session, repeat: Movement, movement_id: str, now: datetime) -> set[int]:
    """Take a repeat back: a correction on this site, its open deliveries set aside, its ref free for the first one.

    Return the remotes that have received the repeat: they must not get the first one as well.
    """
    correct(session, repeat, f"Repeat of movement {movement_id}, which came back", now)
    mark_stale(session, [repeat.ref])
    repeat.source = repeat.ref = None
    deliveries = session.scalars(select(Delivery).where(Delivery.movement_seq == repeat.seq)).all()
    for delivery in deliveries:
        if delivery.state in OPEN_STATES:
            delivery.state = DeliveryState.SET_ASIDE
            delivery.message = f"The shop had repeated movement {movement_id}, which came back from another site."
    session.flush()
    return {each.remote_id for each in deliveries if each.state == DeliveryState.DELIVERED}


def correct(session: Session, movement: Movement, reason: str, now: datetime) -> None:
    """Take a movement's points back on this site, once, also if its reserve is not active any more."""
    if not movement.points:
        return
    draft = Draft(
        movement.customer.email,
        -movement.points,
        reserve=movement.reserve.key,
        kind="correction",
        ref=f"returned:{movement.id}",
    )
    checked = CheckedDraft(draft)
    checked.email, checked.reserve, checked.reason = movement.customer.email, movement.reserve, reason
    record_checked(session, [checked], CORRECTION_SOURCE, now)


def _list_shop_sources(session: Session) -> list[str]:
    return [
        *(f"api:{shop}" for shop in session.scalars(select(ApiKey.shop).distinct())),
        *(f"hook:{name}" for name in session.scalars(select(Hook.name).distinct())),
        *(f"shop:{code}" for code in session.scalars(select(Shop.code))),
        COMMAND_SOURCE,
        IMPORT_SOURCE,
    ]
