"""Totals of each site over time, as series of a chart: no more series than there are colours."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pointsync.ledger.hourly_totals import HourTotals
from pointsync.sync.site.names import SiteNames

MAX_SERIES = 6
"""The number of colours. If there are more sites, the smallest ones share the last colour."""


@dataclass(frozen=True, slots=True)
class Series:
    """The totals of one site, or of several small ones together, for each step of the chart."""

    name: str
    totals: tuple[HourTotals, ...]
    auths: tuple[str, ...]

    @property
    def total(self) -> HourTotals:
        """The sum over all steps."""
        return sum(self.totals, HourTotals())


def by_origin(
    origins: Mapping[str, Sequence[HourTotals]],
    site_names: SiteNames,
    local_auth: str,
    rank_by: Callable[[HourTotals], int],
) -> list[Series]:
    """A series for this site, then one for each of the sites that rank highest, then one for all others together.

    `origins` has the totals by Auth, including `local_auth`. The middle ones are sorted by name, so that a site keeps
    its colour from day to day.
    """
    weights = {auth: sum(map(rank_by, steps)) for auth, steps in origins.items()}
    others = sorted((auth for auth in origins if auth != local_auth), key=lambda auth: (-weights[auth], auth))
    shown_count = len(others) if len(others) < MAX_SERIES else MAX_SERIES - 2
    shown_auths = sorted(others[:shown_count], key=lambda auth: (site_names.for_origin(auth).casefold(), auth))
    series = [Series(site_names.for_origin(auth), tuple(origins[auth]), (auth,)) for auth in (local_auth, *shown_auths)]
    if grouped_auths := others[shown_count:]:
        steps = zip(*(origins[auth] for auth in grouped_auths), strict=True)
        totals = tuple(sum(step, HourTotals()) for step in steps)
        series.append(Series(f"{len(grouped_auths)} others", totals, tuple(grouped_auths)))
    return series
