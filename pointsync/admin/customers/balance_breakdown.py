"""Why a customer's balance is what it is: a sheet over their history."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock
from pointsync.admin.shell.panel import blueprint, page
from pointsync.admin.shell.time_zone import zone
from pointsync.db import db
from pointsync.ledger import reserves
from pointsync.ledger.outbox import own_auth
from pointsync.models import Customer
from pointsync.reports.balance_breakdown import Part, explain
from pointsync.runtime import runtime
from pointsync.sync.site import names

TAB = "admin.customers"
MOST_TERMS = 5
"""More would be no sentence any more: the smallest are told as one number."""
MOST_REPLAYED = 20_000
MOST_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Term:
    """A number of the sum, with the part that it stands for, or with how many parts together."""

    points: int
    part: Part | None
    others: int = 0


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>/why/<key>", provide_automatic_options=False)
def why(customer_id: int, key: str) -> ResponseReturnValue:
    """The movements in one reserve added up by site and kind, what is on its way, and what will be lost."""
    session = db.session()
    who = session.get(Customer, customer_id)
    if who is None:
        raise NotFound
    reserve = reserves.get(session, key)
    known, own = names.read(session, runtime().config), own_auth(session)
    found = explain(session, who, reserve, known, own, zone(), clock.now(), most_replayed=MOST_REPLAYED)
    return page(
        "customers/balance_breakdown.html",
        TAB,
        customer=who,
        reserve=reserve,
        found=found,
        own=own,
        terms=terms(found.parts),
        most_losses=MOST_LOSSES,
    )


def terms(parts: Sequence[Part]) -> list[Term]:
    """The sum as it is written down: what counts most first, what was given before what was taken."""
    ranked = sorted(parts, key=lambda part: -abs(part.points))
    most = len(ranked) if len(ranked) <= MOST_TERMS else MOST_TERMS - 1
    found = [Term(part.points, part) for part in sorted(ranked[:most], key=lambda part: -part.points)]
    if rest := ranked[most:]:
        found.append(Term(sum(part.points for part in rest), None, len(rest)))
    return found
