"""Export as CSV in the background: what a list on screen shows, narrowed by the same filters."""

import csv
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from pointsync.db import db
from pointsync.errors import NotFound
from pointsync.exports import rows
from pointsync.exports.rows import CUSTOMERS, DELIVERIES, MOVEMENTS
from pointsync.files import whole_file
from pointsync.ledger import customer_list, customers, reserves
from pointsync.models import Customer, Remote, Reserve, State, Work
from pointsync.reports import customer_history, deliveries
from pointsync.sync.site import general
from pointsync.tasks import tasks
from pointsync.tasks.runner import Task

KIND = "export"
UNIT = "lines"

_STATES: dict[str, str] = {State.UNKNOWN: "customer unknown there", State.FAILED: "refused", State.ASIDE: "set aside"}
"""As the panel calls them, where that is another word."""


@dataclass(frozen=True, slots=True)
class Wanted:
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


def customer_rows(session: Session, search: str = "", reserve_key: str | None = None) -> Wanted:
    """Customers with their balances, as the list of customers shows them. Raises Invalid and NotFound."""
    customer_list.which(search)
    return Wanted(CUSTOMERS, search.strip(), _reserve_id(session, reserve_key))


def history_rows(session: Session, customer_id: int, reserve_key: str | None = None) -> Wanted:
    """A customer's movements, as their history shows them. Raises NotFound."""
    if session.get(Customer, customer_id) is None:
        raise NotFound("unknown_customer", "There is no such customer here.")
    return Wanted(MOVEMENTS, customer_id=customer_id, reserve_id=_reserve_id(session, reserve_key))


def delivery_rows(
    session: Session, remote_id: int | None = None, state: str | None = None, email: str | None = None
) -> Wanted:
    """Deliveries, as System › Activity shows them. Raises Invalid and NotFound."""
    if remote_id is not None and session.get(Remote, remote_id) is None:
        raise NotFound("unknown_remote", "There is no such remote here.")
    customer_id = customers.get(session, email).id if email else None
    deliveries.which(remote_id, state, customer_id)
    return Wanted(DELIVERIES, customer_id=customer_id, remote_id=remote_id, state=state)


def ask(session: Session, data: Path, wanted: Wanted, asked_by: str, now: datetime) -> Work:
    """A work that writes `wanted` into a file. Raises Conflict, as `work.ask`."""
    title = _title(session, wanted)
    options = asdict(wanted)
    return tasks.ask(session, data, kind=KIND, title=title, unit=UNIT, asked_by=asked_by, now=now, options=options)


def run(task: Task) -> Iterator[None]:
    """Write the file: a page of lines, a part. Begun again from the first line where its process ends amid it."""
    session, wanted = db.session(), Wanted(**task.options)
    which, last = _which(session, wanted), rows.last(session, wanted.what)
    name = f"{wanted.what}-{_day(session, task.asked_at)}.csv"
    task.total = rows.count(session, wanted.what, which, last)
    with whole_file(task.folder / name) as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(rows.header(wanted.what))
        for page in rows.pages(session, wanted.what, which, last):
            lines.writerows(page)
            task.done += len(page)
            yield
    task.total, task.result = task.done, {"file": name}


def _which(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    """What the list itself is narrowed by."""
    reserve = session.get(Reserve, wanted.reserve_id) if wanted.reserve_id else None
    if wanted.what == CUSTOMERS:
        return [*customer_list.which(wanted.search), *rows.within(reserve)]
    if wanted.what == MOVEMENTS:
        of_customer = customer_history.which(wanted.customer_id) if wanted.customer_id else []
        return [*of_customer, *rows.within(reserve)]
    return deliveries.which(wanted.remote_id, wanted.state, wanted.customer_id)


def _title(session: Session, wanted: Wanted) -> str:
    """What it is in a line, such as `Deliveries as CSV: refused, to Tea shop`."""
    narrowed = []
    if wanted.search:
        narrowed.append(f"e-mail beginning with {wanted.search}")
    if wanted.state:
        narrowed.append(_STATES.get(wanted.state, wanted.state))
    if wanted.remote_id and (remote := session.get(Remote, wanted.remote_id)):
        narrowed.append(f"to {remote.name or remote.url}")
    if wanted.customer_id and (customer := session.get(Customer, wanted.customer_id)):
        narrowed.append(f"of {customer.email}")
    if wanted.reserve_id and (reserve := session.get(Reserve, wanted.reserve_id)):
        narrowed.append(f"points in {reserve.name}")
    title = f"{wanted.what.capitalize()} as CSV" + (f": {', '.join(narrowed)}" if narrowed else "")
    return title if len(title) <= tasks.MAX_TITLE else f"{title[: tasks.MAX_TITLE - 1]}…"


def _day(session: Session, at: datetime) -> str:
    return at.astimezone(general.time_zone(session)).date().isoformat()


def _reserve_id(session: Session, key: str | None) -> int | None:
    return reserves.get(session, key).id if key else None
