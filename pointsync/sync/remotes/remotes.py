"""Remotes: added, changed, paused, deleted."""

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.db.upsert import insert_missing
from pointsync.errors import Conflict, Invalid, NotFound
from pointsync.ledger import reserves
from pointsync.models import Delivery, Movement, Origin, Remote, Reserve, Site, State
from pointsync.models.delivery import WAITING
from pointsync.sync.remotes import backfill, queue
from pointsync.sync.remotes.sharing_key import Typed


def get(session: Session, remote_id: int) -> Remote:
    """The line with that id. Raises NotFound."""
    remote = session.get(Remote, remote_id, populate_existing=True)
    if remote is None or remote.deleted_at:
        raise NotFound("unknown_remote", f"There is no remote {remote_id}; see the list of remotes.", {"id": "unknown"})
    return remote


def add(
    session: Session, vault: Vault, typed: Typed, now: datetime, *, with_history: bool, go_on: bool = False
) -> Remote:
    """A new line. It gets this site's movements from now on, or `with_history` all that it ever made.

    With `go_on`, a deleted line for the same site and reserves is taken up again instead, with all it
    was not sent meanwhile. Raises Invalid for this site's own Auth, NotFound for the observed reserve,
    Conflict where one of the two reserves stands in a line for that site already.
    """
    _refuse_self(_lock_site(session), typed)
    reserve = reserves.get(session, typed.observed, "observed")
    _refuse_second(session, typed, reserve, None)
    insert_missing(session, Origin, [{"auth": typed.auth, "first_seen_at": now}])
    earlier = deleted_before(session, typed, reserve) if go_on else None
    if earlier:
        return _take_up(session, vault, earlier, typed, now)
    remote = Remote(
        url=typed.url,
        auth=typed.auth,
        sealed_pass=vault.seal(typed.password),
        target=typed.target,
        reserve=reserve,
        query_template=typed.template,
        created_at=now,
        facts={},
    )
    session.add(remote)
    session.flush()
    if with_history:
        backfill.start(session, remote, now)
    return remote


def deleted_before(session: Session, typed: Typed, reserve: Reserve) -> Remote | None:
    """The newest deleted line for the same site and reserves, to go on from; None where there is none."""
    return session.scalar(
        select(Remote)
        .where(Remote.deleted_at.is_not(None), Remote.auth == typed.auth)
        .where(Remote.reserve_id == reserve.id, Remote.target == typed.target)
        .order_by(Remote.id.desc())
        .limit(1)
    )


def change(session: Session, vault: Vault, remote: Remote, typed: Typed, version: int, now: datetime) -> Remote:
    """What an admin has edited; the line, or the new one where Auth or observed reserve have changed.

    URL, Pass, target and Query Template change in place, and what waits follows. Another Auth or
    observed reserve is another line: this one is closed once what waits is sent. Raises Conflict
    `changed_meanwhile` when another admin has saved the line since `version`.
    """
    _refuse_self(_lock_site(session), typed)
    _lock(session, remote)
    if remote.version != version:
        raise Conflict("changed_meanwhile", "Another admin has changed this line meanwhile; look at it again.")
    reserve = reserves.get(session, typed.observed, "observed")
    _refuse_second(session, typed, reserve, remote)
    if typed.auth != remote.auth or reserve.id != remote.reserve_id:
        remote.closing_at, remote.owed_until_seq = now, _last_seq(session)
        session.flush()
        close_emptied(session, now)
        return add(session, vault, typed, now, with_history=False)
    if typed.target != remote.target:
        remote.acknowledged, remote.counted_since, remote.again_from_id = 0, now, None
    remote.url, remote.target, remote.query_template = typed.url, typed.target, typed.template
    remote.sealed_pass = vault.seal(typed.password)
    remote.version += 1
    retry(session, remote, now)
    return remote


def pause(session: Session, remote: Remote, now: datetime) -> None:
    """Send nothing to it until it is resumed; what is made meanwhile waits."""
    _lock(session, remote)
    remote.paused_at = remote.paused_at or now
    session.flush()


def resume(session: Session, remote: Remote) -> None:
    """Send again."""
    _lock(session, remote)
    remote.paused_at = None
    session.flush()


