"""System › Activity: changes of customers, which sites have them, and what an admin decides about them."""

from collections.abc import Callable

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import SelectField

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, NotFound
from pointsync.ledger.people.change import ChangeKey
from pointsync.ledger.people.changes import approval
from pointsync.models import Approval
from pointsync.reports import changes

ENDPOINT = "admin.customer_changes"
PATH = "/system/activity/customer-changes"
CHANGE_PATH = f"{PATH}/<origin>/<change_id>"
STATE_LABELS = {
    "": "All",
    changes.WAITING: "Waiting for approval, or refused",
    changes.DISPUTED: "Without effect",
    changes.UNDELIVERED: "Not delivered to all sites",
}


class ChangeFilter(QueryForm):
    """The filter by status."""

    state = SelectField("Status", choices=STATE_LABELS, validate_choice=False)


@blueprint.get(PATH)
def customer_changes() -> ResponseReturnValue:
    """List the changes, newest first."""
    form, query = ChangeFilter(), _page_query()
    page, size = query.load(
        form,
        lambda cursor, size: changes.list_page(
            db.session(), state=form.selected_option("state", "status"), cursor=cursor, size=size
        ),
    )
    html = render_page("activity/customer_changes.html", TAB, form=form, **query.template_values(page, size))
    return html, form.status_code


@blueprint.post(f"{CHANGE_PATH}/approve")
def approve_change(origin: str, change_id: str) -> ResponseReturnValue:
    """Apply a change of another site here."""
    return _decide(ChangeKey(origin, change_id), Approval.APPROVED, "Approved. The change is applied on this site now.")


@blueprint.post(f"{CHANGE_PATH}/refuse")
def refuse_change(origin: str, change_id: str) -> ResponseReturnValue:
    """Do not apply a change of another site here."""
    return _decide(ChangeKey(origin, change_id), Approval.REFUSED, "Refused. The change is not applied on this site.")


@blueprint.post(f"{CHANGE_PATH}/dismiss")
def dismiss_change(origin: str, change_id: str) -> ResponseReturnValue:
    """Do nothing about a change without effect."""
    return _act(
        lambda session: approval.dismiss(session, ChangeKey(origin, change_id), clock.now()),
        "Dismissed. The change stays without effect.",
    )


def _decide(key: ChangeKey, decision: Approval, message: str) -> ResponseReturnValue:
    return _act(lambda session: approval.decide(session, key, decision, clock.now()), message)


def _act(change: Callable[[Session], None], message: str) -> ResponseReturnValue:
    try:
        db.run_in_transaction(change)
    except (Conflict, NotFound) as error:
        flash(error.message, "warning")
    else:
        flash(message, "done")
    return redirect(_page_query().url(), 303)


def _page_query() -> PageQuery:
    return PageQuery(ENDPOINT, ("state",))
