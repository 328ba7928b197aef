"""System › Network: a site is blocked or unblocked, and what came from it is taken back, once it was looked at."""

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
from pointsync.sync.remotes import blocked_origins
from pointsync.sync.site import names


class BlockForm(FlaskForm):  # type: ignore[misc]
    """Which site, why, and from when on what came from it shall be taken back, if at all."""

    auth = StringField("Auth. of the site")
    reason = StringField("Reason")
    since = StringField("Take back what came since")


@blueprint.get(f"{NETWORK_PATH}/block", provide_automatic_options=False)
def block_origin() -> ResponseReturnValue:
    """The sheet, for the site that is named, or for one to be typed."""
    form = BlockForm()
    form.auth.data = request.args.get("auth", "")
    return _render_block_form(form)


@blueprint.post(f"{NETWORK_PATH}/block", provide_automatic_options=False)
def submit_block_origin() -> ResponseReturnValue:
    """Block it at once; where a moment was typed, show then what would be taken back."""
    form, now = BlockForm(), clock.now()
    auth, since = (form.auth.data or "").strip(), (form.since.data or "").strip()
    try:
        if since:
            blocked_origins.parse_since(db.session(), since, now)
        name = current_user.name
        db.run_in_transaction(lambda session: blocked_origins.block(session, auth, form.reason.data or "", name, now))
    except DomainError as error:
        show_errors(form, error)
        return _render_block_form(form), 422
    flash(f"{get_site_name(auth)} is blocked: nothing is taken from it, and nothing sent.", "done")
    if since:
        return redirect(url_for("admin.reversal", auth=auth, since=since), 303)
    return redirect(url_for(TAB, _anchor="blocked"), 303)


@blueprint.get(f"{NETWORK_PATH}/unblock", provide_automatic_options=False)
def unblock_origin() -> ResponseReturnValue:
    """Ask once more."""
    blocked_site = blocked_origins.get_blocked(db.session(), get_runtime().config, request.args.get("auth", ""))
    return render_page("settings/network/unblock.html", TAB, blocked_site=blocked_site)


@blueprint.post(f"{NETWORK_PATH}/unblock", provide_automatic_options=False)
def submit_unblock_origin() -> ResponseReturnValue:
    """Take from it again, and send to it."""
    auth = request.form.get("auth", "")
    db.run_in_transaction(lambda session: blocked_origins.unblock(session, auth, clock.now()))
    get_runtime().wake_couriers()
    flash(f"{get_site_name(auth)} is unblocked. What it has held back arrives when it tries again.", "done")
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
    """The name of a site, or its Auth where it has told none."""
    return names.read(db.session(), get_runtime().config).for_origin(auth)
