"""The status that people and machines see: the stored one, unless nothing keeps it up to date."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from pointsync.clock import MAX_LEAD
from pointsync.models import Remote
from pointsync.sync.remotes import sending_problem
from pointsync.sync.remotes.status import ERROR, GREEN, WARNING

STALE_AFTER = timedelta(seconds=8)
"""Statuses are stored every 5 seconds; one that is older says nothing about now."""


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """A colour, and the sentences beside it."""

    status: str
    text: str


def load(session: Session, remotes: Iterable[Remote], now: datetime) -> dict[int, ShownStatus]:
    """The statuses of `remotes` by id."""
    problem = sending_problem.find(session)
    return {remote.id: _of(remote, problem, now) for remote in remotes}


def load_one(session: Session, remote: Remote, now: datetime) -> ShownStatus:
    """The status of one remote."""
    return load(session, [remote], now)[remote.id]


def _of(remote: Remote, problem: str | None, now: datetime) -> ShownStatus:
    if problem and not remote.status_text.startswith(problem):
        return ShownStatus(ERROR, problem)
    is_stale = remote.status_at is not None and not -MAX_LEAD <= now - remote.status_at <= STALE_AFTER
    if is_stale and remote.status == GREEN:
        return ShownStatus(
            WARNING, f"Not checked since {remote.status_at:%H:%M:%S} UTC. Before that: {remote.status_text}"
        )
    return ShownStatus(remote.status, remote.status_text)
