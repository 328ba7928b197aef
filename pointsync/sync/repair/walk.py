"""Comparing all movements with a remote, part by part: which ones differ, and what follows from it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.digests import DigestSum
from pointsync.models import Remote
from pointsync.runtime import get_runtime
from pointsync.sync.comparison import delivered, differences
from pointsync.sync.remotes import check, remotes
from pointsync.sync.remotes.target import load_target
from pointsync.sync.repair import comparisons, remote_values, settle
from pointsync.sync.repair.digest_client import DigestClient, RangeAnswer
from pointsync.sync.repair.id_ranges import IdRange, read_part
from pointsync.sync.repair.settle import AskedRange
from pointsync.sync.site import local_site, settings


class TooManyDifferences(Exception):
    """So many differences were found that the comparison ends."""


class RangeHandler(Protocol):
    """What is done with each range that was compared. It may raise TooManyDifferences."""

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
        count = differences.count(db.session(), self.remote_id)
        db.session.remove()
        if count >= differences.MAX_STORED:
            raise TooManyDifferences


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
        if len(self.found) >= differences.MAX_STORED:
            raise TooManyDifferences


def compare_all(remote_id: int, keep_on: Callable[[], bool] = lambda: True) -> None:
    """Compare all movements with a remote, and settle what differs. Harmless when repeated or cut short.

    It continues where the last one was cut short. `keep_on` is asked before each part; False ends it early. Raises
    RemoteError if the remote does not answer.
    """
    after_id: int | None = db.run_in_transaction(lambda session: comparisons.start(session, remote_id, clock.now()))
    while after_id is not None and keep_on():
        try:
            last_id, count = compare_part(remote_id, after_id, Settling(remote_id))
        except TooManyDifferences:
            last_id, count = ids.MAX_ID, 0
        is_last = last_id == ids.MAX_ID
        if is_last:
            remote_values.refresh(remote_id)
        db.run_in_transaction(partial(_save_part, remote_id=remote_id, last_id=last_id, count=count, is_last=is_last))
        after_id = None if is_last else last_id
    if after_id is None and comparisons.has_found_nothing(db.session(), remote_id):
        delivered.correct_all(remote_id)


def list_differences(remote_id: int, on_progress: Callable[[int], None]) -> list[FoundMovement]:
    """Compare all movements with a remote, and list what differs. Nothing is changed. Raises RemoteError.

    It ends early when at least `differences.MAX_STORED` were found. `on_progress` gets the number of movements that
    were compared so far.
    """
    listing, after_id, compared_count = Listing(remote_id), 0, 0
    while after_id < ids.MAX_ID:
        try:
            after_id, count = compare_part(remote_id, after_id, listing)
        except TooManyDifferences:
            break
        compared_count += count
        on_progress(compared_count)
    return listing.found


def compare_part(remote_id: int, after_id: int, handler: RangeHandler) -> tuple[int, int]:
    """Compare the movements with the next ids after `after_id`. Return the id that the part ends with (`ids.MAX_ID` at
    the end) and how many movements of this site are in it. Raises RemoteError, and what the handler raises.
    """
    state, session = get_runtime(), db.session()
    remote = remotes.get(session, remote_id)
    id_ranges, count = read_part(session, remote, after_id)
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
