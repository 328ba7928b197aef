"""Correcting the balances and hourly totals that are not the sum of their movements. Each is logged."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync import clock
from pointsync.db.chunking import chunks
from pointsync.db.upsert import dialect_insert
from pointsync.ledger import audit_recorder, customers
from pointsync.ledger.apply import lock_origin
from pointsync.ledger.integrity import verify
from pointsync.ledger.integrity.recount import recount_balances
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Balance, Customer, HourlyTotal, Reserve, Site


def correct_balances(session: Session) -> int:
    """Correct the wrong balances, at most 1,000; how many there were."""
    differences = verify.find_balance_differences(session)
    reserve_ids, customer_ids = _read_reserve_ids(session), dict[str, int]()
    for part in chunks([each["customer"] for each in differences]):
        customer_ids |= customers.find_ids(session, part)
    # Only the row with which a customer is shown has balances.
    is_merged = select(Customer.id).where(Customer.merged_into_id.is_not(None))
    session.execute(
        delete(Balance).where(Balance.customer_id.in_(is_merged)).execution_options(synchronize_session=False)
    )
    recount_balances(session, [(customer_ids[each["customer"]], reserve_ids[each["reserve"]]) for each in differences])
    for each in differences:
        before, after = ({"reserve": each["reserve"], "points": each[name]} for name in ("balance", "movements"))
        audit_recorder.log_action(session, "recounted", "balance", thing=each["customer"], before=before, after=after)
    session.flush()
    return len(differences)


def correct_hourly_totals(session: Session, now: datetime) -> int:
    """Correct the wrong hourly totals, at most 1,000; how many there were."""
    suspects, local_auth = verify.find_hourly_total_differences(session), get_local_auth(session)
    # Whoever adds to a total holds the lock of its origin: the site's row for this site.
    for origin in sorted({each["origin"] for each in suspects} - {local_auth}):
        lock_origin(session, origin, now)
    if any(each["origin"] == local_auth for each in suspects):
        Site.get_for_update(session)
    differences, reserve_ids = verify.find_hourly_total_differences(session) if suspects else [], {}
    if differences:
        reserve_ids = _read_reserve_ids(session)
        audit_recorder.log_action(session, "recounted", "hourly totals", after={"number": len(differences)})
    for each in differences:
        key = {
            "hour": clock.from_text(each["hour"]),
            "origin": each["origin"],
            "reserve_id": reserve_ids[each["reserve"]],
            "kind": each["kind"],
        }
        _set_total(session, key, each["movements"])
    return len(differences)


def _set_total(session: Session, key: dict[str, Any], right: dict[str, int]) -> None:
    if not right["movements"]:
        session.execute(delete(HourlyTotal).filter_by(**key))
        return
    insert = dialect_insert(session, HourlyTotal).values(**key, **right)
    session.execute(insert.on_conflict_do_update(index_elements=list(key), set_=right))


def _read_reserve_ids(session: Session) -> dict[str, int]:
    return {reserve.key: reserve.id for reserve in session.scalars(select(Reserve))}
