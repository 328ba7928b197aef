"""What is handed over between the database and a call: a batch, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pointsync.sync.protocol.pointsync_client import Target


@dataclass(frozen=True, slots=True)
class BatchItem:
    """A delivery with the movement it owes; `was_called`: a call for it alone was made before this one."""

    delivery_id: int
    was_called: bool
    id: str
    customer: str
    points: int
    kind: str
    reason: str
    at: datetime
    ref: str | None
    is_history: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries claimed for one call."""

    remote_id: int
    attempt_id: int
    target: Target
    items: tuple[BatchItem, ...]
    acknowledged_count: int
    """What the remote had acknowledged before the call: what it then says it has cannot be less."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What the other side said of one delivery: `delivered`, `unknown` (customer) or `failed`."""

    state: str
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class BatchAnswered:
    """The call was answered. It carried the first `called` parcels of the batch, as many as had room;
    those among them that `answers` does not name had no answer and stay owed."""

    called_count: int
    results: dict[int, DeliveryResult] = field(default_factory=dict)
    have: dict[str, Any] | None = None
    clock_offset_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchFailed:
    """The call failed as a whole.

    `costs_attempt`: it counts against Max sync. attempt. `halving`: whether the next call carries half
    as many, `at once` (something in the batch was not understood, or it is too large), `next time` or `never`.
    `was_answered`: the other side has answered, so nothing is under way there. `is_about_content`:
    it was this content that was refused; another may pass. `retry_after_seconds` is what the other
    side asked for.
    """

    code: str
    message: str
    is_permanent: bool = False
    counts_as_attempt: bool = True
    halving: str = "never"
    was_answered: bool = True
    is_about_content: bool = False
    retry_after_seconds: float | None = None


BatchOutcome = BatchAnswered | BatchFailed
