"""This site's Pass: changed, its old one kept for a grace, and which sites still call with that."""

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

GRACE_PERIOD = timedelta(hours=24)
EXPIRED_PASS_RETENTION = timedelta(days=31)
"""How long after its end an old Pass is told from a wrong one, so that whoever still has it learns what to do."""
OLD_PASS_SILENCE = timedelta(minutes=30)
"""A site that has used both Passes is taken to use the new one alone once the old one was silent for so long:
of several lines that it has for this site, each is checked more often."""
MAX_CALL_DURATION = timedelta(minutes=1)
"""No call takes longer."""
MAX_CALLERS = 200
"""Callers that are shown, those who called last first."""

EXPIRED_PASS_MESSAGE = (
    "This site's Pass was changed, and the old one has ended: ask its admin for the new sharing key, "
    "and paste that into your line for this site."
)
"""Told only to who has just shown to know the old one."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A site that has the old Pass, as far as its calls tell."""

    auth: str
    name: str
    last_called_at: datetime
    """When it last called with it, and was let in."""


@dataclass(frozen=True, slots=True)
class OldPass:
    """The Pass before the present one: until when it works, or worked, and who has not changed it yet."""

    ends_at: datetime
    is_valid: bool
    callers: tuple[Caller, ...]


def pass_version(sealed_pass: str) -> str:
    """A name for a Pass that tells nothing of it: sealed, no two are alike."""
    return crypto.sha256_hex(sealed_pass)[:16]


def rotate(
    session: Session, vault: Vault, now: datetime, *, revoke_old_now: bool = False, expected_version: str | None = None
) -> Site:
    """Give this site a new Pass. The old one works for 24 hours more, or `at_once` no longer.

    Whoever has called lately has, from now on, the old one. Of two old ones only the newer is kept. Raises
    Conflict `changed_meanwhile` where the Pass is not that whose `version` was `seen`.
    """
    # The origins before the site: so does a check that finds out that this one was restored.
    called_recently = Origin.last_seen_at > now - EXPIRED_PASS_RETENTION
    session.execute(
        update(Origin).values(old_pass_at=case((called_recently, Origin.last_seen_at), else_=null()), new_pass_at=None)
    )
    site = _lock_site(session)
    if expected_version is not None and expected_version != pass_version(site.sealed_pass):
        raise Conflict("changed_meanwhile", "The Pass was changed meanwhile; look at what it is now.")
    site.sealed_old_pass, site.sealed_pass = site.sealed_pass, vault.encrypt(ids.new_pass())
    site.old_pass_ends_at = now if revoke_old_now else now + GRACE_PERIOD
    session.flush()
    return site


def revoke_old(session: Session, now: datetime) -> None:
    """End the old Pass now. Raises Conflict `no_old_pass` where none works."""
    site = _lock_site(session)
    if site.sealed_old_pass is None or site.old_pass_ends_at is None or site.old_pass_ends_at <= now:
        raise Conflict("no_old_pass", "No old Pass works: only the present one does.")
    site.old_pass_ends_at = now
    session.flush()


def get_old(session: Session, config: Config, now: datetime) -> OldPass | None:
    """What is known of the old Pass; None where there is none, or its end is long past."""
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
    """That an origin still calls with the old Pass."""
    return Origin.old_pass_at.is_not(None) & or_(Origin.new_pass_at.is_(None), Origin.old_pass_at > Origin.new_pass_at)


def has_changed(session: Session, expected_version: str) -> bool:
    """Whether the Pass is now another one than that whose `version` was `seen`, whatever the session has read."""
    return pass_version(session.scalars(select(Site.sealed_pass)).one()) != expected_version


def save_use(origin: Origin, *, is_old_pass: bool, now: datetime) -> None:
    """Keep with which Pass an origin has just called, and was let in.

    A site may have several lines for this one. So a call with the new Pass tells that all is changed there
    only until the old one is used again; and then only when that has been silent for a while. What was on
    its way when the first line was changed tells nothing.
    """
    new_at, old_at = origin.new_pass_at, origin.old_pass_at
    if is_old_pass:
        was_in_flight = new_at is not None and new_at <= now < new_at + MAX_CALL_DURATION
        origin.old_pass_at = old_at if was_in_flight else now
    elif new_at is None or (old_at and new_at < old_at <= now - OLD_PASS_SILENCE):
        origin.new_pass_at = now


def delete_expired(session: Session, now: datetime) -> None:
    """Forget the old Pass when its end is long past."""
    if session.scalar(select(Site.id).where(Site.old_pass_ends_at <= now - EXPIRED_PASS_RETENTION)):
        delete_old(session, _lock_site(session))


def delete_old(session: Session, site: Site) -> None:
    """Keep nothing of the old Pass."""
    site.sealed_old_pass = site.old_pass_ends_at = None
    session.execute(update(Origin).values(old_pass_at=None, new_pass_at=None))
    session.flush()


def _lock_site(session: Session) -> Site:
    return session.get_one(Site, 1, with_for_update=True, populate_existing=True)
