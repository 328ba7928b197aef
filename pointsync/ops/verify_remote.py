"""Verifying a remote: whether both sites hold the same, in which movements they differ, and settling what is clear."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.errors import DomainError
from pointsync.models import Remote
from pointsync.sync.comparison import differences
from pointsync.sync.comparison.differences import (
    ALTERED_HERE,
    ALTERED_THERE,
    MISSING_THERE,
    NOT_CONFIRMED,
    UNKNOWN_HERE,
)
from pointsync.sync.fetch_back.page import FetchedMovement
from pointsync.sync.protocol.errors import RemoteError
from pointsync.sync.remotes import remotes
from pointsync.sync.remotes.check import check_remote
from pointsync.sync.repair import comparisons, decisions, remote_values, walk
from pointsync.sync.repair.plan import HERE, THERE, make_plan

Document = dict[str, Any]
OnProgress = Callable[[int], None]
NOT_COMPARED, DIFFERS_HERE = "not_compared", "differs_here"
SUMS_DIFFER = "sums_differ"
"""No movement differs, so one of the two sums that were compared is wrong."""
SENT_AGAIN, CONFIRMED, RESTORED, FETCHED_BACK = "sent_again", "confirmed", "restored", "fetched_back"
MAX_REPAIRED = 10_000
MAX_FETCHES = 1000
_CLEAR = {ALTERED_HERE: (THERE, RESTORED), ALTERED_THERE: (HERE, SENT_AGAIN), UNKNOWN_HERE: (THERE, FETCHED_BACK)}
"""What settles a difference without deciding between two values: the original counts."""


@dataclass(slots=True)
class RemoteResult:
    """What was found. `is_equal` is None if the remote cannot be compared."""

    remote_id: int
    site: str
    is_equal: bool | None
    count: int = 0
    """The movements that were compared, in both directions."""
    differences: list[Document] = field(default_factory=list)


def verify_remote(remote_id: int, on_progress: OnProgress, *, is_repair: bool) -> RemoteResult:
    """Ping the remote, and compare movement by movement if the two sites are not equal.

    `on_progress` gets the number of movements that were compared. Raises NotFound.
    """
    ping_result = check_remote(remote_id)
    remote = remotes.get(db.session(), remote_id)
    result = RemoteResult(remote_id, remote.display_name, _is_equal(remote), remote.compared_count)
    if not ping_result.is_ok:
        result.is_equal = False
        result.differences.append(_document(result, NOT_COMPARED) | {"message": ping_result.message})
        return result
    if remote.is_equal_here is False:
        result.differences.append(_document(result, DIFFERS_HERE))
    if remote.is_equal_there is False:
        try:
            result.differences += _compare(result, on_progress, is_repair=is_repair) or _check_sums(result)
        except RemoteError as error:
            result.differences.append(_document(result, NOT_COMPARED) | {"message": error.message})
    return result


def _is_equal(remote: Remote) -> bool | None:
    if remote.is_equal_there is None:
        return None
    return remote.is_equal_there and remote.is_equal_here is not False


def _check_sums(result: RemoteResult) -> list[Document]:
    """Ping again, because no movement differs: what was on its way has arrived, or a sum is wrong."""
    check_remote(result.remote_id)
    remote = remotes.get(db.session(), result.remote_id)
    result.is_equal, result.count = _is_equal(remote), remote.compared_count
    if remote.is_equal_there is not False:
        return []
    message = "No movement differs, so a sum was edited. Run pointsync verify --repair on both sites."
    return [_document(result, SUMS_DIFFER) | {"message": message}]


def _compare(result: RemoteResult, on_progress: OnProgress, *, is_repair: bool) -> list[Document]:
    found = walk.list_differences(result.remote_id, on_progress)
    values = _fetch_values(result.remote_id, [each.movement_id for each in found if each.kind in _CLEAR])
    documents = {
        str(each.movement_id): _document(result, each.kind)
        | {
            "movement": str(each.movement_id),
            "customer": each.customer,
            "points": each.points,
            "there_customer": values[each.movement_id].customer if each.movement_id in values else None,
            "there_points": values[each.movement_id].points if each.movement_id in values else None,
        }
        for each in found
    }
    if is_repair:
        _repair(result.remote_id, documents)
    return list(documents.values())


def _fetch_values(remote_id: int, movement_ids: list[int]) -> dict[int, FetchedMovement]:
    try:
        return remote_values.fetch(remote_id, movement_ids, MAX_FETCHES)
    except RemoteError:
        return {}


def _repair(remote_id: int, documents: dict[str, Document]) -> None:
    """Settle what a comparison settles, and then every movement of which the original is known."""
    run_in_transaction(partial(comparisons.request, remote_id=remote_id))
    walk.compare_all(remote_id)
    for document in documents.values():
        document["repair"] = {MISSING_THERE: SENT_AGAIN, NOT_CONFIRMED: CONFIRMED}.get(document["problem"])
    remote_values.refresh(remote_id, MAX_REPAIRED, MAX_FETCHES)
    stored = [
        (each.movement_id, each.kind, each.there_points is not None)
        for each in differences.list_all(db.session(), remote_id, MAX_REPAIRED)
    ]
    for movement_id, kind, is_known in stored:
        # Without the value there, it is not known which of the two rows contradicts its digest.
        if kind in _CLEAR and is_known and movement_id in documents:
            choice, repair = _CLEAR[kind]
            if _settle(remote_id, movement_id, choice):
                documents[movement_id]["repair"] = repair


def _settle(remote_id: int, movement_id: str, choice: str) -> bool:
    """Carry out a choice; return False if that is not possible, so that an admin must decide."""
    try:
        plan = make_plan(db.session(), remote_id, movement_id, choice)
        fetched = decisions.fetch_content(plan)
        if fetched is not None and fetched.is_altered:
            return False
        run_in_transaction(partial(decisions.carry_out, plan=plan, fetched=fetched, now=clock.now()))
    except DomainError:
        return False
    return True


def _document(result: RemoteResult, problem: str) -> Document:
    return {"problem": problem, "remote": result.remote_id, "site": result.site}
