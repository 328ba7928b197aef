"""System › Activity: attempts to send to the remotes."""

from datetime import datetime

from flask.typing import ResponseReturnValue
from wtforms import SelectField

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.paging import DEFAULT_SIZE
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.db.keyset import Page
from pointsync.errors import InvalidInput
from pointsync.leases import REMOTE_LEASE_DURATION
from pointsync.models import Attempt
from pointsync.reports import attempts as attempts_report
from pointsync.reports.attempts import AttemptRow

OUTCOME_LABELS = {"": "All", "failed": "Failed only"}


class AttemptFilter(RemoteFilter):
    """Attempts by remote and outcome."""

    outcome = SelectField("Outcome", choices=OUTCOME_LABELS, validate_choice=False)

    @property
    def only_failed(self) -> bool:
        """Whether only failures are chosen. Raises Invalid for an outcome that there is not."""
        if self.outcome.data and self.outcome.data not in OUTCOME_LABELS:
            raise InvalidInput("outcome", "There is no such outcome; choose one of these.")
        return bool(self.outcome.data)


@blueprint.get("/system/activity/attempts", provide_automatic_options=False)
def attempts() -> ResponseReturnValue:
    """Attempts, newest first."""
    session, now = db.session(), clock.now()
    form = AttemptFilter(list_remotes(session))
    attempts_page: Page[AttemptRow] = Page([])
    remote, size, query = None, DEFAULT_SIZE, page_query("admin.attempts")
    try:
        remote, size = form.selected_remote, query.size
        attempts_page = attempts_report.list_page(
            session,
            remote_id=remote.id if remote else None,
            only_failed=form.only_failed,
            cursor=query.cursor,
            size=size,
        )
    except InvalidInput as error:
        form.show_error(error)
    html = render_page(
        "activity/attempts.html",
        TAB,
        form=form,
        remote=remote,
        rows=attempts_page.rows,
        outcomes={row.attempt.id: outcome_code(row.attempt, now) for row in attempts_page.rows},
        list_params=query.query_params(),
        page_links=query.page_links(attempts_page),
        size_links=query.size_links(),
        size=size,
    )
    return html, 422 if form.errors or form.problem else 200


def outcome_code(attempt: Attempt, now: datetime) -> str:
    """What came of it, by the name of its words in the template."""
    if attempt.code is None:
        return "under_way" if now - attempt.started_at < REMOTE_LEASE_DURATION else "broken_off"
    if attempt.code != "ok":
        return "failed"
    return "delivered" if attempt.delivered >= attempt.deliveries else "partly"


@blueprint.app_template_filter("duration")
def format_duration(attempt: Attempt) -> str:
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
