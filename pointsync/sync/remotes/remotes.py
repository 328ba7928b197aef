"""Remotes: adding, editing, pausing, retrying and deleting them."""

from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.db.upsert import insert_or_ignore
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import reserves
from pointsync.ledger.people import deliveries
from pointsync.models import Backfill, Delivery, DeliveryState, Movement, Origin, Remote, Reserve, Site
from pointsync.models.delivery import OPEN_STATES
from pointsync.sync.comparison import changes
from pointsync.sync.remotes import backfill, first_checks, queue
from pointsync.sync.remotes.sharing_key import RemoteInput


def get(session: Session, remote_id: int) -> Remote:
    """The remote with that id. Raises NotFound, also if it is deleted."""
    remote = session.get(Remote, remote_id, populate_existing=True)
    if remote is None or remote.deleted_at:
        raise NotFound("unknown_remote", f"There is no remote {remote_id}. See the list of remotes.", {"id": "unknown"})
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
    """Add a remote. It gets movements recorded from now on, and with `with_backfill` all earlier ones. Its site
    gets all changes of people that it has not got.

    A deleted remote for the same site and reserves is used again, since it knows what is delivered there. With
    `reopen`, it also gets everything that it missed. Raises InvalidInput for this site's own Auth, NotFound for the
    observed reserve, Conflict if another remote for that site uses one of the two reserves.
    """
    _refuse_self(Site.get_for_update(session), remote_input)
    reserve = reserves.get(session, remote_input.observed_reserve, "observed")
    _refuse_duplicate(session, remote_input, reserve, None)
    insert_or_ignore(session, Origin, [{"auth": remote_input.auth, "first_seen_at": now}])
    deleted = find_deleted(session, remote_input, reserve)
    if deleted:
        first_missed_seq = backfill.first_unsent_seq(session, deleted)
        _use_again(session, vault, deleted, remote_input, now)
        deliveries.enqueue(session, auth=remote_input.auth)
        if reopen:
            _enqueue_dropped(session, deleted)
            backfill.start(session, deleted, now, first_missed_seq)
        elif with_backfill:
            _enqueue_dropped(session, deleted)
            backfill.start(session, deleted, now)
        return deleted
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
    first_checks.mark_done(session, remote)
    deliveries.enqueue(session, auth=remote.auth)
    if with_backfill:
        backfill.start(session, remote, now)
    return remote


def find_deleted(session: Session, remote_input: RemoteInput, reserve: Reserve) -> Remote | None:
    """The newest deleted remote for the same site and reserves, which can be reopened; None if there is none."""
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
    """Save an admin's edit. Return the remote, or the new one that replaces it.

    URL, Pass and Query Template change in place and apply to waiting deliveries. A different Auth or observed reserve
    is a different remote: this one closes when everything is sent, and a new one is added. So is a different target,
    once something was delivered: what waits moves to the new remote. Raises Conflict `changed_meanwhile` if another
    admin has saved the remote since `version`, and errors as `add` does.
    """
    _refuse_self(Site.get_for_update(session), remote_input)
    Remote.get_for_update(session, remote.id)
    if remote.version != version:
        raise Conflict(
            "changed_meanwhile", "Another admin changed this remote in the meantime. Reload it and try again."
        )
    reserve = reserves.get(session, remote_input.observed_reserve, "observed")
    _refuse_duplicate(session, remote_input, reserve, remote)
    if remote_input.auth != remote.auth or reserve.id != remote.reserve_id:
        remote.closing_at, remote.owed_until_seq = now, Movement.get_last_seq(session)
        session.flush()
        delete_drained(session, now)
        return add(session, vault, remote_input, now, with_backfill=False)
    is_other_target = remote_input.target_reserve != remote.target
    if is_other_target and (_has_delivered(session, remote) or find_deleted(session, remote_input, reserve)):
        return _move_to_target(session, vault, remote, remote_input, now)
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
    """Send nothing to it until it is resumed; its deliveries wait."""
    Remote.get_for_update(session, remote.id)
    remote.paused_at = remote.paused_at or now
    session.flush()


def resume(session: Session, remote: Remote) -> None:
    """Resume sending."""
    Remote.get_for_update(session, remote.id)
    remote.paused_at = None
    first_checks.mark_done(session, remote)
    session.flush()


def retry(session: Session, remote: Remote, now: datetime) -> None:
    """Send everything that waits now, without a delay. There is no probe first, unless the site offers another key.

    Only a movement whose WooRewards call got no answer still waits: sent again too soon, it could be applied twice.
    """
    Remote.get_for_update(session, remote.id)
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
    deliveries.retry(session, remote.auth)
    session.flush()


def _has_offered_key(session: Session, remote: Remote) -> bool:
    """Whether another key than the pinned one answered: then somebody else may be answering for the site."""
    return session.scalar(select(Origin.offered_key).where(Origin.auth == remote.auth)) is not None


