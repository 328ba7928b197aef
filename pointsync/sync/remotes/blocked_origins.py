"""Who is let in: sites that are blocked, those that are turned away, and what came from a blocked one taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync import clock, ids
from pointsync.config import Config
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.reversals import preview, reversals
from pointsync.ledger.reversals.preview import ReversalPreview, ReversalScope
from pointsync.models import Origin, ReceivedSummary, RefusedOrigin, Remote, Reversal
from pointsync.sync.protocol.wire import BLOCKED, NOT_LISTED
from pointsync.sync.remotes import check
from pointsync.sync.site import general, names, settings
from pointsync.text_limits import MAX_REASON_LENGTH, validate_text

MAX_REFUSED_ORIGINS = 200
"""Sites that are noted; whoever knows the Pass can call under any number of names."""
RECENT_CALL_PERIOD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BlockedSite:
    """A site that is blocked, how often it has called since, and the last reversal of its movements."""

    auth: str
    name: str
    blocked_at: datetime
    reason: str
    blocked_by: str
    movement_count: int
    """Held here, whenever they came."""
    call_count: int
    last_call_at: datetime | None
    reversal: Reversal | None

    @property
    def is_reversing(self) -> bool:
        """Whether its movements are being taken back just now."""
        return bool(self.reversal and not self.reversal.finished_at and not self.reversal.stopped_at)


def block(session: Session, auth: str, reason: str, blocked_by: str, now: datetime) -> Origin:
    """Take nothing from that site and send nothing to it; once more only changes the reason.

    A site that has never called may be blocked, so that it is refused from its first call. Raises Invalid for
    `auth` or `reason`, Conflict `own_origin` for this site's own Auth.
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
    """The Auth of a site that may be blocked, as it was typed. Raises as `block` does."""
    auth = auth.strip()
    if auth == get_local_auth(session):
        message = "That is this very site, which cannot block itself."
        raise Conflict("own_origin", message, {"auth": message})
    if not ids.is_auth(auth) and session.get(Origin, auth) is None:
        raise InvalidInput("auth", "Type the Auth. of the site: wrk_ and 16 hex digits, as the Network tab shows it.")
    return auth


def unblock(session: Session, auth: str, now: datetime) -> Origin:
    """Take from that site again, and send to it; what was taken back stays so. Raises NotFound."""
    _require_blocked(session, auth)
    origin = lock_origin(session, auth, now)
    origin.blocked_at = origin.blocked_reason = origin.blocked_by = None
    session.execute(delete(RefusedOrigin).where(RefusedOrigin.auth == auth))
    session.flush()
    _refresh_statuses(session, auth, now)
    return origin


def is_blocked(session: Session, auth: str) -> bool:
    """Whether nothing is taken from that site, nor sent to it."""
    return session.scalar(select(Origin.auth).where(Origin.auth == auth, Origin.blocked_at.is_not(None))) is not None


def get_blocked(session: Session, config: Config, auth: str) -> BlockedSite:
    """One that is blocked. Raises NotFound."""
    _require_blocked(session, auth)
    return next(each for each in list_blocked(session, names.read(session, config)) if each.auth == auth)


