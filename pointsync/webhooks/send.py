"""Sending messages to webhooks. A slow or failing endpoint delays nothing else, and gets one message about all that
has changed meanwhile."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db, ids, urls
from pointsync.crypto import WrongSecretKey
from pointsync.db import run_in_transaction
from pointsync.errors import DomainError
from pointsync.ledger.feed import feed
from pointsync.ledger.feed.cursor import Cursor
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.models import Site, Webhook
from pointsync.net.call import HttpCallError
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.errors import read_retry_after
from pointsync.sync.remotes.backoff import bounded_retry_after
from pointsync.sync.site import settings
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise
from pointsync.webhooks import endpoints, message
from pointsync.webhooks.message import Message

OFF_AFTER = timedelta(days=5)
"""A webhook that has failed for so long, and this many times in a row, is switched off."""
MIN_FAILURES = 3
GONE = 410

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered: `problem` is empty if it has accepted the message, else a sentence for admins."""

    problem: str = ""
    retry_after_seconds: float | None = None
    is_gone: bool = False


def list_due(session: Session, now: datetime) -> list[int]:
    """The ids of the webhooks that have something to learn now. None while sending is stopped or lost movements come
    back: a copy of this site must not call the shop, and balances are not complete.
    """
    enabled = session.scalars(select(Webhook).where(Webhook.disabled_at.is_(None)).order_by(Webhook.id)).all()
    if not enabled or session.scalar(select(Site.hold)) is not None or fetch_back.is_running(session):
        return []
    return [
        each.id
        for each in enabled
        if not clock.is_waiting(each.last_failure_at, each.next_attempt_at, now)
        and (
            each.is_restarted or (position := _find_position(session, each)) is None or feed.has_more(session, position)
        )
    ]


def deliver(webhook_id: int) -> None:
    """Send the webhook one message about all that has changed, and save the outcome."""
    prepared = _prepare(webhook_id, clock.now())
    if prepared is None:
        return
    url, secret, position, outgoing = prepared
    if not outgoing.body:
        run_in_transaction(partial(_skip, webhook_id=webhook_id, position=position, cursor=outgoing.cursor))
        return
    answer = _post(url, outgoing.sign(secret, clock.now()), outgoing.body)
    if answer.problem and get_runtime().stop_requested.is_set():
        return  # this process has cut the call short, so it is no failure of the endpoint
    save = partial(_save, webhook_id=webhook_id, position=position, cursor=outgoing.cursor, answer=answer)
    run_in_transaction(lambda session: save(session, now=clock.now()))


def send_test(webhook_id: int, *, shop: str | None = None) -> str:
    """Send a test message now. Return what is wrong, as a sentence, or an empty text if the endpoint has accepted it.

    A webhook that was switched off or failing is then tried again at once. Raises NotFound.
    """
    session, now = db.session(), clock.now()
    webhook = endpoints.get(session, webhook_id, shop=shop)
    url, outgoing = webhook.url, message.build_test(session, webhook, ids.new_token(), now)
    try:
        secret = get_runtime().vault.decrypt(webhook.sealed_secret)
    except WrongSecretKey:
        return _UNREADABLE
    session.rollback()  # no transaction is open during the call
    answer = _post(url, outgoing.sign(secret, now), outgoing.body)
    if not answer.problem:
        run_in_transaction(partial(_switch_on, webhook_id=webhook_id, now=clock.now()))
    return answer.problem


_UNREADABLE = (
    "This site cannot decrypt the secret of this webhook, because POINTSYNC_SECRET_KEY has changed since it was added. "
    "Set the earlier key again, or remove the webhook and add it again."
)


def _find_position(session: Session, webhook: Webhook) -> Cursor | None:
    """The webhook's position in the feed; None if it is not valid any more."""
    try:
        return feed.find_position(session, webhook.cursor)
    except DomainError:
        return None