def delete(session: Session, remote: Remote, now: datetime, *, expected_drop_count: int = 0) -> None:
    """Hide the remote. Its waiting movements are dropped, whose number must be `expected_drop_count`.

    Raises Conflict `still_waiting` with the right number if it is another one.
    """
    Site.get_for_update(session)
    Remote.get_for_update(session, remote.id)
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
        remote.owed_until_seq = Movement.get_last_seq(session)
    remote.deleted_at = now
    session.flush()


def _still_waiting_message(count: int) -> str:
    if count == 0:
        return "Nothing is waiting for this remote any more, so there is nothing to drop: confirm 0."
    if count == 1:
        text = "1 movement is waiting for this remote and would never arrive there. Send it first, or drop it"
    else:
        text = (
            f"{count:,} movements are waiting for this remote and would never arrive there. Send them first, or drop "
            "them"
        )
    return f"{text} by confirming the number: {count}."


DROPPED_MESSAGE = "Dropped when its line was deleted."
"""Stored with dropped deliveries, and compared when the remote is reopened: the text must not change."""


def delete_drained(session: Session, now: datetime) -> None:
    """Delete closing remotes that have nothing waiting any more: movements, and changes of customers for their site."""
    for remote in session.scalars(select(Remote).where(Remote.closing_at.is_not(None), Remote.deleted_at.is_(None))):
        has_changes = remote.takes_changes and changes.count_waiting(session, remote.auth)
        if not has_changes and not queue.outstanding_count(session, remote.id):
            remote.deleted_at = now
    session.flush()


def _has_delivered(session: Session, remote: Remote) -> bool:
    query = select(Delivery.id).where(
        Delivery.remote_id == remote.id, Delivery.state_condition(DeliveryState.DELIVERED)
    )
    return session.scalar(query.limit(1)) is not None


def _move_to_target(session: Session, vault: Vault, remote: Remote, remote_input: RemoteInput, now: datetime) -> Remote:
    """Replace a remote by one for another reserve of the same site, which gets everything that waits."""
    running_backfill = session.get(Backfill, remote.id)
    remote.owed_until_seq, remote.deleted_at = Movement.get_last_seq(session), now
    session.flush()
    new_remote = add(session, vault, remote_input, now, with_backfill=False)
    known = select(Delivery.movement_seq).where(Delivery.remote_id == new_remote.id)
    session.execute(
        update(Delivery)
        .where(Delivery.remote_id == remote.id, Delivery.state.in_(OPEN_STATES), Delivery.movement_seq.not_in(known))
        .values(remote_id=new_remote.id)
    )
    if running_backfill and running_backfill.state == "running":
        backfill.start(session, new_remote, now, running_backfill.next_seq)
        backfill.stop(session, remote, now)
    return new_remote


def _use_again(session: Session, vault: Vault, remote: Remote, remote_input: RemoteInput, now: datetime) -> None:
    remote.deleted_at = remote.closing_at = remote.paused_at = remote.owed_until_seq = None
    remote.url, remote.sealed_pass, remote.query_template = (
        remote_input.url,
        vault.encrypt(remote_input.password),
        remote_input.query_template,
    )
    remote.version += 1
    first_checks.mark_done(session, remote)
    retry(session, remote, now)


def _enqueue_dropped(session: Session, remote: Remote) -> None:
    """Send what was dropped when the remote was deleted."""
    session.execute(
        update(Delivery)
        .where(
            Delivery.remote_id == remote.id,
            Delivery.state == DeliveryState.SET_ASIDE,
            Delivery.message == DROPPED_MESSAGE,
        )
        .values(state=DeliveryState.PENDING, message=None)
    )


def _refuse_self(site: Site, remote_input: RemoteInput) -> None:
    if remote_input.auth == site.auth:
        raise InvalidInput(
            "auth",
            "This is the Auth of this site. Paste the sharing key of the other site, not the one shown here.",
        )


def _refuse_duplicate(session: Session, remote_input: RemoteInput, reserve: Reserve, excluding: Remote | None) -> None:
    query = select(Remote).where(
        Remote.deleted_at.is_(None), Remote.closing_at.is_(None), Remote.auth == remote_input.auth
    )
    for remote in session.scalars(query):
        if excluding is not None and remote.id == excluding.id:
            continue
        if remote.reserve_id == reserve.id:
            message = f"Remote {remote.id} already sends the reserve {reserve.key} to that site. Edit that remote."
            raise Conflict("second_line", message, {"observed": message})
        if remote.target == remote_input.target_reserve:
            message = (
                f"Remote {remote.id} already uses the reserve {remote.target} there as its target. Edit that remote."
            )
            raise Conflict("second_line", message, {"target": message})
