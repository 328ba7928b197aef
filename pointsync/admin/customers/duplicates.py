"""Customers who may be the same person: a list, from which an admin merges them or says that they are not the
same."""

from flask import flash, redirect
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.customers.customer import get_customer
from pointsync.admin.customers.delivery_summary import source_label
from pointsync.admin.customers.manual_movements import TAB
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.errors import Conflict
from pointsync.ledger.people import find_alike, pairs

_QUERY = PageQuery("admin.duplicates")


@blueprint.get("/customers/duplicates")
def duplicates() -> ResponseReturnValue:
    """The list."""
    session, form = db.session(), QueryForm()
    page, size = _QUERY.load(form, lambda cursor, size: pairs.list_page(session, cursor=cursor, size=size))
    html = render_page(
        "customers/duplicates.html",
        TAB,
        form=form,
        count=pairs.count(session),
        source_label=source_label,
        remaining=find_alike.count_remaining(session),
        **_QUERY.template_values(page, size),
    )
    return html, form.status_code


@blueprint.post("/customers/<big_row_id:customer_id>/not/<big_row_id:other_id>")
def mark_not_same(customer_id: int, other_id: int) -> ResponseReturnValue:
    """Remember that the two are not the same."""
    session, now = db.session(), clock.now()
    first, second = (get_customer(session, each).email for each in (customer_id, other_id))
    try:
        db.run_in_transaction(lambda session: pairs.dismiss(session, first, second, now))
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(f"{strip_bidi(first)} and {strip_bidi(second)} are not listed any more.", "done")
    return redirect(_QUERY.url(), 303)
