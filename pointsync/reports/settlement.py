"""A settlement with its sites by their names: as a document, and as CSV."""

import csv
import io
from typing import Any
from zoneinfo import ZoneInfo

from pointsync import clock
from pointsync.csv_safety import defuse
from pointsync.ledger.hourly_totals import Came
from pointsync.ledger.settlement_sums import Settlement
from pointsync.models import Reserve
from pointsync.sync.site.names import Names

HEADER = ("month", "reserve", "site", "auth", "movements", "given", "taken", "difference")


def in_order(came: dict[str, Came], names: Names) -> list[tuple[str, Came]]:
    """Sites by their names: each Auth with what came of it."""
    return sorted(came.items(), key=lambda item: (names.origin(item[0]).casefold(), item[0]))


def document(found: Settlement, reserve: Reserve, zone: ZoneInfo, names: Names) -> dict[str, Any]:
    """`{reserve, time_zone, months: [{month, begins_at, ends_at, sites: […], all, stays}], sites, all}`.

    Each site is `{site, auth, movements, given, taken, difference}`; `stays` is by kind what is left out.
    """
    return {
        "reserve": reserve.key,
        "time_zone": zone.key,
        "months": [
            {
                "month": month.name,
                "begins_at": clock.to_text(month.begins_at),
                "ends_at": clock.to_text(month.ends_at),
                "sites": _sites(month.came, names),
                "all": _figures(month.all),
                "stays": {kind: _figures(came) for kind, came in month.stays.items()},
            }
            for month in found.months
        ],
        "sites": _sites(found.sums, names),
        "all": _figures(found.all),
    }


def as_csv(found: Settlement, reserve: Reserve, names: Names) -> str:
    """A line for each month and site, the oldest month first, without sums; text is defused."""
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(HEADER)
    for month in found.months:
        for auth, came in in_order(month.came, names):
            texts = map(defuse, (month.name, reserve.key, names.origin(auth), auth))
            lines.writerow([*texts, *_figures(came).values()])
    return file.getvalue()


def _sites(came: dict[str, Came], names: Names) -> list[dict[str, Any]]:
    return [{"site": names.origin(auth), "auth": auth} | _figures(each) for auth, each in in_order(came, names)]


def _figures(came: Came) -> dict[str, int]:
    return {
        "movements": came.movements,
        "given": came.given,
        "taken": came.taken,
        "difference": came.difference,
    }
