"""System › Audit log: who changed what, when, and from where. Read-only."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField

from pointsync import clock, db
from pointsync.admin.shell.forms import QueryForm, raw_value
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.errors import InvalidInput
from pointsync.reports import audit_log as audit_report
from pointsync.reports.audit_log import Filter
from pointsync.runtime import get_runtime

TAB = "admin.audit_log"
THIS_SITE = "-"
"""The option for this site itself, whose actor is empty in the log."""


class AuditFilter(QueryForm):
    """Filter the log by actor, noun and days."""

    actor = SelectField("Who", validate_choice=False)
    noun = SelectField("What", validate_choice=False)
    since = DateField("From")
    until = DateField("To")

    def __init__(self, session: Session, formdata: MultiDict[str, str]) -> None:
        super().__init__(formdata)
        names = {name: strip_bidi(name) for name in audit_report.list_actors(session) if name and name != THIS_SITE}
        self.actor.choices = {"": "Everybody"} | names | {THIS_SITE: "This site itself"}
        labels = {noun: audit_report.noun_label(noun) for noun in audit_report.NOUNS}
        self.noun.choices = {"": "Everything"} | {noun: label[0].upper() + label[1:] for noun, label in labels.items()}

    def to_filter(self) -> Filter:
        """The filter for the report. Raises InvalidInput."""
        for name in ("since", "until"):
            if self[name].process_errors and raw_value(self, name):  # an empty field is None, not an error
                raise InvalidInput(name, "This is not a date. Type one such as 2026-03-01.")
        actor, noun = self.selected_option("actor", "name"), self.selected_option("noun", "kind of change")
        return Filter("" if actor == THIS_SITE else actor, noun, self.since.data, self.until.data)


@blueprint.get("/system/audit")
def audit_log() -> ResponseReturnValue:
    """List the entries, newest first."""
    session, query = db.session(), PageQuery(TAB, ("actor", "noun", "since", "until"))
    form = AuditFilter(session, request.args)
    page, size = query.load(
        form,
        lambda cursor, size: audit_report.list_page(session, form.to_filter(), get_time_zone(), cursor, size),
    )
    html = render_page(
        "settings/audit_log.html",
        TAB,
        form=form,
        describe=audit_report.describe,
        field_label=audit_report.field_label,
        format_value=audit_report.format_value,
        filter_values={name: request.args.get(name) for name in query.parameters},
        **query.template_values(page, size),
    )
    return html, form.status_code


@blueprint.post("/system/audit/export")
def export_audit_log() -> ResponseReturnValue:
    """Export the filtered log as CSV in a background task."""
    audit_filter = AuditFilter(db.session(), request.form).to_filter()
    now, admin_name, data = clock.now(), current_user.name, get_runtime().config.data
    task = db.run_in_transaction(lambda session: audit_report.enqueue(session, data, audit_filter, admin_name, now))
    return redirect(url_for("admin.task", task_id=task.id), 303)
