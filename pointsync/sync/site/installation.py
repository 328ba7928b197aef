"""Whether this database may act as the site: copies, moved databases and earlier states send nothing.

An admin says what the database is, and sending resumes.
"""

import logging
from collections import defaultdict
from datetime import datetime

from sqlalchemy import func, make_url, or_, select, update
from sqlalchemy.orm import Session

from pointsync import crypto, ids, urls
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.db import place
from pointsync.db.committed import SiteNumbers, get_committed
from pointsync.db.upsert import insert_or_ignore
from pointsync.digests import DigestSum
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import mail_queue, received_summary
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import AlteredMovement, Delivery, DeliveryState, Movement, Origin, Remote, Site, Webhook
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.site import general, marker, passes, runs
from pointsync.text_limits import MAX_MESSAGE_LENGTH

log = logging.getLogger(__name__)

OTHER_PLACE = (
    "The database {name} is another {kind} than when this site last sent: it was moved, copied, or put back from a "
    "copy."
)
LOST_COMMITS = (
    "The database has lost what this site had stored in it: it was set back to an earlier state, or its server was "
    "replaced by one that did not have everything yet."
)
OLDER_THAN_MARKER = "The database is older than this site's last run: it was restored from a backup."

CONFIRMATIONS = ("moved", "restored", "copy")
BEHIND, TWICE = "behind", "twice"
"""The codes of remotes that refuse this database, because they have heard from a later state or another copy of it."""


def verify(session: Session, config: Config) -> str | None:
    """Check that the database was last used here. Return why this site must not send, or None.

    For each start, and for each command that writes. The marker file beside the database has the last movement's id
    and row, and the last call. Another marker, place or public URL, or a database that is behind its marker, means a
    copy, a move or a restore. Nothing is sent then until an admin confirms which one it is.
    """
    site = _check(session, config, is_start=True)
    if site.hold is None:
        site.url = config.public_url or site.url
        site.place = site.place or str(place.of(session))
        if marker.read(config.data).token is None:
            marker.replace(config.data, marker.of_database(session, site))
    session.flush()
    return site.hold


def watch(session: Session, config: Config) -> None:
    """Check the same while the site runs, and begin a new run if the database's server was started again.

    Rows are not counted here: a row that somebody deletes is found by comparing, and does not stop the site. A missing
    marker is written again, because this process knows its database. Also stop sending if the database has lost
    something that this process had committed.
    """
    known = get_committed().numbers
    site = session.get_one(Site, 1, populate_existing=True)
    numbers, opened_at = SiteNumbers(site.auth, site.call, site.last_id), place.of(session)
    if numbers.has_lost(known):
        _stop_after_loss(session, known)
    site = _check(session, config, is_start=False)
    if site.run and opened_at.opening != place.parse(site.place).opening:
        runs.begin_if_opened(session, is_first=False)
    session.flush()
    get_committed().note(numbers)


def save_marker(session: Session, config: Config) -> None:
    """Raise the numbers in the marker file to those of the database, unless sending is stopped."""
    site = session.get_one(Site, 1)
    if site.hold is None:
        marker.advance(config.data, marker.of_database(session, site))


def stop_sending(session: Session, site: Site, reason: str) -> None:
    """Stop sending to all remotes, and ask them soon what they have heard from this site. The first reason is kept."""
    if site.hold is None:
        site.hold = reason[:MAX_MESSAGE_LENGTH]
        session.execute(update(Remote).values(checked_at=None))
        log.warning("sending stopped: %s", reason)


def confirm(session: Session, vault: Vault, config: Config, choice: str, now: datetime) -> None:
    """Save an admin's answer to what this database is, and resume sending in a new run.

    `moved` and `restored` continue as the same site. A `copy` gets its own Auth, Pass and key, its remotes are deleted,
    and its webhooks are switched off. Raises InvalidInput for another choice, Conflict if sending is not stopped.
    """
    site = Site.get_for_update(session)
    if choice not in CONFIRMATIONS:
        raise InvalidInput("what", f"Choose what this database is: {', '.join(CONFIRMATIONS)}.")
    if site.hold is None:
        raise Conflict("nothing_held", "Sending is not stopped, so there is nothing to confirm.")
    if choice == "copy":
        _make_separate(session, site, vault, now)
    log.info("an admin confirmed that this database is %s; sending resumes", choice, extra={"what": choice})
    stored_marker = marker.read(config.data)
    site.last_id = site.confirmed_id = max(site.last_id, stored_marker.last_id)
    site.call = max(site.call, stored_marker.call)
    site.hold = None
    site.url = config.public_url or site.url
    runs.begin(session, site, place.of(session))
    if choice == "restored":
        fetch_back.begin(session, now)
    # Remotes that refused this database are called now, not after their delay.
    refused = (BEHIND, TWICE)
    session.execute(
        update(Remote)
        .where(or_(Remote.attempt_code.in_(refused), Remote.check_code.in_(refused)))
        .values(next_attempt_at=None)
    )
    session.flush()
    marker.replace(config.data, marker.of_database(session, site))


