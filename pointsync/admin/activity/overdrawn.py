"""System › Activity: movements that took customers below zero, their correction, and the corrections made here only."""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, page_query
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput, TryLater
from pointsync.ledger.below_zero import overdrawn as overdrawn_movements
from pointsync.ledger.movement_row import MovementRow
from pointsync.reports import overdraft
from pointsync.runtime import get_runtime
from pointsync.sync.site import names, settings

MOVEMENT_PATH = "/system/activity/below-zero/<big_row_id:seq>"
MAX_LATER_SHOWN = 5

_Correct = Callable[[Session, int, datetime], MovementRow]


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
        local_kind=overdrawn_movements.LOCAL_CORRECTION,
        **query.template_values(page, size),
    )
    return html, form.status_code


@blueprint.get("/system/activity/declared-differences")
def declared_differences() -> ResponseReturnValue:
    """List the corrections that admins made for this site only, newest first."""
    session, form, query = db.session(), QueryForm(), page_query("admin.declared_differences")
    page, size = query.load(
        form, lambda cursor, size: overdrawn_movements.list_differences(session, cursor=cursor, size=size)
    )
    html = render_page("activity/declared_differences.html", TAB, form=form, **query.template_values(page, size))
    return html, form.status_code


@blueprint.get(f"{MOVEMENT_PATH}/correct")
def correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Show what the correction on all sites would do."""
    return _render_correction(seq)


@blueprint.post(f"{MOVEMENT_PATH}/correct")
def submit_correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Bring the balance up to zero on all sites."""
    return _correct(seq, overdrawn_movements.correct, _render_correction, "The correction goes to all sites.")


@blueprint.get(f"{MOVEMENT_PATH}/correct-here")
def correct_overdrawn_here(seq: int) -> ResponseReturnValue:
    """Show what the correction on this site alone would do."""
    return _render_local_correction(seq)


@blueprint.post(f"{MOVEMENT_PATH}/correct-here")
def submit_correct_overdrawn_here(seq: int) -> ResponseReturnValue:
    """Bring the balance up to zero on this site."""
    result = "The correction stays on this site, and is listed under Declared differences."
    return _correct(seq, overdrawn_movements.correct_here, _render_local_correction, result)


def _correct(
    seq: int, correct: _Correct, render: Callable[[int, str | None], ResponseReturnValue], result: str
) -> ResponseReturnValue:
    now = clock.now()
    try:
        correction = db.run_in_transaction(lambda session: correct(session, seq, now))
    except Conflict as error:
        return _redirect_with_warning(error.message)
    except (InvalidInput, TryLater) as error:
        return render(seq, error.message)
    get_runtime().wake_couriers()
    flash(f"Corrected by movement {correction.id}. The balance is now 0. {result}", "done")
    return _redirect_to_list()


def _render_correction(seq: int, error_message: str | None = None) -> ResponseReturnValue:
    session = db.session()
    movement = overdrawn_movements.get(session, seq).movement
    later = overdrawn_movements.list_later(session, movement, MAX_LATER_SHOWN + 1)
    return _render_sheet(
        "activity/overdrawn_correct.html",
        seq,
        error_message,
        later=later[:MAX_LATER_SHOWN],
        has_more=len(later) > MAX_LATER_SHOWN,
        remotes=overdraft.list_remotes(session, movement, clock.now()),
        site_names=names.read(session, get_runtime().config),
    )


def _render_local_correction(seq: int, error_message: str | None = None) -> ResponseReturnValue:
    return _render_sheet("activity/overdrawn_correct_here.html", seq, error_message)


def _render_sheet(template: str, seq: int, error_message: str | None, **values: object) -> ResponseReturnValue:
    """The confirmation; a redirect to the list, with a notice, if there is nothing left to correct."""
    overdrawn_movement = overdrawn_movements.get(db.session(), seq)
    if not overdrawn_movement.is_correctable:
        return _redirect_with_warning(
            "Nothing to correct: the customer is no longer below zero, or this was corrected already."
        )
    query = page_query("admin.overdrawn")
    html = render_page(
        template,
        TAB,
        overdrawn_movement=overdrawn_movement,
        list_url=query.url(),
        list_params=query.query_params(),
        error_message=error_message,
        **values,
    )
    return html, 422 if error_message else 200


def _redirect_with_warning(message: str) -> ResponseReturnValue:
    flash(message, "warning")
    return _redirect_to_list()


def _redirect_to_list() -> ResponseReturnValue:
    return redirect(page_query("admin.overdrawn").url(), 303)
