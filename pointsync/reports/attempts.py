"""Attempts to send to remotes, and changes of their status, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from pointsync.db import keyset
from pointsync.models import Attempt, Remote, StatusChange
from pointsync.reports import newest


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """An attempt and its remote, which may be deleted."""

    attempt: Attempt
    remote: Remote


@dataclass(frozen=True, slots=True)
class StatusChangeRow:
    """A change of status and its remote, which may be deleted."""

    change: StatusChange
    remote: Remote


def list_page(
    session: Session,
    *,
    remote_id: int | None = None,
    only_failed: bool = False,
    cursor: str | None = None,
    size: int = 20,
) -> keyset.Page[AttemptRow]:
    """A page of attempts, newest first. Three queries; four when going back to the first page.

    All attempts use the primary key. Those of one remote use the index on (remote_id, id). Failed ones use the partial
    index on (remote_id, id), once for each remote, and are merged. Raises InvalidInput for `cursor` or `size`.
    """
    remotes = _load_remotes(session)
    queries: list[Select[Any]] = [select(Attempt.id)]
    if remote_id is not None or only_failed:
        remote_ids = [each for each in remotes if remote_id in (None, each)]
        queries = [select(Attempt.id).where(Attempt.remote_id == each) for each in remote_ids]
    if only_failed:
        queries = [each.where(Attempt.failed_condition()) for each in queries]

    def fetch(request: keyset.PageRequest) -> list[int]:
        return newest.fetch_ids(session, queries, Attempt.id.expression, request)

    page = keyset.fetch_page(cursor, size, (int,), fetch, lambda attempt_id: (attempt_id,))
    rows = {each.id: each for each in session.scalars(select(Attempt).where(Attempt.id.in_(page.rows)))}
    return page.with_rows([AttemptRow(rows[each], remotes[rows[each].remote_id]) for each in page.rows])


def list_status_changes(
    session: Session, *, remote_id: int | None = None, cursor: str | None = None, size: int = 20
) -> keyset.Page[StatusChangeRow]:
    """A page of status changes, newest first. Two queries; three when going back to the first page.

    All changes use the primary key. Those of one remote use the index on (remote_id, id). Raises InvalidInput for
    `cursor` or `size`.
    """
    remotes = _load_remotes(session)
    query: Select[Any] = select(StatusChange)
    if remote_id is not None:
        query = query.where(StatusChange.remote_id == (remote_id if remote_id in remotes else 0))

    def fetch(request: keyset.PageRequest) -> Sequence[StatusChange]:
        return session.scalars(request.apply_to(query, StatusChange.id.expression, is_descending=True)).all()

    page = keyset.fetch_page(cursor, size, (int,), fetch, lambda change: (change.id,))
    return page.with_rows([StatusChangeRow(change, remotes[change.remote_id]) for change in page.rows])


def _load_remotes(session: Session) -> dict[int, Remote]:
    return {remote.id: remote for remote in session.scalars(select(Remote))}
