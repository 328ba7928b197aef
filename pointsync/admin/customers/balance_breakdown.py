"""Why a customer's balance is what it is: a sheet over their history."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.ledger import reserves
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import Customer
from pointsync.reports.balance_breakdown import Part, explain
from pointsync.runtime import get_runtime
from pointsync.sync.site import names

TAB = "admin.customers"
MAX_TERMS = 5
"""More would be no sentence any more: the smallest are told as one number."""
MAX_REPLAYED = 20_000
MAX_LOSSES = 3


@dataclass(frozen=True, slots=True)
class Term:
    """A number of the sum, with the part that it stands for, or with how many parts together."""

    points: int
    part: Part | None
    other_count: int = 0


@blueprint.get("/customers/<int(max=9223372036854775807):customer_id>/why/<key>", provide_automatic_options=False)
def balance_breakdown(customer_id: int, key: str) -> ResponseReturnValue:
    """The movements in one reserve added up by site and kind, what is on its way, and what will be lost."""
    session = db.session()
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound
    reserve = reserves.get(session, key)
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
    """The sum as it is written down: what counts most first, what was given before what was taken."""
    ranked = sorted(parts, key=lambda part: -abs(part.points))
    shown_count = len(ranked) if len(ranked) <= MAX_TERMS else MAX_TERMS - 1
    result = [Term(part.points, part) for part in sorted(ranked[:shown_count], key=lambda part: -part.points)]
    if grouped := ranked[shown_count:]:
        result.append(Term(sum(part.points for part in grouped), None, len(grouped)))
    return result
