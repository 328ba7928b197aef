"""Beginning to work with a database: made or upgraded, with this site in it, recognised or held."""

import logging

from sqlalchemy.orm import Session

from pointsync import clock, crypto, ids
from pointsync.accounts import admins
from pointsync.db import db, in_write, is_current, upgrade
from pointsync.models import Site
from pointsync.runtime import runtime
from pointsync.sync.site import general, local_site
from pointsync.web import secret_key

log = logging.getLogger(__name__)


def make_missing() -> None:
    """Make the database where it is absent or empty, and the site in it; else do nothing.

    Raises ConfigError where the secret key is not that of the database.
    """
    secret_key.settle()
    if not is_current():
        upgrade()
    if db.session.get(Site, 1) is None:
        in_write(_settle_in)


def bring_up(served_url: str | None = None) -> str | None:
    """Make or upgrade the database for a process that stays; why sending is held, or None.

    `served_url` is where this process will answer: the site's URL while no public one is set. Raises
    ConfigError where the secret key is not that of the database; nothing has changed then.
    """
    secret_key.settle()
    upgrade()
    here = runtime()

    def work(session: Session) -> str | None:
        hold = _settle_in(session)
        local = session.get_one(Site, 1)
        if served_url and here.config.public_url is None:
            local.url, local.served_url = general.public_url(session), served_url
        local_site.identity(session, here.vault, here.config, clock.now())
        return hold

    if here.config.secret_key_old:
        log.warning("POINTSYNC_SECRET_KEY_OLD is not needed any more; take it away")
    return in_write(work)


def setup_url() -> str | None:
    """A fresh one-time link that creates the first admin, the one before it void; None once there is an admin."""
    here = runtime()
    token = ids.new_token()

    def work(session: Session) -> str | None:
        if admins.exists(session):
            return None
        session.get_one(Site, 1).setup_digest = crypto.digest(token)
        return local_site.identity(session, here.vault, here.config, clock.now()).url

    url = in_write(work)
    return f"{url}/setup/{token}" if url else None


def _settle_in(session: Session) -> str | None:
    here = runtime()
    local_site.ensure(session, here.vault, clock.now())
    return local_site.recognise(session, here.config)
