"""Where texts name a person: mails, deliveries, the audit log, attempts, what shops delivered, tasks and files."""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pointsync.clock import to_text
from pointsync.db import Base
from pointsync.ledger.people.erasure.named_columns import REPLACED
from pointsync.ledger.people.members import select_members
from pointsync.models import (
    Attempt,
    AuditEntry,
    ChangeDelivery,
    Customer,
    CustomerPair,
    Delivery,
    Difference,
    HandOn,
    Hold,
    Hook,
    HookDelivery,
    KeptDelivery,
    Mail,
    MailServerStatus,
    Movement,
    Origin,
    Remote,
    RemoteFetch,
    ReturnedMovement,
    Reversal,
    ShopKey,
    ShopKeyRequest,
    ShopState,
    StatusChange,
    Task,
    Webhook,
)
from pointsync.models.delivery import OPEN_STATES
from pointsync.reports import audit_log
from pointsync.reports.person_report.ledger_parts import MAX_ROWS
from pointsync.reports.person_report.person import Person
from pointsync.sync.people.report_json import (
    ReportedDelivery,
    ReportedFile,
    ReportedMail,
    ReportedMention,
    ReportedPair,
)
from pointsync.tasks.tasks import FOLDER_NAME

MAX_TEXT_LENGTH = 500
MAX_READ_BYTES = 1 << 30
"""Of all files together."""
NOT_READ = "More files than a report reads. Look through them yourself."


def list_mails(person: Person) -> Iterator[ReportedMail]:
    """The mails to the person, the newest first."""
    query = select(Mail).where(
        or_(Mail.customer_id.in_(person.row_ids), person.texts.may_name(Mail.address.expression))
    )
    for mail in person.session.scalars(query.order_by(Mail.id.desc()).limit(MAX_ROWS)):
        if mail.customer_id not in person.row_ids and not person.texts.is_named_in(mail.address or ""):
            continue
        yield ReportedMail(
            at=to_text(mail.queued_at),
            address=mail.address or person.emails.get(mail.customer_id or 0, person.address),
            kind=mail.kind,
            state=mail.state,
            sent_at=to_text(mail.sent_at) if mail.sent_at else None,
            facts=mail.facts,
        )


def list_deliveries(person: Person) -> Iterator[ReportedDelivery]:
    """The movements that wait for other sites or were refused there, the newest first."""
    query = (
        select(Delivery, Movement)
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .where(Movement.customer_id.in_(person.row_ids), Delivery.state.in_(OPEN_STATES))
        .order_by(Delivery.id.desc())
    )
    for delivery, movement in person.session.execute(query.limit(MAX_ROWS)):
        yield ReportedDelivery(
            at=to_text(movement.recorded_at),
            address=person.emails[movement.customer_id],
            movement=movement.id,
            site=person.site_names.for_remote(delivery.remote_id),
            state=delivery.state,
            message=delivery.message,
        )


def list_pairs(person: Person) -> Iterator[ReportedPair]:
    """Who may be the same person, or is not."""
    if not person.rows:
        return
    members = select_members([person.rows[0].id])
    query = (
        select(CustomerPair, Customer)
        .join(Customer, Customer.id.in_([CustomerPair.first_id, CustomerPair.second_id]))
        .where(or_(CustomerPair.first_id.in_(members), CustomerPair.second_id.in_(members)))
        .order_by(CustomerPair.id.desc())
    )
    for pair, other in person.session.execute(query.limit(MAX_ROWS)):
        if other.id not in person.emails:
            own_id = pair.first_id if pair.second_id == other.id else pair.second_id
            yield ReportedPair(
                at=to_text(pair.found_at),
                address=person.emails[own_id],
                other=other.email,
                reason=pair.reason,
                is_dismissed=pair.dismissed_at is not None,
            )


