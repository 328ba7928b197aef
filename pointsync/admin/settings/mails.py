"""System › Mails: the mail settings, the texts, and the list of recent mails."""

from collections.abc import Callable

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import QueryForm, VersionedForm, show_errors, validate_setting
from pointsync.admin.shell.paging import PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, DomainError, combine
from pointsync.mail import mails, sender, smtp, templates
from pointsync.models import Setting
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, settings

TAB = "admin.mails_tab"
MAIL_ID = "<big_row_id:mail_id>"
STATE_LABELS = {"": "All", "waiting": "Waiting", "sent": "Sent", "failed": "Failed", "dropped": "Discarded"}


class MailSettingsForm(VersionedForm):
    """Whether this site sends mails, and the sender."""

    send_mails = BooleanField("Send mails from this site")
    mail_address = StringField("Sender’s address")
    mail_name = StringField("Sender’s name")
    expiry_mail_days = StringField("Days before points expire", [validate_setting])


class MailFilter(QueryForm):
    """Filter mails by status."""

    state = SelectField("Status", choices=STATE_LABELS, validate_choice=False)


@blueprint.get("/system/mails")
def mails_tab() -> ResponseReturnValue:
    """The tab."""
    values = _form_values(db.session())
    return render_tab(MailSettingsForm(data=values).with_original_values(values))


@blueprint.post("/system/mails")
def save_mails() -> ResponseReturnValue:
    """Save the settings: all of them, or none."""
    form = MailSettingsForm()
    if not form.validate():
        return render_tab(form, 422)
    try:
        db.run_in_transaction(lambda session: _save(session, form))
    except DomainError as error:
        show_errors(form, error)
        return render_tab(form, 422)
    flash("Saved.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"/system/mails/{MAIL_ID}/retries")
def resend_mail(mail_id: int) -> ResponseReturnValue:
    """Send a mail again."""
    return _update_mail(lambda session: mails.retry(session, mail_id, clock.now()), "Sending it again now.")


@blueprint.post(f"/system/mails/{MAIL_ID}/drop")
def drop_mail(mail_id: int) -> ResponseReturnValue:
    """Discard a mail that is not sent yet."""
    return _update_mail(lambda session: mails.drop(session, mail_id), "Discarded.")


def render_tab(form: MailSettingsForm, status: int = 200) -> ResponseReturnValue:
    """The tab with `form` as submitted."""
    session, config = db.session(), get_runtime().config
    mail_filter, query = MailFilter(), PageQuery(TAB, ("state",))
    page, size = query.load(
        mail_filter,
        lambda cursor, size: mails.list_page(
            session, state=mail_filter.selected_option("state", "status"), cursor=cursor, size=size
        ),
    )
    html = render_page(
        "settings/mails/mails.html",
        TAB,
        form=form,
        definition=settings.DEFINITIONS["expiry_mail_days"],
        server=smtp.parse_server_url(config.smtp_url) if config.smtp_url else None,
        server_problem=mails.count_attention(session).failing_server,
        default_address=sender.get_default_address(config),
        site_name=general.get_site_name(session, config),
        texts=templates.get_all(session),
        mail_filter=mail_filter,
        refresh_url=query.url(),
        now=clock.now(),
        **query.template_values(page, size),
    )
    return html, mail_filter.status_code if mail_filter.status_code != 200 else status


def _form_values(session: Session) -> dict[str, str | bool]:
    """The current values of the form's fields."""
    current_settings = settings.read(session)
    return {
        "send_mails": current_settings.send_mails,
        "mail_address": Setting.read(session, sender.ADDRESS_SETTING) or "",
        "mail_name": Setting.read(session, sender.NAME_SETTING) or "",
        "expiry_mail_days": str(current_settings.expiry_mail_days),
    }


def _save(session: Session, form: MailSettingsForm) -> None:
    config = get_runtime().config
    form.check_unchanged(_form_values(session))
    errors: list[DomainError] = []
    try:
        if not form.send_mails.data:
            sender.set_enabled(session, config, "off")
        sender.change(session, config, form.mail_address.data or "", form.mail_name.data or "")
    except DomainError as error:
        errors.append(error)
    try:
        if form.send_mails.data and not errors:
            sender.set_enabled(session, config, "on")
    except DomainError as error:
        field = sender.ADDRESS_SETTING if error.code == "no_mail_sender" else "send_mails"
        errors.append(Conflict(error.code, error.message, {field: error.message}))
    settings.change(session, "expiry_mail_days", form.expiry_mail_days.data or "")
    if errors:
        raise combine(errors)


def _update_mail(change: Callable[[Session], None], message: str) -> ResponseReturnValue:
    query = PageQuery(TAB, ("state",))
    try:
        db.run_in_transaction(change)
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(message, "done")
    return redirect(url_for(TAB, **query.query_params(), _anchor="mails"), 303)
