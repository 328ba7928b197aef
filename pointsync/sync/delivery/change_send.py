"""Sending changes of people: one call, while no database transaction is open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pointsync.net.http_client import HttpClient
from pointsync.sync.delivery.batch import BatchFailed
from pointsync.sync.delivery.change_claim import ChangeBatch
from pointsync.sync.delivery.send import GATEWAY_STATUSES, describe_failure
from pointsync.sync.protocol import envelope, wire
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.protocol.pointsync_client import send_signed
from pointsync.sync.site.local_site import Identity
from pointsync.text_limits import MAX_MESSAGE_LENGTH, sanitise

ENDPOINT = "customers/changes"


@dataclass(frozen=True, slots=True)
class ChangeAnswer:
    """The other side's answer about one change. `code` is None if it holds the change now."""

    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ChangesAnswered:
    """The call was answered. `answers` are by the ids of the changes."""

    answers: dict[str, ChangeAnswer]
    have: Any = None
    clock_offset_seconds: float = 0.0

    def is_delivered(self, change_id: str) -> bool:
        """Whether the site holds this change now."""
        answer = self.answers.get(change_id)
        return answer is not None and answer.code is None


@dataclass(frozen=True, slots=True)
class ChangesFailed:
    """The call failed as a whole. `is_about_changes`: only changes are not accepted, movements may be."""

    failure: BatchFailed
    is_about_changes: bool


ChangesOutcome = ChangesAnswered | ChangesFailed


def send_changes(client: HttpClient, identity: Identity, batch: ChangeBatch, now: datetime) -> ChangesOutcome:
    """Make the call and return its outcome. A failed call is an outcome, too: nothing is raised."""
    content = envelope.encode_members(changes=[item.change for item in batch.items])
    try:
        reply = send_signed(client, identity, batch.target, ENDPOINT, content, now)
    except RemoteError as error:
        return ChangesFailed(describe_failure(error), _is_about_changes(error))
    results = reply.body.get("results")
    known = {item.change.id for item in batch.items}
    answers = {
        str(each.get("id")): answer
        for each in (results if isinstance(results, list) else [])
        if isinstance(each, dict) and str(each.get("id")) in known and (answer := _parse_answer(each))
    }
    if not answers:
        message = f"{batch.target.url} answered without a result for any change of customers. Check its version."
        return ChangesFailed(BatchFailed("bad_answer", message, was_answered=False), is_about_changes=True)
    return ChangesAnswered(answers, reply.body.get("have"), reply.clock_offset_seconds)


def _parse_answer(result: dict[str, Any]) -> ChangeAnswer | None:
    status = result.get("status")
    if status in ("applied", "duplicate"):
        return ChangeAnswer()
    if status in ("conflict", "refused"):
        code = sanitise(str(result.get("code") or status), 32)
        return ChangeAnswer(code, sanitise(str(result.get("message") or status), MAX_MESSAGE_LENGTH))
    return None


def _is_about_changes(error: RemoteError) -> bool:
    """Whether the site may take movements although it does not take changes: it does not list this site, it has an
    earlier version again, or it fails with this content."""
    if error.status in (400, 404, 413):
        return True
    if error.status == 403:
        return error.code != wire.BLOCKED
    return error.status >= 500 and error.status not in GATEWAY_STATUSES
