"""This site's own movements: their ids, and their deliveries to the remotes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, insert, literal, select, update
from sqlalchemy.orm import Session

from pointsync.db.committed import SiteNumbers, note_at_commit
from pointsync.db.is_in import is_in_parameter
from pointsync.ids import MAX_ID, lowest_id_at, parse_movement_id, random_gap
from pointsync.ledger.movement_row import MovementRow
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Site
from pointsync.models.movement import SENT_KINDS

MAX_CLOCK_LEAD = timedelta(days=1)
"""How far a clock of this site may have been ahead when it made an id."""
MAX_CLOCK_ID = MAX_ID - MAX_ID // 8
"""No clock may set ids above this one, of the year 2080: there must be some left when it is right again."""
# Built once, because each ping or each recording executes them.
_RAISE_LAST_ID = update(Site).where(Site.last_id < bindparam("max_id")).values(last_id=bindparam("max_id"))
_SELECT_AUTH = select(Site.auth)
_ALLOCATE_IDS = (
    update(Site)
    .values(
        last_id=case((Site.last_id >= bindparam("floor"), Site.last_id), else_=bindparam("floor")) + bindparam("step")
    )
    .returning(Site.auth, Site.last_id, Site.is_fetching_back)
)
_OBSERVES = (
    is_in_parameter(Remote.reserve_id, "reserve_ids"),
    Remote.deleted_at.is_(None),
    Remote.closing_at.is_(None),
)
_FIND_REMOTE = select(Remote.id).where(*_OBSERVES).limit(1)
_ENQUEUE = insert(Delivery).from_select(
    ["movement_seq", "remote_id", "state", "attempts", "is_history"],
    select(Movement.seq, Remote.id, literal(DeliveryState.PENDING.value), literal(0), literal(False))
    .join(Remote, Remote.reserve_id == Movement.reserve_id)
    .where(Movement.origin == bindparam("origin"), is_in_parameter(Movement.id, "ids"), *_OBSERVES)
    .order_by(Movement.seq, Remote.id),
)


def allocate_ids(session: Session, count: int, now: datetime) -> tuple[str, list[str], bool]:
    """This site's Auth, and `count` new ids, above all ids that this site has used or received as its own.

    Also whether it is fetching its lost movements back: see `fetch_back.state`.

    Locks the site's row until the transaction ends. So this site's movements become visible in the order of
    their ids, and a remote that is being added gets each movement once: from its backfill or as a delivery. A random
    gap before them keeps two copies of a site from making the same ids.
    """
    floor = lowest_id_at(now) - 1
    if floor > MAX_CLOCK_ID:
        floor = 0
    parameters = {"floor": floor, "step": random_gap() + count}
    auth, last, is_fetching_back = session.connection().execute(_ALLOCATE_IDS, parameters).one()
    note_at_commit(session, SiteNumbers(auth, last_id=last))
    return auth, [str(number) for number in range(last - count + 1, last + 1)], is_fetching_back


def keep_ids_above(session: Session, have: object, now: datetime) -> None:
    """Give new ids above the `max_id` of a `have` that another site has answered.

    An id that no clock here can have made yet is ignored: it would use up all ids.
    """
    max_id = parse_movement_id(str(have.get("max_id"))) if isinstance(have, dict) else None
    if max_id is not None and max_id <= lowest_id_at(now + MAX_CLOCK_LEAD):
        session.execute(_RAISE_LAST_ID, {"max_id": max_id})


def get_local_auth(session: Session) -> str:
    """This site's Auth."""
    return session.connection().execute(_SELECT_AUTH).scalar_one()


def enqueue_deliveries(session: Session, rows: Sequence[MovementRow]) -> None:
    """Create a delivery of each new movement to each remote that observes its reserve."""
    rows_to_send = [row for row in rows if row.kind in SENT_KINDS and row.points]
    if not rows_to_send:
        return
    connection = session.connection()
    reserve_ids = list({row.reserve_id for row in rows_to_send})
    if connection.execute(_FIND_REMOTE, {"reserve_ids": reserve_ids}).first():
        ids = [row.id for row in rows_to_send]
        connection.execute(_ENQUEUE, {"reserve_ids": reserve_ids, "origin": rows_to_send[0].origin, "ids": ids})
