"""Applying what other sites made: each movement exactly once, whatever is sent how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, case, insert, select, update
from sqlalchemy.orm import Session

from pointsync import ids
from pointsync.db.upsert import insert_missing
from pointsync.email_address import normalise
from pointsync.errors import Invalid
from pointsync.ledger import customers, hourly_totals, mail_queue
from pointsync.ledger.balances import CHUNK, Book
from pointsync.ledger.rewards import levels
from pointsync.models import Balance, Holding, Movement, Origin, Reserve
from pointsync.models.movement import LOCAL_KINDS
from pointsync.text_limits import MAX_POINTS, MAX_REASON, MAX_REF, clean, is_storable

AHEAD = timedelta(days=1)
MAX_KIND = 32


@dataclass(frozen=True, slots=True)
class Incoming:
    """A movement as another site tells of it; `set_to` in place of `points` where it is a set."""

    id: str
    customer: str
    points: int = 0
    set_to: int | None = None
    kind: str = "manual"
    reason: str = ""
    at: datetime | None = None
    ref: str | None = None
    is_history: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of it: `applied`, `duplicate`, `conflict` or `refused` (with `code`, `message`)."""

    id: str
    status: str
    code: str | None = None
    message: str | None = None
    balance: int | None = None


def apply(
    session: Session, origin: str, reserve: Reserve, incoming: Sequence[Incoming], now: datetime
) -> list[Applied]:
    """Apply `incoming` from `origin` to `reserve`; a result each, in their order.

    A movement is known by (origin, id). Known with the same points, customer and reserve it is a
    duplicate, with others a conflict; either way nothing changes. What is refused stops no other.
    """
    lock_origin(session, origin, now)
    known = _known(session, origin, [each.id for each in incoming])
    refused = {index: fault for index, each in enumerate(incoming) if each.id not in known and (fault := _fault(each))}
    emails = {index: _email(each) for index, each in enumerate(incoming)}
    fresh = [index for index, each in enumerate(incoming) if each.id not in known and index not in refused]
    customer_ids = customers.existing(session, sorted({email for email in emails.values() if email}))
    customer_ids |= customers.ensure(
        session, {emails[index] for index in fresh if emails[index] not in customer_ids}, now
    )
    book = Book(session, ((customer_ids[emails[index]], reserve.id) for index in fresh))

    results, rows = [], []
    here: dict[str, dict[str, Any] | Row[Any]] = dict(known)
    for index, each in enumerate(incoming):
        pot = (customer_ids.get(emails[index], 0), reserve.id)
        if each.id in here:  # also what this very batch has applied
            results.append(_compare(each, here[each.id], pot))
        elif index in refused:
            results.append(refused[index])
        else:
            points = each.points if each.set_to is None else each.set_to - book.points(pot)
            if abs(book.points(pot) + points) > MAX_POINTS:
                message = f"The balance would leave ±{MAX_POINTS:,}."
                results.append(Applied(each.id, "refused", "out_of_bounds", message))
                continue
            row = _row(each, origin, reserve, pot, points, book.add(pot, points), now)
            rows.append(row)
            here[each.id] = row
            results.append(Applied(each.id, "applied", balance=row["balance"]))
    if rows:
        book.write()
        session.connection().execute(insert(Movement.__table__), rows)  # type: ignore[arg-type]
        hourly_totals.add(session, rows)
        _hold(session, origin, reserve, rows)
        levels.unlock(session, rows)
        mail_queue.tell_redeemed(session, rows)
    return results


def lock_origin(session: Session, auth: str, now: datetime) -> Origin:
    """The origin's row, made if missing, locked for the rest of the transaction.

    Under it the same batch, sent twice at once, is applied by one and recognised by the other.
    """
    query = select(Origin).where(Origin.auth == auth).with_for_update()
    origin = session.scalar(query)
    if origin is None:
        insert_missing(session, Origin, [{"auth": auth, "first_seen_at": now}])
        origin = session.scalars(query).one()
    return origin