def list_blocked(session: Session, site_names: names.SiteNames) -> list[BlockedSite]:
    """All that are blocked, the last one first."""
    refused_by_auth = {each.auth: each for each in list_refused(session)}
    newest_reversals = reversals.latest_by_origin(session)
    held_count = func.coalesce(func.sum(ReceivedSummary.count), 0)
    rows = session.execute(
        select(Origin, held_count)
        .join(ReceivedSummary, ReceivedSummary.origin == Origin.auth, isouter=True)
        .where(Origin.blocked_at.is_not(None))
        .group_by(Origin.auth)
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


def refuse_origin(session: Session, auth: str, now: datetime) -> str | None:
    """Why a site that has proved to know the Pass is not let in, `blocked` or `not_listed`, noted; None: it may.

    Its origin is locked from then on: what is applied in this transaction came before any block.
    """
    # In the other dialect a site names itself: its Auth in capitals is still the same site.
    spellings = (auth, auth.strip().lower())
    query = select(Origin).where(Origin.auth.in_(spellings)).order_by(Origin.auth).with_for_update()
    code = None
    if any(origin.blocked_at for origin in session.scalars(query.execution_options(populate_existing=True))):
        code = BLOCKED
    elif settings.read(session).only_listed and not _is_listed(session, auth):
        code = NOT_LISTED
    if code:
        _save_refusal(session, spellings[1] if ids.is_auth(spellings[1]) else auth, code, now)
    return code


def list_refused(session: Session) -> list[RefusedOrigin]:
    """The sites that were turned away since what the statistics cover, at most 200, who called last first."""
    return list(session.scalars(select(RefusedOrigin).order_by(RefusedOrigin.last_at.desc(), RefusedOrigin.auth)))


def list_unlisted_refused(session: Session) -> list[RefusedOrigin]:
    """Those that were turned away for not being listed, and are not listed yet nor blocked meanwhile."""
    listed = select(Remote.auth).where(Remote.deleted_at.is_(None))
    query = select(RefusedOrigin).where(
        RefusedOrigin.code == NOT_LISTED,
        RefusedOrigin.auth.not_in(listed),
        RefusedOrigin.auth.not_in(Origin.select_blocked_auths()),
    )
    return list(session.scalars(query.order_by(RefusedOrigin.last_at.desc(), RefusedOrigin.auth)))


def filter_recent_callers(blocked_sites: Sequence[BlockedSite], now: datetime) -> list[BlockedSite]:
    """Those blocked sites that have called within a day."""
    return [each for each in blocked_sites if each.last_call_at and each.last_call_at > now - RECENT_CALL_PERIOD]


def delete_old_refusals(session: Session, before: datetime) -> None:
    """Forget who was turned away last before that."""
    session.execute(delete(RefusedOrigin).where(RefusedOrigin.last_at < before))


def preview_reversal(
    session: Session, auth: str, since: str, reserve_key: str | None, now: datetime
) -> ReversalPreview:
    """What would be taken back of what was recorded since a moment, typed by the site's clock; nothing is changed.

    Raises Invalid for `since` or `reserve`, NotFound for a site that was never heard of.
    """
    if session.get(Origin, auth) is None:
        raise NotFound("unknown_origin", "No site of that Auth. has ever called or been blocked here.")
    reserve = reserves.get(session, reserve_key, "reserve") if reserve_key else None
    return preview.preview_reversal(session, ReversalScope(auth, parse_since(session, since, now), reserve))


def parse_since(session: Session, text: str, now: datetime) -> datetime:
    """The moment that was typed by the site's clock. Raises Invalid for `since`."""
    try:
        since = clock.parse_input(text, general.get_time_zone(session))
    except ValueError:
        raise InvalidInput("since", "Type a day, or a day and a time, such as 2026-01-31 14:30.") from None
    if since > now:
        raise InvalidInput("since", "This moment lies ahead; type when the wrong movements began to come.")
    return since


def start_reversal(session: Session, config: Config, reversal_preview: ReversalPreview, now: datetime) -> Reversal:
    """Take back what the preview has found, in the background. Raises Conflict as `reversals.start` does."""
    since = reversal_preview.scope.since.astimezone(general.get_time_zone(session))
    name = names.read(session, config).for_origin(reversal_preview.scope.origin)
    since_text = f"{since:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    return reversals.create(session, reversal_preview, f"Reversal of {name} since {since_text}", now)


def _require_blocked(session: Session, auth: str) -> None:
    if not is_blocked(session, auth):
        raise NotFound("not_blocked", "No site of that Auth. is blocked; see the list.")


def _is_listed(session: Session, auth: str) -> bool:
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
    """Make room: who is blocked, and has so many calls counted, stays before those that only lack a line."""
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
