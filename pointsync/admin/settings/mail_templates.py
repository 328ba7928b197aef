"""System › Mails: edit, preview and test the texts of the mails."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField, TextAreaField

from pointsync import clock, db
from pointsync.admin.settings.mails import TAB
from pointsync.admin.shell.forms import VersionedForm, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import DomainError
from pointsync.mail import mails, templates
from pointsync.mail.templates import MailTemplate
from pointsync.models.mail import KINDS
from pointsync.runtime import get_runtime
from pointsync.sync.site import general

TEMPLATE_PATH = f"/system/mails/texts/<any({', '.join(KINDS)}):kind>"


class MailTemplateForm(VersionedForm):
    """The text of a kind of mail."""

    subject = StringField("Subject")
    body = TextAreaField("Text")


class TestMailForm(FlaskForm):  # type: ignore[misc]
    """The address of a test mail."""

    __test__ = False
    address = StringField("Send it to")


@blueprint.get(f"{TEMPLATE_PATH}/edit")
def edit_mail_template(kind: str) -> ResponseReturnValue:
    """Show the form with the current text."""
    values = _form_values(templates.get(db.session(), kind))
    return _render_form(MailTemplateForm(data=values).with_original_values(values), kind)


@blueprint.post(f"{TEMPLATE_PATH}/edit")
def submit_edit_mail_template(kind: str) -> ResponseReturnValue:
    """Change the text."""
    form = MailTemplateForm()

    def update(session: Session) -> None:
        form.check_unchanged(_form_values(templates.get(session, kind)))
        templates.change(session, kind, form.subject.data or "", form.body.data or "")

    try:
        db.run_in_transaction(update)
    except DomainError as error:
        show_errors(form, error)
        return _render_form(form, kind), 422
    flash("The text is saved. Use Preview to check it.", "done")
    return redirect(url_for(TAB, _anchor="texts"), 303)


@blueprint.post(f"{TEMPLATE_PATH}/reset")
def reset_mail_template(kind: str) -> ResponseReturnValue:
    """Reset to the default text."""
    db.run_in_transaction(lambda session: templates.reset(session, kind))
    flash("The default text is restored.", "done")
    return redirect(url_for(TAB, _anchor="texts"), 303)


@blueprint.get(f"{TEMPLATE_PATH}/preview")
def preview_mail_template(kind: str) -> ResponseReturnValue:
    """Show the text, filled with sample data."""
    session, config = db.session(), get_runtime().config
    values = templates.SAMPLE_VALUES | {"site": general.get_site_name(session, config)}
    subject, body = templates.get(session, kind).render(values)
    return render_page("settings/mails/template_preview.html", TAB, kind=kind, subject=subject, body=body)


@blueprint.get(f"{TEMPLATE_PATH}/tests")
def test_mail_template(kind: str) -> ResponseReturnValue:
    """Ask for the address of a test mail."""
    return render_page("settings/mails/test.html", TAB, kind=kind, form=TestMailForm())


@blueprint.post(f"{TEMPLATE_PATH}/tests")
def submit_test_mail(kind: str) -> ResponseReturnValue:
    """Queue a test mail. The mail server is never called within a request."""
    form, config = TestMailForm(), get_runtime().config
    try:
        mail = db.run_in_transaction(
            lambda session: mails.enqueue_test(session, config, kind, form.address.data or "", clock.now())
        )
    except DomainError as error:
        show_errors(form, error)
        return render_page("settings/mails/test.html", TAB, kind=kind, form=form), 422
    flash(f"A test mail to {mail.address} is queued. See the list below for the result.", "help")
    return redirect(url_for(TAB, _anchor="mails"), 303)


def _form_values(template: MailTemplate) -> dict[str, str | bool]:
    """The current values of the form's fields."""
    return {"subject": template.subject, "body": template.body.strip()}


def _render_form(form: MailTemplateForm, kind: str) -> str:
    return render_page(
        "settings/mails/template_form.html", TAB, form=form, kind=kind, placeholders=templates.PLACEHOLDERS[kind]
    )
