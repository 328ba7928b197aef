"""What this site holds of another site, compared with what that site has delivered: with each batch, and at each ping.

While movements arrive all the time, no ping finds a moment in which none is on its way. So each batch says what was
delivered before it, and the transaction that applies it compares: with the batch, that is what must be here now.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, select
from sqlalchemy.orm import Session

from pointsync.digests import DigestSum, digest
from pointsync.ledger import received_summary
from pointsync.ledger.apply import ApplyResult, IncomingMovement, lock_origin
from pointsync.models import ReceivedSummary, Remote

FRESH = timedelta(seconds=1)
"""A comparison that was equal is not repeated within this time, so that a busy hour is not spent on it."""
MAX_UNDERWAY = timedelta(seconds=10)
"""What has not changed for so long is not on its way any more."""
PINGED_OFTEN = timedelta(minutes=1)
"""How long a remote in doubt is pinged each second."""
LATEST_DOUBT, EARLIEST_DOUBT = timedelta(seconds=5), timedelta(seconds=4)
"""A doubt begins at most the first period after the last comparison, and at most the second one before it is noticed.

In doubt for 3 seconds, a remote is not green any more (`status.DOUBT_PERIOD`), and its stored status may be a second
old. So nothing is green that was compared more than 10 seconds ago.
"""
EVIDENCE = timedelta(seconds=2)
"""How long a batch that was equal counts for a ping during which movements arrive."""


def compare_batch(
    session: Session,
    summary: ReceivedSummary,
    sum_before: object,
    incoming: Sequence[IncomingMovement | ApplyResult],
    results: Sequence[ApplyResult],
    now: datetime,
) -> None:
    """Compare after a batch was applied; `summary` is its locked origin's. `sum_before` is what its sender says it had
    delivered before. Earlier versions do not say it; nothing is compared with them here.
    """
    was_sent = DigestSum.from_json(sum_before)
    if was_sent is None or (_was_just_equal(summary, FRESH, now) and not summary.doubted_at):
        return
    accepted = {result.id: item for item, result in zip(incoming, results, strict=True) if _is_held(result)}
    arrived = DigestSum.of(
        digest(item.id, item.points, item.customer)
        for item in accepted.values()
        if isinstance(item, IncomingMovement) and item.points
    )
    if was_sent + arrived == summary.held:
        summary.equal_at, summary.doubted_at = now, None
    elif summary.doubted_at is None:
        is_from_there = (Remote.auth == summary.origin, Remote.reserve_id == summary.reserve_id)
        compared_at = session.scalar(select(func.max(Remote.compared_at)).where(*is_from_there))
        summary.doubted_at = _begin_doubt(summary, compared_at, now)


def compare_ping(
    session: Session,
    remote: Remote,
    was_sent: DigestSum | None,
    before: DigestSum | None,
    held: DigestSum | None,
    *,
    is_waiting: bool,
    says_sums: bool,
    is_first_in_run: bool,
    now: datetime,
) -> None:
    """Compare with what the other site had delivered (`was_sent`) at a ping: `before` was held here before, `held` is
    now. None if one of the sites cannot say it; `says_sums`: the other one can in general, unlike an earlier version.

    While movements wait there or have arrived during the ping, some may be here whose delivery is not confirmed yet.
    Then a batch that was equal a moment ago decides; without one, the last result stays, and is in doubt from now on.
    A result of an earlier run does not stay: it may be about another state of this database.
    """
    summary = session.get(ReceivedSummary, (remote.auth, remote.reserve_id))
    since = min(summary.doubted_at, now) if summary and summary.doubted_at else None  # the clock may be set back
    if was_sent is None or held is None:
        # An earlier version never says it. This one says it again as soon as it has read what was edited.
        result, doubted_at = None, (since or _begin_doubt(summary, remote.compared_at, now)) if says_sums else None
    elif was_sent == held or (held == before and not is_waiting):
        result, doubted_at = was_sent == held, None
    elif since is None and not is_first_in_run and _was_just_equal(summary, EVIDENCE, now):
        result, doubted_at = True, None
    else:
        result = None if is_first_in_run else remote.is_equal_here
        doubted_at = since or _begin_doubt(summary, remote.compared_at, now)
        if held == before and now - doubted_at > MAX_UNDERWAY:
            result = False
    remote.is_equal_here = result
    if doubted_at != since:
        _save_doubt(session, remote, doubted_at, now)


def list_different(session: Session, now: datetime) -> list[tuple[int, str, datetime]]:
    """Id, Auth and `differs_since` of the remotes that have delivered something else than this site holds, and not only
    because movements are on their way.
    """
    rows = session.execute(
        select(Remote.id, Remote.auth, Remote.differs_since).where(
            Remote.deleted_at.is_(None), Remote.is_equal_here.is_(False), Remote.differs_since < now - MAX_UNDERWAY
        )
    )
    return [(remote_id, auth, since) for remote_id, auth, since in rows if since is not None]


def _begin_doubt(summary: ReceivedSummary | None, compared_at: datetime | None, now: datetime) -> datetime:
    """Since when it is not known whether everything of a site is here, which is noticed now.

    `compared_at` is the time of the remote's last comparison; batches are compared, too.
    """
    known = [each for each in (compared_at, summary.equal_at if summary else None) if each]
    return max(now - EARLIEST_DOUBT, min(now, max(known) + LATEST_DOUBT)) if known else now


def _save_doubt(session: Session, remote: Remote, doubted_at: datetime | None, now: datetime) -> None:
    key = (remote.auth, remote.reserve_id)
    lock_origin(session, remote.auth, now)
    summary = received_summary.find_for_update(session, *key) or received_summary.create(session, *key)
    summary.doubted_at = doubted_at
    session.flush()


def is_in_doubt(since: ColumnElement[bool]) -> ColumnElement[bool]:
    """That nobody knows at the moment whether everything of a remote is here, as a condition on `Remote`. `since` is a
    condition on `ReceivedSummary.doubted_at`."""
    is_remotes = and_(ReceivedSummary.origin == Remote.auth, ReceivedSummary.reserve_id == Remote.reserve_id)
    return exists().where(is_remotes, since)


def _was_just_equal(summary: ReceivedSummary | None, period: timedelta, now: datetime) -> bool:
    """Whether a batch that arrived within `period` was equal."""
    equal_at = summary.equal_at if summary else None
    return equal_at is not None and timedelta(0) <= now - equal_at < period


def _is_held(result: ApplyResult) -> bool:
    return result.status in ("applied", "duplicate")