def have(session: Session, origin: str, reserve: Reserve) -> dict[str, Any]:
    """`{count, max_id}` of what this site holds from `origin` in `reserve`; `max_id` a decimal string."""
    holding = session.get(Holding, (origin, reserve.id), populate_existing=True)
    return {"count": holding.count if holding else 0, "max_id": str(holding.max_id if holding else 0)}


def held_points(session: Session, origin: str, name: str) -> int | None:
    """The balance now of the pot that a movement from `origin` went to; None where it is not held."""
    pot = select(Movement.customer_id, Movement.reserve_id).where(Movement.origin == origin, Movement.id == name)
    row = session.execute(pot).first()
    return None if row is None else session.get_one(Balance, tuple(row), populate_existing=True).points


def _known(session: Session, origin: str, names: list[str]) -> dict[str, Row[Any]]:
    found: dict[str, Row[Any]] = {}
    for start in range(0, len(names), CHUNK):
        rows = session.execute(
            select(Movement.id, Movement.points, Movement.set_to, Movement.customer_id, Movement.reserve_id).where(
                Movement.origin == origin, Movement.id.in_(names[start : start + CHUNK])
            )
        )
        found |= {row.id: row for row in rows}
    return found


def _fault(each: Incoming) -> Applied | None:
    """Why a movement that is not known yet cannot be applied; None when it can."""
    asked = each.points if each.set_to is None else each.set_to
    if each.kind in LOCAL_KINDS:
        return Applied(each.id, "refused", "local_kind", f"A movement of kind {each.kind} stays on its own site.")
    if abs(asked) > MAX_POINTS:
        return Applied(each.id, "refused", "out_of_bounds", f"Points must be within ±{MAX_POINTS:,}.")
    if not each.kind or len(each.kind) > MAX_KIND or not is_storable(each.kind):
        return Applied(each.id, "refused", "malformed", f"The kind must have 1 to {MAX_KIND} plain characters.")
    try:
        normalise(each.customer)
    except Invalid as error:
        return Applied(each.id, "refused", "malformed", error.message)
    return None


def _email(each: Incoming) -> str:
    try:
        return normalise(each.customer)
    except Invalid:
        return ""


def _compare(each: Incoming, there: dict[str, Any] | Row[Any], pot: tuple[int, int]) -> Applied:
    held = there if isinstance(there, dict) else there._mapping
    asked_alike = held["points"] == each.points if each.set_to is None else held["set_to"] == each.set_to
    if asked_alike and (held["customer_id"], held["reserve_id"]) == pot:
        return Applied(each.id, "duplicate")
    return Applied(each.id, "conflict", "conflict", "This id is held here with other points, customer or reserve.")


def _row(
    each: Incoming,
    origin: str,
    reserve: Reserve,
    pot: tuple[int, int],
    points: int,
    balance: int,
    now: datetime,
) -> dict[str, Any]:
    at = each.at or now
    return {
        "origin": origin,
        "id": each.id,
        "customer_id": pot[0],
        "reserve_id": reserve.id,
        "kind": each.kind,
        "points": points,
        "set_to": each.set_to,
        "balance": balance,
        "reason": clean(each.reason, MAX_REASON),
        # The origin's `ref` is shown, not enforced: it is unique per source there, not here.
        "source": None,
        "ref": clean(each.ref, MAX_REF) if each.ref else None,
        "at": now if at > now + AHEAD else at,
        "recorded_at": now,
        "below_zero": balance < 0 and points < 0 and not reserve.may_go_below_zero,
        "is_history": each.is_history,
    }


def _hold(session: Session, origin: str, reserve: Reserve, rows: list[dict[str, Any]]) -> None:
    insert_missing(session, Holding, [{"origin": origin, "reserve_id": reserve.id, "count": 0, "max_id": 0}])
    highest = max((ids.parse_id(row["id"]) or 0 for row in rows), default=0)
    session.execute(
        update(Holding)
        .where(Holding.origin == origin, Holding.reserve_id == reserve.id)
        .values(
            count=Holding.count + len(rows),
            max_id=case((Holding.max_id >= highest, Holding.max_id), else_=highest),
        )
    )
