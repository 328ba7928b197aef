"""Comparing a remote's answer with what this site holds: both directions, as of now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.digests import DigestSum
from pointsync.ledger import received_summary
from pointsync.models import Remote
from pointsync.sync.comparison import delivered, differences, received


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What both directions should contain, before a ping. None while that cannot be compared."""

    delivered: DigestSum | None
    received: DigestSum | None
    is_first_in_run: bool = False
    """Whether this site has begun a run since the last ping: its database may be another state than then."""

    @classmethod
    def take(cls, session: Session, remote: Remote, run: str | None) -> Self:
        """The sums of a remote now, in this run of the site."""
        return cls(*_get_sums(session, remote), remote.checked_run != run)


def save_answer(session: Session, remote: Remote, have: dict[str, Any], now: datetime) -> None:
    """Compare the `have` of an answer to movements, whose outcome is saved in this transaction."""
    sent, held = _get_sums(session, remote)
    was_equal = remote.is_equal_there
    _save_there(remote, sent, DigestSum.from_json(have))
    if remote.is_equal_there and not was_equal:
        differences.forget(session, remote.id)
    _save_time(remote, sent, held, now)


def save_ping(session: Session, remote: Remote, before: Snapshot, answer: dict[str, Any], now: datetime) -> None:
    """Compare the answer `{have, told, waiting}` to a ping, in both directions.

    A direction in which something moved during the ping cannot be compared, and keeps its last result.
    """
    sent, held = _get_sums(session, remote)
    has, was_sent = DigestSum.from_json(answer.get("have")), DigestSum.from_json(answer.get("told"))
    is_quiet = not _is_call_running(session, remote) and sent == before.delivered
    if is_quiet or has is None or has == sent:
        _save_there(remote, sent, has)
    if remote.is_equal_there:
        differences.forget(session, remote.id)  # the sums are equal, so no movement differs any more
    received.compare_ping(
        session,
        remote,
        was_sent,
        before.received,
        held,
        is_waiting=bool(answer.get("waiting")),
        says_sums="told" in answer,
        is_first_in_run=before.is_first_in_run,
        now=now,
    )
    if is_quiet:
        _save_time(remote, sent, held, now)


def _get_sums(session: Session, remote: Remote) -> tuple[DigestSum | None, DigestSum | None]:
    """What was delivered to the remote, and what it has delivered here. None while that cannot be compared."""
    sent = delivered.get_sum(session, remote.auth, remote.target)
    return sent, sent and received_summary.sum_received(session, remote.auth, remote.reserve_id)


def _is_call_running(session: Session, remote: Remote) -> bool:
    """Whether a worker may have a batch on its way, whose movements the answer may contain."""
    return not leases.is_available(session, remote.holder, remote.held_until, "")


def _save_there(remote: Remote, should_have: DigestSum | None, has: DigestSum | None) -> None:
    if should_have is None or has is None:
        remote.is_equal_there = remote.gap = None
    else:
        remote.is_equal_there = has == should_have
        remote.gap = None if has == should_have else (should_have - has).hash


def _save_time(remote: Remote, sent: DigestSum | None, held: DigestSum | None, now: datetime) -> None:
    remote.compared_at = now
    remote.compared_count = sum(each.count for each in (sent, held) if each)
    is_different = False in (remote.is_equal_there, remote.is_equal_here)
    remote.differs_since = (remote.differs_since or now) if is_different else None
