"""System › Mails: whether and from whom mails go out from this site, their texts, and what became of the last ones."""

from collections.abc import Callable

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import BooleanField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import ChangeForm, check_setting, show_refusal
from pointsync.admin.shell.paging import USUAL_SIZE, Asked
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db.keyset import Page
from pointsync.errors import Conflict, Invalid, Refused, together
from pointsync.mail import mails, sender, smtp, templates
from pointsync.models import Mail
from pointsync.runtime import runtime
from pointsync.sync.site import general, settings

TAB = "admin.mails_tab"
ROW = "<int(max=9223372036854775807):mail_id>"
STATES = {"": "All", "waiting": "Waiting", "sent": "Sent", "failed": "Failed", "dropped": "Dropped"}


class MailsForm(ChangeForm):
    """Whether mails go out, and from whom."""

    send_mails = BooleanField("Send mails from this site")
    mail_address = StringField("Sender’s address")
    mail_name = StringField("Sender’s name")
    expiry_mail_days = StringField("Days before points expire", [check_setting])


class MailFilter(FlaskForm):  # type: ignore[misc]
    """Mails by status; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    state = SelectField("Status", choices=STATES, validate_choice=False)
    problem: str | None = None

    @property
    def is_set(self) -> bool:
        """Whether the list is narrowed."""
        return bool(self.state.data)

    def refuse(self, error: Refused) -> None:
        """Put the sentence at its field, or above the list where it is about none."""
        if "state" in error.fields:
            self.state.errors = ["There is no such status; choose one of these."]
        else:
            self.problem = error.message


@blueprint.get("/system/mails", provide_automatic_options=False)
def mails_tab() -> ResponseReturnValue:
    """The tab."""
    values = _values(db.db.session())
    return show(MailsForm(data=values).made_from(values))


@blueprint.post("/system/mails", provide_automatic_options=False)
def save_mails() -> ResponseReturnValue:
    """Save what is set: all of it, or nothing."""
    form = MailsForm()
    if not form.validate():
        return show(form, 422)
    try:
        db.in_write(lambda session: _save(session, form))
    except Refused as error:
        show_refusal(form, error)
        return show(form, 422)
    flash("Saved. It is in force from now on.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.post(f"/system/mails/{ROW}/retries", provide_automatic_options=False)
def send_mail_again(mail_id: int) -> ResponseReturnValue:
    """Send it again."""
    return _act(lambda session: mails.again(session, mail_id, clock.now()), "It is sent again.")


@blueprint.post(f"/system/mails/{ROW}/drop", provide_automatic_options=False)
def drop_mail(mail_id: int) -> ResponseReturnValue:
    """Do not send it."""
    return _act(lambda session: mails.drop(session, mail_id), "It is dropped.")


def show(form: MailsForm, status: int = 200) -> ResponseReturnValue:
    """The tab with `form` as it was typed."""
    session, config = db.db.session(), runtime().config
    narrowed = MailFilter(request.args)
    asked = Asked(TAB, ("state",))
    found: Page[Mail] = Page([])
    size = USUAL_SIZE
    try:
        size = asked.size
        found = mails.page(session, state=narrowed.state.data or None, cursor=asked.cursor, size=size)
    except Invalid as error:
        narrowed.refuse(error)
    html = page(
        "settings/mails/mails.html",
        TAB,
        form=form,
        kind=settings.KINDS["expiry_mail_days"],
        server=smtp.server_of(config.smtp_url) if config.smtp_url else None,
        trouble=mails.hands(session).server,
        default_address=sender.default_address(config),
        site_name=general.site_name(session, config),
        texts=templates.every(session),
        narrowed=narrowed,
        rows=found.rows,
        ways=asked.ways(found),
        sizes=asked.sizes(),
        size=size,
        here=asked.kept(),
        live_from=asked.address(),
        now=clock.now(),
    )
    return html, 422 if narrowed.errors or narrowed.problem else status


def _values(session: Session) -> dict[str, str | bool]:
    """What the form is about, as it is now."""
    known = settings.read(session)
    return {
        "send_mails": known.send_mails,
        "mail_address": sender.typed(session, sender.ADDRESS),
        "mail_name": sender.typed(session, sender.NAME),
        "expiry_mail_days": str(known.expiry_mail_days),
    }


def _save(session: Session, form: MailsForm) -> None:
    config = runtime().config
    form.check_seen(_values(session))
    faults: list[Refused] = []
    try:
        if not form.send_mails.data:
            sender.switch(session, config, "off")
        sender.change(session, config, form.mail_address.data or "", form.mail_name.data or "")
    except Refused as fault:
        faults.append(fault)
    try:
        if form.send_mails.data and not faults:
            sender.switch(session, config, "on")
    except Refused as fault:
        field = sender.ADDRESS if fault.code == "no_mail_sender" else "send_mails"
        faults.append(Conflict(fault.code, fault.message, {field: fault.message}))
    settings.change(session, "expiry_mail_days", form.expiry_mail_days.data or "")
    if faults:
        raise together(faults)


def _act(work: Callable[[Session], None], done: str) -> ResponseReturnValue:
    asked = Asked(TAB, ("state",))
    try:
        db.in_write(work)
    except Conflict as error:
        flash(error.message, "warning")
    else:
        flash(done, "done")
    return redirect(url_for(TAB, **asked.kept(), _anchor="mails"), 303)
