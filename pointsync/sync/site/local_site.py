"""The local site: its identity, and whether its database was copied, moved or restored."""

import logging
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import BigInteger, cast, func, select, update
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db.upsert import insert_or_ignore
from pointsync.errors import ConfigError, Conflict, InvalidInput
from pointsync.ledger import mail_queue
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.models import Delivery, DeliveryState, Movement, Origin, ReceivedSummary, Remote, Reserve, Site
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.site import general, passes

log = logging.getLogger(__name__)

DEFAULT_RESERVE_NAME = "Points"
MARKER_FILE = "marker"

RESTORED = "restored"
"""The attempt code of a remote that has movements of this site which this database does not know."""


class DatabaseMarker(NamedTuple):
    """What distinguishes a database from its copies and earlier states. `token` is None if the marker is missing."""

    token: str | None
    last_id: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Identity:
    """This site's identity towards other sites, with decrypted secrets.

    `passes` has the current Pass, whose version is `pass_version`, and then the old one while it is valid, until
    `old_pass_ends_at`. `expired_pass` is the old one for a while after its end.
    """

    auth: str
    passes: tuple[str, ...]
    pass_version: str
    private_key: str
    public_key: str
    url: str | None
    name: str
    sending_stopped_reason: str | None
    expired_pass: str | None = None
    old_pass_ends_at: datetime | None = None

    @property
    def sharing_key(self) -> str | None:
        """One line of text with URL, Auth and Pass; None until the public URL is known."""
        if self.url is None:
            return None
        return f"{self.url.split('://', 1)[1]}|{self.auth}:{self.passes[0]}"


def get_or_create(session: Session, vault: Vault, now: datetime) -> Site:
    """The site's row. The first start creates it, with its first reserve."""
    site = session.get(Site, 1)
    if site is None:
        private_key, public_key = crypto.new_signing_key()
        site = Site(
            id=1,
            auth=ids.new_auth(),
            sealed_pass=vault.encrypt(ids.new_pass()),
            sealed_private_key=vault.encrypt(private_key),
            public_key=public_key,
            marker=ids.new_token(),
            last_id=0,
            created_at=now,
        )
        session.add(site)
        session.add(Reserve(key=DEFAULT_RESERVE, name=DEFAULT_RESERVE_NAME, created_at=now))
        session.flush()
    return site


def load_identity(session: Session, vault: Vault, config: Config, now: datetime) -> Identity:
    """This site's identity. Raises WrongSecretKey if the secrets were encrypted with another key."""
    site = session.get(Site, 1)
    if site is None:
        raise ConfigError("The database has no site yet. Run: pointsync upgrade")
    encrypted_passes = [site.sealed_pass]
    encrypted_expired_pass = None
    if site.sealed_old_pass and site.old_pass_ends_at:
        if now < site.old_pass_ends_at:
            encrypted_passes.append(site.sealed_old_pass)
        elif now < site.old_pass_ends_at + passes.EXPIRED_PASS_RETENTION:
            encrypted_expired_pass = site.sealed_old_pass
    return Identity(
        auth=site.auth,
        passes=tuple(vault.decrypt(each) for each in encrypted_passes),
        pass_version=passes.pass_version(site.sealed_pass),
        expired_pass=vault.decrypt(encrypted_expired_pass) if encrypted_expired_pass else None,
        old_pass_ends_at=site.old_pass_ends_at,
        private_key=vault.decrypt(site.sealed_private_key),
        public_key=site.public_key,
        url=general.get_effective_url(site, config),
        name=general.get_site_name(session, config),
        sending_stopped_reason=site.hold,
    )


def verify_installation(session: Session, config: Config) -> str | None:
    """Check that the database was last used here. Return why this site must not send, or None.

    The marker file beside the database has the last movement's id and row. Another marker, another public URL or a
    database that is behind its marker means a copy, a move or a restore. Nothing is sent then until an admin confirms
    which one it is.
    """
    # Read the marker first: it is written after the commit, so rows that are read later cannot be behind it.
    marker = _read_marker(config.data)
    site = session.get_one(Site, 1, populate_existing=True)
    reason = None
    if site.url and config.public_url and config.public_url != site.url:
        reason = f"The database was last used at {site.url}, but this site's public URL is {config.public_url}."
    elif marker.token is None and site.last_id:
        reason = f"The marker of this database is missing in {config.data}."
    elif marker.token not in (None, site.marker):
        reason = f"The marker in {config.data} belongs to another database."
    elif marker.last_id > site.last_id or marker.last_seq > Movement.get_last_seq(session):
        reason = "The database is older than this site's last run: it was restored from a backup."
    if reason:
        site.hold = site.hold or reason
    elif site.hold is None:
        site.url = config.public_url or site.url
        if marker.token is None:
            _write_marker(config.data, _current_marker(session, site))
    session.flush()
    return site.hold


