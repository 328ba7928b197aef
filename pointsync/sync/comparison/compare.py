"""Comparing a remote's answer with what this site holds: both directions, as of now."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.digests import DigestSum, to_text
from pointsync.ledger import received_summary
from pointsync.models import Remote
from pointsync.sync.comparison import delivered, differences

UNSETTLED = "unsettled"
"""The key in a remote's facts: the difference at the last ping between what the other site had delivered and what was
here, while movements waited there."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What both directions should contain, before a ping. None while old movements are being digested."""

    delivered: DigestSum | None
    received: DigestSum | None
    unsettled: str | None = None
    """What the last ping has stored as `UNSETTLED`."""
    is_first_in_run: bool = False
    """Whether this site has begun a run since the last ping: its database may be another state than then."""

    @classmethod
    def take(cls, session: Session, remote: Remote, run: str | None) -> Self:
        """The sums of a remote now, in this run of the site."""
        return cls(*_get_sums(session, remote), remote.facts.get(UNSETTLED), remote.checked_run != run)


def save_answer(session: Session, remote: Remote, have: dict[str, Any], now: datetime) -> None:
    """Compare the `have` of an answer to movements, whose outcome is saved in this transaction."""
    sent, received = _get_sums(session, remote)
    _save_there(session, remote, sent, DigestSum.from_json(have))
    _save_time(remote, sent, received, now)


def save_ping(session: Session, remote: Remote, before: Snapshot, answer: dict[str, Any], now: datetime) -> None:
    """Compare the answer `{have, told, waiting}` to a ping, in both directions.

    A direction in which something moved during the ping cannot be compared, and keeps its last result.
    """
    sent, received = _get_sums(session, remote)
    has, was_sent = DigestSum.from_json(answer.get("have")), DigestSum.from_json(answer.get("told"))
    is_quiet = not _is_call_running(session, remote) and sent == before.delivered
    if is_quiet or has is None or has == sent:
        _save_there(session, remote, sent, has)
    if was_sent is None or received is None:
        remote.is_equal_here = None
    else:
        _save_here(remote, before, was_sent, received, is_waiting=bool(answer.get("waiting")))
    if is_quiet:
        _save_time(remote, sent, received, now)


def _save_here(remote: Remote, before: Snapshot, was_sent: DigestSum, received: DigestSum, *, is_waiting: bool) -> None:
    """Compare what is here with what the other site has delivered.

    While movements wait there, some may be here although their delivery is not confirmed yet. That explains a
    difference only for as long as it changes: what waits there may be stopped. It never explains that a result from an
    earlier run, which may be from another state of this database, still holds.
    """
    is_equal = was_sent == received
    is_settled = not is_waiting and received == before.received
    gap = was_sent - received
    unsettled = None if is_equal or is_settled else f"{gap.count}:{to_text(gap.hash)}"
    is_stale = before.is_first_in_run and remote.is_equal_here
    if not unsettled or unsettled == before.unsettled or is_stale:
        remote.is_equal_here = is_equal
    if unsettled:
        remote.facts = {**remote.facts, UNSETTLED: unsettled}  # the ping has replaced the facts


def _get_sums(session: Session, remote: Remote) -> tuple[DigestSum | None, DigestSum | None]:
    """What was delivered to the remote, and what it has delivered here. None while old movements are being digested."""
    if not received_summary.are_all_digested(session):
        return None, None
    return (
        delivered.sum_by_remotes(session, remote.auth, remote.target),
        received_summary.sum_received(session, remote.auth, remote.reserve_id),
    )


def _is_call_running(session: Session, remote: Remote) -> bool:
    """Whether a worker may have a batch on its way, whose movements the answer may contain."""
    return not leases.is_available(session, remote.holder, remote.held_until, "")


def _save_there(session: Session, remote: Remote, should_have: DigestSum | None, has: DigestSum | None) -> None:
    if should_have is None or has is None:
        remote.is_equal_there = remote.gap = None
    else:
        remote.is_equal_there = has == should_have
        remote.gap = None if has == should_have else (should_have - has).hash
    if remote.is_equal_there:
        differences.forget(session, remote.id)  # the sums are equal, so no movement differs any more


def _save_time(remote: Remote, sent: DigestSum | None, received: DigestSum | None, now: datetime) -> None:
    remote.compared_at = now
    remote.compared_count = sum(each.count for each in (sent, received) if each)
    is_different = False in (remote.is_equal_there, remote.is_equal_here)
    remote.differs_since = (remote.differs_since or now) if is_different else None
