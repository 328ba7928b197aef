"""Where texts name a person: mails, deliveries, the audit log, attempts, what shops delivered, tasks and files."""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from pointsync.clock import to_text
from pointsync.ledger.people.members import select_members
from pointsync.models import (
    Attempt,
    AuditEntry,
    Customer,
    CustomerPair,
    Delivery,
    Difference,
    Hook,
    HookDelivery,
    KeptDelivery,
    Mail,
    Movement,
    ReturnedMovement,
    Task,
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
READ_AT_ONCE_BYTES = 1 << 20
MAX_READ_BYTES = 1 << 30
"""Of all files together."""
NOT_READ = "More files than a report reads. Look through them yourself."


def list_mails(person: Person) -> Iterator[ReportedMail]:
    """The mails to the person, the newest first."""
    query = select(Mail).where(or_(Mail.customer_id.in_(person.row_ids), Mail.address.in_(person.addresses)))
    for mail in person.session.scalars(query.order_by(Mail.id.desc()).limit(MAX_ROWS)):
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


def list_mentions(person: Person) -> Iterator[ReportedMention]:
    """Texts that name one of the addresses."""
    yield from _list_audit_entries(person)
    for place, time, *columns in (
        ("attempt", Attempt.started_at, Attempt.message),
        ("delivery of a shop", HookDelivery.received_at, HookDelivery.message),
        ("background task", Task.asked_at, Task.title, Task.options, Task.result, Task.message),
        ("difference", Difference.found_at, Difference.here_customer, Difference.there_customer),
    ):
        query = select(time, *columns).where(_contains(person, *columns)).order_by(time.desc())
        for row in person.session.execute(query.limit(MAX_ROWS)):
            texts = [str(each) for each in row[1:] if each]
            if person.is_named_in(" ".join(texts)):
                yield _mention(row[0], place, " ".join(texts))
    yield from _list_kept(person)


def _list_audit_entries(person: Person) -> Iterator[ReportedMention]:
    query = select(AuditEntry).where(_contains(person, AuditEntry.thing, AuditEntry.before, AuditEntry.after))
    for entry in person.session.scalars(query.order_by(AuditEntry.id.desc()).limit(MAX_ROWS)):
        if person.is_named_in(f"{entry.thing} {entry.before} {entry.after}"):
            yield _mention(entry.at, "audit log", audit_log.describe(entry))


def _list_kept(person: Person) -> Iterator[ReportedMention]:
    """Deliveries of shops that are counted later, and movements that came back and wait for a decision."""
    query = select(KeptDelivery, Hook.name).join(Hook, Hook.id == KeptDelivery.hook_id)
    for kept, hook in person.session.execute(query.order_by(KeptDelivery.id)).yield_per(100):
        if person.is_named_in(zlib.decompress(kept.body).decode(errors="replace")):
            yield _mention(kept.received_at, "delivery that waits", f"{kept.topic} of {hook}")
    returned = select(ReturnedMovement).where(ReturnedMovement.customer.in_(person.addresses)).limit(MAX_ROWS)
    for movement in person.session.scalars(returned):
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
            if not path.is_file() or (is_read and not _names(person, path)):
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


def _names(person: Person, path: Any) -> bool:
    overlap = max(map(len, person.patterns)) * 4 + 8
    tail = b""
    with path.open("rb") as file:
        while part := file.read(READ_AT_ONCE_BYTES):
            if person.is_named_in((tail + part).decode(errors="replace")):
                return True
            tail = part[-overlap:]
    return False


def _contains(person: Person, *columns: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    texts = [func.lower(cast(column, Text)) for column in columns]
    return or_(*(text.contains(pattern, autoescape=True) for text in texts for pattern in person.patterns))


def _mention(at: datetime, place: str, text: str) -> ReportedMention:
    return ReportedMention(at=to_text(at), place=place, text=text[:MAX_TEXT_LENGTH])
