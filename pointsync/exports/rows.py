"""What goes out as CSV: customers' balances, movements or deliveries, page by page, so that memory stays the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.csv_safety import escape_formula
from pointsync.models import Balance, Customer, Delivery, Movement, Remote, Reserve

PAGE_ROWS = 2000
CUSTOMERS, MOVEMENTS, DELIVERIES = "customers", "movements", "deliveries"

RowValues = list[str | int]


@dataclass(frozen=True, slots=True)
class _Table:
    """What is listed: a query whose first columns are the key that it goes on by, and then those of the header."""

    header: tuple[str, ...]
    query: Select[*tuple[Any, ...]]
    key_columns: tuple[Any, ...]


_TABLES = {
    CUSTOMERS: _Table(
        ("customer", "reserve", "points"),
        select(Balance.customer_id, Balance.reserve_id, Customer.email, Reserve.key, Balance.points)
        .join(Customer, Customer.id == Balance.customer_id)
        .join(Reserve, Reserve.id == Balance.reserve_id),
        (Balance.customer_id, Balance.reserve_id),
    ),
    MOVEMENTS: _Table(
        ("customer", "reserve", "points", "kind", "reason", "at", "ref", "id", "origin", "balance", "recorded_at"),
        select(
            Movement.seq,
            Customer.email,
            Reserve.key,
            Movement.points,
            Movement.kind,
            Movement.reason,
            Movement.at,
            Movement.ref,
            Movement.id,
            Movement.origin,
            Movement.balance,
            Movement.recorded_at,
        )
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id),
        (Movement.seq,),
    ),
    DELIVERIES: _Table(
        (
            *("movement", "customer", "reserve", "points", "at", "remote", "target"),
            *("state", "attempts", "code", "message", "delivered_at"),
        ),
        select(
            Delivery.id,
            Movement.id,
            Customer.email,
            Reserve.key,
            Movement.points,
            Movement.at,
            Remote.url,
            Remote.target,
            Delivery.state,
            Delivery.attempts,
            Delivery.code,
            Delivery.message,
            Delivery.delivered_at,
        )
        .join(Movement, Movement.seq == Delivery.movement_seq)
        .join(Customer, Customer.id == Movement.customer_id)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .join(Remote, Remote.id == Delivery.remote_id),
        (Delivery.id,),
    ),
}
TABLE_NAMES = tuple(_TABLES)


def get_header(table_name: str) -> tuple[str, ...]:
    """The names of the columns, for one of `WHATS`."""
    return _TABLES[table_name].header


def build_conditions(
    reserve: Reserve | None = None, since: datetime | None = None, until: datetime | None = None
) -> list[ColumnElement[bool]]:
    """Of one reserve, or of all; of movements made from `since` on and before `until`.

    A balance is of no time: for customers both are left out.
    """
    conditions: list[ColumnElement[bool]] = []
    if reserve is not None:
        conditions.append(Reserve.id == reserve.id)
    if since is not None:
        conditions.append(Movement.at >= since)
    if until is not None:
        conditions.append(Movement.at < until)
    return conditions


def get_last_key(session: Session, table_name: str) -> int:
    """The last customer, movement or delivery that there is: `pages` told of it leave out what comes later."""
    return session.scalar(select(func.max(_TABLES[table_name].key_columns[0]))) or 0


def count_rows(session: Session, table_name: str, conditions: Sequence[ColumnElement[bool]], last_key: int) -> int:
    """How many lines `pages` has."""
    table = _TABLES[table_name]
    query = table.query.where(*conditions, table.key_columns[0] <= last_key).with_only_columns(
        func.count(), maintain_column_froms=True
    )
    return session.scalar(query) or 0


def iter_pages(
    session: Session, table_name: str, conditions: Sequence[ColumnElement[bool]], last_key: int
) -> Iterator[list[RowValues]]:
    """The lines of one of `WHATS` for which `which` holds, in the order in which they were made, up to `last`.

    At most 2,000 at a time; text is defused. The session may be rolled back between two pages, so that nobody
    waits for a reader: each line is then as it stands when its page is read, and none is there twice.
    """
    table = _TABLES[table_name]
    key_length = len(table.key_columns)
    query = (
        table.query.where(*conditions, table.key_columns[0] <= last_key).order_by(*table.key_columns).limit(PAGE_ROWS)
    )
    rows = session.execute(query).all()
    while rows:
        yield [[_format_value(value) for value in row[key_length:]] for row in rows]
        if len(rows) < PAGE_ROWS:
            return
        rows = session.execute(query.where(tuple_(*table.key_columns) > tuple_(*rows[-1][:key_length]))).all()


def _format_value(value: Any) -> str | int:
    if isinstance(value, datetime):
        return clock.to_text(value)
    if isinstance(value, int):
        return value
    return "" if value is None else escape_formula(str(value))