CONFIRMATIONS = ("moved", "restored", "copy")


def confirm_installation(session: Session, vault: Vault, config: Config, choice: str, now: datetime) -> None:
    """Save an admin's answer to what this database is, and resume sending.

    `moved` and `restored` continue as the same site. A `copy` gets its own Auth, Pass and key, and its remotes are
    deleted. Raises InvalidInput for another choice, Conflict if sending is not stopped.
    """
    site = session.get_one(Site, 1)
    if choice not in CONFIRMATIONS:
        raise InvalidInput("what", f"Choose what this database is: {', '.join(CONFIRMATIONS)}.")
    if site.hold is None:
        raise Conflict("nothing_held", "Sending is not stopped, so there is nothing to confirm.")
    if choice == "copy":
        _reset_copy(session, site, now)
        private_key, public_key = crypto.new_signing_key()
        site.auth, site.sealed_pass = ids.new_auth(), vault.encrypt(ids.new_pass())
        site.sealed_private_key, site.public_key = vault.encrypt(private_key), public_key
        site.marker = ids.new_token()
        passes.delete_old(session, site)
        general.clear_public_url(session, site)
    log.info("an admin confirmed that this database is %s; sending resumes", choice, extra={"what": choice})
    site.last_id = site.confirmed_id = max(site.last_id, _read_marker(config.data).last_id)
    site.hold = None
    site.url = config.public_url or site.url
    # Remotes that were stopped because of the restore are called now, not after their delay.
    session.execute(update(Remote).where(Remote.attempt_code == RESTORED).values(next_attempt_at=None))
    session.flush()
    _write_marker(config.data, _current_marker(session, site))


def _reset_copy(session: Session, site: Site, now: datetime) -> None:
    """Drop what waits, because the original site sends it; and count the original site's movements as received."""
    for remote in session.scalars(select(Remote).where(Remote.deleted_at.is_(None))):
        remote.deleted_at = now
    session.execute(
        update(Delivery)
        .where(Delivery.state.in_(OPEN_STATES))
        .values(state=DeliveryState.SET_ASIDE, message="Left to the site that this one was copied from.")
    )
    mail_queue.disable(session, "Left to the site that this one was copied from.")
    insert_or_ignore(session, Origin, [{"auth": site.auth, "first_seen_at": now}])
    recorded = session.execute(
        select(Movement.reserve_id, func.count(), func.max(cast(Movement.id, BigInteger)))
        .where(Movement.origin == site.auth)
        .group_by(Movement.reserve_id)
    )
    insert_or_ignore(
        session,
        ReceivedSummary,
        [
            {"origin": site.auth, "reserve_id": reserve_id, "count": count, "max_id": max_id}
            for reserve_id, count, max_id in recorded
        ],
    )


def save_marker(session: Session, config: Config) -> None:
    """Write the last movement's id and row to the marker file, which reveals a restored database."""
    site = session.get_one(Site, 1)
    marker = _current_marker(session, site)
    if site.hold is None and _read_marker(config.data) != marker:
        _write_marker(config.data, marker)


def _current_marker(session: Session, site: Site) -> DatabaseMarker:
    return DatabaseMarker(site.marker, site.last_id, Movement.get_last_seq(session))


def _read_marker(data_dir: Path) -> DatabaseMarker:
    try:
        parts = (data_dir / MARKER_FILE).read_text().split()
        last_id, last_seq = (*map(int, parts[1:]), 0, 0)[:2]
        return DatabaseMarker(parts[0] if parts else None, last_id, last_seq)
    except FileNotFoundError:
        return DatabaseMarker(None, 0, 0)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{data_dir / MARKER_FILE} cannot be read. Put back the file from the last backup") from error


def _write_marker(data_dir: Path, marker: DatabaseMarker) -> None:
    """Replace the file atomically, so that after a power failure there is the old or the new one."""
    temporary_path = data_dir / f"{MARKER_FILE}.{os.getpid()}.{threading.get_ident()}"
    with temporary_path.open("w") as file:
        print(*marker, file=file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary_path, data_dir / MARKER_FILE)
