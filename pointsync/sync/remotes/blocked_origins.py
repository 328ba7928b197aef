"""Which sites may call here: blocking and unblocking, refused callers, and the list of all origins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from pointsync import clock, ids
from pointsync.config import Config
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.reversals import reversals
from pointsync.models import Origin, ReceivedSummary, RefusedOrigin, Remote, Reversal
from pointsync.sync.protocol.wire import BLOCKED, NOT_LISTED
from pointsync.sync.remotes import check, first_checks, origin_reversals
from pointsync.sync.site import names, settings
from pointsync.text_limits import MAX_REASON_LENGTH, validate_text

MAX_LISTED = 200
MAX_REFUSED_ORIGINS = 200
"""Refused callers that are stored: a caller with the Pass can use any number of Auths."""
RECENT_CALL_PERIOD = timedelta(days=1)
MOVEMENT_COUNT = func.coalesce(func.sum(ReceivedSummary.count), 0)
"""In `select_with_movement_counts`: the number of an origin's movements here."""


@dataclass(frozen=True, slots=True)
class BlockedSite:
    """A blocked site, its calls since then, and the last reversal of its movements."""

    auth: str
    name: str
    blocked_at: datetime
    reason: str
    blocked_by: str
    movement_count: int
    """Of all its movements here, also from before the block."""
    call_count: int
    last_call_at: datetime | None
    reversal: Reversal | None

    @property
    def is_reversing(self) -> bool:
        """Whether a reversal of its movements is running."""
        return self.reversal is not None and self.reversal.state == "running"


def block(session: Session, auth: str, reason: str, blocked_by: str, now: datetime) -> Origin:
    """Accept nothing from a site and send nothing to it. Blocking it again only changes the reason.

    A site that has never called can be blocked, too. Raises InvalidInput for `auth` or `reason`, Conflict
    `own_origin` for this site's own Auth.
    """
    auth, reason = parse_blockable_auth(session, auth), validate_text(reason, MAX_REASON_LENGTH, "reason")
    origin = lock_origin(session, auth, now)
    if origin.blocked_at is None:
        origin.blocked_at = now
        session.execute(delete(RefusedOrigin).where(RefusedOrigin.auth == auth))
    origin.blocked_reason, origin.blocked_by = reason, blocked_by[:191]
    session.flush()
    _refresh_statuses(session, auth, now)
    return origin


def parse_blockable_auth(session: Session, auth: str) -> str:
    """Validate the Auth of a site to block. Raises as `block` does."""
    auth = Origin.find_auth(session, auth)
    if auth == get_local_auth(session):
        message = "This is the Auth of this site, which cannot block itself."
        raise Conflict("own_origin", message, {"auth": message})
    if not ids.is_auth(auth) and session.get(Origin, auth) is None:
        raise InvalidInput("auth", "Enter the site's Auth: wrk_ followed by 16 hex digits. The Network tab shows it.")
    return auth


def unblock(session: Session, auth: str, now: datetime) -> Origin:
    """Accept from that site and send to it again. Reversed movements stay reversed. Raises NotFound."""
    auth = _require_blocked(session, auth)
    origin = lock_origin(session, auth, now)
    origin.blocked_at = origin.blocked_reason = origin.blocked_by = None
    session.execute(delete(RefusedOrigin).where(RefusedOrigin.auth == auth))
    for remote in session.scalars(select(Remote).where(Remote.auth == auth, Remote.deleted_at.is_(None))):
        first_checks.mark_done(session, remote)
    session.flush()
    _refresh_statuses(session, auth, now)
    return origin


def get_blocked(session: Session, config: Config, auth: str) -> BlockedSite:
    """A blocked site. Raises NotFound."""
    auth = _require_blocked(session, auth)
    return next(each for each in list_blocked(session, names.read(session, config)) if each.auth == auth)


def list_blocked(session: Session, site_names: names.SiteNames) -> list[BlockedSite]:
    """All blocked sites, the last one first."""
    refused_by_auth = {each.auth: each for each in list_refused(session)}
    newest_reversals = reversals.latest_by_origin(session)
    rows = session.execute(
        select_with_movement_counts()
        .where(Origin.blocked_at.is_not(None))
        .order_by(Origin.blocked_at.desc(), Origin.auth)
    )
    return [
        BlockedSite(
            origin.auth,
            site_names.for_origin(origin.auth),
            origin.blocked_at or origin.first_seen_at,
            origin.blocked_reason or "",
            origin.blocked_by or "",
            int(count),
            refused_by_auth[origin.auth].calls if origin.auth in refused_by_auth else 0,
            refused_by_auth[origin.auth].last_at if origin.auth in refused_by_auth else None,
            newest_reversals.get(origin.auth),
        )
        for origin, count in rows
    ]


def select_with_movement_counts() -> Select[Origin, int]:
    """All origins, each with the number of its movements here."""
    return (
        select(Origin, MOVEMENT_COUNT)
        .join(ReceivedSummary, ReceivedSummary.origin == Origin.auth, isouter=True)
        .group_by(Origin.auth)
    )


