"""CSV exports as background tasks: the rows of a list in the panel, with the same filters."""

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
from pointsync.ledger import customer_list, customers, reserves
from pointsync.models import DeliveryState, Remote, Reserve, Task
from pointsync.reports import customer_history, deliveries
from pointsync.sync.site import general
from pointsync.tasks import tasks
from pointsync.tasks.csv_export import write_csv
from pointsync.tasks.runner import TaskContext

KIND = "export"
UNIT = "lines"

_STATE_LABELS: dict[str, str] = {
    DeliveryState.UNKNOWN: "customer unknown there",
    DeliveryState.FAILED: "refused",
    DeliveryState.SET_ASIDE: "set aside",
}
"""The panel's words for states that have another name in the database."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The table to export (`what`, one of `rows.TABLE_NAMES`) and its filters. Stored as the options of the task.

    `search` is the beginning of customers' e-mail addresses. `reserve_id` narrows balances or movements, `customer_id`
    narrows movements or deliveries, `remote_id` and `state` narrow deliveries as in `deliveries.list_page`.
    """

    what: str
    search: str = ""
    reserve_id: int | None = None
    customer_id: int | None = None
    remote_id: int | None = None
    state: str | None = None


def filter_customers(session: Session, search: str = "", reserve_key: str | None = None) -> Filter:
    """Customers with their balances, as in the list of customers. Raises InvalidInput and NotFound."""
    customer_list.search_conditions(search)
    return Filter(CUSTOMERS, search.strip(), _get_reserve_id(session, reserve_key))


def filter_movements(session: Session, customer_id: int, reserve_key: str | None = None) -> Filter:
    """The movements of a customer, as in their history. Raises NotFound."""
    customer = customers.find_by_row(session, customer_id)
    if customer is None:
        raise NotFound("unknown_customer", "There is no such customer.")
    return Filter(MOVEMENTS, customer_id=customer.id, reserve_id=_get_reserve_id(session, reserve_key))


def filter_deliveries(
    session: Session, remote_id: int | None = None, state: str | None = None, email: str | None = None
) -> Filter:
    """Deliveries, as under System › Activity. Raises InvalidInput and NotFound."""
    if remote_id is not None and session.get(Remote, remote_id) is None:
        raise NotFound("unknown_remote", "There is no such remote.")
    customer_id = customers.get(session, email).id if email else None
    deliveries.build_conditions(session, remote_id, state, customer_id)
    return Filter(DELIVERIES, customer_id=customer_id, remote_id=remote_id, state=state)


def enqueue(session: Session, data_dir: Path, filters: Filter, asked_by: str, now: datetime) -> Task:
    """Enqueue the export. Raises Conflict as `tasks.enqueue` does."""
    title = _build_title(session, filters)
    options = asdict(filters)
    return tasks.enqueue(
        session, data_dir, kind=KIND, title=title, unit=UNIT, asked_by=asked_by, now=now, options=options
    )


def run(context: TaskContext) -> Iterator[None]:
    """Run the task: write the file, a page of rows per part. If the process ends, the next one starts again."""
    session, filters = db.session(), Filter(**context.options)
    conditions, last_key = _build_conditions(session, filters), rows.get_last_key(session, filters.what)
    context.total = rows.count_rows(session, filters.what, conditions, last_key)
    pages = rows.iter_pages(session, filters.what, conditions, last_key)
    yield from write_csv(context, filters.what, general.get_time_zone(session), rows.get_header(filters.what), pages)


def _build_conditions(session: Session, filters: Filter) -> list[ColumnElement[bool]]:
    """The conditions that the list in the panel uses."""
    reserve = session.get(Reserve, filters.reserve_id) if filters.reserve_id else None
    if filters.what == CUSTOMERS:
        return [*customer_list.search_conditions(filters.search), *rows.build_conditions(reserve)]
    # Whoever had the address when the task was started may have another one now.
    customer_id = filters.customer_id
    if customer_id and (customer := customers.find_by_row(session, customer_id)):
        customer_id = customer.id
    if filters.what == MOVEMENTS:
        of_customer = customer_history.build_conditions(session, customer_id) if customer_id else []
        return [*of_customer, *rows.build_conditions(reserve)]
    return deliveries.build_conditions(session, filters.remote_id, filters.state, customer_id)


def _build_title(session: Session, filters: Filter) -> str:
    """The title of the task, such as `Deliveries as CSV: refused, to Tea shop`."""
    parts = []
    if filters.search:
        parts.append(f"e-mail beginning with {filters.search}")
    if filters.state:
        parts.append(_STATE_LABELS.get(filters.state, filters.state))
    if filters.remote_id and (remote := session.get(Remote, filters.remote_id)):
        parts.append(f"to {remote.name or remote.url}")
    if filters.customer_id and (customer := customers.find_by_row(session, filters.customer_id)):
        parts.append(f"of {customer.email}")
    if filters.reserve_id and (reserve := session.get(Reserve, filters.reserve_id)):
        parts.append(f"points in {reserve.name}")
    title = f"{filters.what.capitalize()} as CSV" + (f": {', '.join(parts)}" if parts else "")
    return title if len(title) <= tasks.MAX_TITLE else f"{title[: tasks.MAX_TITLE - 1]}…"


def _get_reserve_id(session: Session, key: str | None) -> int | None:
    return reserves.get(session, key).id if key else None
