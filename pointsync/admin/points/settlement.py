"""Points and Rewards › Settlement: what each site gave and took, month by month."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from pointsync import clock
from pointsync.admin.customers.delivery_summary import chosen, reserve_names
from pointsync.admin.shell.chart import Chart, stacked
from pointsync.admin.shell.chart_series import Series, by_origin
from pointsync.admin.shell.panel import blueprint, page
from pointsync.admin.shell.time_zone import zone
from pointsync.db import db
from pointsync.errors import Invalid
from pointsync.ledger import reserves
from pointsync.ledger.expiry.rule import today
from pointsync.ledger.hourly_totals import Came
from pointsync.ledger.outbox import own_auth
from pointsync.ledger.settlement_sums import Month, Settlement, months, settle
from pointsync.models import Reserve
from pointsync.reports import settlement as told
from pointsync.runtime import runtime
from pointsync.sync.site import names
from pointsync.sync.site.names import Names

TAB = "admin.settlement"
USUAL = "default"
NAMED_EVERY = {6: 1, 12: 3, 36: 6}
"""Of at most so many months, every such one is named below the charts however narrow the page is."""


class SettlementForm(FlaskForm):  # type: ignore[misc]
    """Which months of which reserve; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    reserve = SelectField("Points Reserve", validate_choice=False)
    first = StringField("From", name="from")
    last = StringField("To", name="to")

    def __init__(self, every: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = reserve_names(every)

    def refuse(self, error: Invalid) -> None:
        """Put the sentence at its field."""
        fields = {"reserve": self.reserve, "from": self.first, "to": self.last}
        for name, sentence in error.fields.items():
            fields[name].errors = [sentence]

    def show(self, reserve: Reserve, days: list[date]) -> None:
        """Say in the fields what is shown."""
        self.reserve.data, self.first.data, self.last.data = reserve.key, f"{days[0]:%Y-%m}", f"{days[-1]:%Y-%m}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address asks for, with what was found."""

    reserve: Reserve
    settlement: Settlement
    names: Names


@blueprint.get("/points-and-rewards/settlement", provide_automatic_options=False)
def settlement() -> ResponseReturnValue:
    """The months, and what they come to by site."""
    session = db.session()
    form = SettlementForm(reserves.every(session))
    try:
        return _page(form, _read(session, form))
    except Invalid as error:
        form.refuse(error)
        return _page(form, None), 422


@blueprint.get("/points-and-rewards/settlement.csv", provide_automatic_options=False)
def settlement_csv() -> ResponseReturnValue:
    """The same months as a file; where they cannot be, the page that says why."""
    session = db.session()
    form = SettlementForm(reserves.every(session))
    try:
        asked = _read(session, form)
    except Invalid as error:
        form.refuse(error)
        return _page(form, None), 422
    name = f"settlement-{asked.reserve.key}-{form.first.data}-{form.last.data}.csv"
    answer = Response(told.as_csv(asked.settlement, asked.reserve, asked.names), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _read(session: Session, form: SettlementForm) -> _Asked:
    """Raises Invalid for `reserve`, `from` or `to`."""
    every = reserves.every(session)
    reserve = chosen(every, form.reserve.data) or next((each for each in every if each.key == USUAL), every[0])
    days = months(form.first.data, form.last.data, today(clock.now(), zone()))
    form.show(reserve, days)
    return _Asked(reserve, settle(session, reserve, days, zone()), names.read(session, runtime().config))


def _page(form: SettlementForm, asked: _Asked | None) -> str:
    values: dict[str, Any] = {}
    if asked is not None:
        own, found = own_auth(db.session()), asked.settlement
        origins = _origins(found, asked.names, own)
        values = {
            "reserve": asked.reserve,
            "found": found,
            "own": own,
            "shades": {auth: shade for shade, each in enumerate(origins) for auth in each.auths},
            "charts": _charts(found, origins) if len(found.months) > 1 and found.sums else {},
            "name": asked.names.origin,
            "in_order": lambda came: told.in_order(came, asked.names),
            "stays": _stays(found.months),
        }
    return page("points/settlement.html", TAB, form=form, asked=asked, **values)


def _origins(found: Settlement, shown: Names, own: str) -> list[Series]:
    steps = {auth: [month.came.get(auth, Came()) for month in found.months] for auth in {own: None} | found.sums}
    return by_origin(steps, shown, own, lambda came: came.given + came.taken)


def _charts(found: Settlement, origins: list[Series]) -> dict[str, Chart]:
    """What was given, and what was taken, by its title."""
    days = [month.day for month in found.months]
    every = next(step for most, step in NAMED_EVERY.items() if len(days) <= most)
    given = [(each.name, [came.given for came in each.steps]) for each in origins]
    taken = [(each.name, [came.taken for came in each.steps]) for each in origins]
    return {"Points given": stacked(days, given, every), "Points taken": stacked(days, taken, every)}


def _stays(every: tuple[Month, ...]) -> list[Month]:
    """The months in which something stayed here, newest first."""
    return [month for month in reversed(every) if month.stays]
