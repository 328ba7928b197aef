"""What sites made, told apart by colours: as many series as there are of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pointsync.ledger.hourly_totals import HourTotals
from pointsync.sync.site.names import SiteNames

MAX_SERIES = 6
"""As many as there are colours; the smallest share the last one."""


@dataclass(frozen=True, slots=True)
class Series:
    """What was made at a site, step by step and in all; or at several small ones together."""

    name: str
    totals: tuple[HourTotals, ...]
    auths: tuple[str, ...]

    @property
    def total(self) -> HourTotals:
        """The whole period."""
        return sum(self.totals, HourTotals())


def by_origin(
    origins: Mapping[str, Sequence[HourTotals]],
    site_names: SiteNames,
    local_auth: str,
    rank_by: Callable[[HourTotals], int],
) -> list[Series]:
    """This site first, whatever it made, then those of most `weight`, by name, so that each keeps its colour from
    day to day; the smallest together where they are many. `origins` are by Auth, `own` among them."""
    weights = {auth: sum(map(rank_by, steps)) for auth, steps in origins.items()}
    others = sorted((auth for auth in origins if auth != local_auth), key=lambda auth: (-weights[auth], auth))
    shown_count = len(others) if len(others) < MAX_SERIES else MAX_SERIES - 2
    shown_auths = sorted(others[:shown_count], key=lambda auth: (site_names.for_origin(auth).casefold(), auth))
    series = [Series(site_names.for_origin(auth), tuple(origins[auth]), (auth,)) for auth in (local_auth, *shown_auths)]
    if grouped_auths := others[shown_count:]:
        combined = zip(*(origins[auth] for auth in grouped_auths), strict=True)
        series.append(
            Series(
                f"{len(grouped_auths)} others",
                tuple(sum(totals, HourTotals()) for totals in combined),
                tuple(grouped_auths),
            )
        )
    return series