def list_json(session: Session, config: Config) -> list[dict[str, Any]]:
    """`[{auth, name, movements, first_seen_at, last_seen_at, blocked_at, blocked_reason, blocked_by, turned_away,
    reversal}]`: at most 200 origins, blocked ones first; then refused callers that are no origins."""
    site_names, newest_reversals = names.read(session, config), reversals.latest_by_origin(session)
    refused_call_counts = {each.auth: each.calls for each in list_refused(session)}
    rows = session.execute(
        select_with_movement_counts()
        .order_by(Origin.blocked_at.is_(None), Origin.last_seen_at.desc().nulls_last(), Origin.auth)
        .limit(MAX_LISTED)
    ).all()
    rows_json = [
        {
            "auth": origin.auth,
            "name": site_names.for_origin(origin.auth),
            "movements": int(count),
            "first_seen_at": clock.to_text(origin.first_seen_at),
            "last_seen_at": clock.to_text(origin.last_seen_at) if origin.last_seen_at else None,
            "blocked_at": clock.to_text(origin.blocked_at) if origin.blocked_at else None,
            "blocked_reason": origin.blocked_reason,
            "blocked_by": origin.blocked_by,
            "turned_away": refused_call_counts.pop(origin.auth, 0),
            "reversal": origin_reversals.to_json(newest_reversals[origin.auth])
            if origin.auth in newest_reversals
            else None,
        }
        for origin, count in rows
    ]
    empty_fields = dict.fromkeys(
        ("first_seen_at", "last_seen_at", "blocked_at", "blocked_reason", "blocked_by", "reversal")
    )
    return rows_json + [
        {"auth": auth, "name": site_names.for_origin(auth), "movements": 0} | empty_fields | {"turned_away": calls}
        for auth, calls in refused_call_counts.items()
    ]


def refuse_origin(session: Session, auth: str, now: datetime, locked: Origin | None = None) -> str | None:
    """Why a caller with the Pass is refused, `blocked` or `not_listed`; None if it may call. A refusal is stored.

    The origin is locked from then on, so a concurrent block takes effect after this transaction. `locked` is its row,
    if the caller has locked it already.
    """
    origin = locked or Origin.find_for_update(session, auth)
    code = None
    if origin is not None and origin.blocked_at:
        code = BLOCKED
    elif settings.read(session).only_listed and not is_listed(session, auth):
        code = NOT_LISTED
    if code:
        _save_refusal(session, auth, code, now)
    return code


def list_refused(session: Session) -> list[RefusedOrigin]:
    """The refused callers of the statistics period, at most 200, the last callers first."""
    return list(session.scalars(select(RefusedOrigin).order_by(RefusedOrigin.last_at.desc(), RefusedOrigin.auth)))


def list_unlisted_refused(session: Session) -> list[RefusedOrigin]:
    """The callers that were refused as not listed, and are still neither listed nor blocked."""
    listed = select(Remote.auth).where(Remote.deleted_at.is_(None))
    query = select(RefusedOrigin).where(
        RefusedOrigin.code == NOT_LISTED,
        RefusedOrigin.auth.not_in(listed),
        RefusedOrigin.auth.not_in(Origin.select_blocked_auths()),
    )
    return list(session.scalars(query.order_by(RefusedOrigin.last_at.desc(), RefusedOrigin.auth)))


def filter_recent_callers(blocked_sites: Sequence[BlockedSite], now: datetime) -> list[BlockedSite]:
    """The blocked sites that have called within a day."""
    return [each for each in blocked_sites if each.last_call_at and each.last_call_at > now - RECENT_CALL_PERIOD]


def delete_old_refusals(session: Session, before: datetime) -> None:
    """Delete refused callers whose last call was before that time."""
    session.execute(delete(RefusedOrigin).where(RefusedOrigin.last_at < before))


def _require_blocked(session: Session, auth: str) -> str:
    auth = Origin.find_auth(session, auth)
    if not Origin.is_blocked(session, auth):
        raise NotFound("not_blocked", "No site with that Auth is blocked. See the list.")
    return auth


def is_listed(session: Session, auth: str) -> bool:
    """Whether a remote leads to that site."""
    query = select(Remote.id).where(Remote.auth == auth, Remote.deleted_at.is_(None)).limit(1)
    return session.scalar(query) is not None


def _save_refusal(session: Session, auth: str, code: str, now: datetime) -> None:
    row = session.get(RefusedOrigin, auth, with_for_update=True, populate_existing=True)
    if row is not None:
        row.code, row.last_at, row.calls = code, now, row.calls + 1
        return
    if (session.scalar(select(func.count()).select_from(RefusedOrigin)) or 0) >= MAX_REFUSED_ORIGINS:
        _delete_oldest_refusal(session)
    session.add(RefusedOrigin(auth=auth, code=code, calls=1, first_at=now, last_at=now))
    session.flush()


def _delete_oldest_refusal(session: Session) -> None:
    """Make room for another one. Blocked sites are kept longer than unlisted ones, so that their calls stay counted."""
    newest = (
        select(RefusedOrigin.auth)
        .order_by((RefusedOrigin.code == BLOCKED).desc(), RefusedOrigin.last_at.desc(), RefusedOrigin.auth)
        .limit(MAX_REFUSED_ORIGINS - 1)
    )
    session.execute(delete(RefusedOrigin).where(RefusedOrigin.auth.not_in(newest)))


def _refresh_statuses(session: Session, auth: str, now: datetime) -> None:
    current_settings = settings.read(session)
    query = select(Remote).where(Remote.auth == auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    for remote in session.scalars(query):
        check.refresh_status(session, remote, current_settings, now)
