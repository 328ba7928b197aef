"""System › Activity: what is owed to the remotes, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from flask.typing import ResponseReturnValue
from sqlalchemy import select
from wtforms import SelectField, StringField

from pointsync import clock
from pointsync.admin.activity.filters import TAB, Filter, asked, every_remote
from pointsync.admin.shell.paging import USUAL_SIZE
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db import db
from pointsync.db.keyset import Page
from pointsync.errors import Invalid, NotFound
from pointsync.models import Site, State
from pointsync.reports import deliveries
from pointsync.reports.deliveries import Owed

STATES = {
    "": "All",
    "waiting": "Waiting (any of the next three)",
    "pending": "Pending",
    "unknown": "Customer unknown there",
    "failed": "Refused",
    "delivered": "Delivered",
    "aside": "Set aside",
}


class DeliveryFilter(Filter):
    """Deliveries by remote, status and customer."""

    state = SelectField("Status", choices=STATES, validate_choice=False)
    customer = StringField("Customer's e-mail")

    @property
    def chosen_state(self) -> str | None:
        """The status that is chosen. Raises Invalid for one that there is not."""
        if self.state.data and self.state.data not in STATES:
            raise Invalid("state", "There is no such status; choose one of these.")
        return self.state.data or None


@dataclass(frozen=True, slots=True)
class Next:
    """When a delivery that waits is tried next, or in words what it waits for."""

    at: datetime | None = None
    words: str = ""


@blueprint.get("/system/activity", provide_automatic_options=False)
def activity() -> ResponseReturnValue:
    """Deliveries, newest first."""
    session, now = db.session(), clock.now()
    form = DeliveryFilter(every_remote(session))
    found: Page[Owed] = Page([])
    remote, size, list_asked = None, USUAL_SIZE, asked()
    try:
        remote, size = form.chosen, list_asked.size
        found = deliveries.page(
            session,
            remote_id=remote.id if remote else None,
            state=form.chosen_state,
            customer=(form.customer.data or "").strip() or None,
            cursor=list_asked.cursor,
            size=size,
        )
    except (Invalid, NotFound) as error:
        form.refuse(error)
    html = page(
        "activity/deliveries.html",
        TAB,
        form=form,
        remote=remote,
        rows=found.rows,
        ways=list_asked.ways(found),
        sizes=list_asked.sizes(),
        size=size,
        here=list_asked.kept(),
        hold=session.scalar(select(Site.hold)),
        waits={row.delivery.id: next_try(row, now) for row in found.rows},
    )
    return html, 422 if form.errors or form.problem else 200


def next_try(row: Owed, now: datetime) -> Next | None:
    """When it is tried next; None for what does not wait for that."""
    delivery, remote = row.delivery, row.remote
    if delivery.state not in (State.PENDING, State.UNKNOWN) or remote.deleted_at:
        return None
    if remote.paused_at:
        return Next(words="When the remote is resumed")
    if remote.is_probing:
        return Next(words="When the remote answers again")
    moments = (delivery.not_before, remote.next_attempt_at, delivery.unsure_until)
    ahead = [at for at in moments if at and at > now]
    return Next(at=max(ahead)) if ahead else Next(words="As soon as it is its turn")
