"""Recording what was made on this site: one movement or many, all or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import audit_recorder, customers, draft_rules, hourly_totals, mail_queue
from pointsync.ledger.balances import CHUNK_SIZE, BalanceKey, LockedBalances
from pointsync.ledger.movement_json import movement_to_json
from pointsync.ledger.outbox import allocate_ids, enqueue_deliveries, get_local_auth
from pointsync.ledger.reserves import DEFAULT_RESERVE
from pointsync.ledger.rewards import levels
from pointsync.models import Movement, Reserve
from pointsync.text_limits import MAX_POINTS

MAX_MOVEMENTS = 1000
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
    field_prefix: str = ""
    """What stands before a field's name in an error, such as `movements[3].`."""
    has_happened: bool = False
    """It has happened in the shop already: refusing it would only hide it, so it may go below zero."""


@dataclass(frozen=True, slots=True)
class RecordResult:
    """What came of a draft: `recorded`, `duplicate`, or for a set without effect `unchanged`."""

    status: str
    movement: Movement
    email: str
    reserve_key: str

    def to_json(self) -> dict[str, Any]:
        """The movement for commands and the API, with its status; `id` null where nothing was made."""
        document = movement_to_json(self.movement, self.email, self.reserve_key)
        return document | {"status": self.status} | ({"id": None} if self.status == "unchanged" else {})


@dataclass(slots=True)
class _ResolvedDraft:
    """A draft that breaks no rule, with what it was resolved to."""

    draft: Draft
    email: str
    reserve: Reserve
    balance_key: BalanceKey = (0, 0)


def record(session: Session, drafts: Sequence[Draft], source: str, now: datetime) -> list[RecordResult]:
    """Record `drafts`, at most 1,000, with their deliveries; an outcome each, in their order.

    `source` names who gave the `ref`s. Raises what `rules.check` does, which names all faulty fields at once,
    or Conflict (`insufficient_points`, `ref_conflict`); nothing has been recorded then.
    """
    if len(drafts) > MAX_MOVEMENTS:
        raise InvalidInput("movements", f"At most {MAX_MOVEMENTS:,} movements in one call; these are {len(drafts):,}.")
    reserves = draft_rules.validate(session, drafts, now)
    entries = [_ResolvedDraft(draft, normalise(draft.customer), reserves[draft.reserve]) for draft in drafts]
    existing = _find_existing(session, source, [draft.ref for draft in drafts if draft.ref])
    ids_by_email = customers.get_or_create_ids(session, (entry.email for entry in entries), now)
    for entry in entries:
        entry.balance_key = (ids_by_email[entry.email], entry.reserve.id)
    balances = LockedBalances(session, (entry.balance_key for entry in entries))

    results, new_movements = [], []
    for entry in entries:
        ref = entry.draft.ref
        if ref and ref in existing:
            _check_same_content(existing[ref], entry)
            status = "duplicate" if existing[ref].points else "unchanged"
            results.append(RecordResult(status, existing[ref], entry.email, entry.reserve.key))
            continue
        movement = _make_movement(entry, balances, source, now)
        # A set that changes nothing is kept only for its ref: the same request again, when the
        # balance has moved on, must not set it back.
        if movement.points or ref:
            new_movements.append(movement)
        if ref:
            existing[ref] = movement
        results.append(
            RecordResult("recorded" if movement.points else "unchanged", movement, entry.email, entry.reserve.key)
        )
    if new_movements:
        balances.save()
        _save_movements(session, new_movements, now)
        recorded = [each for each in results if each.status == "recorded"]
        audit_recorder.log_recorded_movements(
            session, [each.movement.id for each in recorded], [each.email for each in recorded]
        )
    if unsaved := [each.movement for each in results if each.movement.origin is None]:
        local_auth = get_local_auth(session)
        for movement in unsaved:
            movement.origin = local_auth  # a set that changed nothing was asked of this site all the same
    return results


def _find_existing(session: Session, source: str, refs: list[str]) -> dict[str, Movement]:
    """The movements that this source has given these refs before."""
    found: dict[str, Movement] = {}
    for start in range(0, len(refs), CHUNK_SIZE):
        rows = session.scalars(
            select(Movement).where(Movement.source == source, Movement.ref.in_(refs[start : start + CHUNK_SIZE]))
        )
        found |= {row.ref: row for row in rows if row.ref}
    return found


def _check_same_content(movement: Movement, entry: _ResolvedDraft) -> None:
    draft = entry.draft
    has_same_points = movement.set_to == draft.set_to and (draft.set_to is not None or movement.points == draft.points)
    kind = draft.kind or movement.kind
    if has_same_points and kind == movement.kind and entry.balance_key == (movement.customer_id, movement.reserve_id):
        return
    known_as = f"as movement {movement.id}" if movement.id else "in this very call"
    message = f"The ref {draft.ref} was given before with another content, {known_as}; use a new ref."
    raise Conflict("ref_conflict", message, {f"{draft.field_prefix}ref": message})


def _make_movement(entry: _ResolvedDraft, balances: LockedBalances, source: str, now: datetime) -> Movement:
    draft = entry.draft
    points = draft.points if draft.points is not None else (draft.set_to or 0) - balances.get(entry.balance_key)
    kind = draft.kind or _default_kind(draft, points)
    balance = balances.add(entry.balance_key, points)
    is_overdrawn = balance < 0 and points < 0 and not entry.reserve.may_go_below_zero
    if is_overdrawn and kind in REFUSED_BELOW_ZERO and not draft.has_happened:
        message = f"{entry.email} has {balance - points:,} points in {entry.reserve.key}, fewer than {-points:,}."
        raise Conflict("insufficient_points", message, {f"{draft.field_prefix}points": message})
    if abs(balance) > MAX_POINTS:
        raise InvalidInput(
            f"{draft.field_prefix}points", f"The balance would be {balance:,}; it must stay within ±{MAX_POINTS:,}."
        )
    return Movement(
        customer_id=entry.balance_key[0],
        reserve_id=entry.balance_key[1],
        kind=kind,
        points=points,
        set_to=draft.set_to,
        balance=balance,
        reason=draft.reason.strip(),
        source=source if draft.ref else None,
        ref=draft.ref,
        at=min(draft.at or now, now),
        recorded_at=now,
        below_zero=is_overdrawn,
        is_history=False,
    )


def _default_kind(draft: Draft, points: int) -> str:
    if draft.set_to is not None:
        return "manual"
    return "earn" if points > 0 else "spend"


MOVEMENT_COLUMNS = tuple(column.key for column in Movement.__table__.columns if column.key != "seq")


def _save_movements(session: Session, movements: list[Movement], now: datetime) -> None:
    origin, ids = allocate_ids(session, len(movements), now)
    for movement, number in zip(movements, ids, strict=True):
        movement.origin, movement.id = origin, number
    rows = [{name: getattr(movement, name) for name in MOVEMENT_COLUMNS} for movement in movements]
    session.connection().execute(insert(Movement.__table__), rows)  # type: ignore[arg-type]
    hourly_totals.add_movements(session, rows)
    enqueue_deliveries(session, rows)
    levels.record_unlocks(session, rows)
    mail_queue.enqueue_redemption_mails(session, rows)