def _prepare(webhook_id: int, now: datetime) -> tuple[str, str, Cursor, Message] | None:
    """What to send: URL, secret, position and message. None if it cannot be sent now."""
    session = db.session()
    webhook = session.get(Webhook, webhook_id)
    if webhook is not None and _find_position(session, webhook) is None:
        run_in_transaction(partial(_restart, webhook_id=webhook_id))
        webhook = session.get(Webhook, webhook_id)
    if webhook is None or (position := _find_position(session, webhook)) is None:
        return None
    url, outgoing = webhook.url, message.build(session, webhook, position, now)
    try:
        secret = get_runtime().vault.decrypt(webhook.sealed_secret)
    except WrongSecretKey:
        answer = Answer(_UNREADABLE)
        run_in_transaction(partial(_save, webhook_id=webhook_id, position=position, cursor="", answer=answer, now=now))
        return None
    session.rollback()  # no transaction is open during the call
    return url, secret, position, outgoing


def _post(url: str, headers: dict[str, str], body: bytes) -> Answer:
    """Call an endpoint. Anything but a 2xx is a failure; a redirect is not followed."""
    try:
        response = get_runtime().client.send("POST", url, headers=headers, body=body)
    except HttpCallError as error:
        # Its advice is about remotes, which most calls are for.
        return Answer(error.message.replace("the remote's URL", "the webhook's URL"))
    if 200 <= response.status < 300:
        return Answer()
    problem = f"The endpoint answered with the status {response.status}."
    if 300 <= response.status < 400:
        location = urls.resolve_location(url, response.headers.get("location", ""))
        advice = f"enter {location} instead" if location else "enter the URL to which it leads"
        problem = f"{problem} It is a redirect: {advice}."
    return Answer(problem, read_retry_after(response), response.status == GONE)


def _restart(session: Session, webhook_id: int) -> None:
    """Let a webhook begin anew at the end of the feed, and say so with its next message."""
    webhook = session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is not None and _find_position(session, webhook) is None:
        webhook.cursor = str(feed.find_position(session, feed.LATEST))
        webhook.is_restarted = True
        log.info("webhook %s begins at the end of the feed: its position is not valid any more", webhook_id)


def _save(session: Session, webhook_id: int, position: Cursor, cursor: str, answer: Answer, now: datetime) -> None:
    """Save the outcome of a message that began at `position`, unless the webhook has moved on meanwhile."""
    webhook = session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is None or webhook.cursor != str(position):
        return
    if not answer.problem:
        webhook.cursor, webhook.is_restarted = cursor, False
        _clear_failures(webhook, now)
        return
    current = settings.read(session)
    has_wrong_time = webhook.failing_since is None or webhook.failing_since > now + clock.MAX_LEAD
    webhook.failing_since = now if has_wrong_time else webhook.failing_since
    webhook.failures += 1
    webhook.last_failure_at, webhook.last_error = now, sanitise(answer.problem, MAX_MESSAGE_LENGTH)
    delay = bounded_retry_after(answer.retry_after_seconds, webhook.failures, current)
    webhook.next_attempt_at = now + (delay or timedelta(seconds=current.delay_seconds))
    log.info("webhook %s failed: %s", webhook_id, answer.problem)
    has_failed_for_long = now - (webhook.failing_since or now) >= OFF_AFTER and webhook.failures >= MIN_FAILURES
    if answer.is_gone or has_failed_for_long:
        webhook.disabled_at = now
        log.warning("webhook %s was switched off", webhook_id)


def _skip(session: Session, webhook_id: int, position: Cursor, cursor: str) -> None:
    """Move on over movements that change nothing."""
    webhook = session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is not None and webhook.cursor == str(position):
        webhook.cursor = cursor


def _switch_on(session: Session, webhook_id: int, now: datetime) -> None:
    webhook = session.get(Webhook, webhook_id, with_for_update=True, populate_existing=True)
    if webhook is not None:
        webhook.disabled_at = None
        _clear_failures(webhook, now)


def _clear_failures(webhook: Webhook, now: datetime) -> None:
    webhook.failures, webhook.failing_since, webhook.next_attempt_at = 0, None, None
    webhook.last_success_at = now
