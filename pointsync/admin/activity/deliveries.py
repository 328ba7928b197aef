"""System › Activity: deliveries to the remotes and their states."""

from dataclasses import dataclass
from datetime import datetime

from flask.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import SelectField, StringField

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import DomainError, NotFound
from pointsync.models import DeliveryState, Site
from pointsync.reports import deliveries
from pointsync.reports.deliveries import DeliveryRow

STATE_LABELS = {
    "": "All",
    "waiting": "Not delivered (any of the next three)",
    "pending": "Waiting",
    "unknown": "Customer unknown there",
    "failed": "Refused",
    "delivered": "Delivered",
    "aside": "Set aside",
}


class DeliveryFilter(RemoteFilter):
    """Filter deliveries by remote, status and customer."""

    state = SelectField("Status", choices=STATE_LABELS, validate_choice=False)
    customer = StringField("Customer's e-mail")

    def show_error(self, error: DomainError) -> None:
        """Show the error at its field; an unknown customer is an error of the e-mail field."""
        if isinstance(error, NotFound):
            self.customer.errors = [error.message]
        else:
            super().show_error(error)


@dataclass(frozen=True, slots=True)
class NextAttempt:
    """When a waiting delivery is sent next: a time, or a text that says what it waits for."""

    at: datetime | None = None
    text: str = ""


@blueprint.get("/system/activity")
def activity() -> ResponseReturnValue:
    """List deliveries, newest first."""
    session, now, query = db.session(), clock.now(), page_query()
    form = DeliveryFilter(list_remotes(session))
    page, size = query.load(
        form,
        lambda cursor, size: deliveries.list_page(
            session,
            remote_id=form.remote_id,
            state=form.selected_option("state", "status"),
            customer=(form.customer.data or "").strip() or None,
            cursor=cursor,
            size=size,
        ),
    )
    html = render_page(
        "activity/deliveries.html",
        TAB,
        form=form,
        sending_stopped_reason=session.scalar(select(Site.hold)),
        next_attempts={row.delivery.id: next_attempt(row, now) for row in page.rows},
        **query.template_values(page, size),
    )
    return html, form.status_code


def next_attempt(row: DeliveryRow, now: datetime) -> NextAttempt | None:
    """When a delivery is sent next; None if it does not wait to be sent."""
    delivery, remote = row.delivery, row.remote
    if delivery.state not in (DeliveryState.PENDING, DeliveryState.UNKNOWN) or remote.deleted_at:
        return None
    if remote.paused_at:
        return NextAttempt(text="When the remote is resumed")
    if remote.is_probing:
        return NextAttempt(text="When the remote answers again")
    times = (delivery.not_before, remote.next_attempt_at, delivery.unsure_until)
    upcoming = [at for at in times if at and at > now]
    return NextAttempt(at=max(upcoming)) if upcoming else NextAttempt(text="With the next batch")
