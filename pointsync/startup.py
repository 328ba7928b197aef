"""Preparing the database at the start: create or upgrade it, create the site, and recognise copies and restores."""

import logging
import os
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, crypto, db, ids, key_file
from pointsync.accounts import admins
from pointsync.config import Config
from pointsync.db import get_schema_version, run_in_transaction, upgrade
from pointsync.db.run_lock import share_run_lock
from pointsync.errors import ConfigError
from pointsync.files import account_name, describe_owner, is_readable_by_others
from pointsync.models import Site
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, installation, local_site, runs
from pointsync.sync.site.marker import MARKER_FILE
from pointsync.web import secret_key

log = logging.getLogger(__name__)


NO_DATABASE = "There is no site in the database{place} yet. Start pointsync serve, or run: pointsync upgrade"
DATABASE_GONE = (
    "There is no site in the database{place}, but {marker} shows that there was one. Put the database file back, or "
    "restore a backup: pointsync restore FILE. To begin a new site, delete that file first."
)


def require_database() -> None:
    """Refuse to continue without a site, for commands that must not create one. Raises ConfigError, also if the secret
    key is not that of the database."""
    _refuse_unusable_files(get_runtime().config)
    secret_key.verify_key()
    _require_site(may_create=False)


def prepare_database(served_url: str | None = None, *, may_create: bool = True) -> str | None:
    """Create (if `may_create`) or upgrade the database for a process; returns why sending is stopped, or None. A
    process that sends calls `join_run` then.

    `served_url` is the URL of this process, which is the site's URL if no public one is set. Raises ConfigError if
    the secret key is not that of the database, or if its site is missing and must not be created: then nothing has
    changed. A new database beside the marker of a lost one would send as another site and replace its backups.
    """
    _refuse_unusable_files(get_runtime().config)
    secret_key.verify_key()
    _require_site(may_create)
    upgrade()
    state = get_runtime()
    _warn_about_readable_files(state.config)
    # In a transaction of its own: the marker is written only when the site is there.
    run_in_transaction(lambda session: local_site.get_or_create(session, state.vault, clock.now()))

    def prepare_site(session: Session) -> str | None:
        stop_reason = installation.verify(session, state.config)
        local = session.get_one(Site, 1)
        if served_url and state.config.public_url is None:
            local.url, local.served_url = general.get_public_url(session), served_url
        local_site.load_identity(session, state.vault, state.config, clock.now())
        return stop_reason

    if state.config.secret_key_old:
        log.warning("POINTSYNC_SECRET_KEY_OLD is no longer needed; remove it")
    return run_in_transaction(prepare_site)


def join_run() -> None:
    """Take part in the run of the database until this process ends; the process that opens it first begins a new run.

    For processes that send. Commands use the run as it is, and never begin one.
    """
    with share_run_lock() as is_first:
        run_in_transaction(lambda session: runs.begin_if_opened(session, is_first=is_first))


def _require_site(may_create: bool) -> None:
    """Raise ConfigError if the database has no site and must not be created."""
    # Look for the marker first: another process that creates the site right now writes it afterwards.
    marker = get_runtime().config.data / MARKER_FILE
    has_marker = marker.exists()
    if has_marker or not may_create:
        file = db.get_database_file()
        place = f" {file.path}" if file else ""
        if not _has_site():
            raise ConfigError((DATABASE_GONE if has_marker else NO_DATABASE).format(place=place, marker=marker))


def _has_site() -> bool:
    if get_schema_version() is None:
        return False
    with db.get_engine().connect() as connection:
        return connection.scalar(select(Site.id)) is not None


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


def _refuse_unusable_files(config: Config) -> None:
    """Raise ConfigError with the owner if this account may not use a file of the site. It may be left from root."""
    database = [Path(f"{config.database_path}{suffix}") for suffix in ("", "-wal")] if config.database_path else []
    for path in (*database, config.data / MARKER_FILE):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise ConfigError(
                f"{path} cannot be used: {describe_owner(path)}. Run this as the account of the site, or give the file "
                f"to this one: chown {account_name(os.geteuid())} {path}"
            )


def _warn_about_readable_files(config: Config) -> None:
    """Log which files every account of this machine can read. They keep their modes: an admin may have chosen them."""
    paths = [config.data / key_file.KEY_FILE, *([config.database_path] if config.database_path else [])]
    for path in filter(is_readable_by_others, paths):
        log.warning(
            "every account of this machine can read %s; run: chmod 600 %s", path, path, extra={"file": str(path)}
        )
