"""Sending mails: the due mails go through one connection. Each is claimed before and its outcome saved after."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.orm import Session, joinedload

from pointsync import clock, db
from pointsync.clock import local_date
from pointsync.config import Config
from pointsync.db import run_in_transaction
from pointsync.ledger import mail_queue
from pointsync.ledger.people.erased.tokens import is_reserved
from pointsync.mail import sender as mail_sender
from pointsync.mail import smtp, templates
from pointsync.mail.sender import Sender
from pointsync.mail.templates import MailTemplate
from pointsync.models import Mail, MailServerStatus, Site
from pointsync.models.mail import DROPPED, EXPIRY, FAILED, SENT, WAITING
from pointsync.sync.site import general
from pointsync.text_limits import sanitise

log = logging.getLogger(__name__)

BATCH_SIZE = 50
MAX_ATTEMPTS = 8
GIVE_UP_AFTER = timedelta(days=3)
"""A mail that is still waiting after this fails, and admins see it."""
CLAIM_TIMEOUT = timedelta(minutes=10)
"""When to retry a mail whose attempt has no outcome, because the process was killed."""
MIN_RETRY_DELAY, MAX_RETRY_DELAY = timedelta(minutes=5), timedelta(hours=12)
MIN_SERVER_DELAY, MAX_SERVER_DELAY = timedelta(minutes=1), timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class MailContext:
    """What all mails of a batch share."""

    auth: str
    sender: Sender
    site_name: str
    zone: ZoneInfo
    texts: Mapping[str, MailTemplate]


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A claimed mail, ready to send."""

    mail_id: int
    to: str
    message: EmailMessage


def compute_next_attempt(attempts: int, queued_at: datetime, now: datetime) -> datetime | None:
    """When to retry a mail after `attempts` attempts; None to give up. The delay triples each time."""
    next_attempt_at = now + _retry_delay(attempts)
    return next_attempt_at if attempts < MAX_ATTEMPTS and next_attempt_at < queued_at + GIVE_UP_AFTER else None


def _retry_delay(attempts: int) -> timedelta:
    delay: timedelta = MIN_RETRY_DELAY * 3 ** min(attempts - 1, 10)
    return min(delay, MAX_RETRY_DELAY)


def _max_wait(attempts: int) -> timedelta:
    """The longest wait of a mail after `attempts` attempts: for the outcome of the last one, or until the next."""
    return max(_retry_delay(attempts), CLAIM_TIMEOUT) if attempts else timedelta(0)


def _is_due(now: datetime) -> ColumnElement[bool]:
    """That a waiting mail may be tried. One that would wait too long was queued before the clock was set back."""
    latest = case({each: now + _max_wait(each) for each in range(1, MAX_ATTEMPTS + 1)}, value=Mail.attempts, else_=now)
    # The index finds both parts.
    return or_(Mail.next_at <= now, and_(Mail.next_at > now, Mail.next_at > latest))


def has_due_mail(session: Session, now: datetime) -> bool:
    """Whether a mail is due and may go out: no delay after a failure of the server, and sending is not stopped."""
    if session.scalar(select(Mail.id).where(Mail.state == WAITING, _is_due(now)).limit(1)) is None:
        return False
    server = session.get(MailServerStatus, 1)
    is_backing_off = server is not None and clock.is_waiting(server.failed_at, server.next_at, now)
    return not is_backing_off and session.scalar(select(Site.hold)) is None


def send_batch(config: Config) -> None:
    """Send at most `BATCH_SIZE` of the due mails, and save the outcome of each."""
    now = clock.now()
    run_in_transaction(partial(_drop_and_expire, now=now))
    session = db.session()
    sender = mail_sender.get_sender(session, config)
    if not config.smtp_url or sender is None:
        return
    due = select(Mail.id).where(Mail.state == WAITING, _is_due(now)).order_by(Mail.next_at, Mail.id)
    ids = session.scalars(due.limit(BATCH_SIZE)).all()
    if not ids:
        return
    context = MailContext(
        session.get_one(Site, 1).auth,
        sender,
        general.get_site_name(session, config),
        general.get_time_zone(session),
        templates.get_all(session),
    )
    session.rollback()  # no transaction is open during the connection
    try:
        with smtp.SmtpConnection(
            smtp.parse_server_url(config.smtp_url), sender.address.rpartition("@")[2]
        ) as connection:
            for mail_id in ids:
                if connection.is_out_of_time:
                    break
                _send_one(connection, context, mail_id)
    except smtp.MailServerError as error:
        log.warning("no mails are sent: %s", error)
        run_in_transaction(partial(_save_server_failure, message=str(error), now=clock.now()))
    else:
        run_in_transaction(_clear_server_failure)


