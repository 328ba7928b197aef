"""Steps: remotes return movements, and what becomes of them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from pointsync import db, digests
from pointsync.ledger.fetch_back import state, take_in
from pointsync.ledger.fetch_back.decisions import Decision, list_all
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Customer, Delivery, Movement, Remote, RemoteFetch
from pointsync.sync.fetch_back import run
from pointsync.sync.fetch_back.fetch import save_page
from pointsync.sync.fetch_back.page import FetchedMovement, FetchedPage
from tests.support.moving_clock import START
from tests.support.remote_rows import ANNA, add_remote

SHOP, HOOK = "api:shop", "hook:shop"
LOST_AT = START - timedelta(hours=3)
FIRST_ID = 1_000


def add_remotes(count: int = 2) -> list[int]:
    """Add remotes that speak the PointSync dialect."""
    remote_ids = [add_remote(f"wrk_{number:016x}") for number in range(1, count + 1)]
    with db.transaction() as session:
        for remote_id in remote_ids:
            session.get_one(Remote, remote_id).dialect = "pointsync"
    return remote_ids


def begin(**kwargs: Any) -> None:
    """An admin confirms *restored*."""
    with db.transaction() as session:
        state.begin(session, START, **kwargs)
        run.add_missing(session, START)


def lost(number: int = 1, points: int = 10, customer: str = ANNA, **fields: Any) -> FetchedMovement:
    """A movement of this site that a remote returns, with the ref `order-<number>` of the shop."""
    movement_id = FIRST_ID + number
    movement = FetchedMovement(
        id=movement_id,
        customer=customer,
        points=points,
        kind="earn",
        reason=f"Order {number}",
        at=LOST_AT + timedelta(minutes=number),
        ref=f"order-{number}",
        source=SHOP,
        digest=digests.digest(str(movement_id), points, customer),
        is_altered=False,
    )
    return replace(movement, **fields)


def give_back(remote_id: int, *movements: FetchedMovement, is_last: bool = True) -> None:
    """A page with these movements, in the order of their ids."""
    last_id = max((each.id for each in movements), default=0)
    page = FetchedPage(list(movements), 0, None if is_last else last_id, len(movements))
    with db.transaction() as session:
        after = session.get_one(RemoteFetch, remote_id).after_id
        save_page(session, remote_id, after, page, START)


def record_returned() -> bool:
    """Record what was returned, and end it if that is possible; return whether it ended."""
    while True:
        with db.transaction() as session:
            if not run.has_more_to_record(session):
                return not state.is_running(session)
            if not take_in.record_next_chunk(session, START):
                run.complete(session)
                return not state.is_running(session)


def repeat(number: int = 1, points: int = 10, customer: str = ANNA, source: str = HOOK, **fields: Any) -> RecordResult:
    """The shop repeats an order. A hook's delivery is recorded also while lost movements are fetched back."""
    with db.transaction() as session:
        [result] = record(session, [Draft(customer, points, ref=f"order-{number}", **fields)], source, START)
        return result


@dataclass(frozen=True)
class OwnMovement:
    """A movement here, without what differs from run to run."""

    id: str
    customer: str
    points: int
    kind: str
    source: str | None
    ref: str | None


def own_movements() -> list[OwnMovement]:
    """The movements here, oldest first."""
    with db.transaction() as session:
        rows = session.execute(
            select(Movement, Customer.email).join(Customer, Customer.id == Movement.customer_id).order_by(Movement.seq)
        )
        return [OwnMovement(row.id, email, row.points, row.kind, row.source, row.ref) for row, email in rows]


def delivery_states(movement_id: int | str) -> dict[int, str]:
    """The states of a movement's deliveries, by remote."""
    with db.transaction() as session:
        rows = session.execute(
            select(Delivery.remote_id, Delivery.state)
            .join(Movement, Movement.seq == Delivery.movement_seq)
            .where(Movement.id == str(movement_id))
        )
        return {remote_id: str(each) for remote_id, each in rows}


def waiting_decisions() -> list[Decision]:
    """The decisions that wait."""
    with db.transaction() as session:
        return list_all(session)
