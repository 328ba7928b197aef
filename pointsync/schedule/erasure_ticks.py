"""The job that erases people: those whose time has come, and what texts and files still say about them."""

import logging
from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.db import run_in_transaction
from pointsync.errors import DomainError
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.people.erasure import cleaning, effect, erasure_details, erasures, position, scan
from pointsync.ledger.people.stored import lock_changes
from pointsync.runtime import get_runtime
from pointsync.schedule.ticks import take_lease
from pointsync.tasks import clean_files

log = logging.getLogger(__name__)

LEASE = "erasures"
RETRY_DELAY = timedelta(minutes=5)
"""After an erasure was not possible."""


def erase_people() -> None:
    """Carry out the erasures whose time has come, and clean what is left of the erased people, part by part."""
    session = db.session()
    now = clock.now()
    due = [] if fetch_back.is_running(session) else erasures.list_due(session, now)
    unfinished = erasures.list_unfinished(session, now)
    if not (due or unfinished) or not take_lease(LEASE):
        return
    for erasure_id in due:
        try:
            known = erasures.read_known(session, erasure_id)
            db.session.remove()
            run_in_transaction(partial(erasures.carry_out, erasure_id=erasure_id, now=clock.now(), known=known))
        except DomainError as error:
            log.warning("erasure %s has to wait: %s", erasure_id, error.code)
            later = partial(erasures.postpone, erasure_id=erasure_id, delay=RETRY_DELAY, now=clock.now())
            run_in_transaction(later)
    for erasure_id in unfinished:
        _clean(erasure_id)


def _clean(erasure_id: int) -> None:
    for part in (_scan, cleaning.clean_next_part):
        while run_in_transaction(partial(part, erasure_id=erasure_id)):
            if get_runtime().stop_requested.wait(0.005) or not take_lease(LEASE):
                return
    session = db.session()
    erasure = erasures.get(session, erasure_id)
    if erasure.cleaned_at is None:
        try:
            files, is_needed = clean_files.delete_files(
                session, get_runtime().config.data, erasure_details.list_plain(erasure)
            )
        except OSError as error:
            log.warning("erasure %s: a file cannot be cleaned: %s", erasure_id, error.strerror)
            return
        db.session.rollback()
        if is_needed:
            run_in_transaction(partial(cleaning.wait_for_files, erasure_id=erasure_id, now=clock.now()))
        else:
            run_in_transaction(partial(cleaning.finish, erasure_id=erasure_id, files=files, now=clock.now()))
    run_in_transaction(partial(erasures.forget_addresses, erasure_id=erasure_id))


def _scan(session: Session, erasure_id: int) -> bool:
    """Compare the next customers with the hashes of an erasure whose addresses came without their texts."""
    lock_changes(session)
    erasure = erasures.get(session, erasure_id, for_update=True)
    if not position.read(erasure).is_scanning:
        return False
    now = clock.now()
    found, last_id = scan.find_next(session, erasure)
    changed = scan.save(session, erasure, found, last_id, now)
    effect.take_effect(session, changed, now)
    return last_id is not None
