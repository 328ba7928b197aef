"""A ping that says what was known before: both sites still hold the same, and nothing else is to be saved.

Nearly all pings are like that. So they cost one statement, and the status is refreshed by its own job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import Update, and_, bindparam, exists, or_, update
from sqlalchemy.orm import Session

from pointsync.db import UtcDateTime
from pointsync.digests import DigestSum
from pointsync.ids import parse_movement_id
from pointsync.models import Origin, ReceivedSummary, Remote
from pointsync.sync.comparison.changes import ChangeSums
from pointsync.sync.comparison.compare import Snapshot
from pointsync.sync.protocol.ping import PingResult
from pointsync.sync.protocol.request import Target
from pointsync.sync.remotes.status import GREEN
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_MESSAGE_LENGTH


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of a remote before a ping."""

    remote: Remote
    target: Target
    identity: Identity
    sums: Snapshot
    changes: ChangeSums | None
    at: datetime
    """When this was read."""
    asked: Sequence[str] = ()
    """The erasures about which the remote is asked in the same ping."""

    def is_confirmed_by(self, ping_result: PingResult) -> bool:
        """Whether a ping says the same."""
        return (
            ping_result.is_ok
            and not self.sums.is_first_in_run
            and self._says_the_same(ping_result)
            and self._has_known_key(ping_result)
            and self._knows_no_more(ping_result)
            and self._is_equal(ping_result)
            and (self.changes is None or self.changes.is_confirmed_by(ping_result.sums.get("changes")))
        )

    def _says_the_same(self, ping_result: PingResult) -> bool:
        remote, message = self.remote, ping_result.message[:MAX_MESSAGE_LENGTH]
        return (
            (remote.check_code, remote.check_message) == (ping_result.code, message)
            and (remote.dialect, remote.name) == (ping_result.dialect, ping_result.name)
            and remote.facts == ping_result.facts
            and remote.clock_offset_seconds == ping_result.clock_offset_seconds
        )

    def _has_known_key(self, ping_result: PingResult) -> bool:
        return ping_result.signing_key == self.target.keys.pinned and ping_result.offered_key is None

    def _knows_no_more(self, ping_result: PingResult) -> bool:
        """Whether the remote has heard nothing from this site that its database does not have."""
        stamp, identity = ping_result.stamp, self.identity
        for have in (ping_result.sums.get("have"), ping_result.sums.get("changes")):
            max_id = parse_movement_id(str(have.get("max_id"))) if isinstance(have, dict) else None
            if max_id is not None and max_id > identity.last_id:
                return False
        if stamp is None:
            return True
        return stamp.run == identity.run and stamp.call <= identity.call and stamp.last_id <= identity.last_id

    def _is_equal(self, ping_result: PingResult) -> bool:
        has, was_sent = (DigestSum.from_json(ping_result.sums.get(name)) for name in ("have", "told"))
        return None not in (has, was_sent) and (has, was_sent) == (self.sums.delivered, self.sums.received)


def save(session: Session, before: Before) -> bool:
    """Save that both sites were compared. Return False, and save nothing, if the remote is not as it was before."""
    remote = before.remote
    sums = (before.sums.delivered, before.sums.received)
    values = {
        "remote": remote.id,
        "known_version": remote.version,
        "known_run": before.identity.run,
        "known_code": remote.check_code,
        "at": before.at,
        "count": sum(each.count for each in sums if each),
    }
    return session.connection().execute(_build_update(), values).rowcount == 1


@cache
def _build_update() -> Update:
    """Built once, because nearly all pings execute it."""
    is_in_doubt = exists().where(
        ReceivedSummary.origin == Remote.auth,
        ReceivedSummary.reserve_id == Remote.reserve_id,
        ReceivedSummary.doubted_at.is_not(None),
    )
    has_offered_key = exists().where(Origin.auth == Remote.auth, Origin.offered_key.is_not(None))
    at = bindparam("at", type_=UtcDateTime)
    return (
        update(Remote)
        .where(
            Remote.id == bindparam("remote"),
            Remote.version == bindparam("known_version"),
            Remote.checked_run == bindparam("known_run"),
            Remote.check_code == bindparam("known_code"),
            Remote.deleted_at.is_(None),
            Remote.status == GREEN,
            Remote.is_equal_there.is_(True),
            Remote.is_equal_here.is_(True),
            Remote.differs_since.is_(None),
            or_(
                Remote.takes_changes.is_(False),
                and_(Remote.are_changes_equal_there.is_(True), Remote.are_changes_equal_here.is_(True)),
            ),
            Remote.is_probing.is_(False),
            Remote.failures == 0,
            or_(Remote.attempt_code.is_(None), Remote.attempt_code == "ok"),
            or_(Remote.compared_at.is_(None), Remote.compared_at <= at),
            ~is_in_doubt,
            ~has_offered_key,
        )
        .values(checked_at=at, compared_at=at, compared_count=bindparam("count"))
    )
