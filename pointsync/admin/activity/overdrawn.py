"""System › Activity: movements that took customers below zero, and correcting one here."""

from datetime import timedelta

from flask import flash, redirect
from flask.typing import ResponseReturnValue

from pointsync import clock, db
from pointsync.admin.activity.filters import TAB, asked
from pointsync.admin.shell.paging import USUAL_SIZE
from pointsync.admin.shell.panel import blueprint, page
from pointsync.db.keyset import Page
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import overdrawn as ledger
from pointsync.ledger.overdrawn import Below
from pointsync.runtime import runtime
from pointsync.sync.site import names, settings

MOVEMENT = "/system/activity/below-zero/<int(max=9223372036854775807):seq>"


@blueprint.get("/system/activity/below-zero", provide_automatic_options=False)
def below_zero() -> ResponseReturnValue:
    """The movements, newest first."""
    session = db.db.session()
    days = settings.read(session).statistics_days
    found: Page[Below] = Page([])
    size, problem, list_asked = USUAL_SIZE, None, asked("admin.below_zero")
    try:
        size = list_asked.size
        found = ledger.page(session, clock.now() - timedelta(days=days), cursor=list_asked.cursor, size=size)
    except Invalid as error:
        problem = error.message
    html = page(
        "activity/overdrawn.html",
        TAB,
        rows=found.rows,
        days=days,
        names=names.read(session, runtime().config),
        ways=list_asked.ways(found),
        sizes=list_asked.sizes(),
        size=size,
        problem=problem,
        here=list_asked.kept(),
    )
    return html, 422 if problem else 200


@blueprint.get(f"{MOVEMENT}/correct", provide_automatic_options=False)
def correct_below_zero(seq: int) -> ResponseReturnValue:
    """Say what would be done."""
    return _page(seq)


@blueprint.post(f"{MOVEMENT}/correct", provide_automatic_options=False)
def send_correct_below_zero(seq: int) -> ResponseReturnValue:
    """Bring the balance up to zero here."""
    now = clock.now()
    try:
        made = db.in_write(lambda session: ledger.correct(session, seq, now))
    except Conflict as error:
        return _meanwhile(error.message)
    except Invalid as error:
        return _page(seq, problem=error.message, status=422)
    flash(f"Corrected here by movement {made.id}: the balance is 0 now. It stays on this site.", "done")
    return _back()


def _page(seq: int, status: int = 200, **values: object) -> ResponseReturnValue:
    """The sheet that asks; who comes too late is told so in the list."""
    below = ledger.get(db.db.session(), seq)
    if not below.may_be_corrected:
        return _meanwhile("Nothing is to be corrected: the customer is not below zero now, or this was corrected.")
    return page("activity/overdrawn_correct.html", TAB, below=below, back=_list(), **values), status


def _meanwhile(message: str) -> ResponseReturnValue:
    flash(message, "warning")
    return _back()


def _back() -> ResponseReturnValue:
    return redirect(_list(), 303)


def _list() -> str:
    return asked("admin.below_zero").address()
