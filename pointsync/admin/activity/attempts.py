"""System › Activity: how the remotes were tried, and how their status changed."""

from datetime import datetime

from flask.typing import ResponseReturnValue
from wtforms import SelectField

from pointsync import clock
from pointsync.admin.activity.filters import TAB, Filter, asked, every_remote
from pointsync.admin.shell.paging import USUAL_SIZE
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db import db
from pointsync.db.keyset import Page
from pointsync.errors import Invalid
from pointsync.leases import LEASE
from pointsync.models import Attempt
from pointsync.reports import attempts as tries
from pointsync.reports.attempts import Changed, Tried

OUTCOMES = {"": "All", "failed": "Failed only"}


class AttemptFilter(Filter):
    """Attempts by remote and outcome."""

    outcome = SelectField("Outcome", choices=OUTCOMES, validate_choice=False)

    @property
    def only_failed(self) -> bool:
        """Whether only failures are chosen. Raises Invalid for an outcome that there is not."""
        if self.outcome.data and self.outcome.data not in OUTCOMES:
            raise Invalid("outcome", "There is no such outcome; choose one of these.")
        return bool(self.outcome.data)


@blueprint.get("/system/activity/attempts", provide_automatic_options=False)
def attempts() -> ResponseReturnValue:
    """Attempts, newest first."""
    session, now = db.session(), clock.now()
    form = AttemptFilter(every_remote(session))
    found: Page[Tried] = Page([])
    remote, size, list_asked = None, USUAL_SIZE, asked("admin.attempts")
    try:
        remote, size = form.chosen, list_asked.size
        found = tries.page(
            session,
            remote_id=remote.id if remote else None,
            only_failed=form.only_failed,
            cursor=list_asked.cursor,
            size=size,
        )
    except Invalid as error:
        form.refuse(error)
    html = page(
        "activity/attempts.html",
        TAB,
        form=form,
        remote=remote,
        rows=found.rows,
        outcomes={row.attempt.id: outcome(row.attempt, now) for row in found.rows},
        here=list_asked.kept(),
        ways=list_asked.ways(found),
        sizes=list_asked.sizes(),
        size=size,
    )
    return html, 422 if form.errors or form.problem else 200


@blueprint.get("/system/activity/changes", provide_automatic_options=False)
def status_changes() -> ResponseReturnValue:
    """Changes of status, newest first."""
    session = db.session()
    form = Filter(every_remote(session))
    found: Page[Changed] = Page([])
    remote, size, list_asked = None, USUAL_SIZE, asked("admin.status_changes")
    try:
        remote, size = form.chosen, list_asked.size
        found = tries.changes(session, remote_id=remote.id if remote else None, cursor=list_asked.cursor, size=size)
    except Invalid as error:
        form.refuse(error)
    html = page(
        "activity/status_changes.html",
        TAB,
        form=form,
        remote=remote,
        rows=found.rows,
        ways=list_asked.ways(found),
        sizes=list_asked.sizes(),
        size=size,
    )
    return html, 422 if form.errors or form.problem else 200


def outcome(attempt: Attempt, now: datetime) -> str:
    """What came of it, by the name of its words in the template."""
    if attempt.code is None:
        return "under_way" if now - attempt.started_at < LEASE else "broken_off"
    if attempt.code != "ok":
        return "failed"
    return "delivered" if attempt.delivered >= attempt.deliveries else "partly"


@blueprint.app_template_filter("duration")
def duration(attempt: Attempt) -> str:
    """How long it took, in the unit that people would say."""
    if attempt.ended_at is None:
        return ""
    # A clock that was put right meanwhile tells nothing of it.
    seconds = max((attempt.ended_at - attempt.started_at).total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:,.0f} min {seconds % 60:.0f} s"
