"""System › Audit log: who changed what, when, and from where. Nothing here writes it."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField

from pointsync import clock, db
from pointsync.admin.shell.paging import DEFAULT_SIZE, PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.db.keyset import Page
from pointsync.errors import DomainError, InvalidInput
from pointsync.models import AuditEntry
from pointsync.reports import audit_log as audit_report
from pointsync.reports.audit_log import Filter
from pointsync.runtime import get_runtime

TAB = "admin.audit_log"
THIS_SITE = "-"
"""Stands for this site itself, which has no name in the log; no admin's name can be chosen by it alone."""


class AuditFilter(FlaskForm):  # type: ignore[misc]
    """What the log is narrowed to; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    actor = SelectField("Who", validate_choice=False)
    noun = SelectField("What", validate_choice=False)
    since = DateField("From")
    until = DateField("To")
    problem: str | None = None

    def __init__(self, session: Session, formdata: MultiDict[str, str]) -> None:
        super().__init__(formdata)
        names = {name: strip_bidi(name) for name in audit_report.list_actors(session) if name and name != THIS_SITE}
        self.actor.choices = {"": "Everybody"} | names | {THIS_SITE: "This site itself"}
        self.noun.choices = {"": "Everything"} | {noun: noun[0].upper() + noun[1:] for noun in audit_report.NOUNS}

    @property
    def is_active(self) -> bool:
        """Whether the log is narrowed at all."""
        return any(field.data for field in self)

    def to_filter(self) -> Filter:
        """What is asked for. Raises Invalid."""
        for name in ("since", "until"):
            if self[name].process_errors and any(map(str.strip, self[name].raw_data)):  # left empty is no day, too
                raise InvalidInput(name, "This is no day; type one such as 2026-03-01.")
        for name, choices in (("actor", self.actor.choices), ("noun", self.noun.choices)):
            if self[name].data and self[name].data not in choices:
                raise InvalidInput(name, "There is nothing like that in the log; choose one of these.")
        actor = self.actor.data or None
        return Filter("" if actor == THIS_SITE else actor, self.noun.data or None, self.since.data, self.until.data)

    def show_error(self, error: DomainError) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        for name, sentence in error.fields.items():
            if name in self:
                self[name].errors = [sentence]
                return
        self.problem = error.message


@blueprint.get("/system/audit", provide_automatic_options=False)
def audit_log() -> ResponseReturnValue:
    """The log, newest first."""
    session, query = db.session(), PageQuery(TAB, ("actor", "noun", "since", "until"))
    form, size = AuditFilter(session, request.args), DEFAULT_SIZE
    log_page: Page[AuditEntry] = Page([])
    try:
        size = query.size
        log_page = audit_report.list_page(session, form.to_filter(), get_time_zone(), query.cursor, size)
    except InvalidInput as error:
        form.show_error(error)
    html = render_page(
        "settings/audit_log.html",
        TAB,
        form=form,
        rows=log_page.rows,
        describe=audit_report.describe,
        field_label=audit_report.field_label,
        format_value=audit_report.format_value,
        page_links=query.page_links(log_page),
        size_links=query.size_links(),
        size=size,
        filter_values={name: request.args.get(name) for name in query.parameters},
    )
    return html, 422 if form.errors or form.problem else 200


@blueprint.post("/system/audit/export", provide_automatic_options=False)
def export_audit_log() -> ResponseReturnValue:
    """The log as CSV, narrowed as on screen, as long work."""
    audit_filter = AuditFilter(db.session(), request.form).to_filter()
    now, admin_name, data = clock.now(), current_user.name, get_runtime().config.data
    task = db.run_in_transaction(lambda session: audit_report.enqueue(session, data, audit_filter, admin_name, now))
    return redirect(url_for("admin.task", task_id=task.id), 303)