PLACES: dict[type[Base], tuple[str, InstrumentedAttribute[Any]]] = {
    Movement: ("movement", Movement.recorded_at),
    Hold: ("hold", Hold.created_at),
    AuditEntry: ("audit log", AuditEntry.at),
    Task: ("background task", Task.asked_at),
    Attempt: ("attempt", Attempt.started_at),
    Delivery: ("delivery to a remote", Delivery.called_at),
    ChangeDelivery: ("delivery of a change of customers", ChangeDelivery.not_before),
    Difference: ("difference", Difference.found_at),
    HookDelivery: ("delivery of a shop", HookDelivery.received_at),
    StatusChange: ("status of a remote", StatusChange.at),
    Hook: ("hook", Hook.created_at),
    Remote: ("remote", Remote.last_failure_at),
    RemoteFetch: ("fetch of lost movements", RemoteFetch.started_at),
    HandOn: ("movements that are handed on", HandOn.started_at),
    Webhook: ("webhook", Webhook.last_failure_at),
    MailServerStatus: ("mail server", MailServerStatus.failed_at),
    Origin: ("origin", Origin.blocked_at),
    Reversal: ("reversal", Reversal.asked_at),
    ShopKey: ("key of a shop", ShopKey.failing_since),
    ShopKeyRequest: ("request for the key of a shop", ShopKeyRequest.used_at),
    ShopState: ("state of a shop", ShopState.reported_at),
}
"""Where an erasure replaces addresses in texts (`named_columns.REPLACED`): what the place is called, and its time."""


def list_mentions(person: Person) -> Iterator[ReportedMention]:
    """Texts that name one of the addresses, except those of the person's own movements and holds."""
    for each in REPLACED:
        place, time = PLACES[each.model]
        columns = [each.table.c[name] for name in (*each.texts, *each.json)]
        query = select(each.model, time).where(person.texts.may_name(*columns)).order_by(time.desc())
        if each.model in (Movement, Hold):
            query = query.where(each.table.c.customer_id.not_in(person.row_ids))
        count = 0
        for row, at in person.session.execute(query).yield_per(100):
            texts = [_to_text(value) for column in columns if (value := getattr(row, column.key))]
            if any(map(person.texts.is_named_in, texts)) and count < MAX_ROWS:
                count += 1
                text = audit_log.describe(row) if isinstance(row, AuditEntry) else " ".join(texts)
                yield ReportedMention(at=to_text(at) if at else "", place=place, text=text[:MAX_TEXT_LENGTH])
    yield from _list_kept(person)


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _list_kept(person: Person) -> Iterator[ReportedMention]:
    """Deliveries of shops that are counted later, and movements that came back and wait for a decision."""
    query = select(KeptDelivery, Hook.name).join(Hook, Hook.id == KeptDelivery.hook_id)
    for kept, hook in person.session.execute(query.order_by(KeptDelivery.id)).yield_per(100):
        if person.texts.is_named_in(zlib.decompress(kept.body).decode(errors="replace")):
            text = f"{kept.topic} of {hook}"
            yield ReportedMention(at=to_text(kept.received_at), place="delivery that waits", text=text)
    returned = select(ReturnedMovement).where(person.texts.may_name(ReturnedMovement.customer.expression))
    for movement in person.session.scalars(returned.limit(MAX_ROWS)):
        if not person.texts.is_named_in(movement.customer):
            continue
        text = f"{movement.points:+,} points, movement {movement.movement_id}: {movement.reason}"
        yield ReportedMention(
            at=to_text(movement.at) if movement.at else "",
            place="movement that came back",
            text=text[:MAX_TEXT_LENGTH],
        )


def list_files(person: Person) -> Iterator[ReportedFile]:
    """The files of background tasks, such as exports, that name one of the addresses."""
    remaining = MAX_READ_BYTES
    root = person.data / FOLDER_NAME
    for path in sorted(root.glob("*/*")) if root.is_dir() else ():
        try:
            status = path.stat()
            remaining -= status.st_size
            is_read = remaining >= 0
            if not path.is_file() or (is_read and not person.texts.is_named_in_file(path)):
                continue
        except OSError:  # it was deleted meanwhile
            continue
        task = person.session.get(Task, int(path.parent.name)) if path.parent.name.isdecimal() else None
        title = task.title if task else ""
        yield ReportedFile(
            at=to_text(datetime.fromtimestamp(status.st_mtime, UTC)),
            title=title if is_read else NOT_READ,
            file=f"{path.parent.name}/{path.name}",
            size=status.st_size,
        )
