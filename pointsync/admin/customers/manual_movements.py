"""Points by hand, whichever form they come from: recorded once, and what is said then."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.template_filters import format_signed, strip_bidi
from pointsync.errors import Conflict
from pointsync.ledger import customers
from pointsync.ledger.balances import CHUNK_SIZE, LockedBalances
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Movement, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import queue

TAB = "admin.customers"
CUSTOMER_LIST_QUERY = PageQuery(TAB, ("q", "order", "reserve"))
"""The list as its address asks for it; forms opened from it keep that in theirs, to lead back to it."""
KIND = "manual"
MAX_SOURCE = 191

ALREADY_RECORDED_MESSAGE = "This was recorded already; nothing was recorded twice."
STALE_FORM_MESSAGE = (
    "This form has recorded something already, and what it holds now is something else. Nothing was recorded "
    "this time. If this is to be recorded as well, send it once more."
)
MISSING_KEY_MESSAGE = "This form came without its mark, so nothing was recorded. Look it over and send it once more."


class BalancesChanged(Exception):
    """Balances are other than those that were shown, so many of them; nothing has been recorded."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class StaleForm(Exception):
    """What the form's mark stands for was recorded with another content; nothing has been recorded now."""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """What has become of the drafts, each in its place; a repeat has changed nothing."""

    recorded: list[RecordResult]
    is_duplicate: bool


def current_source() -> str:
    """Who gives the refs of what is recorded by hand: the admin who is signed in.

    A name may be as long as the column by itself; the random mark in each ref tells sources apart all the same.
    """
    return f"admin:{current_user.name}"[:MAX_SOURCE]


def record_once(
    reserve: Reserve, drafts: Sequence[Draft], expected_balances: Sequence[int] | None = None
) -> RecordOutcome:
    """Record `drafts`, unless their refs say that this was done: then nothing, however often it is asked.

    `seen` are the balances that were shown, where they matter. Raises Changed where they are others now,
    Stale where the refs stand for something else, and what `record` does.
    """
    by, now = current_source(), clock.now()
    reserve_id = reserve.id

    def record_new(session: Session) -> RecordOutcome:
        balances = None if expected_balances is None else _lock_balances(session, reserve_id, drafts)
        recorded_count = _count_recorded(session, by, [draft.ref for draft in drafts if draft.ref])
        if recorded_count not in (0, len(drafts)):
            raise StaleForm
        if not recorded_count and expected_balances is not None and balances is not None:
            changed_count = sum(
                before != expected for before, expected in zip(balances, expected_balances, strict=False)
            )
            changed_count += abs(len(balances) - len(expected_balances))
            if changed_count:
                raise BalancesChanged(changed_count)
        try:
            return RecordOutcome(record(session, drafts, by, now), bool(recorded_count))
        except Conflict as error:
            raise StaleForm if error.code == "ref_conflict" else error from error

    outcome = db.run_in_transaction(record_new)
    if not outcome.is_duplicate:
        get_runtime().wake_couriers()
    return outcome


def redirect_to_result(outcome: RecordOutcome, reserve: Reserve) -> ResponseReturnValue:
    """Say what was recorded, and go to where it is seen: the customer, or the list where there are several."""
    customer_ids = {each.movement.customer_id for each in outcome.recorded}
    if outcome.is_duplicate:
        flash(ALREADY_RECORDED_MESSAGE, "help")
    else:
        _flash_outcome(outcome.recorded, reserve)
    if len(customer_ids) == 1:
        return redirect(url_for("admin.customer", customer_id=customer_ids.pop()), 303)
    return redirect(CUSTOMER_LIST_QUERY.url(), 303)


def _flash_outcome(results: Sequence[RecordResult], reserve: Reserve) -> None:
    recorded = [each for each in results if each.status == "recorded"]
    unchanged_count = len(results) - len(recorded)
    if recorded:
        total = sum(each.movement.points for each in recorded)
        message = f"Recorded: {count_noun(len(recorded), 'movement')}, {format_signed(total)} {'point' if abs(total) == 1 else 'points'}."
        flash(f"{message} {_describe_deliveries(reserve, len(recorded))}", "done")
    if unchanged_count:
        verb = "balance was" if unchanged_count == 1 else "balances were"
        flash(
            f"{unchanged_count:,} {verb} so already; there is nothing to record for {'it' if unchanged_count == 1 else 'them'}.",
            "help",
        )
    overdrawn = [each for each in recorded if each.movement.below_zero]
    place = "under System › Activity, Below zero."
    if len(overdrawn) == 1:
        balance = f"{overdrawn[0].movement.balance:,}".replace("-", "−")
        flash(
            f"{strip_bidi(overdrawn[0].email)} has {balance} points now, fewer than 0. This stands {place}", "warning"
        )
    elif overdrawn:
        flash(f"{len(overdrawn):,} balances are below zero now. They stand {place}", "warning")


def _describe_deliveries(reserve: Reserve, movement_count: int) -> str:
    subject, verb = ("It is", "it stays") if movement_count == 1 else ("They are", "they stay")
    remote_count = sum(
        each.reserve_id == reserve.id and each.closing_at is None for each in queue.list_all(db.session())
    )
    if not remote_count:
        return f"No remote observes this reserve: {verb} here."
    return f"{subject} sent to {count_noun(remote_count, 'remote')}."


def count_noun(number: int, noun: str) -> str:
    """So many of what the word names."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _lock_balances(session: Session, reserve_id: int, drafts: Sequence[Draft]) -> list[int]:
    """The drafts' balances in their order, locked for the rest of the transaction."""
    ids_by_email = customers.find_ids(session, sorted({draft.customer for draft in drafts}))
    balances = LockedBalances(session, ((customer_id, reserve_id) for customer_id in ids_by_email.values()))
    return [balances.get((ids_by_email[each.customer], reserve_id)) for each in drafts if each.customer in ids_by_email]


def _count_recorded(session: Session, source: str, refs: list[str]) -> int:
    """How many of these refs this source has given before."""
    return sum(
        session.scalar(
            select(func.count())
            .select_from(Movement)
            .where(Movement.source == source, Movement.ref.in_(refs[start : start + CHUNK_SIZE]))
        )
        or 0
        for start in range(0, len(refs), CHUNK_SIZE)
    )
