"""Points and Rewards: the points reserves."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import ChangeForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import reserves as ledger
from pointsync.ledger.expiry import rules
from pointsync.models import Remote, Reserve
from pointsync.sync.remotes import queue
from pointsync.sync.site import catalogue

TAB = "admin.reserves"


class ReserveForm(ChangeForm):
    """What of a reserve can change; what the ledger refuses is shown at its field."""

    name = StringField("Name")
    is_active = BooleanField("Active")
    may_go_below_zero = BooleanField("May go below zero")


class NewReserveForm(ReserveForm):
    """A new reserve, with the id that it keeps for ever."""

    key = StringField("Id")


@blueprint.get("/points-and-rewards", provide_automatic_options=False)
def reserves() -> ResponseReturnValue:
    """All reserves, how their points are lost, what they offer, and who observes them."""
    session = db.db.session()
    every = ledger.every(session)
    return page(
        "points/reserves.html",
        TAB,
        reserves=every,
        observers=_observers(session),
        rules=rules.rules(session),
        offers=catalogue.offers(session, [each.id for each in every]),
    )


@blueprint.get("/points-and-rewards/reserves/add", provide_automatic_options=False)
def add_reserve() -> ResponseReturnValue:
    """The form for a new reserve."""
    return _page(NewReserveForm(data={"is_active": True}), None)


@blueprint.post("/points-and-rewards/reserves/add", provide_automatic_options=False)
def send_add_reserve() -> ResponseReturnValue:
    """Add it."""
    form, now = NewReserveForm(), clock.now()
    key, name = (form.key.data or "").strip(), form.name.data
    active, below = form.is_active.data, form.may_go_below_zero.data
    try:
        made = db.in_write(
            lambda session: ledger.add(session, key, name, now, is_active=active, may_go_below_zero=below)
        )
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _page(form, None), 422
    flash(f"The points reserve {made.name} is made. Copy its id for the admins of the other sites.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/points-and-rewards/reserves/<key>/edit", provide_automatic_options=False)
def edit_reserve(key: str) -> ResponseReturnValue:
    """The form with a reserve as it is."""
    reserve = ledger.get(db.db.session(), key)
    return _page(ReserveForm(obj=reserve).made_from(_values(reserve)), reserve)


@blueprint.post("/points-and-rewards/reserves/<key>/edit", provide_automatic_options=False)
def send_edit_reserve(key: str) -> ResponseReturnValue:
    """Change it; one that remotes observe is made inactive when the admin was told what comes of it."""
    form, session = ReserveForm(), db.db.session()
    reserve = ledger.get(session, key)
    name, active, below = form.name.data or "", form.is_active.data, form.may_go_below_zero.data
    ends = reserve.is_active and not active
    if ends and "told" not in request.form and _observers(session).get(reserve.id):
        return _page(form, reserve, tells=True), 422

    def work(session: Session) -> Reserve:
        form.check_seen(_values(ledger.get(session, key)))
        return ledger.change(session, key, name, active, below)

    try:
        changed = db.in_write(work)
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _page(form, ledger.get(session, key), tells=ends and "told" in request.form), 422
    if ends:
        flash(f"{changed.name} takes no points now, until you make it active again.", "done")
    else:
        flash(f"{changed.name} is saved.", "done")
    return redirect(url_for(TAB), 303)


def _values(reserve: Reserve) -> dict[str, str | bool]:
    """What the form is about, as it is now."""
    return {"name": reserve.name, "is_active": reserve.is_active, "may_go_below_zero": reserve.may_go_below_zero}


def _page(form: ReserveForm, reserve: Reserve | None, tells: bool = False) -> str:
    observing = _observers(db.db.session()).get(reserve.id, []) if reserve else []
    return page("points/reserve_form.html", TAB, form=form, reserve=reserve, observing=observing, tells=tells)


def _observers(session: Session) -> dict[int, list[Remote]]:
    """The remotes of the list by the row number of the reserve that they observe."""
    found: dict[int, list[Remote]] = {}
    for remote in queue.every(session):
        found.setdefault(remote.reserve_id, []).append(remote)
    return found
