"""System › Audit log: who changed what, when, and from where. Nothing here writes it."""

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from wtforms import DateField, SelectField

from pointsync import clock, db
from pointsync.admin.shell.paging import USUAL_SIZE, Asked
from pointsync.admin.shell.panel import blueprint, page, plain
from pointsync.admin.shell.time_zone import zone
from pointsync.db.keyset import Page
from pointsync.errors import Invalid, Refused
from pointsync.models import Audit
from pointsync.reports import audit_log as audit_report
from pointsync.reports.audit_log import Wanted
from pointsync.runtime import runtime

TAB = "admin.audit_log"
SITE = "-"
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

    def __init__(self, session: Session, asked: MultiDict[str, str]) -> None:
        super().__init__(asked)
        names = {name: plain(name) for name in audit_report.actors(session) if name and name != SITE}
        self.actor.choices = {"": "Everybody"} | names | {SITE: "This site itself"}
        self.noun.choices = {"": "Everything"} | {noun: noun[0].upper() + noun[1:] for noun in audit_report.NOUNS}

    @property
    def is_set(self) -> bool:
        """Whether the log is narrowed at all."""
        return any(field.data for field in self)

    def read(self) -> Wanted:
        """What is asked for. Raises Invalid."""
        for name in ("since", "until"):
            if self[name].process_errors and any(map(str.strip, self[name].raw_data)):  # left empty is no day, too
                raise Invalid(name, "This is no day; type one such as 2026-03-01.")
        for name, choices in (("actor", self.actor.choices), ("noun", self.noun.choices)):
            if self[name].data and self[name].data not in choices:
                raise Invalid(name, "There is nothing like that in the log; choose one of these.")
        actor = self.actor.data or None
        return Wanted("" if actor == SITE else actor, self.noun.data or None, self.since.data, self.until.data)

    def refuse(self, error: Refused) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        for name, sentence in error.fields.items():
            if name in self:
                self[name].errors = [sentence]
                return
        self.problem = error.message


@blueprint.get("/system/audit", provide_automatic_options=False)
def audit_log() -> ResponseReturnValue:
    """The log, newest first."""
    session, list_asked = db.db.session(), Asked(TAB, ("actor", "noun", "since", "until"))
    form, size = AuditFilter(session, request.args), USUAL_SIZE
    found: Page[Audit] = Page([])
    try:
        size = list_asked.size
        found = audit_report.page(session, form.read(), zone(), list_asked.cursor, size)
    except Invalid as error:
        form.refuse(error)
    html = page(
        "settings/audit_log.html",
        TAB,
        form=form,
        rows=found.rows,
        words=audit_report.words,
        field_name=audit_report.field_name,
        shown=audit_report.shown,
        ways=list_asked.ways(found),
        sizes=list_asked.sizes(),
        size=size,
        kept={name: request.args.get(name) for name in list_asked.names},
    )
    return html, 422 if form.errors or form.problem else 200


@blueprint.post("/system/audit/export", provide_automatic_options=False)
def export_audit() -> ResponseReturnValue:
    """The log as CSV, narrowed as on screen, as long work."""
    wanted = AuditFilter(db.db.session(), request.form).read()
    now, by, data = clock.now(), current_user.name, runtime().config.data
    asked = db.in_write(lambda session: audit_report.ask(session, data, wanted, by, now))
    return redirect(url_for("admin.work", work_id=asked.id), 303)
