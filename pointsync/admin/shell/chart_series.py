"""What sites made, told apart by colours: as many series as there are of these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pointsync.ledger.hourly_totals import Came
from pointsync.sync.site.names import Names

MOST = 6
"""As many as there are colours; the smallest share the last one."""


@dataclass(frozen=True, slots=True)
class Series:
    """What was made at a site, step by step and in all; or at several small ones together."""

    name: str
    steps: tuple[Came, ...]
    auths: tuple[str, ...]

    @property
    def all(self) -> Came:
        """The whole period."""
        return sum(self.steps, Came())


def by_origin(
    origins: Mapping[str, Sequence[Came]], shown: Names, own: str, weight: Callable[[Came], int]
) -> list[Series]:
    """This site first, whatever it made, then those of most `weight`, by name, so that each keeps its colour from
    day to day; the smallest together where they are many. `origins` are by Auth, `own` among them."""
    weights = {auth: sum(map(weight, steps)) for auth, steps in origins.items()}
    others = sorted((auth for auth in origins if auth != own), key=lambda auth: (-weights[auth], auth))
    most = len(others) if len(others) < MOST else MOST - 2
    alone = sorted(others[:most], key=lambda auth: (shown.origin(auth).casefold(), auth))
    found = [Series(shown.origin(auth), tuple(origins[auth]), (auth,)) for auth in (own, *alone)]
    if rest := others[most:]:
        together = zip(*(origins[auth] for auth in rest), strict=True)
        found.append(Series(f"{len(rest)} others", tuple(sum(came, Came()) for came in together), tuple(rest)))
    return found
