"""Whether two sites hold the same changes of people: each says what it holds of the other's, and what it has sent.

A ping's answer carries `changes`: `{count, max_id, hash}` of the caller's changes there; `told`, the sum of the
answering site's changes that the caller has acknowledged; and `waiting`, how many wait for the caller.
"""

from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import Select, String, bindparam, func, literal, select
from sqlalchemy.orm import Session

from pointsync import leases
from pointsync.digests import DigestSum
from pointsync.ledger.people import deliveries, received_changes
from pointsync.models import ChangeDelivery, DeliveryState, Remote
from pointsync.sync.comparison.change_facts import ChangeFacts


@dataclass(frozen=True, slots=True)
class ChangeSums:
    """What was delivered to a site, and what this site holds of it."""

    delivered: DigestSum
    held: DigestSum

    @classmethod
    def take(cls, session: Session, remote: Remote) -> Self | None:
        """The sums now; None while the site does not take changes."""
        if not remote.takes_changes:
            return None
        return cls(deliveries.sum_delivered(session, remote.auth), received_changes.sum_held(session, remote.auth))

    def is_confirmed_by(self, answer: Any) -> bool:
        """Whether the `changes` of an answer to a ping say the same: both sites are equal, and nothing waits."""
        if not isinstance(answer, dict) or answer.get("waiting"):
            return False
        has, was_sent = DigestSum.from_json(answer), DigestSum.from_json(answer.get("told"))
        return (has, was_sent) == (self.delivered, self.held)


def describe(session: Session, auth: str) -> dict[str, Any]:
    """`changes` in the answer to a ping of that site."""
    delivered = deliveries.sum_delivered(session, auth)
    return received_changes.get_have(session, auth) | {
        "told": delivered.to_json(),
        "waiting": count_waiting(session, auth),
    }


def count_waiting(session: Session, auth: str) -> int:
    """How many changes a site has not acknowledged."""
    query = select(func.count()).select_from(ChangeDelivery).where(ChangeDelivery.auth == auth)
    return session.scalar(query.where(ChangeDelivery.open_condition())) or 0


def count_all_waiting(session: Session) -> dict[str, int]:
    """The same for all sites, by Auth."""
    query = select(ChangeDelivery.auth, func.count()).where(ChangeDelivery.open_condition())
    return {row[0]: row[1] for row in session.execute(query.group_by(ChangeDelivery.auth))}


def select_count(state: DeliveryState) -> Select[int]:
    """How many deliveries of changes to the site `auth` are in that state."""
    query = select(func.count()).select_from(ChangeDelivery)
    return query.where(ChangeDelivery.auth == bindparam("auth"), ChangeDelivery.state == literal(state.value, String))


def describe_facts(remote: Remote, waiting_count: int, refused_count: int) -> ChangeFacts | None:
    """For the remote's status; None if its site does not take changes."""
    if not remote.takes_changes:
        return None
    return ChangeFacts(
        waiting_count,
        refused_count,
        remote.strange_changes,
        remote.are_changes_equal_there,
        remote.are_changes_equal_here,
    )


def save_ping(session: Session, remote: Remote, before: ChangeSums | None, answer: Any) -> None:
    """Compare the answer to a ping, in both directions; `before` is from before the ping.

    A direction in which something changed during the ping keeps its last result, unless it is equal now.
    """
    now = ChangeSums.take(session, remote)
    if now is None or not isinstance(answer, dict):
        remote.are_changes_equal_there = remote.are_changes_equal_here = None
        remote.strange_changes = 0
        return
    has, was_told = DigestSum.from_json(answer), DigestSum.from_json(answer.get("told"))
    is_quiet = before is not None and leases.is_available(session, remote.holder, remote.held_until, "")
    if has == now.delivered or (is_quiet and before is not None and before.delivered == now.delivered):
        _save_there(remote, is_equal=has == now.delivered)
    is_equal_here = was_told == now.held and not answer.get("waiting")
    if is_equal_here or (before is not None and before.held == now.held):
        remote.are_changes_equal_here = is_equal_here


def save_answer(session: Session, remote: Remote, have: Any) -> None:
    """Compare the `have` of an answer to changes, whose outcome is saved in this transaction."""
    has = DigestSum.from_json(have)
    if has is not None:
        _save_there(remote, is_equal=has == deliveries.sum_delivered(session, remote.auth))


def _save_there(remote: Remote, *, is_equal: bool) -> None:
    remote.are_changes_equal_there = is_equal
    if is_equal:
        remote.strange_changes, remote.changes_read_at = 0, None
