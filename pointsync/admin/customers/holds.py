"""The holds on a customer's page, and releasing one of them."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.delivery_summary import source_label
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.template_filters import format_count, strip_bidi
from pointsync.errors import Conflict
from pointsync.ledger.holds import holds
from pointsync.ledger.holds.held_points import is_active
from pointsync.models import Hold

HOLD_PATH = "/customers/<big_row_id:customer_id>/holds/<big_row_id:hold_id>/release"


@blueprint.get(HOLD_PATH)
def release_hold(customer_id: int, hold_id: int) -> ResponseReturnValue:
    """Ask for confirmation."""
    session = db.session()
    customer = get_customer(session, customer_id)
    hold = holds.get_by_id(session, customer.id, hold_id)
    return render_page(
        "customers/release_hold.html",
        TAB,
        customer=customer,
        hold=hold,
        is_active=is_active(hold, clock.now()),
        source=source_label(hold.source),
    )


@blueprint.post(HOLD_PATH)
def submit_release_hold(customer_id: int, hold_id: int) -> ResponseReturnValue:
    """Release the hold."""
    now = clock.now()

    def release(session: Session) -> Hold:
        customer = get_customer(session, customer_id)
        return holds.release_as_admin(session, holds.get_by_id(session, customer.id, hold_id).id, now)

    try:
        hold = db.run_in_transaction(release)
    except Conflict as error:
        flash(error.message, "warning")
    else:
        points = format_count(hold.points, "point is free", "points are free")
        flash(f"Released the hold {strip_bidi(hold.ref)}: {points} again.", "done")
    return redirect(url_for("admin.customer", customer_id=customer_id), 303)
