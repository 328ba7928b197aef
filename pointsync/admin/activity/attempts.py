"""System › Activity: attempts to send to the remotes."""

from datetime import datetime

from flask.typing import ResponseReturnValue
from wtforms import SelectField

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.leases import REMOTE_LEASE_DURATION
from pointsync.models import Attempt
from pointsync.reports import attempts as attempts_report

OUTCOME_LABELS = {"": "All", "failed": "Failed only"}


class AttemptFilter(RemoteFilter):
    """Filter attempts by remote and outcome."""

    outcome = SelectField("Outcome", choices=OUTCOME_LABELS, validate_choice=False)


@blueprint.get("/system/activity/attempts")
def attempts() -> ResponseReturnValue:
    """List attempts, newest first."""
    session, now, query = db.session(), clock.now(), page_query("admin.attempts")
    form = AttemptFilter(list_remotes(session))
    page, size = query.load(
        form,
        lambda cursor, size: attempts_report.list_page(
            session,
            remote_id=form.remote_id,
            only_failed=form.selected_option("outcome", "outcome") == "failed",
            cursor=cursor,
            size=size,
        ),
    )
    html = render_page(
        "activity/attempts.html",
        TAB,
        form=form,
        outcomes={row.attempt.id: outcome_code(row.attempt, now) for row in page.rows},
        **query.template_values(page, size),
    )
    return html, form.status_code


def outcome_code(attempt: Attempt, now: datetime) -> str:
    """The outcome of an attempt, as `attempt_outcome` in the templates takes it."""
    if attempt.code is None:
        return "under_way" if now - attempt.started_at < REMOTE_LEASE_DURATION else "broken_off"
    if attempt.code != "ok":
        return "failed"
    return "delivered" if attempt.delivered >= attempt.deliveries else "partly"


@blueprint.app_template_filter("duration")
def format_duration(attempt: Attempt) -> str:
    """How long an attempt took, such as `250 ms`, `5.0 s` or `33 min 20 s`; empty while it is in progress."""
    if attempt.ended_at is None:
        return ""
    # If the clock was set back during the attempt, the difference is negative.
    seconds = max((attempt.ended_at - attempt.started_at).total_seconds(), 0.0)
    if seconds < 1:
        return f"{seconds * 1000:,.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds // 60:,.0f} min {seconds % 60:.0f} s"
