"""Movements that an admin enters, whichever form they come from: recorded once, then shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.template_filters import format_count, format_number, format_signed, strip_bidi
from pointsync.db.chunking import chunks
from pointsync.errors import Conflict
from pointsync.ledger import customers
from pointsync.ledger.balances import LockedBalances
from pointsync.ledger.record import Draft, RecordResult, record
from pointsync.models import Movement, Reserve
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import queue

TAB = "admin.customers"
CUSTOMER_LIST_QUERY = PageQuery(TAB, ("q", "order", "reserve"))
"""The customer list's URL. Forms opened from the list carry its query along and lead back to it."""
KIND = "manual"
MAX_SOURCE_LENGTH = 191

ALREADY_RECORDED_MESSAGE = "This was already recorded. Nothing was recorded twice."
STALE_FORM_MESSAGE = (
    "This form was already used to record something else, so nothing was recorded now. To record this as well, send "
    "the form again."
)
MISSING_KEY_MESSAGE = "This form is incomplete, so nothing was recorded. Check it and send it again."


class BalancesChanged(Exception):
    """Nothing was recorded, since `count` balances are not those that the dry run showed."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class StaleForm(Exception):
    """Nothing was recorded, since the form's idempotency key was used before with other content."""


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """The results in the order of the drafts. A duplicate was recorded earlier, so nothing was recorded now."""

    recorded: list[RecordResult]
    is_duplicate: bool


def current_source() -> str:
    """The source of the refs: the admin who is signed in.

    A long name is cut to fit the column. The refs stay distinct, since each contains a random key.
    """
    return f"admin:{current_user.name}"[:MAX_SOURCE_LENGTH]


def record_once(
    reserve: Reserve, drafts: Sequence[Draft], expected_balances: Sequence[int] | None = None
) -> RecordOutcome:
    """Record `drafts`, unless their refs were already recorded: then return the earlier results.

    `expected_balances` are the balances that the admin has seen, in the order of the drafts. Raises BalancesChanged if
    they are different now, StaleForm if the refs were recorded with other content, and the errors of `record`.
    """
    source, now = current_source(), clock.now()
    reserve_id = reserve.id

    def record_new(session: Session) -> RecordOutcome:
        balances = None if expected_balances is None else _lock_balances(session, reserve_id, drafts)
        recorded_count = _count_recorded(session, source, [draft.ref for draft in drafts if draft.ref])
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
            return RecordOutcome(record(session, drafts, source, now), bool(recorded_count))
        except Conflict as error:
            raise StaleForm if error.code == "ref_conflict" else error from error

    outcome = db.run_in_transaction(record_new)
    if not outcome.is_duplicate:
        get_runtime().wake_couriers()
    return outcome


def redirect_to_result(outcome: RecordOutcome, reserve: Reserve) -> ResponseReturnValue:
    """Flash what was recorded; redirect to the customer, or to the list if there are several."""
    customer_ids = {each.movement.customer_id for each in outcome.recorded}
    if outcome.is_duplicate:
        flash(ALREADY_RECORDED_MESSAGE, "help")
    else:
        _flash_results(outcome.recorded, reserve)
    if len(customer_ids) == 1:
        return redirect(url_for("admin.customer", customer_id=customer_ids.pop()), 303)
    return redirect(CUSTOMER_LIST_QUERY.url(), 303)


def _flash_results(results: Sequence[RecordResult], reserve: Reserve) -> None:
    recorded = [each for each in results if each.status == "recorded"]
    if recorded:
        total = sum(each.movement.points for each in recorded)
        noun = "point" if abs(total) == 1 else "points"
        message = f"Recorded: {format_count(len(recorded), 'movement')}, {format_signed(total)} {noun}."
        flash(f"{message} {_describe_deliveries(reserve, len(recorded))}", "done")
    if unchanged_count := len(results) - len(recorded):
        balances = format_count(unchanged_count, "balance already has", "balances already have")
        flash(f"{balances} this value, so nothing was recorded for {'it' if unchanged_count == 1 else 'them'}.", "help")
    overdrawn = [each for each in recorded if each.movement.below_zero]
    if len(overdrawn) == 1:
        subject = f"The balance of {strip_bidi(overdrawn[0].email)} is {format_number(overdrawn[0].movement.balance)}"
        flash(f"{subject}, which is below zero. See System › Activity, Below zero.", "warning")
    elif overdrawn:
        flash(f"{len(overdrawn):,} balances are below zero now. See System › Activity, Below zero.", "warning")


def _describe_deliveries(reserve: Reserve, movement_count: int) -> str:
    remote_count = sum(
        each.reserve_id == reserve.id and each.closing_at is None for each in queue.list_all(db.session())
    )
    if not remote_count:
        verb = "it stays" if movement_count == 1 else "they stay"
        return f"No remote observes this reserve, so {verb} on this site."
    return f"{'It is' if movement_count == 1 else 'They are'} sent to {format_count(remote_count, 'remote')}."


def _lock_balances(session: Session, reserve_id: int, drafts: Sequence[Draft]) -> list[int]:
    """The drafts' balances in their order, locked until the transaction ends."""
    ids_by_email = customers.find_ids(session, sorted({draft.customer for draft in drafts}))
    balances = LockedBalances(session, ((customer_id, reserve_id) for customer_id in ids_by_email.values()))
    return [balances.get((ids_by_email[each.customer], reserve_id)) for each in drafts if each.customer in ids_by_email]


def _count_recorded(session: Session, source: str, refs: list[str]) -> int:
    """How many of these refs the source has already recorded."""
    return sum(
        session.scalar(
            select(func.count()).select_from(Movement).where(Movement.source == source, Movement.ref.in_(part))
        )
        or 0
        for part in chunks(refs)
    )
