"""The list of webhooks: add, find and remove them, and how each is doing."""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import urls
from pointsync.crypto import Vault
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.feed import feed
from pointsync.ledger.feed.cursor import Cursor
from pointsync.models import Movement, Site, Webhook
from pointsync.text_limits import is_storable

MAX_WEBHOOKS = 20
"""Of one site."""
SECRET_PREFIX = "whsec_"  # noqa: S105 it begins each secret
SECRET_BYTES = 32


class State(StrEnum):
    """How a webhook is doing."""

    NEW = "new"
    """Nothing was sent yet."""
    OK = "ok"
    FAILING = "failing"
    """The last call failed. It is repeated."""
    OFF = "off"
    """It is switched off, because it has failed for days or said that it is gone."""


@dataclass(frozen=True, slots=True)
class WebhookStatus:
    """A webhook, and since when the oldest movement waits that it has not learned of; None if none waits."""

    webhook: Webhook
    state: State
    waiting_since: datetime | None


def add(session: Session, vault: Vault, url: str, now: datetime, *, shop: str | None = None) -> tuple[Webhook, str]:
    """Add a webhook that learns of all points that change from now on. Return it and its secret, which is shown once.

    `shop` is the shop whose API key adds it. Raises InvalidInput for `url`; Conflict if the shop has a webhook with
    this URL, or if there are too many.
    """
    url = check_url(url)
    Site.get_for_update(session)  # one transaction at a time looks at the others and adds one
    known_urls = session.scalars(select(Webhook.url).where(Webhook.shop.is_not_distinct_from(shop)))
    if any(urls.is_same_place(url, each) for each in known_urls):
        message = "There is a webhook with this URL already. Remove it first to get a new secret."
        raise Conflict("url_taken", message, {"url": message})
    if (session.scalar(select(func.count()).select_from(Webhook)) or 0) >= MAX_WEBHOOKS:
        message = f"This site has {MAX_WEBHOOKS} webhooks, the most that it can have. Remove one first."
        raise Conflict("too_many_webhooks", message, {"url": message})
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    webhook = Webhook(
        shop=shop,
        url=url,
        sealed_secret=vault.encrypt(secret),
        cursor=str(feed.find_position(session, feed.LATEST)),
        is_restarted=False,
        failures=0,
        created_at=now,
    )
    session.add(webhook)
    session.flush()
    return webhook, secret


def check_url(text: str) -> str:
    """The URL of an endpoint, trimmed. It may have a query. Raises InvalidInput for `url`."""
    url = text.strip()
    problem = urls.find_problem(url.partition("?")[0])
    if not problem and ("#" in url or " " in url or not url.isprintable() or not is_storable(url)):
        problem = "must have no spaces, no # and no control characters"
    if not problem and len(url) > urls.MAX_URL_LENGTH:
        problem = f"must have at most {urls.MAX_URL_LENGTH} characters; this has {len(url):,}"
    if problem:
        raise InvalidInput("url", f"The URL {problem}. Example: https://shop.example/points-changed")
    return url


def get(session: Session, webhook_id: int, *, shop: str | None = None) -> Webhook:
    """The webhook with this id; with `shop`, only if the keys of this shop may see it. Raises NotFound."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None or shop not in (None, webhook.shop):
        raise NotFound("unknown_webhook", f"There is no webhook {webhook_id}. See the list of webhooks.")
    return webhook


def remove(session: Session, webhook_id: int, *, shop: str | None = None) -> Webhook:
    """Remove a webhook: it is not called any more. Raises NotFound."""
    webhook = get(session, webhook_id, shop=shop)
    session.delete(webhook)
    session.flush()
    return webhook


def list_all(session: Session, *, shop: str | None = None) -> list[WebhookStatus]:
    """The webhooks, oldest first; with `shop`, those that the keys of this shop may see."""
    query = select(Webhook).order_by(Webhook.id)
    if shop is not None:
        query = query.where(Webhook.shop == shop)
    return [WebhookStatus(each, _find_state(each), _find_oldest(session, each)) for each in session.scalars(query)]


def count_pending(session: Session) -> dict[Webhook, int]:
    """The webhooks, each with the number of movements that its endpoint has not learned of.

    It is counted by the numbers of their rows. On PostgreSQL, these include numbers that were never used.
    """
    last_seq = session.scalar(select(func.max(Movement.seq))) or 0
    webhooks = session.scalars(select(Webhook).order_by(Webhook.id))
    return {each: max(0, last_seq - Cursor.parse(each.cursor).seq) for each in webhooks}


def count_off(session: Session) -> int:
    """How many webhooks are switched off."""
    query = select(func.count()).select_from(Webhook).where(Webhook.disabled_at.is_not(None))
    return session.scalar(query) or 0


def _find_state(webhook: Webhook) -> State:
    if webhook.disabled_at is not None:
        return State.OFF
    if webhook.failures:
        return State.FAILING
    return State.OK if webhook.last_success_at else State.NEW


def _find_oldest(session: Session, webhook: Webhook) -> datetime | None:
    query = select(Movement.recorded_at).where(Movement.seq > Cursor.parse(webhook.cursor).seq)
    return session.scalar(query.order_by(Movement.seq).limit(1))
