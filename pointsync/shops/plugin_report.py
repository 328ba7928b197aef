"""What a shop's plugin reports about itself, every hour and when something changes. It is stored as it was sent.

The class names and descriptions are published in openapi.json.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db.upsert import dialect_insert
from pointsync.errors import InvalidInput
from pointsync.ledger.movement_json import DateTimeString
from pointsync.models import ConnectedShop, ShopState
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise

MAX_ERRORS = 20
MAX_NAMES = 20
MAX_COUNT = 2**31 - 1

Version = Annotated[str, Meta(max_length=64, examples=["8.2.1"])]
Currency = Annotated[str, Meta(max_length=16, examples=["EUR"])]
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Name = Annotated[str, Meta(max_length=191)]


class Outbox(Struct, kw_only=True, frozen=True):
    """Orders that the shop has not sent yet."""

    waiting: Annotated[Count, Meta(description="How many wait to be sent.")]
    failed: Annotated[Count, Meta(description="How many were refused, so that somebody has to look.")] = 0
    oldest_at: Annotated[DateTimeString | None, Meta(description="Since when the oldest one waits.")] = None


class FeedPosition(Struct, kw_only=True, frozen=True):
    """How far the shop has read the feed."""

    cursor_at: Annotated[
        DateTimeString | None, Meta(description="When the last movement was recorded that it has read.")
    ] = None
    behind: Annotated[bool, Meta(description="Whether there are movements that it has not read.")] = False


class PluginError(Struct, kw_only=True):
    """Something that went wrong in the shop."""

    code: Annotated[str, Meta(description="For programs.", max_length=64)]
    message: Annotated[str, Meta(description="For people. Name no customers.", max_length=MAX_MESSAGE_LENGTH)]
    at: DateTimeString


class PluginReport(Struct, kw_only=True):
    """The state of a shop's plugin. Fields that this site does not know are ignored."""

    plugin_version: Version
    wordpress_version: Version
    woocommerce_version: Annotated[Version | None, Meta(description="null while WooCommerce is not active.")]
    php_version: Version
    currency: Currency | None = None
    outbox: Outbox = Outbox(waiting=0)
    feed: FeedPosition = FeedPosition()
    errors: Annotated[
        list[PluginError],
        Meta(description="What went wrong lately, newest first.", max_length=MAX_ERRORS),
    ] = []
    hpos: Annotated[bool, Meta(description="Whether WooCommerce stores orders in tables of their own.")] = False
    coupons_enabled: Annotated[
        bool | None, Meta(description="Whether the shop has coupons switched on, which spending needs.")
    ] = None
    double_counting: Annotated[
        list[Name],
        Meta(description="The shop’s own webhooks that deliver orders to this site as well.", max_length=MAX_NAMES),
    ] = []


def store(session: Session, shop: ConnectedShop, report: PluginReport, now: datetime) -> None:
    """Store a report in place of the one before. Raises InvalidInput for a time that cannot be read."""
    _check_times(report)
    document = msgspec.json.encode(_sanitise(report)).decode()
    values = {"reported_at": now, "document": document}
    statement = dialect_insert(session, ShopState).values(connected_shop_id=shop.id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[ShopState.connected_shop_id], set_=values))


def read(shop: ConnectedShop) -> PluginReport | None:
    """What the plugin has last reported; None if nothing."""
    return msgspec.json.decode(shop.state.document, type=PluginReport) if shop.state is not None else None


def _sanitise(report: PluginReport) -> PluginReport:
    """The report with texts that can be stored and shown."""
    errors = [
        PluginError(code=sanitise(each.code, 64), message=sanitise(each.message, MAX_MESSAGE_LENGTH), at=each.at)
        for each in report.errors
    ]
    texts = {
        name: value if value is None else sanitise(value, 64)
        for name in ("plugin_version", "wordpress_version", "woocommerce_version", "php_version", "currency")
        for value in [getattr(report, name)]
    }
    names = [sanitise(each, 191) for each in report.double_counting]
    return msgspec.structs.replace(report, errors=errors, double_counting=names, **texts)


def _check_times(report: PluginReport) -> None:
    times = {
        "outbox": report.outbox.oldest_at,
        "feed": report.feed.cursor_at,
        **{f"errors[{index}].at": each.at for index, each in enumerate(report.errors)},
    }
    for field, text in times.items():
        try:
            if text is not None:
                clock.from_text(text)
        except ValueError:
            message = "The time must have a time zone, such as 2026-01-31T12:00:00Z, in quotes."
            raise InvalidInput(field, message) from None
