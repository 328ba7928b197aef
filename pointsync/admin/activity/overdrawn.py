"""System › Activity: movements that took customers below zero, and correcting one here."""

from datetime import timedelta

from flask import flash, redirect
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, page_query
from pointsync.admin.shell.paging import DEFAULT_SIZE
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.db.keyset import Page
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import overdrawn as ledger
from pointsync.ledger.overdrawn import OverdrawnMovement
from pointsync.runtime import get_runtime
from pointsync.sync.site import names, settings

MOVEMENT_PATH = "/system/activity/below-zero/<int(max=9223372036854775807):seq>"


@blueprint.get("/system/activity/below-zero", provide_automatic_options=False)
def overdrawn() -> ResponseReturnValue:
    """The movements, newest first."""
    session = db.session()
    days = settings.read(session).statistics_days
    overdrawn_page: Page[OverdrawnMovement] = Page([])
    size, error_message, query = DEFAULT_SIZE, None, page_query("admin.overdrawn")
    try:
        size = query.size
        overdrawn_page = ledger.list_page(session, clock.now() - timedelta(days=days), cursor=query.cursor, size=size)
    except InvalidInput as error:
        error_message = error.message
    html = render_page(
        "activity/overdrawn.html",
        TAB,
        rows=overdrawn_page.rows,
        days=days,
        site_names=names.read(session, get_runtime().config),
        page_links=query.page_links(overdrawn_page),
        size_links=query.size_links(),
        size=size,
        error_message=error_message,
        list_params=query.query_params(),
    )
    return html, 422 if error_message else 200


@blueprint.get(f"{MOVEMENT_PATH}/correct", provide_automatic_options=False)
def correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Say what would be done."""
    return _render_confirmation(seq)


@blueprint.post(f"{MOVEMENT_PATH}/correct", provide_automatic_options=False)
def submit_correct_overdrawn(seq: int) -> ResponseReturnValue:
    """Bring the balance up to zero here."""
    now = clock.now()
    try:
        correction = db.run_in_transaction(lambda session: ledger.correct(session, seq, now))
    except Conflict as error:
        return _redirect_with_warning(error.message)
    except InvalidInput as error:
        return _render_confirmation(seq, error.message)
    flash(f"Corrected here by movement {correction.id}: the balance is 0 now. It stays on this site.", "done")
    return _redirect_to_list()


def _render_confirmation(seq: int, error_message: str | None = None) -> ResponseReturnValue:
    """The sheet that asks; who comes too late is told so in the list."""
    overdrawn_movement = ledger.get(db.session(), seq)
    if not overdrawn_movement.is_correctable:
        return _redirect_with_warning(
            "Nothing is to be corrected: the customer is not below zero now, or this was corrected."
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
