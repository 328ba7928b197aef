"""Deliveries in each of their states, as they stand in the lists of System › Activity."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.ledger.apply import Incoming, apply
from pointsync.ledger.record import Draft, record
from pointsync.models import Attempt, Delivery, Movement, Remote, Reserve, State, StatusChange
from tests.admin import sample_remotes

ALICE = "alice@shop.test"
BEN = "ben@shop.test"
TEA = "wrk_" + "1" * 16
SAID = "It holds this id with other points."


def add_remote(session: Session, name: str = "Tea shop", auth: str = TEA) -> Remote:
    """A line."""
    line = sample_remotes.add(session, f"https://{name.split()[0].lower()}.test", auth)
    line.name, line.status, line.status_text = name, "green", "In step."
    return line


def make(session: Session, *points: int, customer: str = ALICE, reason: str = "") -> None:
    """Record movements, owed to each remote there is."""
    drafts = [Draft(customer, each, reason=reason, is_done=True) for each in points]
    record(session, drafts, "test", sample_remotes.MADE)


def settle(session: Session, points: int, state: State, **values: Any) -> int:
    """Let the deliveries of the movement of so many points have come to `state`; the first one's id."""
    query = select(Delivery).join(Movement, Movement.seq == Delivery.movement_seq).where(Movement.points == points)
    found = list(session.scalars(query.order_by(Delivery.id)))
    for delivery in found:
        delivery.state = state
        for name, value in values.items():
            setattr(delivery, name, value)
    return found[0].id


def add_each(session: Session) -> None:
    """A remote, and five movements for it: one delivery in each state, the pending one the newest."""
    add_remote(session)
    make(session, 1, 2, 3, 4, reason="Order 12 & more")
    make(session, -5, customer=BEN)
    now = clock.now()
    settle(session, 1, State.DELIVERED, attempts=2, delivered_at=sample_remotes.MADE + timedelta(hours=1))
    settle(session, 2, State.FAILED, attempts=3, code="conflict", message=SAID)
    settle(session, 3, State.UNKNOWN, attempts=0, not_before=now + timedelta(days=1))
    settle(session, 4, State.ASIDE, attempts=1, message="Given by hand.")


def go_below(session: Session, *points: int, customer: str = ALICE) -> None:
    """Let what another site has spent take the customer below zero."""
    reserve = session.scalars(select(Reserve).where(Reserve.key == "default")).one()
    for number, each in enumerate(points, start=1):
        incoming = Incoming(str(number), customer, points=-each, kind="spend", reason="Spent there")
        apply(session, TEA, reserve, [incoming], clock.now())


def add_attempts(session: Session, remote_id: int = 1) -> None:
    """An attempt of each outcome, the one under way the newest."""
    begun = sample_remotes.MADE
    for minutes, code, carried, delivered, message in (
        (0, "ok", 1200, 1200, None),
        (1, "ok", 10, 9, None),
        (2, "timeout", 3, 0, "tea.test did not answer within 10 seconds."),
        (3, "bad_answer", 3, 0, None),
        (4, None, 5, 0, None),
    ):
        at = begun + timedelta(minutes=minutes)
        ended = at + timedelta(milliseconds=250 * 20**minutes) if code else None
        session.add(
            Attempt(
                remote_id=remote_id,
                started_at=at,
                ended_at=ended,
                first_delivery_id=1,
                deliveries=carried,
                delivered=delivered,
                code=code,
                message=message,
            )
        )
    session.add(Attempt(remote_id=remote_id, started_at=clock.now(), first_delivery_id=1, deliveries=7))


def add_changes(session: Session, remote_id: int = 1) -> None:
    """A remote turned green and then red."""
    for minutes, before, after, words in (
        (0, "none", "green", "In step."),
        (9, "green", "error", "tea.test refuses these credentials."),
    ):
        at = sample_remotes.MADE + timedelta(minutes=minutes)
        session.add(StatusChange(remote_id=remote_id, at=at, before=before, after=after, words=words))
