"""Points and Rewards: the expiry rule of a reserve."""

import re
from datetime import date

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.forms import VersionedForm, parse_whole_number, show_errors
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.errors import Conflict, InvalidInput
from pointsync.ledger import reserves
from pointsync.ledger.expiry import rules
from pointsync.ledger.expiry.preview import preview
from pointsync.ledger.expiry.rule import (
    INACTIVITY,
    TRANSACTIONAL,
    YEARLY,
    ExpiryRule,
    make_period_rule,
    make_yearly_rule,
)
from pointsync.models import Reserve
from pointsync.sync.site import general

TAB = "admin.reserves"
EXPIRY_PATH = "/points-and-rewards/reserves/<key>/expiry"
KIND_LABELS = {
    rules.NONE: "Never",
    INACTIVITY: "After inactivity",
    TRANSACTIONAL: "Some time after they were earned",
    YEARLY: "Every year on the same day",
}
_MONTH_DAY = re.compile(r"([0-9]{1,2})-([0-9]{1,2})\Z")


class ExpiryForm(VersionedForm):
    """An expiry rule. The ledger validates it; its errors are shown at the fields."""

    kind = RadioField("Points expire", choices=KIND_LABELS, default=rules.NONE)
    count = StringField("Time")
    unit = SelectField("Unit", choices={"months": "months", "days": "days"}, default="months")
    on = StringField("Day of the year")


@blueprint.get(EXPIRY_PATH)
def expiry(key: str) -> ResponseReturnValue:
    """The form with the current rule."""
    session = db.session()
    reserve = reserves.get(session, key)
    values = _form_values(session, reserve)
    return _render_form(ExpiryForm(data=values).with_original_values(values), reserve)


@blueprint.post(EXPIRY_PATH)
def submit_expiry(key: str) -> ResponseReturnValue:
    """Show a preview of the rule, and save it once that is confirmed. *Never* needs no preview."""
    session, form, now = db.session(), ExpiryForm(), clock.now()
    reserve, zone = reserves.get(session, key), general.get_time_zone(session)
    day = clock.local_date(now, zone)
    if "back_to_form" in request.form:
        return _render_form(form, reserve)
    try:
        rule = _read_rule(form, day)
        form.check_unchanged(_form_values(session, reserve))
    except (InvalidInput, Conflict) as error:
        show_errors(form, error)
        return _render_form(form, reserve), 422
    if rule is None:
        db.run_in_transaction(lambda db_session: rules.disable(db_session, reserves.get(db_session, key), day))
        flash(f"Points in {reserve.name} no longer expire. Points that have already expired do not come back.", "done")
        return redirect(url_for(TAB), 303)
    if "confirmed" not in request.form:
        forecast = preview(session, reserve, rule, zone, day)
        return render_page("points/expiry_preview.html", TAB, form=form, reserve=reserve, rule=rule, forecast=forecast)
    db.run_in_transaction(lambda db_session: rules.set_rule(db_session, reserves.get(db_session, key), rule))
    flash(f"The expiry rule of {reserve.name} applies from today. It first runs within a minute.", "done")
    return redirect(url_for(TAB), 303)


def _form_values(session: Session, reserve: Reserve) -> dict[str, str]:
    """The current values of the form's fields."""
    rule = rules.get_rule(session, reserve)
    if rule is None:
        return {"kind": rules.NONE, "count": "", "unit": "months", "on": ""}
    if rule.kind == YEARLY:
        return {"kind": rule.kind, "count": "", "unit": "months", "on": f"{rule.month:02}-{rule.day:02}"}
    return {"kind": rule.kind, "count": str(rule.count), "unit": rule.unit or "", "on": ""}


def _read_rule(form: ExpiryForm, day: date) -> ExpiryRule | None:
    """The rule in the form; None for *Never*. Raises InvalidInput."""
    kind = form.kind.data
    if kind not in KIND_LABELS:
        raise InvalidInput("kind", "Choose whether and when points expire.")
    if kind == rules.NONE:
        return None
    if kind == YEARLY:
        match = _MONTH_DAY.match((form.on.data or "").strip())
        if not match:
            raise InvalidInput("on", "Type the month and the day, such as 12-31.")
        return make_yearly_rule(int(match[1]), int(match[2]), day)
    # For text that is not a number, 0 makes the ledger say what is allowed.
    return make_period_rule(kind, parse_whole_number((form.count.data or "").strip()) or 0, form.unit.data or "", day)


def _render_form(form: ExpiryForm, reserve: Reserve) -> str:
    return render_page("points/expiry_form.html", TAB, form=form, reserve=reserve)