def retry(session: Session, remote: Remote, now: datetime) -> None:
    """Send all that waits, now: no delay, no probe first, unless the site answers with another key than the pinned one.

    Only a call to a WooRewards site whose answer was not had keeps its distance: sent again too soon,
    it could be applied twice there.
    """
    _lock(session, remote)
    remote.next_attempt_at = None
    remote.is_probing = _offers_other_key(session, remote)
    remote.failures = 0
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id == remote.id,
            or_(Delivery.is_in(State.PENDING), Delivery.is_in(State.UNKNOWN)),
            Delivery.not_before > now,
        )
        .values(not_before=None)
    )
    session.flush()


def _offers_other_key(session: Session, remote: Remote) -> bool:
    """Whether somebody else may answer in the site's name, who must not get what waits."""
    return session.scalar(select(Origin.offered_key).where(Origin.auth == remote.auth)) is not None


def remove(session: Session, remote: Remote, now: datetime, *, dropping: int = 0) -> None:
    """Hide the line with its facts. What waits must be dropped by its count: `dropping`.

    Raises Conflict `still_waiting` naming the count where it is another one.
    """
    _lock_site(session)
    _lock(session, remote)
    waiting = queue.owed(session, remote.id)
    if waiting != dropping:
        raise Conflict("still_waiting", _still_waiting(waiting), {"drop": f"must be {waiting}"})
    session.execute(
        update(Delivery)
        .where(Delivery.remote_id == remote.id, Delivery.state.in_(WAITING))
        .values(state=State.ASIDE, message=DROPPED)
    )
    backfill.stop(session, remote, now)
    if not remote.closing_at:
        remote.owed_until_seq = _last_seq(session)
    remote.deleted_at = now
    session.flush()


def _still_waiting(count: int) -> str:
    if count == 0:
        return "Nothing waits for this remote any more, so nothing is dropped: name no number, or 0."
    if count == 1:
        said = "1 movement waits for this remote and would never reach it. Send it first, or confirm that it is dropped"
    else:
        said = (
            f"{count:,} movements wait for this remote and would never reach it. Send them first, or confirm that they "
            "are dropped"
        )
    return f"{said} by naming the number: {count}."


DROPPED = "Dropped when its line was deleted."


def close_emptied(session: Session, now: datetime) -> None:
    """Delete the lines that were closed and have nothing waiting any more."""
    for remote in session.scalars(select(Remote).where(Remote.closing_at.is_not(None), Remote.deleted_at.is_(None))):
        if not queue.owed(session, remote.id):
            remote.deleted_at = now
    session.flush()


def _take_up(session: Session, vault: Vault, remote: Remote, typed: Typed, now: datetime) -> Remote:
    first_seq = backfill.first_unsent(session, remote)
    remote.deleted_at = remote.closing_at = remote.paused_at = remote.owed_until_seq = None
    remote.url, remote.sealed_pass, remote.query_template = (
        typed.url,
        vault.seal(typed.password),
        typed.template,
    )
    remote.version += 1
    session.execute(
        update(Delivery)
        .where(Delivery.remote_id == remote.id, Delivery.state == State.ASIDE, Delivery.message == DROPPED)
        .values(state=State.PENDING, message=None)
    )
    retry(session, remote, now)
    backfill.start(session, remote, now, first_seq)
    return remote


def _lock_site(session: Session) -> Site:
    """The row under which ids are made: a movement is made either before what follows, or after it."""
    return session.get_one(Site, 1, with_for_update=True, populate_existing=True)


def _lock(session: Session, remote: Remote) -> None:
    """The line as it is now, and no courier's to change until the transaction ends."""
    Remote.locked(session, remote.id)


def _last_seq(session: Session) -> int:
    return session.scalar(select(func.max(Movement.seq))) or 0


def _refuse_self(site: Site, typed: Typed) -> None:
    if typed.auth == site.auth:
        raise Invalid(
            "auth",
            "This is this site's own Auth.: paste the sharing key of the other site, not the one shown here.",
        )


def _refuse_second(session: Session, typed: Typed, reserve: Reserve, besides: Remote | None) -> None:
    lines = select(Remote).where(Remote.deleted_at.is_(None), Remote.closing_at.is_(None), Remote.auth == typed.auth)
    for line in session.scalars(lines):
        if besides is not None and line.id == besides.id:
            continue
        if line.reserve_id == reserve.id:
            message = f"The reserve {reserve.key} is sent to that site already, by remote {line.id}: edit that line."
            raise Conflict("second_line", message, {"observed": message})
        if line.target == typed.target:
            message = f"The reserve {typed.target} there is the target of remote {line.id} already: edit that line."
            raise Conflict("second_line", message, {"target": message})
