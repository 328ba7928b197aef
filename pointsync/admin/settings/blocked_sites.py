"""System › Network: a site is blocked or unblocked, and what came from it is taken back, once it was looked at."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.settings.network import TAB
from pointsync.admin.shell.forms import reserve_choices, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid, Refused
from pointsync.ledger.reversals import reversals
from pointsync.ledger.reversals.preview import Preview
from pointsync.runtime import runtime
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import names

HERE = "/system/network"
_ALL = ""


class BlockForm(FlaskForm):  # type: ignore[misc]
    """Which site, why, and from when on what came from it shall be taken back, if at all."""

    auth = StringField("Auth. of the site")
    reason = StringField("Reason")
    since = StringField("Take back what came since")


class ReversalForm(FlaskForm):  # type: ignore[misc]
    """What shall be taken back; `seen` is the digest of what was shown."""

    since = StringField("Since")
    reserve = SelectField("Points reserve", validate_choice=False)
    seen = HiddenField()


@blueprint.get(f"{HERE}/block", provide_automatic_options=False)
def block_origin() -> ResponseReturnValue:
    """The sheet, for the site that is named, or for one to be typed."""
    form = BlockForm()
    form.auth.data = request.args.get("auth", "")
    return _block_page(form)


@blueprint.post(f"{HERE}/block", provide_automatic_options=False)
def send_block_origin() -> ResponseReturnValue:
    """Block it at once; where a moment was typed, show then what would be taken back."""
    form, now = BlockForm(), clock.now()
    auth, since = (form.auth.data or "").strip(), (form.since.data or "").strip()
    try:
        if since:
            blocked_origins.moment(db.db.session(), since, now)
        name = current_user.name
        db.in_write(lambda session: blocked_origins.block(session, auth, form.reason.data or "", name, now))
    except Refused as error:
        show_refusal(form, error)
        return _block_page(form), 422
    flash(f"{_name(auth)} is blocked: nothing is taken from it, and nothing sent.", "done")
    if since:
        return redirect(url_for("admin.reversal", auth=auth, since=since), 303)
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.get(f"{HERE}/unblock", provide_automatic_options=False)
def unblock_origin() -> ResponseReturnValue:
    """Ask once more."""
    found = blocked_origins.get_blocked(db.db.session(), runtime().config, request.args.get("auth", ""))
    return page("settings/network/unblock.html", TAB, site=found)


@blueprint.post(f"{HERE}/unblock", provide_automatic_options=False)
def send_unblock_origin() -> ResponseReturnValue:
    """Take from it again, and send to it."""
    auth = request.form.get("auth", "")
    db.in_write(lambda session: blocked_origins.unblock(session, auth, clock.now()))
    runtime().wake()
    flash(f"{_name(auth)} is unblocked. What it has held back arrives when it tries again.", "done")
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.get(f"{HERE}/reversal", provide_automatic_options=False)
def reversal() -> ResponseReturnValue:
    """The form; with a moment in the address, what would be taken back."""
    auth, since = request.args.get("auth", ""), request.args.get("since", "")
    form = _reversal_form()
    form.since.data, form.reserve.data = since, request.args.get("reserve", _ALL)
    return _look(form, auth) if since else _form_page(form, auth)


@blueprint.post(f"{HERE}/reversal", provide_automatic_options=False)
def send_reversal() -> ResponseReturnValue:
    """Show what would be taken back; and begin, where it is still what was seen."""
    form, auth, now = _reversal_form(), request.form.get("auth", ""), clock.now()
    if "again" in request.form:
        return _form_page(form, auth)
    if not form.seen.data:
        return _look(form, auth)
    found = _found(form, auth)
    if found is None:
        return _form_page(form, auth), 422
    if found.digest != form.seen.data:
        return _preview_page(form, auth, found, is_other=True), 409
    try:
        db.in_write(lambda session: blocked_origins.reverse(session, runtime().config, found, now))
    except Conflict as error:
        form.since.errors = [error.message]
        return _form_page(form, auth), 409
    flash(f"What came from {_name(auth)} is being taken back. It goes on by itself; you may leave this page.", "done")
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.post(f"{HERE}/reversals/<int(max=2147483647):reversal_id>/stops", provide_automatic_options=False)
def stop_reversal(reversal_id: int) -> ResponseReturnValue:
    """Take back no more; what is taken back stays so."""
    made = db.in_write(lambda session: reversals.stop(session, reversal_id, clock.now()))
    flash(f"Stopped after {made.done:,} of {made.total:,} movements. The rest can be taken back later.", "done")
    return redirect(url_for(TAB, _anchor="blocked"), 303)


def _look(form: ReversalForm, auth: str) -> ResponseReturnValue:
    found = _found(form, auth)
    return (_form_page(form, auth), 422) if found is None else _preview_page(form, auth, found)


def _found(form: ReversalForm, auth: str) -> Preview | None:
    """What would be taken back; None where the form says what is wrong with it."""
    try:
        return blocked_origins.foresee(
            db.db.session(), auth, form.since.data or "", form.reserve.data or None, clock.now()
        )
    except Invalid as error:
        show_refusal(form, error)
    except Refused as error:
        if not error.fields:
            raise
        show_refusal(form, error)
    return None


def _reversal_form() -> ReversalForm:
    form = ReversalForm()
    form.reserve.choices = {_ALL: "All that are active"} | reserve_choices(db.db.session(), only_active=True)
    return form


def _block_page(form: BlockForm) -> str:
    auth = form.auth.data or ""
    return page(
        "settings/network/block.html", TAB, form=form, is_given=bool(request.args.get("auth")), name=_name(auth)
    )


def _form_page(form: ReversalForm, auth: str) -> str:
    found = blocked_origins.get_blocked(db.db.session(), runtime().config, auth)
    return page("settings/network/reversal_form.html", TAB, form=form, site=found)


def _preview_page(form: ReversalForm, auth: str, found: Preview, *, is_other: bool = False) -> str:
    blocked = blocked_origins.get_blocked(db.db.session(), runtime().config, auth)
    return page("settings/network/reversal_preview.html", TAB, form=form, site=blocked, found=found, is_other=is_other)


def _name(auth: str) -> str:
    return names.read(db.db.session(), runtime().config).origin(auth)
