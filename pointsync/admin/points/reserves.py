"""Points and Rewards: the points reserves."""

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import BooleanField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import VersionedForm, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import reserves as ledger
from pointsync.ledger.expiry import rules
from pointsync.models import Remote, Reserve
from pointsync.sync.remotes import queue
from pointsync.sync.site import catalogue

TAB = "admin.reserves"


class ReserveForm(VersionedForm):
    """A reserve's settings. The ledger validates them; its errors are shown at the fields."""

    name = StringField("Name")
    is_active = BooleanField("Active")
    may_go_below_zero = BooleanField("May go below zero")


class NewReserveForm(ReserveForm):
    """A new reserve, with its id, which never changes."""

    key = StringField("Id")


@blueprint.get("/points-and-rewards")
def reserves() -> ResponseReturnValue:
    """All reserves with their expiry rule, their rewards and levels, and the remotes that observe them."""
    session = db.session()
    all_reserves = ledger.list_all(session)
    return render_page(
        "points/reserves.html",
        TAB,
        reserves=all_reserves,
        remotes_by_reserve=_remotes_by_reserve(session),
        rules=rules.rules_by_reserve_id(session),
        offers=catalogue.list_by_reserve(session, [each.id for each in all_reserves]),
    )


@blueprint.get("/points-and-rewards/reserves/add")
def add_reserve() -> ResponseReturnValue:
    """The form for a new reserve."""
    return _render_form(NewReserveForm(data={"is_active": True}), None)


@blueprint.post("/points-and-rewards/reserves/add")
def submit_add_reserve() -> ResponseReturnValue:
    """Add it."""
    form, now = NewReserveForm(), clock.now()
    key, name = (form.key.data or "").strip(), form.name.data
    is_active, may_go_below_zero = form.is_active.data, form.may_go_below_zero.data
    try:
        reserve = db.run_in_transaction(
            lambda session: ledger.create(
                session, key, name, now, is_active=is_active, may_go_below_zero=may_go_below_zero
            )
        )
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(form, None), 422
    flash(f"Created the points reserve {reserve.name}. Give its id to the admins of the other sites.", "done")
    return redirect(url_for(TAB), 303)


@blueprint.get("/points-and-rewards/reserves/<key>/edit")
def edit_reserve(key: str) -> ResponseReturnValue:
    """The form with the reserve's current settings."""
    reserve = ledger.get(db.session(), key)
    return _render_form(ReserveForm(obj=reserve).with_original_values(_form_values(reserve)), reserve)


@blueprint.post("/points-and-rewards/reserves/<key>/edit")
def submit_edit_reserve(key: str) -> ResponseReturnValue:
    """Save it. Deactivating a reserve that remotes observe needs a confirmation."""
    form, session = ReserveForm(), db.session()
    reserve = ledger.get(session, key)
    name, is_active, may_go_below_zero = form.name.data or "", form.is_active.data, form.may_go_below_zero.data
    is_deactivated = reserve.is_active and not is_active
    if is_deactivated and "confirmed" not in request.form and _remotes_by_reserve(session).get(reserve.id):
        return _render_form(form, reserve, needs_confirmation=True), 422

    def update(session: Session) -> Reserve:
        form.check_unchanged(_form_values(ledger.get(session, key)))
        return ledger.update(session, key, name, is_active, may_go_below_zero)

    try:
        changed = db.run_in_transaction(update)
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(
            form, ledger.get(session, key), needs_confirmation=is_deactivated and "confirmed" in request.form
        ), 422
    if is_deactivated:
        flash(f"{changed.name} is not active now. It accepts no points until you activate it again.", "done")
    else:
        flash(f"Saved {changed.name}.", "done")
    return redirect(url_for(TAB), 303)


def _form_values(reserve: Reserve) -> dict[str, str | bool]:
    """The current values of the form's fields."""
    return {"name": reserve.name, "is_active": reserve.is_active, "may_go_below_zero": reserve.may_go_below_zero}


def _render_form(form: ReserveForm, reserve: Reserve | None, needs_confirmation: bool = False) -> str:
    observers = _remotes_by_reserve(db.session()).get(reserve.id, []) if reserve else []
    return render_page(
        "points/reserve_form.html",
        TAB,
        form=form,
        reserve=reserve,
        observers=observers,
        needs_confirmation=needs_confirmation,
    )


def _remotes_by_reserve(session: Session) -> dict[int, list[Remote]]:
    """The remotes by the row id of the reserve that they observe."""
    result: dict[int, list[Remote]] = {}
    for remote in queue.list_all(session):
        result.setdefault(remote.reserve_id, []).append(remote)
    return result
