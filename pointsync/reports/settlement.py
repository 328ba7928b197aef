"""A settlement as JSON and as CSV, with the names of the sites."""

import csv
import io
from typing import Any
from zoneinfo import ZoneInfo

from pointsync import clock
from pointsync.csv_safety import escape_formula
from pointsync.ledger.hourly_totals import HourTotals
from pointsync.ledger.settlement_sums import Settlement
from pointsync.models import Reserve
from pointsync.sync.site.names import SiteNames

HEADER = ("month", "reserve", "site", "auth", "movements", "given", "taken", "difference")


def sort_by_site_name(totals: dict[str, HourTotals], names: SiteNames) -> list[tuple[str, HourTotals]]:
    """The totals as (Auth, totals), sorted by the names of the sites."""
    return sorted(totals.items(), key=lambda item: (names.for_origin(item[0]).casefold(), item[0]))


def to_json(settlement: Settlement, reserve: Reserve, zone: ZoneInfo, names: SiteNames) -> dict[str, Any]:
    """`{reserve, time_zone, months: [{month, begins_at, ends_at, sites: […], all, stays}], sites, all}`.

    Each site is `{site, auth, movements, given, taken, difference}`. `stays` holds the totals of the local kinds, which
    the settlement leaves out.
    """
    return {
        "reserve": reserve.key,
        "time_zone": zone.key,
        "months": [
            {
                "month": month.name,
                "begins_at": clock.to_text(month.begins_at),
                "ends_at": clock.to_text(month.ends_at),
                "sites": _sites_to_json(month.totals_by_origin, names),
                "all": _totals_to_json(month.total),
                "stays": {kind: _totals_to_json(totals) for kind, totals in month.local_totals_by_kind.items()},
            }
            for month in settlement.months
        ],
        "sites": _sites_to_json(settlement.totals_by_origin, names),
        "all": _totals_to_json(settlement.total),
    }


def to_csv(settlement: Settlement, reserve: Reserve, names: SiteNames) -> str:
    """A row for each month and site, oldest month first, without totals. Formulas in texts are escaped."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for month in settlement.months:
        for auth, totals in sort_by_site_name(month.totals_by_origin, names):
            texts = map(escape_formula, (month.name, reserve.key, names.for_origin(auth), auth))
            writer.writerow([*texts, *_totals_to_json(totals).values()])
    return file.getvalue()


def _sites_to_json(totals: dict[str, HourTotals], names: SiteNames) -> list[dict[str, Any]]:
    return [
        {"site": names.for_origin(auth), "auth": auth} | _totals_to_json(each)
        for auth, each in sort_by_site_name(totals, names)
    ]


def _totals_to_json(totals: HourTotals) -> dict[str, int]:
    return {
        "movements": totals.movements,
        "given": totals.given,
        "taken": totals.taken,
        "difference": totals.net,
    }
