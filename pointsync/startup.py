"""Preparing the database at the start: create or upgrade it, create the site, and recognise copies and restores."""

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
    """Create the database and the site in it if they are missing.

    Raises ConfigError if the secret key is not that of the database.
    """
    secret_key.verify_key()
    if not is_current():
        upgrade()
    if db.session.get(Site, 1) is None:
        run_in_transaction(_ensure_site)


def prepare_database(served_url: str | None = None) -> str | None:
    """Create or upgrade the database for a long-running process; returns why sending is stopped, or None.

    `served_url` is the URL of this process, which is the site's URL if no public one is set. Raises ConfigError if
    the secret key is not that of the database; then nothing has changed.
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
        log.warning("POINTSYNC_SECRET_KEY_OLD is no longer needed; remove it")
    return run_in_transaction(prepare_site)


def create_setup_url() -> str | None:
    """A new one-time link for creating the first admin, which replaces earlier links; None if there is an admin."""
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
