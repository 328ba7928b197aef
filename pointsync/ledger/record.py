"""Recording what was made on this site: one movement or many, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import audit_recorder, customers, draft_rules, hourly_totals, mail_queue
from pointsync.ledger.balances import CHUNK, Book, Pot
from pointsync.ledger.movement_json import movement_shape
from pointsync.ledger.outbox import next_ids, owe, own_auth
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.ledger.rewards import levels
from pointsync.models import Movement, Reserve
from pointsync.text_limits import MAX_POINTS

MOST = 1000
REFUSED_BELOW_ZERO = frozenset({"spend", "redeem"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A movement as it was asked for: whole `points`, or the balance that it shall be `set_to`."""

    customer: str
    points: int | None = None
    set_to: int | None = None
    reserve: str = DEFAULT_RESERVE
    kind: str | None = None
    reason: str = ""
    ref: str | None = None
    at: datetime | None = None
    where: str = ""
    """What stands before a field's name in an error, such as `movements[3].`."""
    is_done: bool = False
    """It has happened in the shop already: refusing it would only hide it, so it may go below zero."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a draft: `recorded`, `duplicate`, or for a set without effect `unchanged`."""

    status: str
    movement: Movement
    email: str
    reserve_key: str

    @property
    def shape(self) -> dict[str, Any]:
        """The movement for commands and the API, with its status; `id` null where nothing was made."""
        shape = movement_shape(self.movement, self.email, self.reserve_key)
        return shape | {"status": self.status} | ({"id": None} if self.status == "unchanged" else {})


@dataclass(slots=True)
class _Entry:
    """A draft that breaks no rule, with what it was resolved to."""

    draft: Draft
    email: str
    reserve: Reserve
    pot: Pot = (0, 0)


def record(session: Session, drafts: Sequence[Draft], source: str, now: datetime) -> list[Recorded]:
    """Record `drafts`, at most 1,000, with their deliveries; an outcome each, in their order.

    `source` names who gave the `ref`s. Raises what `rules.check` does, which names all faulty fields at once,
    or Conflict (`insufficient_points`, `ref_conflict`); nothing has been recorded then.
    """
    if len(drafts) > MOST:
        raise Invalid("movements", f"At most {MOST:,} movements in one call; these are {len(drafts):,}.")
    reserves = draft_rules.check(session, drafts, now)
    entries = [_Entry(draft, normalise(draft.customer), reserves[draft.reserve]) for draft in drafts]
    known = _known(session, source, [draft.ref for draft in drafts if draft.ref])
    ids_by_email = customers.ensure(session, (entry.email for entry in entries), now)
    for entry in entries:
        entry.pot = (ids_by_email[entry.email], entry.reserve.id)
    book = Book(session, (entry.pot for entry in entries))

    outcomes, made = [], []
    for entry in entries:
        ref = entry.draft.ref
        if ref and ref in known:
            _check_same(known[ref], entry)
            status = "duplicate" if known[ref].points else "unchanged"
            outcomes.append(Recorded(status, known[ref], entry.email, entry.reserve.key))
            continue
        movement = _make(entry, book, source, now)
        # A set that changes nothing is kept only for its ref: the same request again, when the
        # balance has moved on, must not set it back.
        if movement.points or ref:
            made.append(movement)
        if ref:
            known[ref] = movement
        outcomes.append(
            Recorded("recorded" if movement.points else "unchanged", movement, entry.email, entry.reserve.key)
        )
    if made:
        book.write()
        _store(session, made, now)
        written = [each for each in outcomes if each.status == "recorded"]
        audit_recorder.note_recorded(session, [each.movement.id for each in written], [each.email for each in written])
    if kept_nowhere := [each.movement for each in outcomes if each.movement.origin is None]:
        auth = own_auth(session)
        for movement in kept_nowhere:
            movement.origin = auth  # a set that changed nothing was asked of this site all the same
    return outcomes


def _known(session: Session, source: str, refs: list[str]) -> dict[str, Movement]:
    """The movements that this source has given these refs before."""
    found: dict[str, Movement] = {}
    for start in range(0, len(refs), CHUNK):
        rows = session.scalars(
            select(Movement).where(Movement.source == source, Movement.ref.in_(refs[start : start + CHUNK]))
        )
        found |= {row.ref: row for row in rows if row.ref}
    return found


def _check_same(movement: Movement, entry: _Entry) -> None:
    draft = entry.draft
    asked = movement.set_to == draft.set_to and (draft.set_to is not None or movement.points == draft.points)
    kind = draft.kind or movement.kind
    if asked and kind == movement.kind and entry.pot == (movement.customer_id, movement.reserve_id):
        return
    named = f"as movement {movement.id}" if movement.id else "in this very call"
    message = f"The ref {draft.ref} was given before with another content, {named}; use a new ref."
    raise Conflict("ref_conflict", message, {f"{draft.where}ref": message})


def _make(entry: _Entry, book: Book, source: str, now: datetime) -> Movement:
    draft = entry.draft
    points = draft.points if draft.points is not None else (draft.set_to or 0) - book.points(entry.pot)
    kind = draft.kind or _usual_kind(draft, points)
    balance = book.add(entry.pot, points)
    too_low = balance < 0 and points < 0 and not entry.reserve.may_go_below_zero
    if too_low and kind in REFUSED_BELOW_ZERO and not draft.is_done:
        message = f"{entry.email} has {balance - points:,} points in {entry.reserve.key}, fewer than {-points:,}."
        raise Conflict("insufficient_points", message, {f"{draft.where}points": message})
    if abs(balance) > MAX_POINTS:
        raise Invalid(f"{draft.where}points", f"The balance would be {balance:,}; it must stay within ±{MAX_POINTS:,}.")
    return Movement(
        customer_id=entry.pot[0],
        reserve_id=entry.pot[1],
        kind=kind,
        points=points,
        set_to=draft.set_to,
        balance=balance,
        reason=draft.reason.strip(),
        source=source if draft.ref else None,
        ref=draft.ref,
        at=min(draft.at or now, now),
        recorded_at=now,
        below_zero=too_low,
        is_history=False,
    )


def _usual_kind(draft: Draft, points: int) -> str:
    if draft.set_to is not None:
        return "manual"
    return "earn" if points > 0 else "spend"


COLUMNS = tuple(column.key for column in Movement.__table__.columns if column.key != "seq")


def _store(session: Session, made: list[Movement], now: datetime) -> None:
    origin, ids = next_ids(session, len(made), now)
    for movement, number in zip(made, ids, strict=True):
        movement.origin, movement.id = origin, number
    rows = [{name: getattr(movement, name) for name in COLUMNS} for movement in made]
    session.connection().execute(insert(Movement.__table__), rows)  # type: ignore[arg-type]
    hourly_totals.add(session, rows)
    owe(session, rows)
    levels.unlock(session, rows)
    mail_queue.tell_redeemed(session, rows)
