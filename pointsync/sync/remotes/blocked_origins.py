"""Who is let in: sites that are blocked, those that are turned away, and what came from a blocked one taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from pointsync import clock, ids
from pointsync.config import Config
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.outbox import own_auth
from pointsync.ledger.reversals import reversals
from pointsync.ledger.reversals.preview import Preview, Scope, preview
from pointsync.models import Holding, Origin, Remote, Reversal, TurnedAway
from pointsync.sync.protocol.wire import BLOCKED, NOT_LISTED
from pointsync.sync.remotes import check
from pointsync.sync.site import general, names, settings
from pointsync.text_limits import MAX_REASON, check_text

MOST_TURNED_AWAY = 200
"""Sites that are noted; whoever knows the Pass can call under any number of names."""
LATELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A site that is blocked, how often it has called since, and the last reversal of its movements."""

    auth: str
    name: str
    since: datetime
    reason: str
    by: str
    movements: int
    """Held here, whenever they came."""
    calls: int
    last_call_at: datetime | None
    reversal: Reversal | None

    @property
    def is_reversing(self) -> bool:
        """Whether its movements are being taken back just now."""
        return bool(self.reversal and not self.reversal.finished_at and not self.reversal.stopped_at)


def block(session: Session, auth: str, reason: str, by: str, now: datetime) -> Origin:
    """Take nothing from that site and send nothing to it; once more only changes the reason.

    A site that has never called may be blocked, so that it is refused from its first call. Raises Invalid for
    `auth` or `reason`, Conflict `own_origin` for this site's own Auth.
    """
    auth, reason = check_blockable(session, auth), check_text(reason, MAX_REASON, "reason")
    origin = lock_origin(session, auth, now)
    if origin.blocked_at is None:
        origin.blocked_at = now
        session.execute(delete(TurnedAway).where(TurnedAway.auth == auth))
    origin.blocked_reason, origin.blocked_by = reason, by[:191]
    session.flush()
    _restate(session, auth, now)
    return origin


def check_blockable(session: Session, auth: str) -> str:
    """The Auth of a site that may be blocked, as it was typed. Raises as `block` does."""
    auth = auth.strip()
    if auth == own_auth(session):
        message = "That is this very site, which cannot block itself."
        raise Conflict("own_origin", message, {"auth": message})
    if not ids.is_auth(auth) and session.get(Origin, auth) is None:
        raise Invalid("auth", "Type the Auth. of the site: wrk_ and 16 hex digits, as the Network tab shows it.")
    return auth


def unblock(session: Session, auth: str, now: datetime) -> Origin:
    """Take from that site again, and send to it; what was taken back stays so. Raises NotFound."""
    _blocked(session, auth)
    origin = lock_origin(session, auth, now)
    origin.blocked_at = origin.blocked_reason = origin.blocked_by = None
    session.execute(delete(TurnedAway).where(TurnedAway.auth == auth))
    session.flush()
    _restate(session, auth, now)
    return origin


def is_blocked(session: Session, auth: str) -> bool:
    """Whether nothing is taken from that site, nor sent to it."""
    return session.scalar(select(Origin.auth).where(Origin.auth == auth, Origin.blocked_at.is_not(None))) is not None


def get_blocked(session: Session, config: Config, auth: str) -> Blocked:
    """One that is blocked. Raises NotFound."""
    _blocked(session, auth)
    return next(each for each in blocked(session, names.read(session, config)) if each.auth == auth)


def blocked(session: Session, shown: names.Names) -> list[Blocked]:
    """All that are blocked, the last one first."""
    calls = {each.auth: each for each in turned_away(session)}
    newest = reversals.newest(session)
    held = func.coalesce(func.sum(Holding.count), 0)
    rows = session.execute(
        select(Origin, held)
        .join(Holding, Holding.origin == Origin.auth, isouter=True)
        .where(Origin.blocked_at.is_not(None))
        .group_by(Origin.auth)
        .order_by(Origin.blocked_at.desc(), Origin.auth)
    )
    return [
        Blocked(
            origin.auth,
            shown.origin(origin.auth),
            origin.blocked_at or origin.first_seen_at,
            origin.blocked_reason or "",
            origin.blocked_by or "",
            int(count),
            calls[origin.auth].calls if origin.auth in calls else 0,
            calls[origin.auth].last_at if origin.auth in calls else None,
            newest.get(origin.auth),
        )
        for origin, count in rows
    ]