def _send_one(connection: smtp.SmtpConnection, context: MailContext, mail_id: int) -> None:
    outgoing = run_in_transaction(partial(_claim, context=context, mail_id=mail_id, now=clock.now()))
    if outgoing is None:
        return
    refusal: smtp.MailRefused | None = None
    try:
        connection.send(outgoing.message, context.sender.address, outgoing.to)
    except smtp.MailRefused as error:
        refusal = error
        log.info("mail %s was refused", mail_id)
    except smtp.MailServerError as error:
        run_in_transaction(partial(_save_outcome, mail_id=mail_id, refusal=error, is_final=False, now=clock.now()))
        raise
    is_final = refusal is not None and refusal.is_final
    run_in_transaction(partial(_save_outcome, mail_id=mail_id, refusal=refusal, is_final=is_final, now=clock.now()))


def _drop_and_expire(session: Session, now: datetime) -> None:
    """Drop mails that were queued while mails were turned off, and fail mails that have waited too long."""
    if not mail_queue.is_enabled(session):
        mail_queue.drop_waiting(session, mail_sender.DROPPED_WHEN_OFF)
    server = session.get(MailServerStatus, 1)
    message = (server.message if server else None) or "This mail could not be sent for three days."
    is_expired = (Mail.state == WAITING, _is_due(now), Mail.queued_at <= now - GIVE_UP_AFTER)
    session.execute(update(Mail).where(*is_expired).values(state=FAILED, message=message))


def _claim(session: Session, context: MailContext, mail_id: int, now: datetime) -> OutgoingMail | None:
    """Count the attempt and compose the mail. None if another process has it, or it is no longer useful."""
    query = select(Mail).where(Mail.id == mail_id).with_for_update(of=Mail)
    mail = session.scalar(query.options(joinedload(Mail.customer), joinedload(Mail.reserve)))
    if mail is None or mail.state != WAITING or now < mail.next_at <= now + _max_wait(mail.attempts):
        return None
    if (
        mail.kind == EXPIRY
        and not mail.is_test
        and date.fromisoformat(mail.facts["day"]) <= local_date(now, context.zone)
    ):
        mail.state, mail.message = DROPPED, "The points expired before this mail was sent."
        return None
    if mail.customer is not None and is_reserved(mail.customer.mail_address):
        mail.state, mail.message = DROPPED, "This customer was erased."
        return None
    mail.attempts += 1
    mail.next_at = now + CLAIM_TIMEOUT
    session.flush()
    return compose(mail, context)


def _save_outcome(session: Session, mail_id: int, refusal: Exception | None, is_final: bool, now: datetime) -> None:
    mail = session.get_one(Mail, mail_id, with_for_update=True)
    if refusal is None:
        mail.state, mail.sent_at, mail.message = SENT, now, None
        return
    next_attempt_at = compute_next_attempt(mail.attempts, mail.queued_at, now)
    mail.message = sanitise(str(refusal), 500)
    if is_final or next_attempt_at is None:
        mail.state = FAILED
    else:
        mail.next_at = next_attempt_at


def _save_server_failure(session: Session, message: str, now: datetime) -> None:
    server = session.get(MailServerStatus, 1) or MailServerStatus(id=1, failures=0)
    server.next_at = now + min(MIN_SERVER_DELAY * 2 ** min(server.failures, 10), MAX_SERVER_DELAY)
    server.failures += 1
    server.message, server.failed_at = sanitise(message, 500), now
    session.add(server)


def _clear_server_failure(session: Session) -> None:
    server = session.get(MailServerStatus, 1)
    if server is not None and server.failures:
        server.failures, server.message, server.failed_at, server.next_at = 0, None, None, None


def build_values(mail: Mail, site_name: str, zone: ZoneInfo) -> dict[str, str]:
    """The values for the placeholders of a mail: some were stored with it, others are current."""
    if mail.is_test:
        return templates.SAMPLE_VALUES | {"site": site_name}
    stored = mail.facts
    day = date.fromisoformat(stored["day"]) if "day" in stored else local_date(mail.at, zone)
    return {
        "customer": mail.customer.mail_address if mail.customer else "",
        "site": site_name,
        "reserve": mail.reserve.name if mail.reserve else "",
        "points": f"{stored['points']:,}",
        "balance": f"{stored['balance']:,}",
        "date": f"{day:%-d %B %Y}",
        "reward": stored.get("reward", ""),
        "level": stored.get("level", ""),
    }


def compose(mail: Mail, context: MailContext) -> OutgoingMail:
    """Compose the message. The same mail has the same Message-ID each time it is sent."""
    subject, body = context.texts[mail.kind].render(build_values(mail, context.site_name, context.zone))
    to = mail.address or (mail.customer.mail_address if mail.customer else "")
    local, _, host = context.sender.address.rpartition("@")
    message_key = hashlib.sha256(f"{context.auth}:{mail.cause}".encode()).hexdigest()[:40]
    message = EmailMessage()
    message["From"] = Address(sanitise(context.sender.name, 191), local, host)
    message["To"] = Address("", *_split_address(to))
    message["Subject"] = f"[Test] {subject}" if mail.is_test else subject
    message["Date"] = format_datetime(mail.queued_at)
    message["Message-ID"] = f"<{message_key}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, cte="quoted-printable")
    return OutgoingMail(mail.id, to, message)


def _split_address(address: str) -> tuple[str, str]:
    local, _, host = address.rpartition("@")
    return local, host
