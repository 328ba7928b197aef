"""System › Activity: changes of the remotes' status."""

from flask.typing import ResponseReturnValue

from pointsync import db
from pointsync.admin.activity.filters import TAB, RemoteFilter, list_remotes, page_query
from pointsync.admin.shell.paging import DEFAULT_SIZE
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.db.keyset import Page
from pointsync.errors import InvalidInput
from pointsync.reports import attempts as attempts_report
from pointsync.reports.attempts import StatusChangeRow


@blueprint.get("/system/activity/changes", provide_automatic_options=False)
def status_changes() -> ResponseReturnValue:
    """Changes of status, newest first."""
    session = db.session()
    form = RemoteFilter(list_remotes(session))
    changes_page: Page[StatusChangeRow] = Page([])
    remote, size, query = None, DEFAULT_SIZE, page_query("admin.status_changes")
    try:
        remote, size = form.selected_remote, query.size
        changes_page = attempts_report.list_status_changes(
            session, remote_id=remote.id if remote else None, cursor=query.cursor, size=size
        )
    except InvalidInput as error:
        form.show_error(error)
    html = render_page(
        "activity/status_changes.html",
        TAB,
        form=form,
        remote=remote,
        rows=changes_page.rows,
        page_links=query.page_links(changes_page),
        size_links=query.size_links(),
        size=size,
    )
    return html, 422 if form.errors or form.problem else 200
