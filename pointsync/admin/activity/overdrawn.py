"""System › Activity: movements that took customers below zero, and their correction."""

from datetime import timedelta

from flask import flash, redirect
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, page_query
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import overdrawn as overdrawn_movements
from pointsync.runtime import get_runtime
from pointsync.sync.site import names, settings

MOVEMENT_PATH = "/system/activity/below-zero/<big_row_id:seq>"


@blueprint.get("/system/activity/below-zero")
def overdrawn() -> ResponseReturnValue:
    """List the movements, newest first."""
    session, form, query = db.session(), QueryForm(), page_query("admin.overdrawn")
    days = settings.read(session).statistics_days
    since = clock.now() - timedelta(days=days)
    page, size = query.load(
        form, lambda cursor, size: overdrawn_movements.list_page(session, since, cursor=cursor, size=size)
    )
    html = render_page(
        "activity/overdrawn.html",
        TAB,
        form=form,
        days=days,
        site_names=names.read(session, get_runtime().config),
        **query.template_values(page, size),
    )
    return html, form.status_code


@blueprint.get(f"{MOVEMENT_PATH}/correct")
def correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Show what the correction would do."""
    return _render_confirmation(seq)


@blueprint.post(f"{MOVEMENT_PATH}/correct")
def submit_correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Bring the balance up to zero on this site."""
    now = clock.now()
    try:
        correction = db.run_in_transaction(lambda session: overdrawn_movements.correct(session, seq, now))
    except Conflict as error:
        return _redirect_with_warning(error.message)
    except InvalidInput as error:
        return _render_confirmation(seq, error.message)
    flash(
        f"Corrected here by movement {correction.id}. The balance is now 0. The correction stays on this site.", "done"
    )
    return _redirect_to_list()


def _render_confirmation(seq: int, error_message: str | None = None) -> ResponseReturnValue:
    """The confirmation; a redirect to the list, with a notice, if there is nothing left to correct."""
    overdrawn_movement = overdrawn_movements.get(db.session(), seq)
    if not overdrawn_movement.is_correctable:
        return _redirect_with_warning(
            "Nothing to correct: the customer is no longer below zero, or this was corrected already."
        )
    html = render_page(
        "activity/overdrawn_correct.html",
        TAB,
        overdrawn_movement=overdrawn_movement,
        list_url=_list_url(),
        error_message=error_message,
    )
    return html, 422 if error_message else 200


def _redirect_with_warning(message: str) -> ResponseReturnValue:
    flash(message, "warning")
    return _redirect_to_list()


def _redirect_to_list() -> ResponseReturnValue:
    return redirect(_list_url(), 303)


def _list_url() -> str:
    return page_query("admin.overdrawn").url()
