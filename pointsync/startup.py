"""Beginning to work with a database: made or upgraded, with this site in it, recognised or held."""

import logging

from sqlalchemy.orm import Session

from pointsync import clock, crypto, db, ids
from pointsync.accounts import admins
from pointsync.db import is_current, run_in_transaction, upgrade
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, local_site
from pointsync.web import secret_key

log = logging.getLogger(__name__)


def create_database_if_missing() -> None:
    """Make the database where it is absent or empty, and the site in it; else do nothing.

    Raises ConfigError where the secret key is not that of the database.
    """
    secret_key.verify_key()
    if not is_current():
        upgrade()
    if db.session.get(Site, 1) is None:
        run_in_transaction(_ensure_site)


def prepare_database(served_url: str | None = None) -> str | None:
    """Make or upgrade the database for a process that stays; why sending is held, or None.

    `served_url` is where this process will answer: the site's URL while no public one is set. Raises
    ConfigError where the secret key is not that of the database; nothing has changed then.
    """
    secret_key.verify_key()
    upgrade()
    state = get_runtime()

    def prepare_site(session: Session) -> str | None:
        stop_reason = _ensure_site(session)
        local = session.get_one(Site, 1)
        if served_url and state.config.public_url is None:
            local.url, local.served_url = general.get_public_url(session), served_url
        local_site.load_identity(session, state.vault, state.config, clock.now())
        return stop_reason

    if state.config.secret_key_old:
        log.warning("POINTSYNC_SECRET_KEY_OLD is not needed any more; take it away")
    return run_in_transaction(prepare_site)


def create_setup_url() -> str | None:
    """A fresh one-time link that creates the first admin, the one before it void; None once there is an admin."""
    state = get_runtime()
    token = ids.new_token()

    def store_token(session: Session) -> str | None:
        if admins.exists(session):
            return None
        session.get_one(Site, 1).setup_digest = crypto.sha256_hex(token)
        return local_site.load_identity(session, state.vault, state.config, clock.now()).url

    url = run_in_transaction(store_token)
    return f"{url}/setup/{token}" if url else None


def _ensure_site(session: Session) -> str | None:
    state = get_runtime()
    local_site.get_or_create(session, state.vault, clock.now())
    return local_site.verify_installation(session, state.config)
