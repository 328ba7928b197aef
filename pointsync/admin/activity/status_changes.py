"""System › Activity: changes of the remotes' status."""

from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.reports import attempts as attempts_report


@blueprint.get("/system/activity/changes")
def status_changes() -> ResponseReturnValue:
    """List changes of status, newest first."""
    session, query = db.session(), page_query("admin.status_changes")
    form = RemoteFilter(list_remotes(session))
    page, size = query.load(
        form,
        lambda cursor, size: attempts_report.list_status_changes(
            session, remote_id=form.remote_id, cursor=cursor, size=size
        ),
    )
    html = render_page("activity/status_changes.html", TAB, form=form, **query.template_values(page, size))
    return html, form.status_code
