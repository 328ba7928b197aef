"""Returned movements that an admin must decide about: the list with both values, and the decisions."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.digests import digest
from pointsync.email_address import normalise
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger import audit_recorder
from pointsync.ledger.draft_rules import CheckedDraft, Draft
from pointsync.ledger.fetch_back import repeats, take_in
from pointsync.ledger.fetch_back.insert_returned import insert_returned, lock_remotes
from pointsync.ledger.fetch_back.merge import combine, have_same_content
from pointsync.ledger.fetch_back.placement import NotPlaced, Placement, load_own, place
from pointsync.ledger.outbox import allocate_ids, get_local_auth
from pointsync.ledger.record import record_checked
from pointsync.models import Delivery, DeliveryState, Movement, Remote, Reserve, ReturnedMovement, ReturnProblem

RETURNED, HERE, BOTH = "returned", "here", "both"
CHOICES = {
    ReturnProblem.OTHER_CONTENT: (RETURNED, HERE, BOTH),
    ReturnProblem.SITES_DIFFER: (RETURNED, HERE),
    ReturnProblem.ID_IN_USE: (HERE, BOTH),
    ReturnProblem.ALTERED_THERE: (RETURNED, HERE),
    ReturnProblem.OUT_OF_BOUNDS: (RETURNED, HERE),
}
"""What an admin can choose: the returned movement counts, only what is here counts, or both do."""
MAX_LISTED = 200
_OTHER_CONTENT_THERE = "It has this movement with other content."


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision to make: what the remotes returned, and the movements here that it contradicts."""

    movement_id: int
    problem: ReturnProblem
    returned: list[ReturnedMovement]
    own: list[Movement]
    """With their customers and reserves."""

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be chosen."""
        return CHOICES[self.problem]


def count(session: Session) -> int:
    """How many decisions wait."""
    return take_in.count_movements(session, ReturnedMovement.problem.is_not(None))


def list_all(session: Session) -> list[Decision]:
    """The decisions that wait, in the order of the ids, at most 200."""
    movement_ids = session.scalars(
        select(ReturnedMovement.movement_id)
        .where(ReturnedMovement.problem.is_not(None))
        .distinct()
        .order_by(ReturnedMovement.movement_id)
        .limit(MAX_LISTED)
    ).all()
    rows_by_id = take_in.load_rows(session, movement_ids)
    return [_build(session, movement_id, rows) for movement_id, rows in rows_by_id.items()]


def get(session: Session, movement_id: int) -> Decision:
    """The decision about one movement. Raises NotFound."""
    rows = take_in.load_rows(session, [movement_id]).get(movement_id, [])
    if not rows or rows[0].problem is None:
        raise NotFound("unknown_decision", f"No decision about movement {movement_id} waits. See the list.")
    return _build(session, movement_id, rows)


def decide(
    session: Session, movement_id: int, choice: str, now: datetime, remote_id: int | None = None
) -> ReturnProblem | None:
    """Carry out an admin's decision. Return the next problem of the movement, which needs another decision.

    `remote_id` names the remote whose content counts, if the remotes differ. Raises NotFound, InvalidInput for
    `choice` or `remote`, Conflict if it cannot be carried out now.
    """
    lock_remotes(session)
    decision = get(session, movement_id)
    if choice not in decision.choices:
        raise InvalidInput("choice", f"Choose one of {', '.join(decision.choices)}.")
    next_problem = None
    if choice == RETURNED:
        next_problem = _record_returned(session, decision, remote_id, now)
    elif choice == BOTH:
        _record_both(session, decision, now)
    elif decision.problem == ReturnProblem.OTHER_CONTENT:
        _record_and_reverse(session, decision, now)
    audit_recorder.log_action(
        session,
        "decided about",
        "returned movement",
        movement_id,
        decision.returned[0].customer,
        after={"problem": str(decision.problem), "choice": choice, "remote": remote_id},
    )
    if next_problem is None:
        take_in.forget(session, [movement_id])
    return next_problem


def _build(session: Session, movement_id: int, rows: list[ReturnedMovement]) -> Decision:
    problem = ReturnProblem(rows[0].problem or "")
    own: list[Movement] = []
    if problem == ReturnProblem.ID_IN_USE:
        own = list(load_own(session, [movement_id]).values())
    elif problem == ReturnProblem.OTHER_CONTENT:
        own = repeats.find(session, get_local_auth(session), combine(rows))
    return Decision(movement_id, problem, rows, own)


def _record_returned(
    session: Session, decision: Decision, remote_id: int | None, now: datetime
) -> ReturnProblem | None:
    """The returned movement counts, and what is here with its ref does not."""
    rows = decision.returned
    if decision.problem == ReturnProblem.SITES_DIFFER:
        chosen = next((row for row in rows if row.remote_id == remote_id), None)
        if chosen is None:
            remotes = ", ".join(str(row.remote_id) for row in rows)
            raise InvalidInput("remote", f"Name the remote whose content counts: {remotes}.")
        rows = [row for row in rows if have_same_content(row, chosen)]
    merged = combine(rows)
    others = {row.remote_id for row in decision.returned} - merged.remote_ids
    if decision.problem == ReturnProblem.OTHER_CONTENT:
        placement = Placement(merged)
        for each in decision.own:
            placement.repeat_seqs.append(each.seq)
            receivers = repeats.take_back(session, each, str(merged.movement_id), now)
            placement.not_sent |= dict.fromkeys(receivers - merged.remote_ids, _OTHER_CONTENT_THERE)
    else:
        own = load_own(session, [decision.movement_id]).get(decision.movement_id)
        outcome = place(session, own, merged, now)
        if isinstance(outcome, ReturnProblem):
            take_in.set_problem(rows, outcome)
            for row in decision.returned:
                if row not in rows:
                    session.delete(row)
            session.flush()
            return outcome
        if outcome is NotPlaced.IN_A_CALL:
            raise Conflict("in_a_call", "A movement with this ref is being sent right now. Try again in a moment.")
        if not isinstance(outcome, Placement):
            return None
        placement = outcome
    placement.not_sent |= dict.fromkeys(others, _OTHER_CONTENT_THERE)
    _insert(session, placement, now)
    return None


def _record_both(session: Session, decision: Decision, now: datetime) -> None:
    """Both count: the ref, or the id, stays with the movement that is here."""
    merged = combine(decision.returned)
    if decision.problem != ReturnProblem.ID_IN_USE:
        _insert(session, Placement(replace(merged, source=None)), now)
        return
    _, [new_id], _ = allocate_ids(session, 1, now)
    holders = dict.fromkeys(merged.remote_ids, f"It has this movement under its id from before, {merged.movement_id}.")
    reissued = replace(
        merged,
        movement_id=int(new_id),
        digest=digest(new_id, merged.points, merged.customer),
        source=None if repeats.find(session, get_local_auth(session), merged) else merged.source,
        remote_ids=frozenset(),
    )
    _insert(session, Placement(reissued, holders), now)


def _record_and_reverse(session: Session, decision: Decision, now: datetime) -> None:
    """The movement that is here counts: the returned one is recorded, and reversed here and where it is held."""
    merged = replace(combine(decision.returned), source=None)
    observing = session.scalars(select(Remote.id).where(Remote.reserve_id == merged.reserve_id))
    lacking = {each: "It does not count." for each in observing if each not in merged.remote_ids}
    _insert(session, Placement(merged, lacking), now)
    draft = Draft(merged.customer, -merged.points, kind="manual", ref=f"returned:{merged.movement_id}")
    checked = CheckedDraft(draft)
    checked.email, checked.reserve = normalise(merged.customer), session.get_one(Reserve, merged.reserve_id)
    checked.reason = f"Movement {merged.movement_id} does not count: its ref was recorded again"
    [reversal] = record_checked(session, [checked], repeats.CORRECTION_SOURCE, now)
    own = load_own(session, [int(reversal.movement.id or 0)])
    for movement in own.values():
        for delivery in session.scalars(select(Delivery).where(Delivery.movement_seq == movement.seq)):
            if delivery.remote_id not in merged.remote_ids:
                delivery.state, delivery.message = DeliveryState.SET_ASIDE, "It never had what this reverses."
    session.flush()


def _insert(session: Session, placement: Placement, now: datetime) -> None:
    if insert_returned(session, [placement], now):
        raise Conflict("out_of_bounds", "The customer's balance would leave its bounds. Adjust it first.")
