"""Sending mails: what is due goes in one connection, each marked before it is handed over and settled after."""

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

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from pointsync import clock
from pointsync.config import Config
from pointsync.db import db, in_write
from pointsync.ledger import mail_queue
from pointsync.ledger.expiry.rule import today
from pointsync.mail import sender as mail_sender
from pointsync.mail import smtp, templates
from pointsync.mail.sender import Sender
from pointsync.mail.templates import Words
from pointsync.models import Mail, MailServer, Site
from pointsync.models.mail import DROPPED, EXPIRY, FAILED, SENT, WAITING
from pointsync.sync.site import general
from pointsync.text_limits import clean

log = logging.getLogger(__name__)

BATCH = 50
MOST_ATTEMPTS = 8
LASTS = timedelta(days=3)
"""How long a mail is tried; then it has failed, for people to see."""
UNSURE = timedelta(minutes=10)
"""After an attempt of which nothing was heard, as when the process was killed."""
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=5), timedelta(hours=12)
SERVER_DELAY, LONGEST_SERVER_DELAY = timedelta(minutes=1), timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Desk:
    """What all mails of a batch have in common."""

    auth: str
    sender: Sender
    site_name: str
    zone: ZoneInfo
    texts: Mapping[str, Words]


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail that is marked, as it goes."""

    mail_id: int
    to: str
    message: EmailMessage


def next_try(attempts: int, queued_at: datetime, now: datetime) -> datetime | None:
    """When a mail is tried again that was tried so often: three times as late each time; None to give it up."""
    at = now + min(FIRST_DELAY * 3 ** min(attempts - 1, 10), LONGEST_DELAY)
    return at if attempts < MOST_ATTEMPTS and at < queued_at + LASTS else None


def is_due(session: Session, now: datetime) -> bool:
    """Whether a mail is due, and nothing speaks against sending it: the server is not given a rest, nor this site."""
    if session.scalar(select(Mail.id).where(Mail.state == WAITING, Mail.next_at <= now).limit(1)) is None:
        return False
    server = session.get(MailServer, 1)
    rests = server is not None and server.next_at is not None and server.next_at > now
    return not rests and session.scalar(select(Site.hold)) is None


def send_batch(config: Config) -> None:
    """Send at most 50 of the mails that are due; what the server says is stored with each."""
    now = clock.now()
    in_write(partial(_tidy, now=now))
    session = db.session()
    sender = mail_sender.read(session, config)
    if not config.smtp_url or sender is None:
        return
    due = select(Mail.id).where(Mail.state == WAITING, Mail.next_at <= now).order_by(Mail.next_at, Mail.id)
    ids = session.scalars(due.limit(BATCH)).all()
    if not ids:
        return
    desk = Desk(
        session.get_one(Site, 1).auth,
        sender,
        general.site_name(session, config),
        general.time_zone(session),
        templates.every(session),
    )
    session.rollback()  # nothing of the database is held while the server is asked
    try:
        with smtp.Line(smtp.server_of(config.smtp_url), sender.address.rpartition("@")[2]) as line:
            for mail_id in ids:
                if line.is_over:
                    break
                _send(line, desk, mail_id)
    except smtp.ServerTrouble as trouble:
        log.warning("no mails are sent: %s", trouble)
        in_write(partial(_server_failed, message=str(trouble), now=clock.now()))
    else:
        in_write(_server_answered)


def _send(line: smtp.Line, desk: Desk, mail_id: int) -> None:
    letter = in_write(partial(_mark, desk=desk, mail_id=mail_id, now=clock.now()))
    if letter is None:
        return
    refusal: smtp.MailRefused | None = None
    try:
        line.send(letter.message, desk.sender.address, letter.to)
    except smtp.MailRefused as found:
        refusal = found
        log.info("mail %s was not taken", mail_id)
    except smtp.ServerTrouble as trouble:
        in_write(partial(_settle, mail_id=mail_id, refusal=trouble, is_final=False, now=clock.now()))
        raise
    is_final = refusal is not None and refusal.is_final
    in_write(partial(_settle, mail_id=mail_id, refusal=refusal, is_final=is_final, now=clock.now()))


def _tidy(session: Session, now: datetime) -> None:
    """Drop what was queued while mails were being switched off, and give up what has waited too long."""
    if not mail_queue.is_on(session):
        mail_queue.drop_waiting(session, mail_sender.OFF)
    server = session.get(MailServer, 1)
    why = (server.message if server else None) or "It could not be sent for three days."
    old = (Mail.state == WAITING, Mail.next_at <= now, Mail.queued_at <= now - LASTS)
    session.execute(update(Mail).where(*old).values(state=FAILED, message=why))


def _mark(session: Session, desk: Desk, mail_id: int, now: datetime) -> Letter | None:
    """The letter, its attempt stored; None where another process has it, or it is of no use any more."""
    query = select(Mail).where(Mail.id == mail_id).with_for_update(of=Mail)
    mail = session.scalar(query.options(joinedload(Mail.customer), joinedload(Mail.reserve)))
    if mail is None or mail.state != WAITING or mail.next_at > now:
        return None
    if mail.kind == EXPIRY and not mail.is_test and date.fromisoformat(mail.facts["day"]) <= today(now, desk.zone):
        mail.state, mail.message = DROPPED, "The day on which the points expire had come before it was sent."
        return None
    mail.attempts += 1
    mail.next_at = now + UNSURE
    session.flush()
    return compose(mail, desk)


def _settle(session: Session, mail_id: int, refusal: Exception | None, is_final: bool, now: datetime) -> None:
    mail = session.get_one(Mail, mail_id, with_for_update=True)
    if refusal is None:
        mail.state, mail.sent_at, mail.message = SENT, now, None
        return
    again = next_try(mail.attempts, mail.queued_at, now)
    mail.message = clean(str(refusal), 500)
    if is_final or again is None:
        mail.state = FAILED
    else:
        mail.next_at = again


def _server_failed(session: Session, message: str, now: datetime) -> None:
    server = session.get(MailServer, 1) or MailServer(id=1, failures=0)
    server.next_at = now + min(SERVER_DELAY * 2 ** min(server.failures, 10), LONGEST_SERVER_DELAY)
    server.failures += 1
    server.message, server.failed_at = clean(message, 500), now
    session.add(server)


def _server_answered(session: Session) -> None:
    server = session.get(MailServer, 1)
    if server is not None and server.failures:
        server.failures, server.message, server.failed_at, server.next_at = 0, None, None, None


def facts(mail: Mail, site_name: str, zone: ZoneInfo) -> dict[str, str]:
    """What is filled into a mail's text: what was kept at its moment, and what is so now."""
    if mail.is_test:
        return templates.SAMPLE | {"site": site_name}
    kept = mail.facts
    day = date.fromisoformat(kept["day"]) if "day" in kept else today(mail.at, zone)
    return {
        "customer": mail.customer.email if mail.customer else "",
        "site": site_name,
        "reserve": mail.reserve.name if mail.reserve else "",
        "points": f"{kept['points']:,}",
        "balance": f"{kept['balance']:,}",
        "date": f"{day:%-d %B %Y}",
        "reward": kept.get("reward", ""),
        "level": kept.get("level", ""),
    }


def compose(mail: Mail, desk: Desk) -> Letter:
    """The mail as it goes. Its Message-ID is the same whenever the same thing is told again."""
    subject, body = desk.texts[mail.kind].filled(facts(mail, desk.site_name, desk.zone))
    to = mail.address or (mail.customer.email if mail.customer else "")
    local, _, host = desk.sender.address.rpartition("@")
    name = hashlib.sha256(f"{desk.auth}:{mail.cause}".encode()).hexdigest()[:40]
    message = EmailMessage()
    message["From"] = Address(clean(desk.sender.name, 191), local, host)
    message["To"] = Address("", *_parts(to))
    message["Subject"] = f"[Test] {subject}" if mail.is_test else subject
    message["Date"] = format_datetime(mail.queued_at)
    message["Message-ID"] = f"<{name}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body, cte="quoted-printable")
    return Letter(mail.id, to, message)


def _parts(address: str) -> tuple[str, str]:
    local, _, host = address.rpartition("@")
    return local, host
