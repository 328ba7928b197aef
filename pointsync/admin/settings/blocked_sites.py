"""System › Network: block and unblock sites."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import StringField

from pointsync import clock, db
from pointsync.admin.settings.network import NETWORK_PATH, TAB
from pointsync.admin.shell.forms import show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import DomainError
from pointsync.runtime import get_runtime
from pointsync.sync.remotes import blocked_origins, origin_reversals
from pointsync.sync.site import names


class BlockForm(FlaskForm):  # type: ignore[misc]
    """The site to block, the reason, and since when to reverse its movements, if at all."""

    auth = StringField("Auth of the site")
    reason = StringField("Reason")
    since = StringField("Reverse movements received since")


@blueprint.get(f"{NETWORK_PATH}/block")
def block_origin() -> ResponseReturnValue:
    """Show the form, for the site in the query or for one to be typed."""
    form = BlockForm()
    form.auth.data = request.args.get("auth", "")
    return _render_block_form(form)


@blueprint.post(f"{NETWORK_PATH}/block")
def submit_block_origin() -> ResponseReturnValue:
    """Block the site at once. If a time was typed, continue with the preview of the reversal."""
    form, now = BlockForm(), clock.now()
    auth, since = form.auth.data or "", (form.since.data or "").strip()
    try:
        if since:
            origin_reversals.parse_since(db.session(), since, now)
        name = current_user.name
        auth = db.run_in_transaction(
            lambda session: blocked_origins.block(session, auth, form.reason.data or "", name, now).auth
        )
    except DomainError as error:
        show_errors(form, error)
        return _render_block_form(form), 422
    flash(f"{get_site_name(auth)} is blocked. Nothing is accepted from it or sent to it.", "done")
    if since:
        return redirect(url_for("admin.reversal", auth=auth, since=since), 303)
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.get(f"{NETWORK_PATH}/unblock")
def unblock_origin() -> ResponseReturnValue:
    """Ask for confirmation."""
    blocked_site = blocked_origins.get_blocked(db.session(), get_runtime().config, request.args.get("auth", ""))
    return render_page("settings/network/unblock.html", TAB, blocked_site=blocked_site)


@blueprint.post(f"{NETWORK_PATH}/unblock")
def submit_unblock_origin() -> ResponseReturnValue:
    """Unblock the site, and send what is waiting for it."""
    typed_auth = request.form.get("auth", "")
    auth = db.run_in_transaction(lambda session: blocked_origins.unblock(session, typed_auth, clock.now()).auth)
    get_runtime().wake_couriers()
    flash(f"{get_site_name(auth)} is unblocked. Movements waiting there arrive when it tries again.", "done")
    return redirect(url_for(TAB, _anchor="blocked"), 303)


def _render_block_form(form: BlockForm) -> str:
    auth = form.auth.data or ""
    return render_page(
        "settings/network/block.html",
        TAB,
        form=form,
        is_preselected=bool(request.args.get("auth")),
        site_name=get_site_name(auth),
    )


def get_site_name(auth: str) -> str:
    """The name of a site, or its Auth if it reported no name."""
    return names.read(db.session(), get_runtime().config).for_origin(auth)
