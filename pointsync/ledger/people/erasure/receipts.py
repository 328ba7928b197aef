"""The receipt of an erasure: what was done here, what other sites have reported, and which backups have the person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.errors import NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger.people.erasure import cleaning, erasure_details, erasures
from pointsync.ledger.people.erasure.erasure_json import ErasureBackup, ErasureDocument, ErasureSite
from pointsync.models import (
    BackupFile,
    ChangeDelivery,
    CustomerChange,
    DeliveryState,
    Erasure,
    ErasureReceipt,
    Remote,
)
from pointsync.models.customer_change import Approval

MAX_ASKED = 50
"""Erasures about which another site is asked in one ping."""
MAX_COUNTS = 20
BY_HAND, TOLD_BY_HAND, WAITING, TOLD, ERASED, CLEAN = "by_hand", "told_by_hand", "waiting", "told", "erased", "clean"
"""The states of another site."""


@dataclass(frozen=True, slots=True)
class _Sent:
    sent_at: datetime | None
    message: str | None


def describe(session: Session, erasure: Erasure, backup_days: int) -> ErasureDocument:
    """An erasure with its receipts. `backup_days`: how long backups are kept; 0 if that is not set."""
    plain = erasure_details.list_plain(erasure) if erasure.effective_at is None and erasure.stopped_at is None else []
    done, total = cleaning.progress(erasure)
    return ErasureDocument(
        id=str(erasure.id),
        state=_state_of(session, erasure),
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
        sites=list_sites(session, erasure),
        backups=list_backups(session, erasure, backup_days),
    )


def list_sites(session: Session, erasure: Erasure) -> list[ErasureSite]:
    """The other sites that get an erasure of this site, by name."""
    sent = _list_sent(session, erasure)
    query = select(ErasureReceipt).where(ErasureReceipt.erasure_id == erasure.id)
    receipts = {each.auth: each for each in session.scalars(query)}
    auths = {*sent, *receipts}
    remotes = session.scalars(select(Remote).where(Remote.auth.in_(auths)).order_by(Remote.deleted_at.is_(None)))
    by_auth = {each.auth: each for each in remotes}  # of several, one that is listed
    sites = [_describe_site(auth, by_auth.get(auth), sent.get(auth), receipts.get(auth)) for auth in auths]
    return sorted(sites, key=lambda each: (each.name.casefold(), each.auth))


def tick(session: Session, erasure_id: int, auth: str, by: str, now: datetime) -> str:
    """Save that the owner of a site that cannot get erasures was asked to erase the person. Return what was saved, as
    a sentence.

    Raises NotFound (`unknown_erasure`, or `unknown_site` if the site is not in the receipt).
    """
    erasure = erasures.get(session, erasure_id, for_update=True)
    site = next((each for each in list_sites(session, erasure) if each.auth == auth), None)
    if site is None:
        message = f"No site with the Auth {auth} is in the receipt of erasure {erasure_id}. Copy the Auth from there."
        raise NotFound("unknown_site", message)
    if site.state == TOLD_BY_HAND:
        return f"You have confirmed before that the owner of {site.name} is informed."
    if site.state != BY_HAND:
        return f"{site.name} gets this erasure automatically, so there is nothing to confirm."
    receipt = ErasureReceipt(erasure_id=erasure_id, auth=auth, name=site.name, is_told_by_hand=True, counts={})
    receipt.told_at, receipt.ticked_by = now, by
    session.add(receipt)
    session.flush()
    audit_recorder.log_action(session, "informed", "erasure", erasure_id, after={"site": site.name})
    return f"Saved. The receipt shows that the owner of {site.name} is informed."


def list_open(session: Session, auth: str) -> list[str]:
    """The ids of this site's erasures that another site has, and is not clean yet, the newest first."""
    cleaned = select(ErasureReceipt.erasure_id).where(
        ErasureReceipt.auth == auth, ErasureReceipt.cleaned_at.is_not(None)
    )
    query = (
        select(CustomerChange.id)
        .join(Erasure, (Erasure.origin == CustomerChange.origin) & (Erasure.change_id == CustomerChange.id))
        .join(ChangeDelivery, ChangeDelivery.change_seq == CustomerChange.seq)
        .where(
            ChangeDelivery.auth == auth,
            ChangeDelivery.state == DeliveryState.DELIVERED,
            Erasure.id.not_in(cleaned),
        )
        .order_by(Erasure.id.desc())
        .limit(MAX_ASKED)
    )
    return list(session.scalars(query))


