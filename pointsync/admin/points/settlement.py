"""Points and Rewards › Settlement: the points that each site gave and took, month by month."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from flask import Response
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import SelectField, StringField

from pointsync import clock, db
from pointsync.admin.shell.chart import Chart, build_stacked
from pointsync.admin.shell.chart_series import Series, by_origin
from pointsync.admin.shell.forms import QueryForm
from pointsync.admin.shell.panel import blueprint, render_page
from pointsync.admin.shell.reserve_choices import find_reserve, reserve_labels
from pointsync.admin.shell.time_zone import get_time_zone
from pointsync.errors import DomainError, InvalidInput
from pointsync.ledger import reserves
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
"""Charts of up to so many months have a label at every so many months."""


class SettlementForm(QueryForm):
    """The reserve and the months."""

    reserve = SelectField("Points Reserve", validate_choice=False)
    first = StringField("From", name="from")
    last = StringField("To", name="to")

    def __init__(self, all_reserves: list[Reserve]) -> None:
        super().__init__()
        self.reserve.choices = reserve_labels(all_reserves)

    def show_error(self, error: DomainError) -> None:
        """Show the error at its field."""
        names = {"from": "first", "to": "last"}
        error.fields = {names.get(name, name): message for name, message in error.fields.items()}
        super().show_error(error)

    def show_selection(self, reserve: Reserve, days: list[date]) -> None:
        """Fill in the reserve and the months that are shown."""
        self.reserve.data, self.first.data, self.last.data = reserve.key, f"{days[0]:%Y-%m}", f"{days[-1]:%Y-%m}"


@dataclass(frozen=True)
class SettlementPage:
    """The settlement of the months that the URL asks for, with what its template needs."""

    reserve: Reserve
    settlement: Settlement
    names: SiteNames
    local_auth: str

    @cached_property
    def series(self) -> list[Series]:
        """The totals of each site, in the order of the charts' colours."""
        totals_by_site = {
            auth: [month.totals_by_origin.get(auth, HourTotals()) for month in self.settlement.months]
            for auth in {self.local_auth: None} | self.settlement.totals_by_origin
        }
        return by_origin(totals_by_site, self.names, self.local_auth, lambda totals: totals.given + totals.taken)

    @cached_property
    def color_by_site(self) -> dict[str, int]:
        """The number of each site's colour, by Auth."""
        return {auth: color_index for color_index, each in enumerate(self.series) for auth in each.auths}

    @property
    def charts(self) -> dict[str, Chart]:
        """A chart of the points given and one of the points taken, by title; none for a single month."""
        days = [month.day for month in self.settlement.months]
        if len(days) < 2 or not self.settlement.totals_by_origin:
            return {}
        interval = next(interval for max_months, interval in LABEL_INTERVALS.items() if len(days) <= max_months)
        given = [(each.name, [totals.given for totals in each.totals]) for each in self.series]
        taken = [(each.name, [totals.taken for totals in each.totals]) for each in self.series]
        return {
            "Points given": build_stacked(days, given, interval),
            "Points taken": build_stacked(days, taken, interval),
        }

    @property
    def months_with_local_points(self) -> list[MonthTotals]:
        """The months with local movements, such as expiry, newest first."""
        return [month for month in reversed(self.settlement.months) if month.local_totals_by_kind]

    def sort_by_site_name(self, totals: dict[str, HourTotals]) -> list[tuple[str, HourTotals]]:
        """Pairs of Auth and totals, sorted by the site's name."""
        return settlement_report.sort_by_site_name(totals, self.names)


@blueprint.get("/points-and-rewards/settlement")
def settlement() -> ResponseReturnValue:
    """The months, with the totals of each site."""
    session = db.session()
    form = SettlementForm(reserves.list_all(session))
    try:
        page = _load_page(session, form)
    except InvalidInput as error:
        return _render_error(form, error)
    return render_page("points/settlement.html", TAB, form=form, page=page)


@blueprint.get("/points-and-rewards/settlement.csv")
def settlement_csv() -> ResponseReturnValue:
    """The same months as a CSV file."""
    session = db.session()
    form = SettlementForm(reserves.list_all(session))
    try:
        page = _load_page(session, form)
    except InvalidInput as error:
        return _render_error(form, error)
    name = f"settlement-{page.reserve.key}-{form.first.data}-{form.last.data}.csv"
    response = Response(settlement_report.to_csv(page.settlement, page.reserve, page.names), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _load_page(session: Session, form: SettlementForm) -> SettlementPage:
    """Raises InvalidInput for `reserve`, `from` or `to`."""
    all_reserves, zone = reserves.list_all(session), get_time_zone()
    reserve = find_reserve(all_reserves, form.reserve.data) or next(
        (each for each in all_reserves if each.key == DEFAULT_RESERVE_KEY), all_reserves[0]
    )
    days = parse_months(form.first.data, form.last.data, clock.local_date(clock.now(), zone))
    form.show_selection(reserve, days)
    return SettlementPage(
        reserve,
        calculate(session, reserve, days, zone),
        names.read(session, get_runtime().config),
        get_local_auth(session),
    )


def _render_error(form: SettlementForm, error: InvalidInput) -> ResponseReturnValue:
    form.show_error(error)
    return render_page("points/settlement.html", TAB, form=form, page=None), form.status_code
