"""Points by hand, whichever form they come from: recorded once, and what is said then."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.shell.forms import reserve_choices
from pointsync.admin.shell.paging import Asked
from pointsync.admin.shell.panel import plain, signed
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import customers, reserves
from pointsync.ledger.balances import CHUNK, Book
from pointsync.ledger.record import Draft, Recorded, record
from pointsync.models import Movement, Reserve
from pointsync.runtime import runtime
from pointsync.sync.remotes import queue
from pointsync.text_limits import MAX_POINTS

TAB = "admin.customers"
LIST = Asked(TAB, ("q", "order", "reserve"))
"""The list as its address asks for it; forms opened from it keep that in theirs, to lead back to it."""
KIND = "manual"
MAX_SOURCE = 191

ALREADY = "This was recorded already; nothing was recorded twice."
STALE = (
    "This form has recorded something already, and what it holds now is something else. Nothing was recorded "
    "this time. If this is to be recorded as well, send it once more."
)
INCOMPLETE = "This form came without its mark, so nothing was recorded. Look it over and send it once more."

_ONCE = re.compile(r"[0-9a-f]{32}\Z")
_WHOLE = re.compile(r"[0-9]{1,18}\Z")


class Changed(Exception):
    """Balances are other than those that were shown, so many of them; nothing has been recorded."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


class Stale(Exception):
    """What the form's mark stands for was recorded with another content; nothing has been recorded now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of the drafts, each in its place; a repeat has changed nothing."""

    recorded: list[Recorded]
    is_repeat: bool


def once(text: str | None) -> str | None:
    """The mark of a form, by which what it records is known again; None where it is not one of ours."""
    return text if text and _ONCE.match(text) else None


def source() -> str:
    """Who gives the refs of what is recorded by hand: the admin who is signed in.

    A name may be as long as the column by itself; the random mark in each ref tells sources apart all the same.
    """
    return f"admin:{current_user.name}"[:MAX_SOURCE]


def whole(text: str, signs: str = "") -> int | None:
    """The whole number that `text` is, with one of `signs` before it or none; None where it is not one.

    A number far out of bounds is one, too: the bounds have a sentence of their own.
    """
    sign, digits = (text[0], text[1:]) if text and text[0] in signs else ("", text)
    if not _WHOLE.match(digits):
        return MAX_POINTS + 1 if digits.isascii() and digits.isdecimal() else None
    return -int(digits) if sign in ("-", "−") else int(digits)


def fill_reserves(form: FlaskForm, session: Session) -> None:
    """Give the form's `reserve` the active ones to choose from."""
    form.reserve.choices = reserve_choices(session, only_active=True)


def chosen_reserve(session: Session, key: str) -> Reserve:
    """The active reserve that was chosen. Raises Invalid."""
    active = {each.key: each for each in reserves.every(session) if each.is_active}
    if not active:
        raise Invalid("reserve", "No points reserve is active; make one active under Points and Rewards.")
    if key not in active:
        raise Invalid("reserve", "Choose one of these; the one that was sent is not active, or not here.")
    return active[key]


def typed(form: FlaskForm, name: str) -> str:
    """What was sent for a field, whatever the field makes of it; empty where nothing was."""
    return str((form[name].raw_data or [""])[0]).strip()


def record_once(reserve: Reserve, drafts: Sequence[Draft], seen: Sequence[int] | None = None) -> Outcome:
    """Record `drafts`, unless their refs say that this was done: then nothing, however often it is asked.

    `seen` are the balances that were shown, where they matter. Raises Changed where they are others now,
    Stale where the refs stand for something else, and what `record` does.
    """
    by, now = source(), clock.now()
    reserve_id = reserve.id

    def work(session: Session) -> Outcome:
        balances = None if seen is None else _locked(session, reserve_id, drafts)
        known = _count(session, by, [draft.ref for draft in drafts if draft.ref])
        if known not in (0, len(drafts)):
            raise Stale
        if not known and seen is not None and balances is not None:
            changed = sum(one != other for one, other in zip(balances, seen, strict=False))
            changed += abs(len(balances) - len(seen))
            if changed:
                raise Changed(changed)
        try:
            return Outcome(record(session, drafts, by, now), bool(known))
        except Conflict as error:
            raise Stale if error.code == "ref_conflict" else error from error

    outcome = db.in_write(work)
    if not outcome.is_repeat:
        runtime().wake()
    return outcome


def done(outcome: Outcome, reserve: Reserve) -> ResponseReturnValue:
    """Say what was recorded, and go to where it is seen: the customer, or the list where there are several."""
    customer_ids = {each.movement.customer_id for each in outcome.recorded}
    if outcome.is_repeat:
        flash(ALREADY, "help")
    else:
        _tell(outcome.recorded, reserve)
    if len(customer_ids) == 1:
        return redirect(url_for("admin.customer", customer_id=customer_ids.pop()), 303)
    return redirect(LIST.address(), 303)


def _tell(outcomes: Sequence[Recorded], reserve: Reserve) -> None:
    made = [each for each in outcomes if each.status == "recorded"]
    idle = len(outcomes) - len(made)
    if made:
        total = sum(each.movement.points for each in made)
        words = f"Recorded: {count(len(made), 'movement')}, {signed(total)} {'point' if abs(total) == 1 else 'points'}."
        flash(f"{words} {_sent(reserve, len(made))}", "done")
    if idle:
        verb = "balance was" if idle == 1 else "balances were"
        flash(f"{idle:,} {verb} so already; there is nothing to record for {'it' if idle == 1 else 'them'}.", "help")
    below = [each for each in made if each.movement.below_zero]
    where = "under System › Activity, Below zero."
    if len(below) == 1:
        balance = f"{below[0].movement.balance:,}".replace("-", "−")
        flash(f"{plain(below[0].email)} has {balance} points now, fewer than 0. This stands {where}", "warning")
    elif below:
        flash(f"{len(below):,} balances are below zero now. They stand {where}", "warning")


def _sent(reserve: Reserve, made: int) -> str:
    them, verb = ("It is", "it stays") if made == 1 else ("They are", "they stay")
    observing = sum(each.reserve_id == reserve.id and each.closing_at is None for each in queue.every(db.db.session()))
    if not observing:
        return f"No remote observes this reserve: {verb} here."
    return f"{them} sent to {count(observing, 'remote')}."


def count(number: int, word: str) -> str:
    """So many of what the word names."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _locked(session: Session, reserve_id: int, drafts: Sequence[Draft]) -> list[int]:
    """The drafts' balances in their order, locked for the rest of the transaction."""
    ids_by_email = customers.existing(session, sorted({draft.customer for draft in drafts}))
    book = Book(session, ((customer_id, reserve_id) for customer_id in ids_by_email.values()))
    return [book.points((ids_by_email[each.customer], reserve_id)) for each in drafts if each.customer in ids_by_email]


def _count(session: Session, source: str, refs: list[str]) -> int:
    """How many of these refs this source has given before."""
    return sum(
        session.scalar(
            select(func.count())
            .select_from(Movement)
            .where(Movement.source == source, Movement.ref.in_(refs[start : start + CHUNK]))
        )
        or 0
        for start in range(0, len(refs), CHUNK)
    )
