"""System › Activity: what is owed to the remotes, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from flask.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import SelectField, StringField

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.paging import DEFAULT_SIZE
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.db.keyset import Page
from pointsync.errors import InvalidInput, NotFound
from pointsync.models import DeliveryState, Site
from pointsync.reports import deliveries
from pointsync.reports.deliveries import DeliveryRow

STATE_LABELS = {
    "": "All",
    "waiting": "Waiting (any of the next three)",
    "pending": "Pending",
    "unknown": "Customer unknown there",
    "failed": "Refused",
    "delivered": "Delivered",
    "aside": "Set aside",
}


class DeliveryFilter(RemoteFilter):
    """Deliveries by remote, status and customer."""

    state = SelectField("Status", choices=STATE_LABELS, validate_choice=False)
    customer = StringField("Customer's e-mail")

    @property
    def selected_state(self) -> str | None:
        """The status that is chosen. Raises Invalid for one that there is not."""
        if self.state.data and self.state.data not in STATE_LABELS:
            raise InvalidInput("state", "There is no such status; choose one of these.")
        return self.state.data or None


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """When a delivery that waits is tried next, or in words what it waits for."""

    at: datetime | None = None
    text: str = ""


@blueprint.get("/system/activity", provide_automatic_options=False)
def activity() -> ResponseReturnValue:
    """Deliveries, newest first."""
    session, now = db.session(), clock.now()
    form = DeliveryFilter(list_remotes(session))
    deliveries_page: Page[DeliveryRow] = Page([])
    remote, size, query = None, DEFAULT_SIZE, page_query()
    try:
        remote, size = form.selected_remote, query.size
        deliveries_page = deliveries.list_page(
            session,
            remote_id=remote.id if remote else None,
            state=form.selected_state,
            customer=(form.customer.data or "").strip() or None,
            cursor=query.cursor,
            size=size,
        )
    except (InvalidInput, NotFound) as error:
        form.show_error(error)
    html = render_page(
        "activity/deliveries.html",
        TAB,
        form=form,
        remote=remote,
        rows=deliveries_page.rows,
        page_links=query.page_links(deliveries_page),
        size_links=query.size_links(),
        size=size,
        list_params=query.query_params(),
        sending_stopped_reason=session.scalar(select(Site.hold)),
        next_attempts={row.delivery.id: next_attempt(row, now) for row in deliveries_page.rows},
    )
    return html, 422 if form.errors or form.problem else 200


def next_attempt(row: DeliveryRow, now: datetime) -> NextAttempt | None:
    """When it is tried next; None for what does not wait for that."""
    delivery, remote = row.delivery, row.remote
    if delivery.state not in (DeliveryState.PENDING, DeliveryState.UNKNOWN) or remote.deleted_at:
        return None
    if remote.paused_at:
        return NextAttempt(text="When the remote is resumed")
    if remote.is_probing:
        return NextAttempt(text="When the remote answers again")
    times = (delivery.not_before, remote.next_attempt_at, delivery.unsure_until)
    upcoming = [at for at in times if at and at > now]
    return NextAttempt(at=max(upcoming)) if upcoming else NextAttempt(text="As soon as it is its turn")
