"""Remotes: added, changed, paused, deleted."""

from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.db.upsert import insert_or_ignore
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.models import Delivery, DeliveryState, Movement, Origin, Remote, Reserve, Site
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.remotes import backfill, queue
from pointsync.sync.remotes.sharing_key import RemoteInput


def get(session: Session, remote_id: int) -> Remote:
    """The line with that id. Raises NotFound."""
    remote = session.get(Remote, remote_id, populate_existing=True)
    if remote is None or remote.deleted_at:
        raise NotFound("unknown_remote", f"There is no remote {remote_id}; see the list of remotes.", {"id": "unknown"})
    return remote


def add(
    session: Session,
    vault: Vault,
    remote_input: RemoteInput,
    now: datetime,
    *,
    with_backfill: bool,
    reopen: bool = False,
) -> Remote:
    """A new line. It gets this site's movements from now on, or `with_history` all that it ever made.

    With `go_on`, a deleted line for the same site and reserves is taken up again instead, with all it
    was not sent meanwhile. Raises Invalid for this site's own Auth, NotFound for the observed reserve,
    Conflict where one of the two reserves stands in a line for that site already.
    """
    _refuse_self(_lock_site(session), remote_input)
    reserve = reserves.get(session, remote_input.observed_reserve, "observed")
    _refuse_duplicate(session, remote_input, reserve, None)
    insert_or_ignore(session, Origin, [{"auth": remote_input.auth, "first_seen_at": now}])
    deleted = find_deleted(session, remote_input, reserve) if reopen else None
    if deleted:
        return _reopen(session, vault, deleted, remote_input, now)
    remote = Remote(
        url=remote_input.url,
        auth=remote_input.auth,
        sealed_pass=vault.encrypt(remote_input.password),
        target=remote_input.target_reserve,
        reserve=reserve,
        query_template=remote_input.query_template,
        created_at=now,
        facts={},
    )
    session.add(remote)
    session.flush()
    if with_backfill:
        backfill.start(session, remote, now)
    return remote


def find_deleted(session: Session, remote_input: RemoteInput, reserve: Reserve) -> Remote | None:
    """The newest deleted line for the same site and reserves, to go on from; None where there is none."""
    return session.scalar(
        select(Remote)
        .where(Remote.deleted_at.is_not(None), Remote.auth == remote_input.auth)
        .where(Remote.reserve_id == reserve.id, Remote.target == remote_input.target_reserve)
        .order_by(Remote.id.desc())
        .limit(1)
    )


def change(
    session: Session, vault: Vault, remote: Remote, remote_input: RemoteInput, version: int, now: datetime
) -> Remote:
    """What an admin has edited; the line, or the new one where Auth or observed reserve have changed.

    URL, Pass, target and Query Template change in place, and what waits follows. Another Auth or
    observed reserve is another line: this one is closed once what waits is sent. Raises Conflict
    `changed_meanwhile` when another admin has saved the line since `version`.
    """
    _refuse_self(_lock_site(session), remote_input)
    _lock_remote(session, remote)
    if remote.version != version:
        raise Conflict("changed_meanwhile", "Another admin has changed this line meanwhile; look at it again.")
    reserve = reserves.get(session, remote_input.observed_reserve, "observed")
    _refuse_duplicate(session, remote_input, reserve, remote)
    if remote_input.auth != remote.auth or reserve.id != remote.reserve_id:
        remote.closing_at, remote.owed_until_seq = now, _last_movement_seq(session)
        session.flush()
        delete_drained(session, now)
        return add(session, vault, remote_input, now, with_backfill=False)
    if remote_input.target_reserve != remote.target:
        remote.acknowledged, remote.counted_since, remote.again_from_id = 0, now, None
    remote.url, remote.target, remote.query_template = (
        remote_input.url,
        remote_input.target_reserve,
        remote_input.query_template,
    )
    remote.sealed_pass = vault.encrypt(remote_input.password)
    remote.version += 1
    retry(session, remote, now)
    return remote


def pause(session: Session, remote: Remote, now: datetime) -> None:
    """Send nothing to it until it is resumed; what is made meanwhile waits."""
    _lock_remote(session, remote)
    remote.paused_at = remote.paused_at or now
    session.flush()


def resume(session: Session, remote: Remote) -> None:
    """Send again."""
    _lock_remote(session, remote)
    remote.paused_at = None
    session.flush()


def retry(session: Session, remote: Remote, now: datetime) -> None:
    """Send all that waits, now: no delay, no probe first, unless the site answers with another key than the pinned one.

    Only a call to a WooRewards site whose answer was not had keeps its distance: sent again too soon,
    it could be applied twice there.
    """
    _lock_remote(session, remote)
    remote.next_attempt_at = None
    remote.is_probing = _has_offered_key(session, remote)
    remote.failures = 0
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id == remote.id,
            or_(Delivery.state_condition(DeliveryState.PENDING), Delivery.state_condition(DeliveryState.UNKNOWN)),
            Delivery.not_before > now,
        )
        .values(not_before=None)
    )
    session.flush()


