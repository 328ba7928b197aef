"""How customers are shown: their balances, and where their movements came from and went."""

from collections.abc import Iterable
from dataclasses import dataclass

from pointsync.admin.shell.panel import plain
from pointsync.errors import Invalid
from pointsync.models import Movement, Reserve, State
from pointsync.models.movement import LOCAL_KINDS
from pointsync.reports.customer_history import Entry, Sent

ELSEWHERE, STAYS, NOBODY = "elsewhere", "stays", "nobody"
REFUSED, WAITING, DELIVERED, ASIDE = "refused", "waiting", "delivered", "aside"


@dataclass(frozen=True, slots=True)
class Way:
    """What became of a movement on its way to the other sites: `what`, and whom it concerns."""

    what: str
    sent: tuple[Sent, ...] = ()

    @property
    def delivered(self) -> int:
        """How many have it."""
        return sum(each.state is State.DELIVERED for each in self.sent)

    @property
    def refused(self) -> list[Sent]:
        """Those that refused it."""
        return [each for each in self.sent if each.state is State.FAILED]

    @property
    def waiting(self) -> list[Sent]:
        """Those that it still waits for."""
        return [each for each in self.sent if each.state in (State.PENDING, State.UNKNOWN)]

    @property
    def aside(self) -> list[Sent]:
        """Those that it is not sent to, since an admin chose so."""
        return [each for each in self.sent if each.state is State.ASIDE]


def way(entry: Entry, own_auth: str | None) -> Way:
    """Where a movement went from here; the gravest of what became of it names it."""
    if entry.movement.origin != own_auth:
        return Way(ELSEWHERE)
    if entry.movement.kind in LOCAL_KINDS:
        return Way(STAYS)
    if not entry.sent:
        return Way(NOBODY)
    states = {each.state for each in entry.sent}
    if State.FAILED in states:
        return Way(REFUSED, entry.sent)
    if states & {State.PENDING, State.UNKNOWN}:
        return Way(WAITING, entry.sent)
    return Way(DELIVERED if State.DELIVERED in states else ASIDE, entry.sent)


def maker(movement: Movement) -> str:
    """By what it was recorded here, in words; empty where that is not known."""
    kind, _, name = (movement.source or "").partition(":")
    name = plain(name)
    if kind == "api":
        return f"API key {name}"
    if kind == "hook":
        return f"Hook {name}"
    if kind == "admin":
        return f"{name}, by hand"
    return {"command": "Command line", "correction": "Correction in the panel"}.get(kind, "")


def balances(every: Iterable[Reserve], points: dict[str, int]) -> list[tuple[Reserve, int]]:
    """The points in each reserve that is active, and in others where there are some."""
    return [
        (reserve, points.get(reserve.key, 0)) for reserve in every if reserve.is_active or points.get(reserve.key, 0)
    ]


def reserve_names(every: Iterable[Reserve]) -> dict[str, str]:
    """What to call each reserve where one is chosen: with its key where several have the same name."""
    names = {reserve.key: plain(reserve.name) for reserve in every}
    called = list(names.values())
    return {key: f"{name} ({key})" if called.count(name) > 1 else name for key, name in names.items()}


def chosen(every: Iterable[Reserve], key: str | None) -> Reserve | None:
    """The reserve that an address names; None where it names none. Raises Invalid."""
    if not key:
        return None
    for reserve in every:
        if reserve.key == key:
            return reserve
    raise Invalid("reserve", "There is no such points reserve here; choose one of these.")
