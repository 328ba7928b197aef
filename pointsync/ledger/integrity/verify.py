"""Checking the ledger: every balance and every hourly total equals the sum of its movements."""

from typing import Any

from sqlalchemy import case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from pointsync import clock
from pointsync.ledger.hourly_totals import movement_hour
from pointsync.models import Balance, Customer, HourlyTotal, Movement, Reserve

MAX_DIFFERENCES = 1000
SUMS = ("movements", "given", "taken")


def find_balance_differences(session: Session, limit: int = MAX_DIFFERENCES) -> list[dict[str, Any]]:
    """`[{customer, reserve, balance, movements}]` of the balances that differ from the sum of their movements.

    At most `limit`, sorted by customer. A missing balance and missing movements count as 0.
    """
    zero, address = literal(0), aliased(Customer)
    by_address = (
        select(Movement.customer_id, Movement.reserve_id, func.sum(Movement.points).label("points"))
        .group_by(Movement.customer_id, Movement.reserve_id)
        .subquery()
    )
    customer_id = func.coalesce(address.merged_into_id, by_address.c.customer_id)
    # A union, not a join: SQLite runs an outer join of both sides by comparing every pair of rows.
    sums_by_key = union_all(
        select(Balance.customer_id, Balance.reserve_id, Balance.points.label("balance"), zero.label("movements")),
        select(customer_id, by_address.c.reserve_id, zero, by_address.c.points).join(
            address, address.id == by_address.c.customer_id, isouter=True
        ),
    ).subquery()
    balance, movements = func.sum(sums_by_key.c.balance), func.sum(sums_by_key.c.movements)
    wrong = (
        select(
            sums_by_key.c.customer_id, sums_by_key.c.reserve_id, balance.label("balance"), movements.label("movements")
        )
        .group_by(sums_by_key.c.customer_id, sums_by_key.c.reserve_id)
        .having(balance != movements)
        .subquery()
    )
    query = (
        select(Customer.email, Reserve.key, wrong.c.balance, wrong.c.movements)
        .join(wrong, wrong.c.customer_id == Customer.id)
        .join(Reserve, Reserve.id == wrong.c.reserve_id)
        .order_by(Customer.email, Reserve.key)
        .limit(limit)
    )
    return [
        {"customer": email, "reserve": key, "balance": int(balance), "movements": int(total)}
        for email, key, balance, total in session.execute(query)
    ]


def find_hourly_total_differences(session: Session, limit: int = MAX_DIFFERENCES) -> list[dict[str, Any]]:
    """`[{hour, origin, reserve, kind, flow, movements}]` of the totals that differ from the sum of their movements.

    `flow` (the stored total) and `movements` are `{movements, given, taken}`. At most `limit`, sorted by hour.
    A missing total and missing movements count as 0.
    """
    zeros = [literal(0) for _ in SUMS]
    stored_sums = [HourlyTotal.__table__.c[name] for name in SUMS]
    movement_sums = [
        func.count(),
        func.sum(case((Movement.points > 0, Movement.points), else_=0)),
        func.sum(case((Movement.points < 0, -Movement.points), else_=0)),
    ]
    hour = movement_hour(session)
    both = union_all(
        select(
            HourlyTotal.hour,
            HourlyTotal.origin,
            HourlyTotal.reserve_id,
            HourlyTotal.kind,
            *(column.label(f"stored_{name}") for name, column in zip(SUMS, stored_sums, strict=True)),
            *(column.label(f"calculated_{name}") for name, column in zip(SUMS, zeros, strict=True)),
        ),
        select(hour, Movement.origin, Movement.reserve_id, Movement.kind, *zeros, *movement_sums)
        .where(Movement.points != 0)
        .group_by(hour, Movement.origin, Movement.reserve_id, Movement.kind),
    ).subquery()
    pairs = [(func.sum(both.c[f"stored_{name}"]), func.sum(both.c[f"calculated_{name}"])) for name in SUMS]
    names = (both.c.hour, both.c.origin, Reserve.key, both.c.kind)
    query = (
        select(*names, *(stored for stored, _ in pairs), *(calculated for _, calculated in pairs))
        .join(Reserve, Reserve.id == both.c.reserve_id)
        .group_by(*names)
        .having(or_(*(stored != calculated for stored, calculated in pairs)))
        .order_by(*names)
        .limit(limit)
    )
    return [
        {
            "hour": clock.to_text(row[0]),
            "origin": row[1],
            "reserve": row[2],
            "kind": row[3],
            "flow": dict(zip(SUMS, map(int, row[4:7]), strict=True)),
            "movements": dict(zip(SUMS, map(int, row[7:10]), strict=True)),
        }
        for row in session.execute(query)
    ]
