"""Runs and calls of this site: what distinguishes its database from copies and earlier states of it.

A run is one opening of the database. Every process that works on it belongs to the run. Calls are counted over all
runs. So the call of a database that was set back is too low, and a copy has another run.
"""

import logging
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, select, update
from sqlalchemy.orm import Session

from pointsync import db, ids
from pointsync.db import place
from pointsync.db.committed import SiteNumbers, get_committed, note_at_commit
from pointsync.db.place import Place
from pointsync.models import Site
from pointsync.sync.site.local_site import Identity

log = logging.getLogger(__name__)

# Each claim executes it, so it is built once, without the ORM.
_COUNT_CALL = update(Site.__table__).values(call=Site.call + 1).returning(Site.auth, Site.call)  # type: ignore[arg-type]


def begin(session: Session, site: Site, at: Place) -> None:
    """Begin a new run of the locked site in the database at this place."""
    site.call += 1
    site.run = ids.new_run(site.call)
    site.place = str(at)
    note_at_commit(session, SiteNumbers(site.auth, site.call, site.last_id))
    log.info("a new run begins at call %s", site.call, extra={"run": site.run, "call": site.call})
    session.flush()


def begin_if_opened(session: Session, *, is_first: bool) -> None:
    """Begin a new run if the database was opened anew: by the first process, or by a server that was started.

    While sending is stopped no run begins; it begins when an admin has said what the database is.
    """
    site, opened_at = Site.get_for_update(session), place.of(session)
    is_new = is_first or site.run is None or opened_at.opening != place.parse(site.place).opening
    if is_new and site.hold is None:
        begin(session, site, opened_at)


def count_call(session: Session) -> None:
    """Count a claimed batch, in the transaction that claims it."""
    auth, call = session.connection().execute(_COUNT_CALL).one()
    note_at_commit(session, SiteNumbers(auth, call))


def select_state(*also: ColumnElement[Any]) -> Select[Any]:
    """The site's row for `may_send`, and `also`, in one statement."""
    return select(Site.hold, Site.auth, Site.call, Site.last_id, Site.place, *also)


def may_send(session: Session, row: Row[Any]) -> bool:
    """Whether this database may send: no reason against it is stored, and it is in its place and complete.

    `row` is what `select_state` has just found. What is found here is stored as the reason with the next heartbeat;
    see `installation.watch`.
    """
    known, opened_at = get_committed().numbers, place.of(session)
    stored = place.parse(row.place)
    is_same_place = not opened_at.is_elsewhere(stored) and opened_at.opening == (stored.opening or opened_at.opening)
    return row.hold is None and is_same_place and not SiteNumbers(row.auth, row.call, row.last_id).has_lost(known)


def prove_alive(identity: Identity) -> Identity:
    """The identity for a repeated call, after another site has asked whether this run is still alive.

    The call is counted, so that its stamp is from after the beginning of the later run that the other site has heard
    from. If that run is this database's own, which has begun a new run meanwhile, the identity is of that run.
    """

    def count(session: Session) -> Identity:
        site = Site.get_for_update(session)
        if site.hold is None and site.run == identity.run:
            count_call(session)
            session.refresh(site)
        return replace(identity, run=None if site.hold else site.run, call=site.call, last_id=site.last_id)

    return db.run_in_transaction(count)
