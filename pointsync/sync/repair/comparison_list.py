"""What the panel shows about comparisons: one row for each remote, the differences, and what the scrub found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync.ledger.integrity import movement_changes, undigested
from pointsync.models import AlteredMovement, Comparison, Customer, Difference, Movement, Remote, Site
from pointsync.sync.comparison import differences
from pointsync.sync.protocol.ping import POINTSYNC
from pointsync.sync.remotes import queue
from pointsync.sync.repair.plan import CHOICES

MAX_ALTERED_LISTED = 20


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """A remote that can be compared, and its last comparison movement by movement, if there was one."""

    remote: Remote
    last: Comparison | None

    @property
    def is_running(self) -> bool:
        """Whether its movements are being compared one by one."""
        return self.last is not None and self.last.finished_at is None


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """A difference, its remote, and what an admin can choose."""

    difference: Difference
    remote: Remote

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be chosen."""
        return CHOICES[self.difference.kind]


@dataclass(frozen=True, slots=True)
class AlteredRow:
    """A movement that was edited in the database, with its customer's address."""

    movement: Movement
    customer: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Integrity:
    """What this site has found in its own tables."""

    scrub_finished_at: datetime | None
    wrong_total_count: int
    """Balances and hourly totals that are not the sum of their movements, when the last scrub ended."""
    altered_count: int
    undigested: tuple[int, int] | None
    """How many movements from before digests have one by now, and how many there are; None if all have."""


@dataclass(frozen=True, slots=True)
class ComparisonList:
    """Everything that the panel shows."""

    rows: Sequence[ComparisonRow]
    differences: Sequence[DifferenceRow]
    difference_count: int
    altered: Sequence[AlteredRow]
    integrity: Integrity


def read(session: Session) -> ComparisonList:
    """Everything that the panel shows. At most 200 differences and 20 edited movements."""
    comparisons = {each.remote_id: each for each in session.scalars(select(Comparison))}
    remotes = queue.list_all(session)
    by_id = {each.id: each for each in remotes}
    return ComparisonList(
        [ComparisonRow(each, comparisons.get(each.id)) for each in remotes if each.dialect == POINTSYNC],
        [DifferenceRow(each, by_id[each.remote_id]) for each in differences.list_all(session)],
        count_differences(session),
        _list_altered(session),
        read_integrity(session),
    )


def count_differences(session: Session) -> int:
    """How many differences with any remote wait for a decision."""
    query = select(func.count()).select_from(Difference).join(Remote, Remote.id == Difference.remote_id)
    return session.scalar(query.where(Remote.deleted_at.is_(None))) or 0


def read_integrity(session: Session) -> Integrity:
    """What this site has found in its own tables."""
    finished_at, wrong_total_count = session.execute(select(Site.scrub_finished_at, Site.scrub_differences)).one()
    return Integrity(
        finished_at, wrong_total_count, movement_changes.count_altered(session), undigested.progress(session)
    )


def _list_altered(session: Session) -> list[AlteredRow]:
    query = (
        select(Movement, func.coalesce(Customer.email, ""), AlteredMovement.found_at)
        .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq)
        .join(Customer, Customer.id == Movement.customer_id, isouter=True)
        .order_by(Movement.seq)
        .limit(MAX_ALTERED_LISTED)
    )
    return [AlteredRow(*row) for row in session.execute(query)]
