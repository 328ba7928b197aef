"""The reasons that customers read in their history. Pure."""

from pointsync.ledger.orders.newer import SeenState
from pointsync.ledger.orders.report import OrderReport
from pointsync.text_limits import MAX_REASON_LENGTH, sanitise


def movement_reason(report: OrderReport, seen: SeenState, points: int, *, is_counted: bool, is_moved: bool) -> str:
    """The reason of a movement of `points`, after the state `seen`.

    `is_counted`: the order still gives points. `is_moved`: another customer gets them.
    """
    if is_moved:
        text = f"{report.label}: now of another customer"
    elif points > 0:
        text = report.label
    elif report.is_deleted:
        text = f"{report.label}: deleted"
    elif _has_new_refund(report, seen) or (is_counted and report.refunds and not _has_new_line(report, seen)):
        newest = max(report.refunds, key=lambda each: each.id)
        text = f"Refund of o{report.label[1:]}: {newest.reason}".removesuffix(": ")
    elif not is_counted and report.status:
        text = f"{report.label}: {report.status}"
    else:
        text = f"{report.label}: changed"
    return sanitise(text, MAX_REASON_LENGTH)


def _has_new_refund(report: OrderReport, seen: SeenState) -> bool:
    return report.highest_ids[0] > seen.highest_ids[0]


def _has_new_line(report: OrderReport, seen: SeenState) -> bool:
    return report.highest_ids[1] > seen.highest_ids[1]
