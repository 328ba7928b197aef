"""This site's Pass: its rotation, the old Pass during its grace period, and which sites still use it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, null, or_, select, update
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.errors import Conflict
from pointsync.models import Origin, Site
from pointsync.sync.site import names

_SELECT_PASS = select(Site.sealed_pass)
GRACE_PERIOD = timedelta(hours=24)
EXPIRED_PASS_RETENTION = timedelta(days=31)
"""How long an expired Pass is distinguished from a wrong one, so that sites that still use it learn what to do."""
OLD_PASS_SILENCE = timedelta(minutes=30)
"""A site that used both Passes counts as using only the new one after this time without the old one. Each of its
remotes for this site is pinged more often than that."""
MAX_CALL_DURATION = timedelta(minutes=1)
"""No call takes longer than this."""
MAX_CALLERS = 200
"""How many callers are shown, the last ones first."""

EXPIRED_PASS_MESSAGE = (
    "This site's Pass was changed, and the old one has ended: ask its admin for the new sharing key, "  # noqa: S105
    "and paste that into your line for this site."
)
"""Sent only to a caller that has just proved to know the old Pass. WooRewards callers compare the text, so it must
not change."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A site that uses the old Pass."""

    auth: str
    name: str
    last_called_at: datetime
    """When it last called with it and was accepted."""


@dataclass(frozen=True, slots=True)
class OldPass:
    """The previous Pass: when it expires or expired, and the sites that still use it."""

    ends_at: datetime
    is_valid: bool
    callers: tuple[Caller, ...]


def pass_version(sealed_pass: str) -> str:
    """A version of the Pass that reveals nothing about it: encrypted values are unique."""
    return crypto.sha256_hex(sealed_pass)[:16]


def rotate(
    session: Session, vault: Vault, now: datetime, *, revoke_old_now: bool = False, expected_version: str | None = None
) -> Site:
    """Give this site a new Pass. The old one is valid for 24 more hours, unless `revoke_old_now`.

    Sites that called recently count as using the old one from now on. Only the newest old Pass is kept. Raises
    Conflict `changed_meanwhile` if the Pass has another version than `expected_version`.
    """
    # Lock the origins before the site, in the same order as a check that detects a restore.
    called_recently = Origin.last_seen_at > now - EXPIRED_PASS_RETENTION
    session.execute(
        update(Origin).values(old_pass_at=case((called_recently, Origin.last_seen_at), else_=null()), new_pass_at=None)
    )
    site = Site.get_for_update(session)
    if expected_version is not None and expected_version != pass_version(site.sealed_pass):
        raise Conflict("changed_meanwhile", "The Pass was changed in the meantime. Reload it and try again.")
    site.sealed_old_pass, site.sealed_pass = site.sealed_pass, vault.encrypt(ids.new_pass())
    site.old_pass_ends_at = now if revoke_old_now else now + GRACE_PERIOD
    session.flush()
    return site


def revoke_old(session: Session, now: datetime) -> None:
    """Revoke the old Pass now. Raises Conflict `no_old_pass` if none is valid."""
    site = Site.get_for_update(session)
    if site.sealed_old_pass is None or site.old_pass_ends_at is None or site.old_pass_ends_at <= now:
        raise Conflict("no_old_pass", "There is no old Pass to revoke. Only the current one is valid.")
    site.old_pass_ends_at = now
    session.flush()


def get_old(session: Session, config: Config, now: datetime) -> OldPass | None:
    """The old Pass and the sites that use it; None if there is none or it expired long ago."""
    site = session.get_one(Site, 1)
    ends_at = site.old_pass_ends_at
    if site.sealed_old_pass is None or ends_at is None or ends_at + EXPIRED_PASS_RETENTION <= now:
        return None
    query = (
        select(Origin.auth, Origin.old_pass_at)
        .where(uses_old_pass())
        .order_by(Origin.old_pass_at.desc(), Origin.auth)
        .limit(MAX_CALLERS)
    )
    site_names = names.read(session, config)
    callers = tuple(Caller(auth, site_names.for_origin(auth), at) for auth, at in session.execute(query) if at)
    return OldPass(ends_at, now < ends_at, callers)


def uses_old_pass() -> ColumnElement[bool]:
    """The condition that an origin still uses the old Pass."""
    return Origin.old_pass_at.is_not(None) & or_(Origin.new_pass_at.is_(None), Origin.old_pass_at > Origin.new_pass_at)


def has_changed(session: Session, expected_version: str) -> bool:
    """Whether the Pass has another version than `expected_version` now; read from the database, not the session."""
    return pass_version(session.connection().execute(_SELECT_PASS).scalar_one()) != expected_version


def save_use(origin: Origin, *, is_old_pass: bool, now: datetime) -> None:
    """Save which Pass an origin used for a call that was accepted.

    A site may have several remotes for this one. So after a call with the new Pass it counts as changed only until it
    uses the old one again, and from then on only after the old one was unused for a while. A call with the old Pass
    that was in flight during the first call with the new one does not count.
    """
    if origin.old_pass_at and origin.old_pass_at > now:
        origin.old_pass_at = now  # the clock was set back since
    new_at, old_at = origin.new_pass_at, origin.old_pass_at
    if is_old_pass:
        was_in_flight = new_at is not None and new_at <= now < new_at + MAX_CALL_DURATION
        origin.old_pass_at = old_at if was_in_flight else now
    elif new_at is None or (old_at and new_at < old_at <= now - OLD_PASS_SILENCE):
        origin.new_pass_at = now


def delete_expired(session: Session, now: datetime) -> None:
    """Delete the old Pass when it expired long ago. If the clock was set back, its grace period begins again."""
    if session.scalar(select(Site.id).where(Site.old_pass_ends_at > now + GRACE_PERIOD)):
        Site.get_for_update(session).old_pass_ends_at = now + GRACE_PERIOD
        session.flush()
    if session.scalar(select(Site.id).where(Site.old_pass_ends_at <= now - EXPIRED_PASS_RETENTION)):
        delete_old(session, Site.get_for_update(session))


def delete_old(session: Session, site: Site) -> None:
    """Delete the old Pass and all records of its use."""
    site.sealed_old_pass = site.old_pass_ends_at = None
    session.execute(update(Origin).values(old_pass_at=None, new_pass_at=None))
    session.flush()
