"""Why a customer's balance is what it is: a sheet over their page."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.ledger import reserves
from pointsync.ledger.outbox import get_local_auth
from pointsync.reports.balance_breakdown import Part, explain
from pointsync.runtime import get_runtime
from pointsync.sync.site import names

MAX_TERMS = 5
"""How many terms the sum has. More would be hard to read, so the smallest ones are combined."""
MAX_REPLAYED = 20_000
"""How many movements are replayed to find out which points will expire; more would keep the page waiting."""
MAX_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the sum: one part of the breakdown, or `other_count` small parts combined."""

    points: int
    part: Part | None
    other_count: int = 0


@blueprint.get("/customers/<big_row_id:customer_id>/why/<key>")
def balance_breakdown(customer_id: int, key: str) -> ResponseReturnValue:
    """The movements in one reserve by site and kind, what is waiting to be sent, and what will expire."""
    session = db.session()
    customer, reserve = get_customer(session, customer_id), reserves.get(session, key)
    site_names, local_auth = names.read(session, get_runtime().config), get_local_auth(session)
    breakdown = explain(
        session, customer, reserve, site_names, local_auth, get_time_zone(), clock.now(), max_replayed=MAX_REPLAYED
    )
    return render_page(
        "customers/balance_breakdown.html",
        TAB,
        customer=customer,
        reserve=reserve,
        breakdown=breakdown,
        local_auth=local_auth,
        terms=build_terms(breakdown.parts),
        max_losses=MAX_LOSSES,
    )


def build_terms(parts: Sequence[Part]) -> list[Term]:
    """The terms of the sum: the largest parts, positive ones first, then the others combined."""
    ranked = sorted(parts, key=lambda part: -abs(part.points))
    shown_count = len(ranked) if len(ranked) <= MAX_TERMS else MAX_TERMS - 1
    result = [Term(part.points, part) for part in sorted(ranked[:shown_count], key=lambda part: -part.points)]
    if grouped := ranked[shown_count:]:
        result.append(Term(sum(part.points for part in grouped), None, len(grouped)))
    return result
