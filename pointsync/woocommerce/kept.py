"""Deliveries that are counted later: kept with their bodies, the newest one of each order or movement."""

import json
import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.orm import Session

from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.orders import newer
from pointsync.ledger.orders.newer import SeenState
from pointsync.ledger.orders.report import OrderReport
from pointsync.models import Hook, KeptDelivery, ShopAddress
from pointsync.woocommerce import order_json
from pointsync.woocommerce.values import DeliveryIgnored, parse_int

FETCHING_BACK = "fetching_back"
MAX_KEPT = 20_000
"""Of one hook: more are refused, with a message in its list of deliveries."""
BATCH_SIZE = 50
ORDER, DELETED, MOVEMENT = "order", "deleted", "movement"


def keep(
    session: Session, hook: Hook, *, topic: str, shop: str, address: str, body: Any, reason: str, now: datetime
) -> None:
    """Keep a delivery whose body was read without error. An older report of the same order is replaced.

    Raises DeliveryIgnored if too many wait.
    """
    report = None if hook.rule == "movements" else order_json.parse_delivery(topic, body)
    kind = MOVEMENT if report is None else DELETED if report.is_deleted else ORDER
    thing_id = report.id if report else parse_int(body["arg"].get("movement_id")) or 0
    known = session.scalar(
        select(KeptDelivery).where(
            KeptDelivery.hook_id == hook.id,
            KeptDelivery.address == address,
            KeptDelivery.topic_kind == kind,
            KeptDelivery.thing_id == thing_id,
        )
    )
    if known is not None:
        if report is not None and kind == ORDER and _is_older(report, known, now):
            return
        session.delete(known)  # the new row comes last, so deliveries are counted in the order of their arrival
        session.flush()
    elif (session.scalar(select(func.count()).where(KeptDelivery.hook_id == hook.id)) or 0) >= MAX_KEPT:
        raise DeliveryIgnored(f"More than {MAX_KEPT:,} deliveries of this hook are kept already.")
    session.add(
        KeptDelivery(
            hook_id=hook.id,
            address=address,
            topic_kind=kind,
            thing_id=thing_id,
            topic=topic,
            shop=shop,
            body=zlib.compress(json.dumps(body).encode()),
            received_at=now,
            reason=reason,
        )
    )
    session.flush()


def list_ready(session: Session) -> list[int]:
    """The ids of the next deliveries that can be counted now: their address is known, and nothing is fetched back."""
    if session.scalar(select(KeptDelivery.id).limit(1)) is None or fetch_back.is_running(session):
        return []
    has_known_address = exists().where(ShopAddress.address == KeptDelivery.address)
    query = select(KeptDelivery.id).where(or_(KeptDelivery.reason == FETCHING_BACK, has_known_address))
    return list(session.scalars(query.order_by(KeptDelivery.id).limit(BATCH_SIZE)))


def count_by_address(session: Session) -> list[tuple[str, Hook, int]]:
    """Addresses that an admin has to say something about: (address, hook, number of deliveries)."""
    query = (
        select(KeptDelivery.address, Hook, func.count())
        .join(Hook, Hook.id == KeptDelivery.hook_id)
        .where(KeptDelivery.reason != FETCHING_BACK, Hook.removed_at.is_(None))
        .group_by(KeptDelivery.address, *Hook.__table__.c)
        .order_by(KeptDelivery.address, Hook.id)
    )
    return [(address, hook, count) for address, hook, count in session.execute(query)]


def forget(session: Session, ids: Sequence[int]) -> None:
    """Delete kept deliveries."""
    session.execute(delete(KeptDelivery).where(KeptDelivery.id.in_(ids)))


def decode_body(kept: KeptDelivery) -> Any:
    """The body as it was delivered."""
    return json.loads(zlib.decompress(kept.body))


def _is_older(report: OrderReport, known: KeptDelivery, now: datetime) -> bool:
    before = order_json.parse_delivery(known.topic, decode_body(known))
    return newer.is_older(report, newer.after(before, SeenState(), known.received_at), now)
