"""Verifying this site's own tables, and counting anew what is not the sum of its movements.

Each difference is a document; those of balances and hourly totals have the shape of `ledger.integrity.verify`, the
others have `problem`. `repair` says what was done about it.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.ledger import received_summary
from pointsync.ledger.fetch_back.insert_returned import lock_remotes
from pointsync.ledger.integrity import correct_totals, lost_deliveries, movement_changes, restore_row, scrub, verify
from pointsync.models import AlteredMovement, Customer, Movement, MovementChange, Remote, Reserve
from pointsync.sync.comparison import delivered

Document = dict[str, Any]
ALTERED, WRONG_SUM = "altered", "wrong_sum"
RECOUNTED, RESTORED, ACCEPTED = "recounted", "restored", "accepted"


def list_differences(on_progress: Callable[[str], None]) -> list[Document]:
    """Everything that this site's own tables contradict. Edited movements are noted, as the scrub does it."""
    _read_edited_again(on_progress)
    session = db.session()
    on_progress("Checking balances and hourly totals…")
    differences = [*verify.find_balance_differences(session), *verify.find_hourly_total_differences(session)]
    if received_summary.are_all_digested(session):
        on_progress("Checking the sums that are compared with other sites…")
        differences += _list_wrong_sums(session)
    return differences + _list_altered(session)


def repair(differences: list[Document]) -> None:
    """Count balances, hourly totals and sums anew, and mark it in `differences`. Altered movements stay as they are."""
    delivered.correct_all()
    if wrong_sums := scrub.find_wrong_sums(db.session()).keys():
        run_in_transaction(partial(scrub.correct_sums, keys=wrong_sums, now=clock.now()))
    while run_in_transaction(correct_totals.correct_balances):
        pass
    while run_in_transaction(partial(correct_totals.correct_hourly_totals, now=clock.now())):
        pass
    run_in_transaction(partial(scrub.save_result, difference_count=0))  # what the last scrub found is corrected
    for each in differences:
        if each.get("problem") != ALTERED:
            each["repair"] = RECOUNTED


def mark_restored(differences: list[Document], repair: str = RESTORED) -> None:
    """Mark the altered movements in `differences` that contradict their digest no more."""
    still_altered = {(each["origin"], each["movement"]) for each in _list_altered(db.session())}
    for each in differences:
        if each.get("problem") == ALTERED and (each["origin"], each["movement"]) not in still_altered:
            each.setdefault("repair", repair)


def accept_altered() -> int:
    """Accept this site's movements that were edited and that no remote holds otherwise; how many there were. Logged."""
    total = 0
    while accepted := run_in_transaction(_accept_some):
        total += accepted
    return total


def _accept_some(session: Session) -> int:
    lock_remotes(session)
    return restore_row.accept(session, restore_row.list_acceptable(session), clock.now())


def _read_edited_again(on_progress: Callable[[str], None]) -> None:
    """Read all movements, note those that contradict their digest, and correct the sums that contain them."""
    after_seq: int | None = 0
    last_seq = Movement.get_last_seq(db.session())
    while after_seq is not None:
        on_progress(f"Reading movements again: {after_seq:,} of {last_seq:,}")
        notes, after_seq = scrub.find_altered(db.session(), after_seq)
        if notes:
            run_in_transaction(partial(_save_notes, notes=notes))
        db.session.remove()
    while run_in_transaction(lost_deliveries.restore_next_chunk):
        pass
    while movement_changes.are_waiting(db.session()):
        run_in_transaction(partial(movement_changes.process_next_chunk, now=clock.now()))


def _save_notes(session: Session, notes: list[MovementChange]) -> None:
    session.add_all(notes)


def _list_wrong_sums(session: Session) -> list[Document]:
    reserve_keys = {reserve.id: reserve.key for reserve in session.scalars(select(Reserve))}
    received = [
        {"problem": WRONG_SUM, "remote": None, "origin": origin, "reserve": reserve_keys[reserve_id]}
        for origin, reserve_id in scrub.find_wrong_sums(session)
    ]
    sent = [
        {"problem": WRONG_SUM, "remote": remote.id, "origin": None, "reserve": remote.reserve.key}
        for remote in (session.get_one(Remote, remote_id) for remote_id in delivered.list_wrong(session))
    ]
    return received + sent


def _list_altered(session: Session) -> list[Document]:
    rows = session.execute(
        select(Movement, Customer.email, Reserve.key)
        .join(AlteredMovement, AlteredMovement.movement_seq == Movement.seq)
        .join(Customer, Customer.id == Movement.customer_id, isouter=True)
        .join(Reserve, Reserve.id == Movement.reserve_id)
        .order_by(Movement.seq)
        .limit(verify.MAX_DIFFERENCES)
    )
    return [
        {
            "problem": ALTERED,
            "origin": movement.origin,
            "movement": movement.id,
            "customer": email,
            "reserve": reserve_key,
            "points": movement.points,
        }
        for movement, email, reserve_key in rows
    ]
