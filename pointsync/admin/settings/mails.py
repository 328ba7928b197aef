"""System › Mails: whether and from whom mails go out from this site, their texts, and what became of the last ones."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import BooleanField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import VersionedForm, show_errors, validate_setting
from pointsync.admin.shell.paging import DEFAULT_SIZE, PageQuery
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.db.keyset import Page
from pointsync.errors import Conflict, DomainError, InvalidInput, combine
from pointsync.mail import mails, sender, smtp, templates
from pointsync.models import Mail
from pointsync.runtime import get_runtime
from pointsync.sync.site import general, settings

TAB = "admin.mails_tab"
MAIL_ID = "<int(max=9223372036854775807):mail_id>"
STATE_LABELS = {"": "All", "waiting": "Waiting", "sent": "Sent", "failed": "Failed", "dropped": "Dropped"}


class MailSettingsForm(VersionedForm):
    """Whether mails go out, and from whom."""

    send_mails = BooleanField("Send mails from this site")
    mail_address = StringField("Sender’s address")
    mail_name = StringField("Sender’s name")
    expiry_mail_days = StringField("Days before points expire", [validate_setting])


class MailFilter(FlaskForm):  # type: ignore[misc]
    """Mails by status; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    state = SelectField("Status", choices=STATE_LABELS, validate_choice=False)
    problem: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether the list is narrowed."""
        return bool(self.state.data)

    def show_error(self, error: DomainError) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        if "state" in error.fields:
            self.state.errors = ["There is no such status; choose one of these."]
        else:
            self.problem = error.message


@blueprint.get("/system/mails", provide_automatic_options=False)
def mails_tab() -> ResponseReturnValue:
    """The tab."""
    values = _form_values(db.session())
    return render_tab(MailSettingsForm(data=values).with_original_values(values))


@blueprint.post("/system/mails", provide_automatic_options=False)
def save_mails() -> ResponseReturnValue:
    """Save what is set: all of it, or nothing."""
    form = MailSettingsForm()
    if not form.validate():
        return render_tab(form, 422)
    try:
        db.run_in_transaction(lambda session: _save(session, form))
    except DomainError as error:
        show_errors(form, error)
        return render_tab(form, 422)
    flash("Saved. It is in force from now on.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"/system/mails/{MAIL_ID}/retries", provide_automatic_options=False)
def resend_mail(mail_id: int) -> ResponseReturnValue:
    """Send it again."""
    return _update_mail(lambda session: mails.retry(session, mail_id, clock.now()), "It is sent again.")


@blueprint.post(f"/system/mails/{MAIL_ID}/drop", provide_automatic_options=False)
def drop_mail(mail_id: int) -> ResponseReturnValue:
    """Do not send it."""
    return _update_mail(lambda session: mails.drop(session, mail_id), "It is dropped.")


def render_tab(form: MailSettingsForm, status: int = 200) -> ResponseReturnValue:
    """The tab with `form` as it was typed."""
    session, config = db.session(), get_runtime().config
    mail_filter = MailFilter(request.args)
    query = PageQuery(TAB, ("state",))
    mails_page: Page[Mail] = Page([])
    size = DEFAULT_SIZE
    try:
        size = query.size
        mails_page = mails.list_page(session, state=mail_filter.state.data or None, cursor=query.cursor, size=size)
    except InvalidInput as error:
        mail_filter.show_error(error)
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
        rows=mails_page.rows,
        page_links=query.page_links(mails_page),
        size_links=query.size_links(),
        size=size,
        list_params=query.query_params(),
        refresh_url=query.url(),
        now=clock.now(),
    )
    return html, 422 if mail_filter.errors or mail_filter.problem else status


def _form_values(session: Session) -> dict[str, str | bool]:
    """What the form is about, as it is now."""
    current_settings = settings.read(session)
    return {
        "send_mails": current_settings.send_mails,
        "mail_address": sender.get_setting(session, sender.ADDRESS_SETTING),
        "mail_name": sender.get_setting(session, sender.NAME_SETTING),
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
