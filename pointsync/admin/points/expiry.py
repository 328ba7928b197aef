"""Points and Rewards: whether, how and when the points of a reserve are lost."""

import re
from datetime import date

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.customers.manual_movements import whole
from pointsync.admin.shell.forms import ChangeForm, show_refusal
from pointsync.admin.shell.panel import blueprint, page
from pointsync.errors import Conflict, Invalid
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.preview import preview
from pointsync.ledger.expiry.rule import INACTIVITY, TRANSACTIONAL, YEARLY, Rule, period, today, yearly
from pointsync.models import Reserve
from pointsync.sync.site import general

TAB = "admin.reserves"
OF_RESERVE = "/points-and-rewards/reserves/<key>/expiry"
KINDS = {
    rules.NONE: "Never",
    INACTIVITY: "When nothing has moved for some time",
    TRANSACTIONAL: "Some time after they were given",
    YEARLY: "Each year on the same day",
}
_DAY = re.compile(r"([0-9]{1,2})-([0-9]{1,2})\Z")


class ExpiryForm(ChangeForm):
    """A rule; what the ledger refuses is shown at its field."""

    kind = RadioField("Points are lost", choices=KINDS, default=rules.NONE)
    count = StringField("Time")
    unit = SelectField("Unit", choices={"months": "months", "days": "days"}, default="months")
    on = StringField("Day of the year")


@blueprint.get(OF_RESERVE, provide_automatic_options=False)
def expiry(key: str) -> ResponseReturnValue:
    """The form with the rule as it is."""
    session = db.db.session()
    reserve = reserves.get(session, key)
    values = _values(session, reserve)
    return _form(ExpiryForm(data=values).made_from(values), reserve)


@blueprint.post(OF_RESERVE, provide_automatic_options=False)
def send_expiry(key: str) -> ResponseReturnValue:
    """Show what the rule would take, and set it once that is confirmed; *Never* needs no such look."""
    session, form, now = db.db.session(), ExpiryForm(), clock.now()
    reserve, zone = reserves.get(session, key), general.time_zone(session)
    day = today(now, zone)
    if "again" in request.form:
        return _form(form, reserve)
    try:
        rule = _rule(form, day)
        form.check_seen(_values(session, reserve))
    except (Invalid, Conflict) as error:
        show_refusal(form, error)
        return _form(form, reserve), 422
    if rule is None:
        db.in_write(lambda writing: rules.switch_off(writing, reserves.get(writing, key), day))
        flash(f"In {reserve.name} points are lost no more. Those that are lost stay so.", "done")
        return redirect(url_for(TAB), 303)
    if "confirmed" not in request.form:
        found = preview(session, reserve, rule, zone, day)
        return page("points/expiry_preview.html", TAB, form=form, reserve=reserve, rule=rule, found=found)
    db.in_write(lambda writing: rules.set_rule(writing, reserves.get(writing, key), rule))
    flash(f"In {reserve.name} points are lost by the new rule from today on, first within a minute.", "done")
    return redirect(url_for(TAB), 303)


def _values(session: Session, reserve: Reserve) -> dict[str, str]:
    """What the form is about, as it is now."""
    rule = rules.get(session, reserve)
    if rule is None:
        return {"kind": rules.NONE, "count": "", "unit": "months", "on": ""}
    if rule.kind == YEARLY:
        return {"kind": rule.kind, "count": "", "unit": "months", "on": f"{rule.month:02}-{rule.day:02}"}
    return {"kind": rule.kind, "count": str(rule.count), "unit": rule.unit or "", "on": ""}


def _rule(form: ExpiryForm, day: date) -> Rule | None:
    """What was typed, checked; None for *Never*. Raises Invalid."""
    kind = form.kind.data
    if kind not in KINDS:
        raise Invalid("kind", "Choose whether and how points are lost.")
    if kind == rules.NONE:
        return None
    if kind == YEARLY:
        found = _DAY.match((form.on.data or "").strip())
        if not found:
            raise Invalid("on", "Type month and day, such as 12-31.")
        return yearly(int(found[1]), int(found[2]), day)
    # A number that is none is one that cannot be: the ledger says which can.
    return period(kind, whole((form.count.data or "").strip()) or 0, form.unit.data or "", day)


def _form(form: ExpiryForm, reserve: Reserve) -> str:
    return page("points/expiry_form.html", TAB, form=form, reserve=reserve)