def answer(session: Session, origin: str, change_ids: object) -> list[dict[str, Any]]:
    """What this site has done about erasures of `origin`, for an answer: `[{id, done_at, cleaned_at, counts}]`."""
    if not isinstance(change_ids, list):
        return []
    wanted = [each for each in change_ids[:MAX_ASKED] if isinstance(each, str)]
    query = select(Erasure).where(Erasure.origin == origin, Erasure.change_id.in_(wanted)).order_by(Erasure.id)
    return [
        {
            "id": each.change_id,
            "done_at": _text(each.carried_out_at),
            "cleaned_at": _text(each.cleaned_at),
            "counts": dict(each.counts),
        }
        for each in session.scalars(query)
    ]


def save_answers(session: Session, remote: Remote, answers: object, local_auth: str) -> None:
    """Save what a remote's site has reported about this site's erasures. What is malformed is left out."""
    for item in answers if isinstance(answers, list) else []:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            continue
        query = select(Erasure).where(Erasure.origin == local_auth, Erasure.change_id == item["id"])
        erasure = session.scalar(query)
        done_at, cleaned_at = (_parse(item.get(name)) for name in ("done_at", "cleaned_at"))
        if erasure is None or done_at is None:
            continue
        own = select(ErasureReceipt).where(ErasureReceipt.erasure_id == erasure.id, ErasureReceipt.auth == remote.auth)
        receipt = session.scalar(own)
        if receipt is None:
            receipt = ErasureReceipt(erasure_id=erasure.id, auth=remote.auth, name=remote.display_name, counts={})
            session.add(receipt)
        receipt.done_at, receipt.cleaned_at = done_at, cleaned_at
        receipt.counts = _numbers(item.get("counts"))
    session.flush()


def list_backups(session: Session, erasure: Erasure, backup_days: int) -> list[ErasureBackup]:
    """The backups that `pointsync backup` made before the person was erased, and when their retention ends."""
    if erasure.carried_out_at is None:
        return []
    query = select(BackupFile).where(BackupFile.made_at <= erasure.carried_out_at).order_by(BackupFile.made_at)
    return [
        ErasureBackup(
            path=each.path,
            made_at=clock.to_text(each.made_at),
            kept_until=clock.to_text(each.made_at + timedelta(days=backup_days)) if backup_days else None,
        )
        for each in session.scalars(query)
    ]


def _state_of(session: Session, erasure: Erasure) -> str:
    if erasure.stopped_at is not None:
        return "stopped"
    if erasure.effective_at is None:
        return "waiting"
    if erasure.carried_out_at is None:
        key = (CustomerChange.origin == erasure.origin, CustomerChange.id == erasure.change_id)
        approval = session.scalar(select(CustomerChange.approval).where(*key))
        return "refused" if approval == Approval.REFUSED else "approval"
    return "cleaning" if erasure.cleaned_at is None else "done"


def _list_sent(session: Session, erasure: Erasure) -> dict[str, _Sent]:
    """By Auth, whether the sites have acknowledged the change that erases."""
    query = (
        select(ChangeDelivery)
        .join(CustomerChange, CustomerChange.seq == ChangeDelivery.change_seq)
        .where(CustomerChange.origin == erasure.origin, CustomerChange.id == erasure.change_id)
    )
    return {each.auth: _Sent(each.delivered_at, each.message) for each in session.scalars(query)}


def _describe_site(auth: str, remote: Remote | None, sent: _Sent | None, receipt: ErasureReceipt | None) -> ErasureSite:
    told_at = sent.sent_at if sent else None
    done_at, cleaned_at = (receipt.done_at, receipt.cleaned_at) if receipt else (None, None)
    state = CLEAN if cleaned_at else ERASED if done_at else TOLD if told_at else WAITING
    if receipt is not None and receipt.is_told_by_hand and state == WAITING:
        state, told_at = TOLD_BY_HAND, receipt.told_at
    elif state == WAITING and (remote is None or (remote.dialect is not None and not remote.takes_changes)):
        state = BY_HAND
    return ErasureSite(
        auth=auth,
        name=remote.display_name if remote else (receipt.name if receipt else auth),
        state=state,
        told_at=_text(told_at),
        erased_at=_text(done_at),
        cleaned_at=_text(cleaned_at),
        counts=dict(receipt.counts) if receipt else {},
        told_by=receipt.ticked_by if receipt else None,
        message=(sent.message if sent and state == WAITING else None),
    )


def count_unfinished(sites: Iterable[ErasureSite]) -> int:
    """How many of these sites have not erased the person, as far as is known here."""
    return sum(each.state in (BY_HAND, WAITING, TOLD) for each in sites)


def _numbers(counts: object) -> dict[str, int]:
    if not isinstance(counts, Mapping):
        return {}
    items: Sequence[tuple[Any, Any]] = list(counts.items())[:MAX_COUNTS]
    return {
        name[:32]: number
        for name, number in items
        if isinstance(name, str) and isinstance(number, int) and not isinstance(number, bool)
    }


def _parse(text: object) -> datetime | None:
    try:
        return clock.from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _text(at: datetime | None) -> str | None:
    return None if at is None else clock.to_text(at)
