"""What goes between the database and a call: a batch, and its outcome."""

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import msgspec

from pointsync.digests import DigestSum
from pointsync.models import DeliveryState
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.request import Target
from pointsync.sync.site.stamps import Stamp


class BatchItem(msgspec.Struct, frozen=True, gc=False):
    """A delivery with its movement. `was_called`: it was sent before, in a WooRewards call.

    `digest` is the movement's; None while it is from before digests existed.
    """

    delivery_id: int
    was_called: bool
    movement: wire.Movement
    digest: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries claimed for one call."""

    remote_id: int
    attempt_id: int
    target: Target
    items: tuple[BatchItem, ...]
    sum_before: DigestSum | None = None
    """The sum of everything that was delivered to the target before; None while that is not known."""
    is_full: bool = False
    """Whether it has as many items as a call may carry now, so that more may be waiting."""

    def following(self, before: "Batch", outcome: "BatchAnswered") -> "Batch":
        """This batch if it was claimed before the outcome of the batch `before` it was saved."""
        delivered = [item.digest for item in before.items if outcome.is_delivered(item.delivery_id)]
        if self.sum_before is None or None in delivered:
            return replace(self, sum_before=None)
        return replace(self, sum_before=self.sum_before + DigestSum.of(each for each in delivered if each is not None))


class DeliveryResult(msgspec.Struct, frozen=True, gc=False):
    """The other side's answer about one delivery: its new state (delivered, unknown customer or failed)."""

    state: DeliveryState
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class BatchAnswered:
    """The call was answered. It carried the first `called_count` items, as many as fit into one request.

    Items among them without an entry in `results`, which is keyed by delivery id, stay pending.
    """

    called_count: int
    results: dict[int, DeliveryResult] = field(default_factory=dict)
    have: dict[str, Any] | None = None
    clock_offset_seconds: float = 0.0

    def is_delivered(self, delivery_id: int) -> bool:
        """Whether the answer says that this delivery has arrived."""
        result = self.results.get(delivery_id)
        return result is not None and result.state == DeliveryState.DELIVERED


class Halving(Enum):
    """Whether to halve the batch size after a failed call."""

    NEVER = "never"
    NEXT_TIME = "next time"
    AT_ONCE = "at once"
    """And send the smaller batch without a delay: an item was not understood, or the request was too large."""


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """The call failed as a whole.

    `was_answered`: the other side answered, so it is not processing anything. `is_about_content`: this content was
    refused; other movements may succeed. `retry_after_seconds`: the delay that the other side asked for. `stamp`: what
    it has shown as a proof; not verified.
    """

    code: str
    message: str
    is_permanent: bool = False
    counts_as_attempt: bool = True
    halving: Halving = Halving.NEVER
    was_answered: bool = True
    is_about_content: bool = False
    retry_after_seconds: float | None = None
    stamp: Stamp | None = None


BatchOutcome = BatchAnswered | BatchFailed
