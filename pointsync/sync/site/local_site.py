"""The local site: who it is, and whether this database is really its own."""

import logging
import os
import threading
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

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
"""Of a line whose site holds what this database never made."""

DatabaseMarker = tuple[str | None, int, int]
"""What belongs to one database alone; its last movement id, and its last movement's row."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this site is on the wire, secrets opened.

    `passes` holds the present Pass, whose version is `pass_version`, and behind it the old one while that works,
    until `old_pass_ends_at`; `ended_pass` is the old one for a while after its end.
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
        """The one line that carries URL, Auth and Pass; None until the public URL is known."""
        if self.url is None:
            return None
        return f"{self.url.split('://', 1)[1]}|{self.auth}:{self.passes[0]}"


def get_or_create(session: Session, vault: Vault, now: datetime) -> Site:
    """The site's row, with its first reserve, made at the first start."""
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
    """Who this site is. Raises WrongSecret where the secret key is not the one it was stored with."""
    site = session.get(Site, 1)
    if site is None:
        raise ConfigError("The database holds no site yet; run: pointsync upgrade")
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
    """Compare this place with what the database remembers; why sending is held, or None.

    Beside the database stands a marker with the last movement's id and the last row: another marker, another
    public URL or a database that is behind it tells of a copy, a move or a restore. Nothing is sent then until
    an admin has said which it is.
    """
    # The marker first: it is written after the commit, so a row read later is never behind it by itself.
    marker, last_id, last_seq = _read_marker(config.data)
    site = session.get_one(Site, 1, populate_existing=True)
    reason = None
    if site.url and config.public_url and config.public_url != site.url:
        reason = f"The database was last used at {site.url}, and this is {config.public_url}."
    elif marker is None and site.last_id:
        reason = f"The marker of this database is missing in {config.data}."
    elif marker is not None and marker != site.marker:
        reason = f"The marker in {config.data} belongs to another database."
    elif last_id > site.last_id or last_seq > _last_movement_seq(session):
        reason = "The database is older than when this site last ran: it was restored from a backup."
    if reason:
        site.hold = site.hold or reason
    elif site.hold is None:
        site.url = config.public_url or site.url
        if marker is None:
            _write_marker(config.data, _current_marker(session, site))
    session.flush()
    return site.hold


CONFIRMATIONS = ("moved", "restored", "copy")


def confirm_installation(session: Session, vault: Vault, config: Config, choice: str, now: datetime) -> None:
    """An admin's word on what this database is, which ends the hold.

    `moved` and `restored` go on as the same site; `copy` gets its own Auth, Pass and key, and its
    remotes are taken from its list. Raises Invalid for another word, Conflict when nothing is held.
    """
    site = session.get_one(Site, 1)
    if choice not in CONFIRMATIONS:
        raise InvalidInput("what", f"Say what this is: {', '.join(CONFIRMATIONS)}.")
    if site.hold is None:
        raise Conflict("nothing_held", "Nothing is held: this is the real site, and it sends.")
    if choice == "copy":
        _reset_copy(session, site, now)
        private_key, public_key = crypto.new_signing_key()
        site.auth, site.sealed_pass = ids.new_auth(), vault.encrypt(ids.new_pass())
        site.sealed_private_key, site.public_key = vault.encrypt(private_key), public_key
        site.marker = ids.new_token()
        passes.delete_old(session, site)
        general.clear_public_url(session, site)
    log.info("an admin has said that this database is %s: it sends again", choice, extra={"what": choice})
    last_id = _read_marker(config.data)[1]
    site.last_id = site.confirmed_id = max(site.last_id, last_id)
    site.hold = None
    site.url = config.public_url or site.url
    # A line that was stopped for what its site holds goes on now, not after the delay.
    session.execute(update(Remote).where(Remote.attempt_code == RESTORED).values(next_attempt_at=None))
    session.flush()
    _write_marker(config.data, _current_marker(session, site))


def _reset_copy(session: Session, site: Site, now: datetime) -> None:
    """What a copy owes is the real site's to send; what that has made is, from here, another site's."""
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
    """Write the last movement's id and row beside the database, where a restored one is told by them."""
    site = session.get_one(Site, 1)
    marker = _current_marker(session, site)
    if site.hold is None and _read_marker(config.data) != marker:
        _write_marker(config.data, marker)


def _current_marker(session: Session, site: Site) -> DatabaseMarker:
    return site.marker, site.last_id, _last_movement_seq(session)


def _last_movement_seq(session: Session) -> int:
    """The last movement's row, whoever made it: what was received is missing from a restored database as well."""
    return session.scalar(select(func.max(Movement.seq))) or 0


def _read_marker(data_dir: Path) -> DatabaseMarker:
    try:
        parts = (data_dir / MARKER_FILE).read_text().split()
        last_id, last_seq = (*map(int, parts[1:]), 0, 0)[:2]
        return parts[0] if parts else None, last_id, last_seq
    except FileNotFoundError:
        return None, 0, 0
    except (OSError, ValueError) as error:
        raise ConfigError(f"{data_dir / MARKER_FILE} cannot be read; put back the file from the last backup") from error


def _write_marker(data_dir: Path, marker: DatabaseMarker) -> None:
    """Replace the file in one step, so that a power cut leaves the old one or the new one."""
    temporary_path = data_dir / f"{MARKER_FILE}.{os.getpid()}.{threading.get_ident()}"
    with temporary_path.open("w") as file:
        print(*marker, file=file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary_path, data_dir / MARKER_FILE)
