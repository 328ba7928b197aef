"""System › Network: reverse the movements of a blocked site, after a preview."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.settings.blocked_sites import get_site_name
from pointsync.admin.settings.network import NETWORK_PATH, TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import reserve_choices
from pointsync.errors import Conflict, DomainError
from pointsync.ledger.reversals import reversals
from pointsync.ledger.reversals.preview import ReversalPreview
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import blocked_origins, origin_reversals

_ALL_RESERVES = ""


class ReversalForm(FlaskForm):  # type: ignore[misc]
    """Which movements to reverse. `preview_digest` is the digest of the preview that the admin saw."""

    since = StringField("Since")
    reserve = SelectField("Points reserve", validate_choice=False)
    preview_digest = HiddenField()


@blueprint.get(f"{NETWORK_PATH}/reversal")
def reversal() -> ResponseReturnValue:
    """Show the form, or the preview if the query has a time."""
    auth, since = request.args.get("auth", ""), request.args.get("since", "")
    form = _build_reversal_form()
    form.since.data, form.reserve.data = since, request.args.get("reserve", _ALL_RESERVES)
    return _show_preview(form, auth) if since else _render_reversal_form(form, auth)


@blueprint.post(f"{NETWORK_PATH}/reversal")
def submit_reversal() -> ResponseReturnValue:
    """Show the preview. Start the reversal if the preview that the admin saw is still right."""
    form, auth, now = _build_reversal_form(), request.form.get("auth", ""), clock.now()
    if "back_to_form" in request.form:
        return _render_reversal_form(form, auth)
    if not form.preview_digest.data:
        return _show_preview(form, auth)
    preview = _load_preview(form, auth)
    if preview is None:
        return _render_reversal_form(form, auth), 422
    if preview.digest != form.preview_digest.data:
        return _render_preview(form, auth, preview, has_changed=True), 409
    try:
        db.run_in_transaction(lambda session: origin_reversals.start(session, get_runtime().config, preview, now))
    except Conflict as error:
        form.since.errors = [error.message]
        return _render_reversal_form(form, auth), 409
    flash(
        f"What came from {get_site_name(auth)} is being taken back. It goes on by itself; you may leave this page.",
        "done",
    )
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.post(f"{NETWORK_PATH}/reversals/<row_id:reversal_id>/stops")
def stop_reversal(reversal_id: int) -> ResponseReturnValue:
    """Stop a reversal. What is reversed stays reversed."""
    reversal = db.run_in_transaction(lambda session: reversals.stop(session, reversal_id, clock.now()))
    flash(f"Stopped after {reversal.done:,} of {reversal.total:,} movements. You can reverse the rest later.", "done")
    return redirect(url_for(TAB, _anchor="blocked"), 303)


def _show_preview(form: ReversalForm, auth: str) -> ResponseReturnValue:
    preview = _load_preview(form, auth)
    return (_render_reversal_form(form, auth), 422) if preview is None else _render_preview(form, auth, preview)


def _load_preview(form: ReversalForm, auth: str) -> ReversalPreview | None:
    """The preview; None if the form has errors, which are then shown in it."""
    try:
        return origin_reversals.preview(
            db.session(), auth, form.since.data or "", form.reserve.data or None, clock.now()
        )
    except DomainError as error:
        if not error.fields:
            raise
        show_errors(form, error)
        return None


def _build_reversal_form() -> ReversalForm:
    form = ReversalForm()
    form.reserve.choices = {_ALL_RESERVES: "All active reserves"} | reserve_choices(db.session(), only_active=True)
    return form


def _render_reversal_form(form: ReversalForm, auth: str) -> str:
    blocked_site = blocked_origins.get_blocked(db.session(), get_runtime().config, auth)
    return render_page("settings/network/reversal_form.html", TAB, form=form, blocked_site=blocked_site)


def _render_preview(form: ReversalForm, auth: str, preview: ReversalPreview, *, has_changed: bool = False) -> str:
    blocked_site = blocked_origins.get_blocked(db.session(), get_runtime().config, auth)
    return render_page(
        "settings/network/reversal_preview.html",
        TAB,
        form=form,
        blocked_site=blocked_site,
        preview=preview,
        has_changed=has_changed,
    )