def _check(session: Session, config: Config, *, is_start: bool) -> Site:
    """The site, after sending was stopped if there is a reason."""
    # The marker is written after the commit. So rows that are read after it cannot be behind it.
    stored_marker = marker.read(config.data)
    site = session.get_one(Site, 1, populate_existing=True)
    if site.hold is None and _find_reason(session, site, config, stored_marker, is_start):
        # An admin may have confirmed a copy meanwhile, which writes both.
        site = Site.get_for_update(session)
        if reason := _find_reason(session, site, config, marker.read(config.data), is_start):
            stop_sending(session, site, reason)
    return site


def _find_reason(
    session: Session, site: Site, config: Config, stored_marker: marker.DatabaseMarker, is_start: bool
) -> str | None:
    if site.url and config.public_url and not urls.is_same_place(config.public_url, site.url):
        return f"The database was last used at {site.url}, but this site's public URL is {config.public_url}."
    if is_start and stored_marker.token is None and site.last_id:
        return f"The marker of this database is missing in {config.data}."
    if stored_marker.token not in (None, site.marker):
        return f"The marker in {config.data} belongs to another database."
    if stored_marker.last_id > site.last_id or stored_marker.call > site.call:
        return OLDER_THAN_MARKER
    if is_start and stored_marker.last_seq > Movement.get_last_seq(session):
        return OLDER_THAN_MARKER
    if place.of(session).is_elsewhere(place.parse(site.place)):
        kind = "file" if config.is_sqlite else "database of a PostgreSQL server"
        return OTHER_PLACE.format(name=_database_name(config), kind=kind)
    return None


def _database_name(config: Config) -> str:
    """What an admin calls the database: the file, or the name and the server."""
    if config.database_path:
        return str(config.database_path)
    url = make_url(config.database_url)
    return f"{url.database} at {url.host or 'this machine'}"


def _stop_after_loss(session: Session, known: SiteNumbers) -> None:
    site = Site.get_for_update(session)
    if SiteNumbers(site.auth, site.call, site.last_id).has_lost(known):
        stop_sending(session, site, LOST_COMMITS)
        # What comes next is above everything that others may have seen.
        site.call, site.last_id = max(site.call, known.call), max(site.last_id, known.last_id)


def _make_separate(session: Session, site: Site, vault: Vault, now: datetime) -> None:
    """Give a copy its own identity; what waits is left to the original site, whose movements count as received."""
    _reset_copy(session, site, now)
    private_key, public_key = crypto.new_signing_key()
    site.auth, site.sealed_pass = ids.new_auth(), vault.encrypt(ids.new_pass())
    site.sealed_private_key, site.public_key = vault.encrypt(private_key), public_key
    site.marker = ids.new_token()
    passes.delete_old(session, site)
    general.clear_public_url(session, site)


def _reset_copy(session: Session, site: Site, now: datetime) -> None:
    """Drop what waits, because the original site sends it; and count the original site's movements as received."""
    for remote in session.scalars(select(Remote).where(Remote.deleted_at.is_(None))):
        remote.deleted_at = now
    for webhook in session.scalars(select(Webhook).where(Webhook.disabled_at.is_(None))):
        webhook.disabled_at, webhook.last_error = now, "Left to the site that this one was copied from."
    session.execute(
        update(Delivery)
        .where(Delivery.state.in_(OPEN_STATES))
        .values(state=DeliveryState.SET_ASIDE, message="Left to the site that this one was copied from.")
    )
    mail_queue.disable(session, "Left to the site that this one was copied from.")
    insert_or_ignore(session, Origin, [{"auth": site.auth, "first_seen_at": now}])
    _count_as_received(session, site.auth)


def _count_as_received(session: Session, auth: str) -> None:
    """Sum up the movements of the original site, as if it had sent them."""
    sums: defaultdict[int, DigestSum] = defaultdict(DigestSum)
    max_ids: defaultdict[int, int] = defaultdict(int)
    rows = session.execute(
        select(
            Movement.reserve_id, Movement.id, Movement.points, func.coalesce(AlteredMovement.digest, Movement.digest)
        )
        .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq, isouter=True)
        .where(Movement.origin == auth)
        .execution_options(yield_per=5000)
    )
    for reserve_id, movement_id, points, digest in rows:
        max_ids[reserve_id] = max(max_ids[reserve_id], int(movement_id))
        # Those without a digest are all counted, until they are digested in the background.
        if points or digest is None:
            sums[reserve_id] += DigestSum(1, digest or 0)
    for reserve_id in sorted(max_ids):
        received_summary.change(session, auth, reserve_id, sums[reserve_id], max_ids[reserve_id])
