"""Mails as admins see them: list, retry, drop and test them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from pointsync import clock, ids
from pointsync.config import Config
from pointsync.db import keyset
from pointsync.email_address import parse
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import mail_queue
from pointsync.mail import sender, templates
from pointsync.models import Mail, MailServerStatus
from pointsync.models.mail import DROPPED, FAILED, SENT, STATES, WAITING

RETENTION = timedelta(days=400)
"""Sent and dropped mails are deleted after this. An expiry notice is never about a day so far ahead."""
PRUNE_BATCH_SIZE = 5_000
MAX_WAITING_TESTS = 20
"""Test mails that may wait at the same time."""


@dataclass(frozen=True, slots=True)
class AttentionCounts:
    """What needs attention."""

    failed: keyset.Count
    failing_server: MailServerStatus | None
    """The status of the mail server, if it could not be used the last time."""


def list_page(
    session: Session, *, state: str | None = None, cursor: str | None = None, size: int = 20
) -> keyset.Page[Mail]:
    """A page of mails, newest first, with their customers and reserves. One query.

    Raises InvalidInput for `state`, `cursor` or `size`.
    """
    if state is not None and state not in STATES:
        raise InvalidInput("state", f"The state must be one of {', '.join(STATES)}.")
    query: Any = select(Mail).options(joinedload(Mail.customer), joinedload(Mail.reserve))
    if state is not None:
        query = query.where(Mail.state == state)

    def fetch(request: keyset.PageRequest) -> Sequence[Mail]:
        return session.scalars(request.apply_to(query, Mail.id.expression, is_descending=True)).all()

    return keyset.fetch_page(cursor, size, (int,), fetch, lambda mail: (mail.id,))


def count_attention(session: Session) -> AttentionCounts:
    """Count what needs attention. Two queries."""
    server = session.get(MailServerStatus, 1)
    return AttentionCounts(
        keyset.count(session, select(Mail.id).where(Mail.state == FAILED)),
        server if server and server.message else None,
    )


def retry(session: Session, mail_id: int, now: datetime) -> None:
    """Queue a failed or dropped mail again, with all its attempts. Ends the delay after a failure of the server.

    Raises NotFound, or Conflict if the mail is in another state or this site does not send mails.
    """
    mail = _get_locked(session, mail_id)
    if mail.state not in (FAILED, DROPPED):
        raise Conflict(
            "not_failed", f"Mail {mail_id} {_describe_state(mail)}. Only failed or discarded mails can be sent again."
        )
    if not mail.is_test and not mail_queue.is_enabled(session):
        message = "This site does not send mails. Turn on “Send mails from this site” first."
        raise Conflict("mails_off", message, {"send_mails": message})
    mail.state, mail.attempts, mail.queued_at, mail.next_at = WAITING, 0, now, now
    _reset_server_backoff(session, now)
    session.flush()


def drop(session: Session, mail_id: int) -> None:
    """Drop a waiting or failed mail. Raises NotFound, or Conflict if the mail is in another state."""
    mail = _get_locked(session, mail_id)
    if mail.state not in (WAITING, FAILED):
        raise Conflict(
            "not_waiting", f"Mail {mail_id} {_describe_state(mail)}. Only waiting or failed mails can be discarded."
        )
    mail.state, mail.message = DROPPED, "Dropped by an admin."
    session.flush()


def enqueue_test(session: Session, config: Config, kind: str, address: str, now: datetime) -> Mail:
    """Queue a mail of this kind with sample values to `address`, even if this site does not send mails.

    Raises NotFound for the kind, InvalidInput for `address`, Conflict if there is no mail server or no sender.
    """
    templates.get_default(kind)
    try:
        address = parse(address).spelling
    except InvalidInput as error:
        raise InvalidInput("address", error.message) from error
    sender.check_ready(session, config, "address")
    waiting_tests = select(Mail.id).where(Mail.state == WAITING, Mail.address.is_not(None))
    if keyset.count(session, waiting_tests, MAX_WAITING_TESTS).number >= MAX_WAITING_TESTS:
        message = f"{MAX_WAITING_TESTS} test mails are already waiting. The list below says why."
        raise Conflict("too_many_tests", message, {"address": message})
    mail = Mail(
        kind=kind, cause=f"test:{ids.new_token()}", address=address, facts={}, at=now, queued_at=now, next_at=now
    )
    mail.state, mail.attempts = WAITING, 0
    session.add(mail)
    _reset_server_backoff(session, now)
    session.flush()
    return mail


def prune(session: Session, now: datetime) -> None:
    """Delete old sent and dropped mails, at most `PRUNE_BATCH_SIZE` of them."""
    old_ids = (
        select(Mail.id)
        .where(Mail.state.in_((SENT, DROPPED)), Mail.queued_at < now - RETENTION)
        .order_by(Mail.id)
        .limit(PRUNE_BATCH_SIZE)
    )
    session.execute(delete(Mail).where(Mail.id.in_(old_ids)))


def to_json(mail: Mail) -> dict[str, Any]:
    """A mail as JSON: `{id, kind, to, is_test, state, attempts, queued_at, sent_at, message}`."""
    return {
        "id": mail.id,
        "kind": mail.kind,
        "to": mail.address or (mail.customer.mail_address if mail.customer else None),
        "is_test": mail.is_test,
        "state": mail.state,
        "attempts": mail.attempts,
        "queued_at": clock.to_text(mail.queued_at),
        "sent_at": clock.to_text(mail.sent_at) if mail.sent_at else None,
        "message": mail.message,
    }


def _get_locked(session: Session, mail_id: int) -> Mail:
    mail = session.get(Mail, mail_id, with_for_update=True, populate_existing=True)
    if mail is None:
        message = f"There is no mail {mail_id}. See the list of mails."
        raise NotFound("unknown_mail", message, {"mail": message})
    return mail


def _describe_state(mail: Mail) -> str:
    return {WAITING: "is waiting", SENT: "was sent", FAILED: "failed", DROPPED: "was discarded"}[mail.state]


def _reset_server_backoff(session: Session, now: datetime) -> None:
    server = session.get(MailServerStatus, 1)
    if server is not None and server.next_at is not None:
        server.next_at = now
