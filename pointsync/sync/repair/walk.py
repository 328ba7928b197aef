"""Comparing all movements with a remote, part by part: which ones differ, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.digests import DigestSum
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Delivery, Movement, Remote
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import delivered, differences, ranges
from pointsync.sync.remotes import check, remotes
from pointsync.sync.remotes.target import load_target
from pointsync.sync.repair import comparisons, remote_values, settle
from pointsync.sync.repair.digest_client import DigestClient, RangeAnswer
from pointsync.sync.repair.settle import AskedRange
from pointsync.sync.site import local_site, settings

RANGE_SIZE = 1000
RANGES_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class IdRange:
    """Neighbouring ids, and this site's movements among them that the remote should hold, by id."""

    low: int
    high: int
    delivered: dict[int, int] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[int, int]:
        """Both ends, which are included."""
        return self.low, self.high

    def split(self) -> tuple["IdRange", "IdRange"]:
        """Two halves: with half of the movements each, or of half of the ids where there are none to divide."""
        known = sorted(self.delivered)
        middle = known[(len(known) - 1) // 2] if len(known) > 1 else (self.low + self.high) // 2
        return (
            IdRange(self.low, middle, {each: self.delivered[each] for each in known if each <= middle}),
            IdRange(middle + 1, self.high, {each: self.delivered[each] for each in known if each > middle}),
        )


class RangeHandler(Protocol):
    """What is done with each range that was compared."""

    def handle_equal(self, low: int, high: int) -> None:
        """Both sides hold the same."""

    def handle_different(self, asked: AskedRange) -> None:
        """They do not."""


@dataclass(frozen=True, slots=True)
class Settling:
    """Settles what differs, and stores what an admin must decide about."""

    remote_id: int

    def handle_equal(self, low: int, high: int) -> None:
        """Forget what differed before."""
        if differences.count(db.session(), self.remote_id):
            db.run_in_transaction(partial(settle.forget_differences, remote_id=self.remote_id, low=low, high=high))

    def handle_different(self, asked: AskedRange) -> None:
        """Settle it."""
        db.run_in_transaction(partial(settle.settle_range, remote_id=self.remote_id, asked=asked, now=clock.now()))


@dataclass(frozen=True, slots=True)
class FoundMovement:
    """A movement in which the two sites differ, with its content here; `kind` as in `settle.Finding`."""

    kind: str
    movement_id: int
    customer: str | None
    points: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Lists what differs, and changes nothing."""

    remote_id: int
    found: list[FoundMovement] = field(default_factory=list)

    def handle_equal(self, low: int, high: int) -> None:
        """Nothing to list."""

    def handle_different(self, asked: AskedRange) -> None:
        """Add it to the list."""
        session = db.session()
        for each in settle.find(session, remotes.get(session, self.remote_id), asked):
            customer, points = (each.own.customer, each.own.movement.points) if each.own else (None, None)
            self.found.append(FoundMovement(each.kind, each.movement_id, customer, points))
        db.session.remove()


def compare_all(remote_id: int, keep_on: Callable[[], bool] = lambda: True) -> None:
    """Compare all movements with a remote, and settle what differs. Harmless when repeated or cut short.

    It continues where the last one was cut short. `keep_on` is asked before each part; False ends it early. Raises
    RemoteError if the remote does not answer.
    """
    after_id: int | None = db.run_in_transaction(lambda session: comparisons.start(session, remote_id, clock.now()))
    while after_id is not None and keep_on():
        last_id, count = compare_part(remote_id, after_id, Settling(remote_id))
        is_last = last_id == ids.MAX_ID
        if is_last:
            remote_values.refresh(remote_id)
        db.run_in_transaction(partial(_save_part, remote_id=remote_id, last_id=last_id, count=count, is_last=is_last))
        after_id = None if is_last else last_id
    if after_id is None and comparisons.has_found_nothing(db.session(), remote_id):
        delivered.correct_all(remote_id)


def list_differences(remote_id: int, on_progress: Callable[[int], None]) -> list[FoundMovement]:
    """Compare all movements with a remote, and list what differs. Nothing is changed. Raises RemoteError.

    `on_progress` gets the number of movements that were compared so far.
    """
    listing, after_id, compared_count = Listing(remote_id), 0, 0
    while after_id < ids.MAX_ID:
        after_id, count = compare_part(remote_id, after_id, listing)
        compared_count += count
        on_progress(compared_count)
    return listing.found


def compare_part(remote_id: int, after_id: int, handler: RangeHandler) -> tuple[int, int]:
    """Compare the movements with the next ids after `after_id`. Return the id that the part ends with (`ids.MAX_ID` at
    the end) and how many movements of this site are in it. Raises RemoteError.
    """
    state, session = get_runtime(), db.session()
    remote = remotes.get(session, remote_id)
    id_ranges, count = _read_part(session, remote, after_id)
    target = load_target(session, remote, state.vault)
    identity = local_site.load_identity(session, state.vault, state.config, clock.now())
    db.session.remove()
    client = DigestClient(state.client, identity, target)
    for id_range, answer in zip(id_ranges, client.ask([each.bounds for each in id_ranges]), strict=True):
        _handle_range(client, handler, id_range, answer)
    return id_ranges[-1].high, count


def _save_part(session: Session, remote_id: int, last_id: int, count: int, is_last: bool) -> None:
    now = clock.now()
    comparisons.save_progress(session, remote_id, last_id, count, now, is_last=is_last)
    if is_last:
        check.refresh_status(session, session.get_one(Remote, remote_id), settings.read(session), now)


def _handle_range(client: DigestClient, handler: RangeHandler, id_range: IdRange, answer: RangeAnswer) -> None:
    if answer.total == DigestSum.of(id_range.delivered.values()):
        handler.handle_equal(*id_range.bounds)
    elif answer.digests is not None:
        handler.handle_different(AskedRange(*id_range.bounds, frozenset(id_range.delivered), answer.digests))
    else:
        halves = id_range.split()
        for half, half_answer in zip(halves, client.ask([each.bounds for each in halves]), strict=True):
            _handle_range(client, handler, half, half_answer)


def _read_part(session: Session, remote: Remote, after_id: int) -> tuple[list[IdRange], int]:
    """The next ranges after an id, and how many movements of this site are in them.

    They are read before the remote is asked. So what is delivered meanwhile is never taken for missing there.
    """
    altered = ranges.load_altered(session)
    same_target = select(Remote.id).where(Remote.auth == remote.auth, Remote.target == remote.target)
    rows: list[tuple[int, int | None]] = []
    limit = RANGE_SIZE * RANGES_PER_CALL
    for condition in ranges.by_length(after_id + 1, ids.MAX_ID):
        query = (
            select(Movement.seq, Movement.id, Movement.digest, Delivery.id)
            .join(
                Delivery,
                (Delivery.movement_seq == Movement.seq)
                & Delivery.remote_id.in_(same_target)
                & Delivery.counted_condition(),
                isouter=True,
            )
            .where(Movement.origin == get_local_auth(session), Movement.reserve_id == remote.reserve_id, condition)
            .where(Movement.points != 0)
            .order_by(Movement.id)
            .limit(limit - len(rows))
        )
        for seq, movement_id, digest, delivery_id in session.execute(query):
            rows.append((int(movement_id), None if delivery_id is None else altered.get(seq, digest)))
    is_last = len(rows) < limit
    id_ranges, low = [], after_id + 1
    for start in range(0, max(len(rows), 1), RANGE_SIZE):
        part = rows[start : start + RANGE_SIZE]
        ends_here = is_last and start + RANGE_SIZE >= len(rows)
        high = ids.MAX_ID if ends_here else part[-1][0]
        id_ranges.append(
            IdRange(low, high, {movement_id: digest for movement_id, digest in part if digest is not None})
        )
        low = high + 1
    return id_ranges, len(rows)
