"""The receipt of an erasure: what was done here, what other sites have reported, and which backups have the person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db.is_in import is_in
from pointsync.errors import NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger.people.erasure import cleaning, erasure_details, erasures, receipt_answers
from pointsync.ledger.people.erasure.erasure_json import ErasureBackup, ErasureDocument, ErasureSite
from pointsync.models import BackupFile, ChangeDelivery, CustomerChange, Erasure, ErasureReceipt, Remote
from pointsync.models.customer_change import Approval

BY_HAND, TOLD_BY_HAND, WAITING, TOLD, ERASED, CLEAN = "by_hand", "told_by_hand", "waiting", "told", "erased", "clean"
"""The states of another site."""
REMOVED = "It was removed from the remote sites, so nothing more is heard from it. Ask its owner, or add it again."


def describe(session: Session, erasure: Erasure, backup_days: int) -> ErasureDocument:
    """An erasure with its receipts. `backup_days`: how long backups are kept; 0 if that is not set."""
    return describe_all(session, [erasure], backup_days)[0]


def describe_all(session: Session, rows: Sequence[Erasure], backup_days: int) -> list[ErasureDocument]:
    """The same of several, in the same order, with as many queries as for one."""
    changes, sites = _load_changes(session, rows), _load_sites(session, rows)
    first = min((each.carried_out_at for each in rows if each.carried_out_at), default=None)
    backups = _load_backups(session) if first else []
    return [
        _describe(each, changes.get(each.id), sites[each.id], _list_backups(backups, each, backup_days))
        for each in rows
    ]


def _describe(
    erasure: Erasure, change: CustomerChange | None, sites: list[ErasureSite], backups: list[ErasureBackup]
) -> ErasureDocument:
    plain = erasure_details.list_plain(erasure) if erasure.effective_at is None and erasure.stopped_at is None else []
    done, total = cleaning.progress(erasure)
    return ErasureDocument(
        id=str(erasure.id),
        state=_state_of(erasure, change),
        requested_at=clock.to_text(erasure.requested_at),
        requested_by=erasure.requested_by,
        due_at=clock.to_text(erasure.due_at),
        customer=plain[0] if plain else None,
        stopped_at=_text(erasure.stopped_at),
        stopped_by=erasure.stopped_by,
        effective_at=_text(erasure.effective_at),
        erased_at=_text(erasure.carried_out_at),
        cleaned_at=_text(erasure.cleaned_at),
        progress=done * 100 // total if erasure.carried_out_at else 0,
        counts=dict(erasure.counts),
        sites=sites,
        backups=backups,
    )


def tick(session: Session, erasure_id: int, auth: str, by: str, now: datetime) -> str:
    """Save that the owner of a site that cannot get erasures, or was removed, was asked to erase the person.
    Return what was saved, as a sentence.

    Raises NotFound (`unknown_erasure`, or `unknown_site` if the site is not in the receipt).
    """
    erasure = erasures.get(session, erasure_id, for_update=True)
    site = next((each for each in _load_sites(session, [erasure])[erasure_id] if each.auth == auth), None)
    if site is None:
        message = f"No site with the Auth {auth} is in the receipt of erasure {erasure_id}. Copy the Auth from there."
        raise NotFound("unknown_site", message)
    if site.state == TOLD_BY_HAND:
        return f"You have confirmed before that the owner of {site.name} is informed."
    if site.state != BY_HAND:
        return f"{site.name} gets this erasure automatically, so there is nothing to confirm."
    receipt = receipt_answers.get_or_create(session, erasure_id, auth, site.name)
    receipt.is_told_by_hand, receipt.told_at, receipt.ticked_by = True, now, by
    session.flush()
    audit_recorder.log_action(session, "informed", "erasure", erasure_id, after={"site": site.name})
    return f"Saved. The receipt shows that the owner of {site.name} is informed."


def count_unfinished(sites: Iterable[ErasureSite]) -> int:
    """How many of these sites have not erased the person, as far as is known here."""
    return sum(each.state in (BY_HAND, WAITING, TOLD) for each in sites)


def _load_changes(session: Session, rows: Sequence[Erasure]) -> dict[int, CustomerChange]:
    """The changes that erase, by the ids of the erasures."""
    query = select(Erasure.id, CustomerChange).join(
        CustomerChange, (CustomerChange.origin == Erasure.origin) & (CustomerChange.id == Erasure.change_id)
    )
    found = session.execute(query.where(is_in(Erasure.id, [each.id for each in rows])))
    return {row[0]: row[1] for row in found}


def _load_sites(session: Session, rows: Sequence[Erasure]) -> dict[int, list[ErasureSite]]:
    """The other sites that get these erasures of this site, by name."""
    ids = [each.id for each in rows]
    sent: dict[tuple[int, str], ChangeDelivery] = {}
    query = (
        select(Erasure.id, ChangeDelivery)
        .join(CustomerChange, (CustomerChange.origin == Erasure.origin) & (CustomerChange.id == Erasure.change_id))
        .join(ChangeDelivery, ChangeDelivery.change_seq == CustomerChange.seq)
    )
    for erasure_id, delivery in session.execute(query.where(is_in(Erasure.id, ids))):
        sent[erasure_id, delivery.auth] = delivery
    known = session.scalars(select(ErasureReceipt).where(is_in(ErasureReceipt.erasure_id, ids)))
    receipts = {(each.erasure_id, each.auth): each for each in known}
    remotes = _load_remotes(session, {auth for _, auth in (*sent, *receipts)})
    sites: defaultdict[int, list[ErasureSite]] = defaultdict(list)
    for key in {*sent, *receipts}:
        sites[key[0]].append(_describe_site(key[1], remotes.get(key[1]), sent.get(key), receipts.get(key)))
    for each in sites.values():
        each.sort(key=lambda site: (site.name.casefold(), site.auth))
    return sites


def _load_remotes(session: Session, auths: Collection[str]) -> dict[str, Remote]:
    """By Auth; of several, one that is listed."""
    query = select(Remote).where(is_in(Remote.auth, auths)).order_by(Remote.deleted_at.is_(None), Remote.id)
    return {each.auth: each for each in session.scalars(query)}


def _describe_site(
    auth: str, remote: Remote | None, sent: ChangeDelivery | None, receipt: ErasureReceipt | None
) -> ErasureSite:
    told_at = sent.delivered_at if sent else None
    done_at, cleaned_at = (receipt.done_at, receipt.cleaned_at) if receipt else (None, None)
    state = CLEAN if cleaned_at else ERASED if done_at else TOLD if told_at else WAITING
    message = sent.message if sent and state == WAITING else None
    is_removed = state != CLEAN and (remote is None or remote.deleted_at is not None)
    takes_none = state == WAITING and remote is not None and remote.dialect is not None and not remote.takes_changes
    if is_removed or takes_none:
        state, message = BY_HAND, REMOVED if is_removed else None
        if receipt is not None and receipt.is_told_by_hand:
            state, told_at = TOLD_BY_HAND, receipt.told_at
    return ErasureSite(
        auth=auth,
        name=remote.display_name if remote else (receipt.name if receipt else auth),
        state=state,
        told_at=_text(told_at),
        erased_at=_text(done_at),
        cleaned_at=_text(cleaned_at),
        counts=dict(receipt.counts) if receipt else {},
        told_by=receipt.ticked_by if receipt else None,
        message=message,
    )


def _load_backups(session: Session) -> Sequence[BackupFile]:
    return session.scalars(select(BackupFile).order_by(BackupFile.made_at)).all()


def _list_backups(files: Sequence[BackupFile], erasure: Erasure, backup_days: int) -> list[ErasureBackup]:
    """The backups that `pointsync backup` made before the person was erased, and when their retention ends."""
    return [
        ErasureBackup(
            path=each.path,
            made_at=clock.to_text(each.made_at),
            kept_until=clock.to_text(each.made_at + timedelta(days=backup_days)) if backup_days else None,
        )
        for each in files
        if erasure.carried_out_at is not None and each.made_at <= erasure.carried_out_at
    ]


def _state_of(erasure: Erasure, change: CustomerChange | None) -> str:
    if erasure.stopped_at is not None:
        return "stopped"
    if erasure.effective_at is None:
        return "waiting"
    if erasure.carried_out_at is None:
        return "refused" if change is not None and change.approval == Approval.REFUSED else "approval"
    return "cleaning" if erasure.cleaned_at is None else "done"


def _text(at: datetime | None) -> str | None:
    return None if at is None else clock.to_text(at)
