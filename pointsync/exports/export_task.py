"""Export as CSV in the background: what a list on screen shows, narrowed by the same filters."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from pointsync import db
from pointsync.errors import NotFound
from pointsync.exports import rows
from pointsync.exports.rows import CUSTOMERS, DELIVERIES, MOVEMENTS
from pointsync.files import atomic_text_file
from pointsync.ledger import customer_list, customers, reserves
from pointsync.models import Customer, DeliveryState, Remote, Reserve, Task
from pointsync.reports import customer_history, deliveries
from pointsync.sync.site import general
from pointsync.tasks import tasks
from pointsync.tasks.runner import TaskContext

KIND = "export"
UNIT = "lines"

_STATE_LABELS: dict[str, str] = {
    DeliveryState.UNKNOWN: "customer unknown there",
    DeliveryState.FAILED: "refused",
    DeliveryState.SET_ASIDE: "set aside",
}
"""As the panel calls them, where that is another word."""


@dataclass(frozen=True, slots=True)
class Filter:
    """One of `csv_out.WHATS`, and what it is narrowed to: numbers of rows, or words as an admin typed them.

    `search`: customers whose e-mail begins so. `reserve_id`: their points in it, or movements in it. `customer_id`:
    the movements of one, or the deliveries of these. `remote_id` and `state`, as `activity.page` takes them:
    deliveries.
    """

    what: str
    search: str = ""
    reserve_id: int | None = None
    customer_id: int | None = None
    remote_id: int | None = None
    state: str | None = None


def filter_customers(session: Session, search: str = "", reserve_key: str | None = None) -> Filter:
    """Customers with their balances, as the list of customers shows them. Raises Invalid and NotFound."""
    customer_list.search_conditions(search)
    return Filter(CUSTOMERS, search.strip(), _get_reserve_id(session, reserve_key))


def filter_movements(session: Session, customer_id: int, reserve_key: str | None = None) -> Filter:
    """A customer's movements, as their history shows them. Raises NotFound."""
    if session.get(Customer, customer_id) is None:
        raise NotFound("unknown_customer", "There is no such customer here.")
    return Filter(MOVEMENTS, customer_id=customer_id, reserve_id=_get_reserve_id(session, reserve_key))


def filter_deliveries(
    session: Session, remote_id: int | None = None, state: str | None = None, email: str | None = None
) -> Filter:
    """Deliveries, as System › Activity shows them. Raises Invalid and NotFound."""
    if remote_id is not None and session.get(Remote, remote_id) is None:
        raise NotFound("unknown_remote", "There is no such remote here.")
    customer_id = customers.get(session, email).id if email else None
    deliveries.build_conditions(remote_id, state, customer_id)
    return Filter(DELIVERIES, customer_id=customer_id, remote_id=remote_id, state=state)


def enqueue(session: Session, data_dir: Path, filters: Filter, asked_by: str, now: datetime) -> Task:
    """A work that writes `wanted` into a file. Raises Conflict, as `work.ask`."""
    title = _build_title(session, filters)
    options = asdict(filters)
    return tasks.enqueue(
        session, data_dir, kind=KIND, title=title, unit=UNIT, asked_by=asked_by, now=now, options=options
    )


def run(context: TaskContext) -> Iterator[None]:
    """Write the file: a page of lines, a part. Begun again from the first line where its process ends amid it."""
    session, filters = db.session(), Filter(**context.options)
    conditions, last_key = _build_conditions(session, filters), rows.get_last_key(session, filters.what)
    name = f"{filters.what}-{_local_date(session, context.asked_at)}.csv"
    context.total = rows.count_rows(session, filters.what, conditions, last_key)
    with atomic_text_file(context.folder / name) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows.get_header(filters.what))
        for page in rows.iter_pages(session, filters.what, conditions, last_key):
            writer.writerows(page)
            context.done += len(page)
            yield
    context.total, context.result = context.done, {"file": name}


def _build_conditions(session: Session, filters: Filter) -> list[ColumnElement[bool]]:
    """What the list itself is narrowed by."""
    reserve = session.get(Reserve, filters.reserve_id) if filters.reserve_id else None
    if filters.what == CUSTOMERS:
        return [*customer_list.search_conditions(filters.search), *rows.build_conditions(reserve)]
    if filters.what == MOVEMENTS:
        of_customer = customer_history.build_conditions(filters.customer_id) if filters.customer_id else []
        return [*of_customer, *rows.build_conditions(reserve)]
    return deliveries.build_conditions(filters.remote_id, filters.state, filters.customer_id)


def _build_title(session: Session, filters: Filter) -> str:
    """What it is in a line, such as `Deliveries as CSV: refused, to Tea shop`."""
    parts = []
    if filters.search:
        parts.append(f"e-mail beginning with {filters.search}")
    if filters.state:
        parts.append(_STATE_LABELS.get(filters.state, filters.state))
    if filters.remote_id and (remote := session.get(Remote, filters.remote_id)):
        parts.append(f"to {remote.name or remote.url}")
    if filters.customer_id and (customer := session.get(Customer, filters.customer_id)):
        parts.append(f"of {customer.email}")
    if filters.reserve_id and (reserve := session.get(Reserve, filters.reserve_id)):
        parts.append(f"points in {reserve.name}")
    title = f"{filters.what.capitalize()} as CSV" + (f": {', '.join(parts)}" if parts else "")
    return title if len(title) <= tasks.MAX_TITLE else f"{title[: tasks.MAX_TITLE - 1]}…"


def _local_date(session: Session, time: datetime) -> str:
    return time.astimezone(general.get_time_zone(session)).date().isoformat()


def _get_reserve_id(session: Session, key: str | None) -> int | None:
    return reserves.get(session, key).id if key else None