def turn_away(session: Session, auth: str, now: datetime) -> str | None:
    """Why a site that has proved to know the Pass is not let in, `blocked` or `not_listed`, noted; None: it may.

    Its origin is locked from then on: what is applied in this transaction came before any block.
    """
    # In the other dialect a site names itself: its Auth in capitals is still the same site.
    spelled = (auth, auth.strip().lower())
    query = select(Origin).where(Origin.auth.in_(spelled)).order_by(Origin.auth).with_for_update()
    code = None
    if any(origin.blocked_at for origin in session.scalars(query.execution_options(populate_existing=True))):
        code = BLOCKED
    elif settings.read(session).only_listed and not _is_listed(session, auth):
        code = NOT_LISTED
    if code:
        _note(session, spelled[1] if ids.is_auth(spelled[1]) else auth, code, now)
    return code


def turned_away(session: Session) -> list[TurnedAway]:
    """The sites that were turned away since what the statistics cover, at most 200, who called last first."""
    return list(session.scalars(select(TurnedAway).order_by(TurnedAway.last_at.desc(), TurnedAway.auth)))


def not_let_in(session: Session) -> list[TurnedAway]:
    """Those that were turned away for not being listed, and are not listed yet nor blocked meanwhile."""
    listed = select(Remote.auth).where(Remote.deleted_at.is_(None))
    query = select(TurnedAway).where(
        TurnedAway.code == NOT_LISTED, TurnedAway.auth.not_in(listed), TurnedAway.auth.not_in(Origin.blocked())
    )
    return list(session.scalars(query.order_by(TurnedAway.last_at.desc(), TurnedAway.auth)))


def still_calling(found: Sequence[Blocked], now: datetime) -> list[Blocked]:
    """Those blocked sites that have called within a day."""
    return [each for each in found if each.last_call_at and each.last_call_at > now - LATELY]


def prune(session: Session, before: datetime) -> None:
    """Forget who was turned away last before that."""
    session.execute(delete(TurnedAway).where(TurnedAway.last_at < before))


def foresee(session: Session, auth: str, since: str, reserve_key: str | None, now: datetime) -> Preview:
    """What would be taken back of what was recorded since a moment, typed by the site's clock; nothing is changed.

    Raises Invalid for `since` or `reserve`, NotFound for a site that was never heard of.
    """
    if session.get(Origin, auth) is None:
        raise NotFound("unknown_origin", "No site of that Auth. has ever called or been blocked here.")
    reserve = reserves.get(session, reserve_key, "reserve") if reserve_key else None
    return preview(session, Scope(auth, moment(session, since, now), reserve))


def moment(session: Session, typed: str, now: datetime) -> datetime:
    """The moment that was typed by the site's clock. Raises Invalid for `since`."""
    try:
        since = clock.from_typed(typed, general.time_zone(session))
    except ValueError:
        raise Invalid("since", "Type a day, or a day and a time, such as 2026-01-31 14:30.") from None
    if since > now:
        raise Invalid("since", "This moment lies ahead; type when the wrong movements began to come.")
    return since


def reverse(session: Session, config: Config, found: Preview, now: datetime) -> Reversal:
    """Take back what the preview has found, in the background. Raises Conflict as `reversals.start` does."""
    since = found.scope.since.astimezone(general.time_zone(session))
    name = names.read(session, config).origin(found.scope.origin)
    said = f"{since:%Y-%m-%d %H:%M:%S}".removesuffix(":00")
    return reversals.start(session, found, f"Reversal of {name} since {said}", now)


def _blocked(session: Session, auth: str) -> None:
    if not is_blocked(session, auth):
        raise NotFound("not_blocked", "No site of that Auth. is blocked; see the list.")


def _is_listed(session: Session, auth: str) -> bool:
    query = select(Remote.id).where(Remote.auth == auth, Remote.deleted_at.is_(None)).limit(1)
    return session.scalar(query) is not None


def _note(session: Session, auth: str, code: str, now: datetime) -> None:
    known = session.get(TurnedAway, auth, with_for_update=True, populate_existing=True)
    if known is not None:
        known.code, known.last_at, known.calls = code, now, known.calls + 1
        return
    if (session.scalar(select(func.count()).select_from(TurnedAway)) or 0) >= MOST_TURNED_AWAY:
        _forget_one(session)
    session.add(TurnedAway(auth=auth, code=code, calls=1, first_at=now, last_at=now))
    session.flush()


def _forget_one(session: Session) -> None:
    """Make room: who is blocked, and has so many calls counted, stays before those that only lack a line."""
    newest = (
        select(TurnedAway.auth)
        .order_by((TurnedAway.code == BLOCKED).desc(), TurnedAway.last_at.desc(), TurnedAway.auth)
        .limit(MOST_TURNED_AWAY - 1)
    )
    session.execute(delete(TurnedAway).where(TurnedAway.auth.not_in(newest)))


def _restate(session: Session, auth: str, now: datetime) -> None:
    known = settings.read(session)
    lines = select(Remote).where(Remote.auth == auth, Remote.deleted_at.is_(None)).order_by(Remote.id)
    for remote in session.scalars(lines):
        check.restate(session, remote, known, now)
