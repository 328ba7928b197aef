"""Recording movements on this site: one or many, all or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from pointsync.db.is_in import is_in_parameter
from pointsync.digests import digest
from pointsync.errors import Conflict, DomainError, InvalidInput
from pointsync.ledger import audit_recorder, customers, draft_rules
from pointsync.ledger.balances import BalanceKey, LockedBalances, leaves_bounds
from pointsync.ledger.customers import FoundCustomer
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.fetch_back import state as fetch_back
from pointsync.ledger.holds.held_points import sum_held
from pointsync.ledger.insert_movements import insert_movements
from pointsync.ledger.movement_json import RecordedMovement
from pointsync.ledger.movement_row import COLUMNS, MovementRow
from pointsync.ledger.outbox import allocate_ids, enqueue_deliveries, get_local_auth
from pointsync.ledger.people.erased import lives
from pointsync.ledger.people.erased.tokens import is_token
from pointsync.models import Customer, Movement
from pointsync.text_limits import MAX_POINTS

__all__ = ["MAX_MOVEMENTS", "REFUSED_BELOW_ZERO", "Draft", "RecordResult", "record", "record_checked", "record_valid"]

MAX_MOVEMENTS = 1000
REFUSED_BELOW_ZERO = frozenset({"spend", "redeem"})

# Built once, because every recording executes it.
_FIND_EXISTING = (
    select(*COLUMNS)
    .join(Customer, Customer.id == Movement.customer_id)
    .where(Movement.source == bindparam("source"), is_in_parameter(Movement.ref, "refs"))
)


@dataclass(frozen=True, slots=True)
class RecordResult:
    """The result for one draft: `recorded`, `duplicate`, or `unchanged` for a set that had no effect."""

    status: str
    movement: MovementRow
    email: str
    reserve_key: str

    def to_json(self) -> RecordedMovement:
        """The movement for commands and the API, with its status; `id` is null if it is `unchanged`."""
        document = RecordedMovement.from_row(self.movement, self.email, self.reserve_key, status=self.status)
        if self.status == "unchanged":
            document.id = None
        return document


def record(session: Session, drafts: Sequence[Draft], source: str, now: datetime) -> list[RecordResult]:
    """Record `drafts`, at most 1,000, and enqueue their deliveries; the results are in the same order.

    A `ref` is unique within its `source`. Raises what `draft_rules.validate` and `record_checked` raise.
    """
    if len(drafts) > MAX_MOVEMENTS:
        raise InvalidInput("movements", f"At most {MAX_MOVEMENTS:,} movements in one call; these are {len(drafts):,}.")
    return record_checked(session, draft_rules.validate(session, drafts, now), source, now)


def record_checked(
    session: Session, checked_drafts: Sequence[CheckedDraft], source: str, now: datetime
) -> list[RecordResult]:
    """Record drafts that `draft_rules.validate` has returned.

    Raises Conflict (`insufficient_points`, `ref_conflict`), InvalidInput if a balance would leave its bounds, or
    TryLater if lost movements must be back first. The caller must then roll back.
    """
    results = record_valid(session, checked_drafts, source, now, is_all_or_none=True)
    return [each for each in results if isinstance(each, RecordResult)]


def record_valid(
    session: Session, checked_drafts: Sequence[CheckedDraft], source: str, now: datetime, *, is_all_or_none: bool
) -> list[RecordResult | DomainError]:
    """The same. If it is not all or none, the error of a refused draft is in its place, and does not stop the others.

    Raises TryLater in any case.
    """
    existing = _find_existing(session, source, [each.draft.ref for each in checked_drafts if each.draft.ref])
    dated = [(each.address, min(each.draft.at or now, now)) for each in checked_drafts]
    placed = customers.get_or_create_at(session, dated, now)
    keys = [(found.id, each.reserve.id) for each, (_, found) in zip(checked_drafts, placed, strict=True)]
    balances = LockedBalances(session, keys)
    held = sum_held(session, _keys_to_spend_from(checked_drafts, keys), now)

    results: list[RecordResult | DomainError] = []
    new_rows: list[MovementRow] = []
    new_emails: list[str] = []
    has_waiting = False
    for checked, key, (address, found) in zip(checked_drafts, keys, placed, strict=True):
        ref = checked.draft.ref
        row = existing.get(ref) if ref else None
        if row is None and ref and ("@" in ref or "%40" in ref):
            row = _find_hidden(session, source, ref, checked.email)
        try:
            if row is not None:
                _check_same_content(session, row, checked, key)
                status = "duplicate" if row.points else "unchanged"
            else:
                row = _build_row(checked, found, balances, held, source, now)
                if is_token(address.key):
                    row.reason, row.ref = "", lives.hide_in(row.ref, checked.email, address.key)
                has_waiting |= fetch_back.must_wait(row, has_happened=checked.draft.has_happened)
                status = "recorded" if row.points else "unchanged"
                # A set without effect is stored only for its ref: if the shop repeats the request after
                # the balance has changed, it must not set the balance back.
                if row.points or ref:
                    new_rows.append(row)
                    new_emails.append(address.key)
                if ref:
                    existing[ref] = row
        except DomainError as error:
            if row is None:
                fetch_back.refuse_if_running(session)  # the balance is not complete yet
            if is_all_or_none:
                raise
            results.append(error)
            continue
        results.append(RecordResult(status, row, address.key, checked.reserve.key))
    if new_rows:
        balances.save()
        origin, ids, is_fetching_back = allocate_ids(session, len(new_rows), now)
        if has_waiting and is_fetching_back:
            raise fetch_back.refusal()
        for row, movement_id, email in zip(new_rows, ids, new_emails, strict=True):
            row.origin, row.id, row.digest = origin, movement_id, _digest(row, movement_id, email)
        insert_movements(session, new_rows)
        enqueue_deliveries(session, new_rows)
        recorded = [each for each in results if isinstance(each, RecordResult) and each.status == "recorded"]
        audit_recorder.log_recorded_movements(
            session, [each.movement.id for each in recorded], [each.email for each in recorded]
        )
    if unsaved := [each.movement for each in results if isinstance(each, RecordResult) and not each.movement.origin]:
        fetch_back.refuse_if_running(session)
        local_auth = get_local_auth(session)
        for row in unsaved:
            row.origin = local_auth
    return results


def _digest(row: MovementRow, movement_id: str, email: str) -> int:
    return digest(movement_id, row.points, row.sent_customer or email)


def _keys_to_spend_from(checked_drafts: Sequence[CheckedDraft], keys: Sequence[BalanceKey]) -> set[BalanceKey]:
    """The balances of which held points may not be spent by these drafts."""
    return {
        key
        for checked, key in zip(checked_drafts, keys, strict=True)
        if _kind_of(checked.draft, checked.draft.points or 0) in REFUSED_BELOW_ZERO
        and not checked.draft.has_happened
        and not checked.reserve.may_go_below_zero
    }


def _find_existing(session: Session, source: str, refs: list[str]) -> dict[str, MovementRow]:
    """The movements already recorded with these refs of this source, by ref."""
    if not refs:
        return {}
    rows = session.connection().execute(_FIND_EXISTING, {"source": source, "refs": refs})
    return {row["ref"]: MovementRow(**row) for row in rows.mappings()}


def _find_hidden(session: Session, source: str, ref: str, email: str) -> MovementRow | None:
    """The movement with a ref that named the customer, if the customer was erased since."""
    erased = lives.find_lives(session, [email]).get(email, [])
    refs = [lives.hide_in(ref, email, life.token) or ref for life in erased]
    return next(iter(_find_existing(session, source, refs).values()), None)


def _check_same_content(session: Session, existing: MovementRow, checked: CheckedDraft, key: BalanceKey) -> None:
    """Raise Conflict if a draft repeats a ref with other content."""
    draft = checked.draft
    has_same_points = existing.set_to == draft.set_to and (draft.set_to is not None or existing.points == draft.points)
    kind = draft.kind or existing.kind
    is_same = has_same_points and kind == existing.kind and key[1] == existing.reserve_id
    if is_same and (key[0] == existing.customer_id or lives.is_of_row(session, existing.address_id, checked.email)):
        return
    place = f"as movement {existing.id}" if existing.id else "in the same call"
    message = f"The ref {draft.ref} was already used for other content, {place}; use a new ref."
    raise Conflict("ref_conflict", message, {f"{draft.field_prefix}ref": message})


def _build_row(
    checked: CheckedDraft,
    customer: FoundCustomer,
    balances: LockedBalances,
    held: Mapping[BalanceKey, int],
    source: str,
    now: datetime,
) -> MovementRow:
    """The draft's movement, added to `balances`. `held`: how many points of it are held."""
    draft, reserve = checked.draft, checked.reserve
    key = (customer.id, reserve.id)
    points = draft.points if draft.points is not None else (draft.set_to or 0) - balances.get(key)
    kind = _kind_of(draft, points)
    balance = balances.get(key) + points
    is_limited = points < 0 and not reserve.may_go_below_zero
    if is_limited and kind in REFUSED_BELOW_ZERO and not draft.has_happened and balance < held.get(key, 0):
        raise _insufficient_points(checked, balances.get(key), held.get(key, 0), -points)
    if leaves_bounds(balances.get(key), points):
        raise InvalidInput(
            f"{draft.field_prefix}points", f"The balance would be {balance:,}; it must stay within ±{MAX_POINTS:,}."
        )
    balances.add(key, points)
    return MovementRow(
        customer_id=customer.id,
        address_id=customer.address_id,
        reserve_id=reserve.id,
        kind=kind,
        points=points,
        set_to=draft.set_to,
        balance=balance,
        reason=checked.reason,
        source=source if draft.ref else None,
        ref=draft.ref,
        at=min(draft.at or now, now),
        recorded_at=now,
        below_zero=balance < 0 and is_limited,
        is_history=False,
        sent_customer=customer.spelling,
    )


def _insufficient_points(checked: CheckedDraft, balance: int, held: int, needed: int) -> Conflict:
    message = f"{checked.email} has {balance:,} points in {checked.reserve.key}, fewer than {needed:,}."
    if held:
        message = (
            f"{checked.email} has {balance:,} points in {checked.reserve.key}, and {held:,} of them are held for "
            f"checkouts. The rest is fewer than {needed:,}."
        )
    return Conflict("insufficient_points", message, {f"{checked.draft.field_prefix}points": message})


def _kind_of(draft: Draft, points: int) -> str:
    """The draft's kind, or the one that its points have by default."""
    if draft.kind is not None:
        return draft.kind
    if draft.set_to is not None:
        return "manual"
    return "earn" if points > 0 else "spend"
