"""Balances that customers had in another program, and that a shop's plugin brings here: each of them once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from pointsync.db.chunking import chunks
from pointsync.errors import Conflict, DomainError, InvalidInput, combine
from pointsync.ledger import customers, draft_rules
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.people.members import select_members
from pointsync.ledger.record_each import record_each
from pointsync.models import Balance, Customer, Movement, Reserve
from pointsync.text_limits import MAX_REF_LENGTH

OPENING, IMPORT = "opening", "import"
OPENING_SOURCE = "opening"
"""The source of opening balances that shops bring: one for all shops of this site, so that what several of them bring
counts once."""


@dataclass(frozen=True, slots=True)
class BroughtBalance:
    """What a customer had in the other program."""

    customer: str
    points: int
    reserve: str


@dataclass(frozen=True, slots=True)
class Program:
    """The program that the balances are from."""

    name: str
    """The same in each shop whose customers had the same points there."""
    was_in_step: bool
    """The shops of the family had the same points, so these are opening balances. Otherwise new points for all."""
    reason: str
    """A text for the customers."""


@dataclass(frozen=True, slots=True)
class BroughtResult:
    """What happened to one balance: `recorded`, `duplicate`, or `new` in a dry run."""

    status: str
    balance: int
    """The customer's points in the reserve, before anything was recorded."""


def bring(
    session: Session, lines: Sequence[BroughtBalance], program: Program, source: str, now: datetime, *, is_dry_run: bool
) -> list[BroughtResult | DomainError]:
    """Record each of `lines`, at most 1,000, that was not brought before; the error of a refused one is in its place.

    `source` is that of the shop's own refs, which new points get. Raises TryLater if lost movements must be back first.
    """
    drafts = [_to_draft(line, program) for line in lines]
    outcomes: list[BroughtResult | DomainError | None] = []
    checked_drafts: list[CheckedDraft] = []
    reserves_by_key: dict[str, Reserve] = {}
    for draft in drafts:
        checked, errors = draft_rules.check(session, draft, reserves_by_key, now)
        checked_drafts.append(checked)
        outcomes.append(_without_ref(combine(errors)) if errors else None)
    valid = [each for each, outcome in zip(checked_drafts, outcomes, strict=True) if outcome is None]
    known = _find_known(session, valid, program, source)
    balances = _find_balances(session, valid)
    for index, checked in enumerate(checked_drafts):
        if outcomes[index] is None:
            balance = balances.get((checked.email, checked.reserve.id), 0)
            outcomes[index] = _compare(checked, known, program, balance, is_dry_run=is_dry_run)
    new = [index for index, outcome in enumerate(outcomes) if outcome is None]
    if new:
        recorded = record_each(
            session, [drafts[index] for index in new], OPENING_SOURCE if program.was_in_step else source, now
        )
        for index, result in zip(new, recorded, strict=True):
            checked = checked_drafts[index]
            balance = balances.get((checked.email, checked.reserve.id), 0)
            outcomes[index] = result if isinstance(result, DomainError) else BroughtResult(result.status, balance)
    return [outcome for outcome in outcomes if outcome is not None]


def _to_draft(line: BroughtBalance, program: Program) -> Draft:
    return Draft(
        line.customer,
        line.points,
        reserve=line.reserve,
        kind=OPENING if program.was_in_step else IMPORT,
        reason=program.reason,
        ref=_ref(program, line.customer, line.reserve),
        has_happened=True,
        is_entered=True,
    )


def _ref(program: Program, customer: str, reserve: str) -> str:
    """One for each customer, reserve and program. It names the address, which an erasure finds."""
    return f"{_ref_prefix(program)}{reserve}:{customer.strip().lower()}"


def _ref_prefix(program: Program) -> str:
    return f"brought:{program.name}:"


def _without_ref(error: DomainError) -> DomainError:
    """The error of a line. The ref is made from its fields, so an error of it alone is one of the address."""
    fields = {name: message for name, message in error.fields.items() if name != "ref"}
    if not fields:
        return InvalidInput("customer", f"The address, the program and the reserve are longer than {MAX_REF_LENGTH}.")
    return DomainError(error.code, next(iter(fields.values())), fields)


def _compare(
    checked: CheckedDraft,
    known: dict[tuple[str, int], int],
    program: Program,
    balance: int,
    *,
    is_dry_run: bool,
) -> BroughtResult | DomainError | None:
    """The result for a balance that was brought before, or of a dry run; None if it is to be recorded."""
    points = known.get((checked.email, checked.reserve.id))
    if points is None:
        return BroughtResult("new", balance) if is_dry_run else None
    if points == checked.draft.points:
        return BroughtResult("duplicate", balance)
    message = (
        f"{points:,} points of {checked.email} from {program.name} were recorded before, and these are "
        f"{checked.draft.points or 0:,}. If these are right, adjust the customer's points."
    )
    return Conflict("ref_conflict", message, {"points": message})


def _find_known(
    session: Session, checked_drafts: Sequence[CheckedDraft], program: Program, source: str
) -> dict[tuple[str, int], int]:
    """The points that were brought before from this program, by the draft's address and reserve.

    Under any address of the same customer, since shops may know the customer by different ones; and both as opening
    balances and as this shop's new points.
    """
    ids = customers.find_ids(session, sorted({each.email for each in checked_drafts}))
    address = aliased(Customer)
    query = (
        select(address.person_id(), Movement.reserve_id, Movement.points)
        .join(address, address.id == Movement.customer_id)
        .where(
            Movement.source.in_((OPENING_SOURCE, source)),
            Movement.ref.startswith(_ref_prefix(program), autoescape=True),
        )
    )
    found: dict[tuple[int, int], int] = {}
    for part in chunks(sorted(set(ids.values()))):
        rows = session.execute(query.where(Movement.customer_id.in_(select_members(part))))
        found |= {(person, reserve): points for person, reserve, points in rows}
    return {
        (each.email, each.reserve.id): found[ids[each.email], each.reserve.id]
        for each in checked_drafts
        if each.email in ids and (ids[each.email], each.reserve.id) in found
    }


def _find_balances(session: Session, checked_drafts: Sequence[CheckedDraft]) -> dict[tuple[str, int], int]:
    """The customers' points by address and reserve."""
    ids = customers.find_ids(session, sorted({each.email for each in checked_drafts}))
    query = select(Balance.customer_id, Balance.reserve_id, Balance.points)
    by_customer: dict[tuple[int, int], int] = {}
    for part in chunks(sorted(set(ids.values()))):
        rows = session.execute(query.where(Balance.customer_id.in_(part)))
        by_customer |= {(customer, reserve): points for customer, reserve, points in rows}
    return {
        (each.email, each.reserve.id): by_customer.get((ids[each.email], each.reserve.id), 0)
        for each in checked_drafts
        if each.email in ids
    }
