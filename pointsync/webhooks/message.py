"""What a webhook sends: the changed balances since its last message, signed as Standard Webhooks describes it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, crypto
from pointsync.ledger.feed import feed
from pointsync.ledger.feed.cursor import Cursor
from pointsync.ledger.movement_json import DateTimeString, Email
from pointsync.models import Balance, Customer, Reserve, Site, Webhook
from pointsync.webhooks.endpoints import SECRET_PREFIX

EventType = Literal["points.changed", "webhook.test"]
POINTS_CHANGED: EventType = "points.changed"
TEST: EventType = "webhook.test"
MAX_MOVEMENTS = 1000
"""How many movements one message looks through. If there are more, it lists none, and leads to the end of the feed."""
MAX_CHANGES = 100
_ID_LENGTH = 32


class ChangedBalance(Struct):
    """A balance that has changed."""

    customer: Email
    reserve: Annotated[str, Meta(description="The key of the points reserve.")]
    balance: Annotated[int, Meta(description="The customer's points in it when the message was made.")]


class Changes(Struct, kw_only=True):
    """What has changed between two positions in the feed."""

    site: Annotated[str, Meta(description="The Auth of the site that sends the message.")]
    lineage: Annotated[str, Meta(description="It changes when the site may have lost what it had recorded.")]
    after: Annotated[str, Meta(description="The position in the feed before the changes.")]
    cursor: Annotated[str, Meta(description="The position after them. GET /movements/feed?after= accepts both.")]
    restarted: Annotated[
        bool,
        Meta(
            description="The site was restored or replaced, so earlier positions are not valid any more. Read the "
            "balances again, and follow the feed from cursor."
        ),
    ]
    changes: Annotated[
        list[ChangedBalance], Meta(description="Each changed balance once, at most 100.", max_length=MAX_CHANGES)
    ]
    more: Annotated[
        bool, Meta(description="More has changed than changes lists. Read the movements after the position after.")
    ]


class PointsChanged(Struct, kw_only=True):
    """A message to a webhook."""

    type: EventType
    timestamp: Annotated[DateTimeString, Meta(description="When the message was made.")]
    data: Changes


@dataclass(frozen=True, slots=True)
class Message:
    """A message to send, after which the webhook has got to `cursor`. Without a body there is nothing to tell."""

    id: str
    body: bytes
    cursor: str

    def sign(self, secret: str, now: datetime) -> dict[str, str]:
        """The headers, with a signature over `id.timestamp.body`. `secret` is `whsec_` and the key in base64."""
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
        timestamp = str(int(now.timestamp()))
        signature = crypto.sign_hmac(key, b".".join((self.id.encode(), timestamp.encode(), self.body)))
        return {
            "content-type": "application/json",
            "webhook-id": self.id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }


def build(session: Session, webhook: Webhook, position: Cursor, now: datetime) -> Message:
    """The message about everything after `position`, which is the webhook's.

    The same changes always have the same id, so that the receiver can tell a repeated message.
    """
    page = feed.read_page(session, position, MAX_MOVEMENTS)
    is_more = page.next.seq - position.seq >= MAX_MOVEMENTS and feed.has_more(session, page.next)
    end = feed.find_position(session, feed.LATEST) if is_more else page.next
    entries = [] if is_more else page.entries
    keys = dict.fromkeys((each.email, each.reserve_key) for each in entries)
    if not (keys or is_more or webhook.is_restarted):
        return Message("", b"", str(end))
    changes = _read_balances(session, list(keys)[:MAX_CHANGES])
    return _make(session, webhook, POINTS_CHANGED, position, end, changes, is_more or len(keys) > MAX_CHANGES, now)


def build_test(session: Session, webhook: Webhook, test_id: str, now: datetime) -> Message:
    """A message without changes."""
    position = feed.find_position(session, feed.LATEST)
    message = _make(session, webhook, TEST, position, position, [], False, now)
    return Message(f"test_{test_id}", message.body, message.cursor)


def _read_balances(session: Session, keys: Sequence[tuple[str, str]]) -> list[ChangedBalance]:
    """The balances of now: customers may have become one since their movements."""
    query = select(Customer.email, Reserve.key, Balance.points).join(Balance, Balance.customer_id == Customer.id)
    query = query.join(Reserve, Reserve.id == Balance.reserve_id)
    rows = session.execute(query.where(Customer.email.in_({email for email, _ in keys})))
    points = {(email, reserve_key): number for email, reserve_key, number in rows}
    return [ChangedBalance(*key, points.get(key, 0)) for key in keys]


def _make(
    session: Session,
    webhook: Webhook,
    event: EventType,
    after: Cursor,
    end: Cursor,
    changes: list[ChangedBalance],
    is_more: bool,
    now: datetime,
) -> Message:
    data = Changes(
        site=session.get_one(Site, 1).auth,
        lineage=end.lineage,
        after=str(after),
        cursor=str(end),
        restarted=webhook.is_restarted,
        changes=changes,
        more=is_more,
    )
    facts = (str(webhook.id), str(after), str(end), str(webhook.is_restarted))
    message_id = f"msg_{crypto.sha256_hex(' '.join(facts))[:_ID_LENGTH]}"
    body = msgspec.json.encode(PointsChanged(type=event, timestamp=clock.to_text(now), data=data))
    return Message(message_id, body, str(end))