def _has_offered_key(session: Session, remote: Remote) -> bool:
    """Whether somebody else may answer in the site's name, who must not get what waits."""
    return session.scalar(select(Origin.offered_key).where(Origin.auth == remote.auth)) is not None


def delete(session: Session, remote: Remote, now: datetime, *, expected_drop_count: int = 0) -> None:
    """Hide the line with its facts. What waits must be dropped by its count: `dropping`.

    Raises Conflict `still_waiting` naming the count where it is another one.
    """
    _lock_site(session)
    _lock_remote(session, remote)
    outstanding_count = queue.outstanding_count(session, remote.id)
    if outstanding_count != expected_drop_count:
        raise Conflict(
            "still_waiting", _still_waiting_message(outstanding_count), {"drop": f"must be {outstanding_count}"}
        )
    session.execute(
        update(Delivery)
        .where(Delivery.remote_id == remote.id, Delivery.state.in_(OPEN_STATES))
        .values(state=DeliveryState.SET_ASIDE, message=DROPPED_MESSAGE)
    )
    backfill.stop(session, remote, now)
    if not remote.closing_at:
        remote.owed_until_seq = _last_movement_seq(session)
    remote.deleted_at = now
    session.flush()


def _still_waiting_message(count: int) -> str:
    if count == 0:
        return "Nothing waits for this remote any more, so nothing is dropped: name no number, or 0."
    if count == 1:
        text = "1 movement waits for this remote and would never reach it. Send it first, or confirm that it is dropped"
    else:
        text = (
            f"{count:,} movements wait for this remote and would never reach it. Send them first, or confirm that they "
            "are dropped"
        )
    return f"{text} by naming the number: {count}."


DROPPED_MESSAGE = "Dropped when its line was deleted."


def delete_drained(session: Session, now: datetime) -> None:
    """Delete the lines that were closed and have nothing waiting any more."""
    for remote in session.scalars(select(Remote).where(Remote.closing_at.is_not(None), Remote.deleted_at.is_(None))):
        if not queue.outstanding_count(session, remote.id):
            remote.deleted_at = now
    session.flush()


def _reopen(session: Session, vault: Vault, remote: Remote, remote_input: RemoteInput, now: datetime) -> Remote:
    first_seq = backfill.first_unsent_seq(session, remote)
    remote.deleted_at = remote.closing_at = remote.paused_at = remote.owed_until_seq = None
    remote.url, remote.sealed_pass, remote.query_template = (
        remote_input.url,
        vault.encrypt(remote_input.password),
        remote_input.query_template,
    )
    remote.version += 1
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id == remote.id,
            Delivery.state == DeliveryState.SET_ASIDE,
            Delivery.message == DROPPED_MESSAGE,
        )
        .values(state=DeliveryState.PENDING, message=None)
    )
    retry(session, remote, now)
    backfill.start(session, remote, now, first_seq)
    return remote


def _lock_site(session: Session) -> Site:
    """The row under which ids are made: a movement is made either before what follows, or after it."""
    return session.get_one(Site, 1, with_for_update=True, populate_existing=True)


def _lock_remote(session: Session, remote: Remote) -> None:
    """The line as it is now, and no courier's to change until the transaction ends."""
    Remote.get_for_update(session, remote.id)


def _last_movement_seq(session: Session) -> int:
    return session.scalar(select(func.max(Movement.seq))) or 0


def _refuse_self(site: Site, remote_input: RemoteInput) -> None:
    if remote_input.auth == site.auth:
        raise InvalidInput(
            "auth",
            "This is this site's own Auth.: paste the sharing key of the other site, not the one shown here.",
        )


def _refuse_duplicate(session: Session, remote_input: RemoteInput, reserve: Reserve, excluding: Remote | None) -> None:
    query = select(Remote).where(
        Remote.deleted_at.is_(None), Remote.closing_at.is_(None), Remote.auth == remote_input.auth
    )
    for remote in session.scalars(query):
        if excluding is not None and remote.id == excluding.id:
            continue
        if remote.reserve_id == reserve.id:
            message = f"The reserve {reserve.key} is sent to that site already, by remote {remote.id}: edit that line."
            raise Conflict("second_line", message, {"observed": message})
        if remote.target == remote_input.target_reserve:
            message = f"The reserve {remote_input.target_reserve} there is the target of remote {remote.id} already: edit that line."
            raise Conflict("second_line", message, {"target": message})
