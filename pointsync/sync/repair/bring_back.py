"""Recording a movement of this site that only a remote holds."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from pointsync.email_address import normalise
from pointsync.errors import Conflict
from pointsync.ledger import customers
from pointsync.ledger.fetch_back.insert_returned import insert_returned
from pointsync.ledger.fetch_back.merge import MergedMovement
from pointsync.ledger.fetch_back.placement import NotPlaced, Placement, load_own, place
from pointsync.ledger.integrity.recount import recount_balances
from pointsync.models import Remote, ReturnProblem
from pointsync.sync.fetch_back.page import FetchedMovement


def bring_back(session: Session, remote: Remote, fetched: FetchedMovement, now: datetime) -> None:
    """Record a fetched movement under its old id, as delivered to the remote and pending for the others.

    If the shop has repeated its ref here with the same content, the repeat is taken back; with other content, both
    count. A movement here with the same id gets another one. All remotes are locked. Raises Conflict.
    """
    merged = MergedMovement(
        movement_id=fetched.id,
        reserve_id=remote.reserve_id,
        customer=fetched.customer,
        points=fetched.points,
        kind=fetched.kind,
        reason=fetched.reason,
        at=fetched.at,
        ref=fetched.ref,
        source=fetched.source,
        digest=fetched.digest,
        remote_ids=frozenset((remote.id,)),
    )
    own = load_own(session, [fetched.id]).get(fetched.id)
    placed = place(session, own, merged, now)
    if placed is ReturnProblem.OTHER_CONTENT:
        placed = place(session, own, replace(merged, ref=None, source=None), now)
        if isinstance(placed, Placement):
            placed.merged = replace(merged, source=None)
    if isinstance(placed, Placement):
        if insert_returned(session, [placed], now):
            raise Conflict("out_of_bounds", "The customer's balance would leave its bounds. Adjust it first.")
        customer_ids = customers.find_ids(session, [normalise(fetched.customer)])
        # If somebody deleted the movement here, the balance may still contain it.
        recount_balances(session, [(customer_id, remote.reserve_id) for customer_id in customer_ids.values()])
    elif placed is ReturnProblem.ID_IN_USE:
        raise Conflict(
            "id_in_use", "Other sites hold this site's movement with the same id. Correct the points instead."
        )
    elif placed is NotPlaced.IN_A_CALL:
        raise Conflict("in_a_call", "A movement that this one replaces is being sent now. Try again in a moment.")
