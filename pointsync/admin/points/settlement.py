"""Points and Rewards › Settlement: what each site gave and took, month by month."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.chart import Chart, build_stacked
from pointsync.admin.shell.chart_series import Series, by_origin
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.errors import InvalidInput
from pointsync.ledger import reserves
from pointsync.ledger.expiry.rule import local_date
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.settlement_sums import MonthTotals, Settlement, calculate, parse_months
from pointsync.models import Reserve
from pointsync.reports import settlement as settlement_report
from pointsync.runtime import get_runtime
from pointsync.sync.site import names
from pointsync.sync.site.names import SiteNames

TAB = "admin.settlement"
DEFAULT_RESERVE_KEY = "default"
LABEL_INTERVALS = {6: 1, 12: 3, 36: 6}
"""Of at most so many months, every such one is named below the charts however narrow the page is."""


class SettlementForm(FlaskForm):  # type: ignore[misc]
    """Which months of which reserve; it stands in the address, so it carries no token."""

    class Meta:
        csrf = False

    reserve = SelectField("Points Reserve", validate_choice=False)
    first = StringField("From", name="from")
    last = StringField("To", name="to")

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__(request.args)
        self.reserve.choices = reserve_labels(all_reserves)

    def show_error(self, error: InvalidInput) -> None:
        """Put the sentence at its field."""
        fields = {"reserve": self.reserve, "from": self.first, "to": self.last}
        for name, sentence in error.fields.items():
            fields[name].errors = [sentence]

    def show_selection(self, reserve: Reserve, days: list[date]) -> None:
        """Say in the fields what is shown."""
        self.reserve.data, self.first.data, self.last.data = reserve.key, f"{days[0]:%Y-%m}", f"{days[-1]:%Y-%m}"


@dataclass(frozen=True, slots=True)
class _Report:
    """What the address asks for, with what was found."""

    reserve: Reserve
    settlement: Settlement
    names: SiteNames


@blueprint.get("/points-and-rewards/settlement", provide_automatic_options=False)
def settlement() -> ResponseReturnValue:
    """The months, and what they come to by site."""
    session = db.session()
    form = SettlementForm(reserves.list_all(session))
    try:
        return _render_form(form, _load_report(session, form))
    except InvalidInput as error:
        form.show_error(error)
        return _render_form(form, None), 422


@blueprint.get("/points-and-rewards/settlement.csv", provide_automatic_options=False)
def settlement_csv() -> ResponseReturnValue:
    """The same months as a file; where they cannot be, the page that says why."""
    session = db.session()
    form = SettlementForm(reserves.list_all(session))
    try:
        report = _load_report(session, form)
    except InvalidInput as error:
        form.show_error(error)
        return _render_form(form, None), 422
    name = f"settlement-{report.reserve.key}-{form.first.data}-{form.last.data}.csv"
    response = Response(settlement_report.to_csv(report.settlement, report.reserve, report.names), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _load_report(session: Session, form: SettlementForm) -> _Report:
    """Raises Invalid for `reserve`, `from` or `to`."""
    all_reserves = reserves.list_all(session)
    reserve = find_reserve(all_reserves, form.reserve.data) or next(
        (each for each in all_reserves if each.key == DEFAULT_RESERVE_KEY), all_reserves[0]
    )
    days = parse_months(form.first.data, form.last.data, local_date(clock.now(), get_time_zone()))
    form.show_selection(reserve, days)
    return _Report(
        reserve, calculate(session, reserve, days, get_time_zone()), names.read(session, get_runtime().config)
    )


def _render_form(form: SettlementForm, report: _Report | None) -> str:
    values: dict[str, Any] = {}
    if report is not None:
        local_auth, settlement = get_local_auth(db.session()), report.settlement
        site_series = _build_site_series(settlement, report.names, local_auth)
        values = {
            "reserve": report.reserve,
            "settlement": settlement,
            "local_auth": local_auth,
            "color_by_site": {auth: color_index for color_index, each in enumerate(site_series) for auth in each.auths},
            "charts": _build_charts(settlement, site_series)
            if len(settlement.months) > 1 and settlement.totals_by_origin
            else {},
            "site_name": report.names.for_origin,
            "sort_by_site_name": lambda totals: settlement_report.sort_by_site_name(totals, report.names),
            "months_with_local_points": _months_with_local_points(settlement.months),
        }
    return render_page("points/settlement.html", TAB, form=form, report=report, **values)


def _build_site_series(settlement: Settlement, site_names: SiteNames, local_auth: str) -> list[Series]:
    totals_by_site = {
        auth: [month.totals_by_origin.get(auth, HourTotals()) for month in settlement.months]
        for auth in {local_auth: None} | settlement.totals_by_origin
    }
    return by_origin(totals_by_site, site_names, local_auth, lambda totals: totals.given + totals.taken)


def _build_charts(settlement: Settlement, site_series: list[Series]) -> dict[str, Chart]:
    """What was given, and what was taken, by its title."""
    days = [month.day for month in settlement.months]
    label_interval = next(interval for max_months, interval in LABEL_INTERVALS.items() if len(days) <= max_months)
    given = [(each.name, [totals.given for totals in each.totals]) for each in site_series]
    taken = [(each.name, [totals.taken for totals in each.totals]) for each in site_series]
    return {
        "Points given": build_stacked(days, given, label_interval),
        "Points taken": build_stacked(days, taken, label_interval),
    }


def _months_with_local_points(months: tuple[MonthTotals, ...]) -> list[MonthTotals]:
    """The months in which something stayed here, newest first."""
    return [month for month in reversed(months) if month.local_totals_by_kind]
