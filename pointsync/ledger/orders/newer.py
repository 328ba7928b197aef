"""Which of two reports of an order is newer. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pointsync.ledger.orders.report import OrderReport

OVERTAKING_PERIOD = timedelta(minutes=1)
"""How much later a report can arrive than one of a later state. A shop writes a report when it sends it, and gives up
after seconds."""


@dataclass(frozen=True, slots=True)
class SeenState:
    """What decides about later reports: the newest state of an order that was seen so far."""

    modified_at: datetime | None = None
    highest_ids: tuple[int, int] = (0, 0)
    """Of its refunds, and of its lines."""
    is_deleted: bool = False
    seen_at: datetime | None = None
    """When its report arrived; None if that is not known."""


def is_older(report: OrderReport, seen: SeenState, now: datetime) -> bool:
    """Whether `report`, which arrives now, tells of an earlier state than the one seen.

    The shop's own time of the last change decides. If it is the same, the higher refund or line id does for a minute,
    since ids only grow. Otherwise the report that arrives later counts: a shop that stores orders as posts does not
    change that time when somebody removes a line, nor does any shop when somebody deletes a refund. A report of a
    deletion has no time: it counts when it arrives, until the order is restored or has a later time.

    What the shop has answered to this site is its state at that moment or later. It counts even with an earlier time,
    as after the shop's database was restored; but if another report has arrived since this site asked, only a later
    time counts.
    """
    if report.asked_at is not None:
        return not is_answer_newest(report, seen) and not _is_later(report, seen)
    if report.is_deleted or report.modified_at is None or seen.modified_at is None:
        return False
    if report.modified_at != seen.modified_at:
        return report.modified_at < seen.modified_at
    if seen.is_deleted:
        return not report.is_restored
    may_be_overtaken = seen.seen_at is None or now <= seen.seen_at + OVERTAKING_PERIOD
    return may_be_overtaken and report.highest_ids < seen.highest_ids


def is_answer_newest(report: OrderReport, seen: SeenState) -> bool:
    """Whether the report is the shop's answer, and no other report has arrived since this site asked."""
    return report.asked_at is not None and (seen.seen_at is None or seen.seen_at <= report.asked_at)


def is_certain(report: OrderReport, seen: SeenState) -> bool:
    """Whether a report that is not older certainly tells of a later state than the one seen.

    If not, whoever can ask the shop should do so: the times are equal, or it is a deletion, which has none.
    """
    is_first = seen.seen_at is None
    return is_answer_newest(report, seen) or (not report.is_deleted and (is_first or _is_later(report, seen)))


def _is_later(report: OrderReport, seen: SeenState) -> bool:
    if report.modified_at is None:
        return False
    return seen.modified_at is None or report.modified_at > seen.modified_at


def after(report: OrderReport, seen: SeenState, now: datetime | None = None) -> SeenState:
    """The state that was seen once `report`, which is not older, was taken in."""
    if report.is_deleted:
        return SeenState(seen.modified_at, seen.highest_ids, is_deleted=True, seen_at=now)
    return SeenState(report.modified_at or seen.modified_at, report.highest_ids, is_deleted=False, seen_at=now)
