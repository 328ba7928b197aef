"""What the calls about webhooks read and answer. The class names and descriptions are published in openapi.json."""

from typing import Annotated, Literal, Self

from msgspec import Meta, Struct

from pointsync import clock
from pointsync.ledger.movement_json import DateTimeString
from pointsync.webhooks.endpoints import WebhookStatus


class NewWebhook(Struct, kw_only=True, forbid_unknown_fields=True):
    """An endpoint to call."""

    url: Annotated[
        str,
        Meta(
            description="Where this site sends its messages by POST.",
            examples=["https://mugs.example/points-changed"],
            extra_json_schema={"maxLength": 500, "format": "uri"},
        ),
    ]


class Webhook(Struct, kw_only=True):
    """An endpoint that learns of changed points."""

    id: int
    url: str
    state: Annotated[
        Literal["new", "ok", "failing", "off"],
        Meta(
            description="new: nothing was sent yet. failing: the last message was not accepted; it is sent again. off: "
            "switched off, after five days of failures or the answer 410."
        ),
    ]
    created_at: DateTimeString
    last_success_at: DateTimeString | None
    last_error: str | None
    last_error_at: DateTimeString | None
    waiting_since: Annotated[
        DateTimeString | None, Meta(description="When the oldest movement was recorded that it has not learned of.")
    ]

    @classmethod
    def from_status(cls, status: WebhookStatus) -> Self:
        """The document of a webhook."""
        row = status.webhook
        return cls(
            id=row.id,
            url=row.url,
            state=status.state.value,
            created_at=clock.to_text(row.created_at),
            last_success_at=clock.to_text(row.last_success_at) if row.last_success_at else None,
            last_error=row.last_error,
            last_error_at=clock.to_text(row.last_failure_at) if row.last_failure_at else None,
            waiting_since=clock.to_text(status.waiting_since) if status.waiting_since else None,
        )


class AddedWebhook(Struct):
    """A new webhook, with its secret."""

    webhook: Webhook
    secret: Annotated[str, Meta(description="whsec_ and the key of the signatures in base64. It is not shown again.")]


class RemovedWebhook(Struct):
    """A webhook that was removed."""

    id: int
    removed: Literal[True] = True
