"""The rows of CSV exports: balances, movements or deliveries, read page by page to limit memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from pointsync import clock
from pointsync.csv_safety import escape_formula
from pointsync.models import Balance, Customer, Delivery, Movement, Remote, Reserve

PAGE_ROWS = 2000
CUSTOMERS, MOVEMENTS, DELIVERIES = "customers", "movements", "deliveries"

_ADDRESS = aliased(Customer)
RowValues = list[str | int]


@dataclass(frozen=True, slots=True)
class _Table:
    """An exported table. The first columns of the query are the key for paging; the others match the header."""

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
        .join(_ADDRESS, _ADDRESS.id == Movement.customer_id)
        .join(Customer, Customer.id == _ADDRESS.person_id())
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
    """The column names of a table."""
    return _TABLES[table_name].header


def build_conditions(
    reserve: Reserve | None = None, since: datetime | None = None, until: datetime | None = None
) -> list[ColumnElement[bool]]:
    """Conditions for one reserve, and for movements with `since` <= at < `until`.

    Balances have no time: leave out both for customers.
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
    """The key of the newest customer, movement or delivery. The export leaves out rows that are added later."""
    return session.scalar(select(func.max(_TABLES[table_name].key_columns[0]))) or 0


def count_rows(session: Session, table_name: str, conditions: Sequence[ColumnElement[bool]], last_key: int) -> int:
    """Count the rows that `iter_pages` will return."""
    table = _TABLES[table_name]
    query = table.query.where(*conditions, table.key_columns[0] <= last_key).with_only_columns(
        func.count(), maintain_column_froms=True
    )
    return session.scalar(query) or 0


def iter_pages(
    session: Session, table_name: str, conditions: Sequence[ColumnElement[bool]], last_key: int
) -> Iterator[list[RowValues]]:
    """The rows of a table that match `conditions`, oldest first, up to `last_key`, in pages of at most `PAGE_ROWS`.

    Formulas in texts are escaped. The session may be rolled back between two pages: each page then shows its rows as
    they are when it is read, and no row occurs twice.
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
