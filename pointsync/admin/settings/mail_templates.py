"""System › Mails: the texts, each changed, looked at and tried out in a sheet."""

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import StringField, TextAreaField

from pointsync import clock, db
from pointsync.admin.settings.mails import TAB
from pointsync.admin.shell.forms import ChangeForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Refused
from pointsync.mail import mails, templates
from pointsync.mail.templates import Words
from pointsync.models.mail import KINDS
from pointsync.runtime import runtime
from pointsync.sync.site import general

TEXT = f"/system/mails/texts/<any({', '.join(KINDS)}):kind>"


class TextForm(ChangeForm):
    """The words of a kind of mail."""

    subject = StringField("Subject")
    body = TextAreaField("Text")


class TestForm(FlaskForm):  # type: ignore[misc]
    """Where a test goes."""

    __test__ = False
    address = StringField("Send it to")


@blueprint.get(f"{TEXT}/edit", provide_automatic_options=False)
def edit_mail_text(kind: str) -> ResponseReturnValue:
    """The form with the words as they are."""
    values = _values(templates.get(db.db.session(), kind))
    return _page(TextForm(data=values).made_from(values), kind)


@blueprint.post(f"{TEXT}/edit", provide_automatic_options=False)
def send_edit_mail_text(kind: str) -> ResponseReturnValue:
    """Change them."""
    form = TextForm()

    def work(session: Session) -> None:
        form.check_seen(_values(templates.get(session, kind)))
        templates.change(session, kind, form.subject.data or "", form.body.data or "")

    try:
        db.in_write(work)
    except Refused as error:
        show_refusal(form, error)
        return _page(form, kind), 422
    flash("The text is saved. Look at it with Preview.", "done")
    return redirect(url_for(TAB, _anchor="texts"), 303)


@blueprint.post(f"{TEXT}/reset", provide_automatic_options=False)
def reset_mail_text(kind: str) -> ResponseReturnValue:
    """Back to the default words."""
    db.in_write(lambda session: templates.reset(session, kind))
    flash("The default text is back.", "done")
    return redirect(url_for(TAB, _anchor="texts"), 303)


@blueprint.get(f"{TEXT}/preview", provide_automatic_options=False)
def preview_mail_text(kind: str) -> ResponseReturnValue:
    """The words, filled with sample facts."""
    session, config = db.db.session(), runtime().config
    facts = templates.SAMPLE | {"site": general.site_name(session, config)}
    subject, body = templates.get(session, kind).filled(facts)
    return page("settings/mails/template_preview.html", TAB, kind=kind, subject=subject, body=body)


@blueprint.get(f"{TEXT}/tests", provide_automatic_options=False)
def try_mail_text(kind: str) -> ResponseReturnValue:
    """Ask where a test shall go."""
    return page("settings/mails/test.html", TAB, kind=kind, form=TestForm())


@blueprint.post(f"{TEXT}/tests", provide_automatic_options=False)
def send_try_mail_text(kind: str) -> ResponseReturnValue:
    """Queue it: the mail server is never asked within a request."""
    form, config = TestForm(), runtime().config
    try:
        made = db.in_write(lambda session: mails.test(session, config, kind, form.address.data or "", clock.now()))
    except Refused as error:
        show_refusal(form, error)
        return page("settings/mails/test.html", TAB, kind=kind, form=form), 422
    flash(f"A test mail to {made.address} is on its way; what became of it stands in the list below.", "help")
    return redirect(url_for(TAB, _anchor="mails"), 303)


def _values(words: Words) -> dict[str, str | bool]:
    """What the form is about, as it is now."""
    return {"subject": words.subject, "body": words.body.strip()}


def _page(form: TextForm, kind: str) -> str:
    return page("settings/mails/template_form.html", TAB, form=form, kind=kind, names=templates.NAMES[kind])
