"""How customers are shown: their balances, and where their movements came from and went."""

from dataclasses import dataclass

from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.models import DeliveryState, Movement
from pointsync.models.movement import LOCAL_KINDS
from pointsync.reports.customer_history import HistoryEntry, RemoteDelivery

RECEIVED, LOCAL_ONLY, NO_REMOTES = "elsewhere", "stays", "nobody"
REFUSED, WAITING, DELIVERED, SET_ASIDE = "refused", "waiting", "delivered", "aside"


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """What became of a movement on its way to the other sites: `what`, and whom it concerns."""

    state: str
    deliveries: tuple[RemoteDelivery, ...] = ()

    @property
    def delivered_count(self) -> int:
        """How many have it."""
        return sum(each.state is DeliveryState.DELIVERED for each in self.deliveries)

    @property
    def refused(self) -> list[RemoteDelivery]:
        """Those that refused it."""
        return [each for each in self.deliveries if each.state is DeliveryState.FAILED]

    @property
    def waiting(self) -> list[RemoteDelivery]:
        """Those that it still waits for."""
        return [each for each in self.deliveries if each.state in (DeliveryState.PENDING, DeliveryState.UNKNOWN)]

    @property
    def set_aside(self) -> list[RemoteDelivery]:
        """Those that it is not sent to, since an admin chose so."""
        return [each for each in self.deliveries if each.state is DeliveryState.SET_ASIDE]


def delivery_summary(entry: HistoryEntry, own_auth: str | None) -> DeliverySummary:
    """Where a movement went from here; the gravest of what became of it names it."""
    if entry.movement.origin != own_auth:
        return DeliverySummary(RECEIVED)
    if entry.movement.kind in LOCAL_KINDS:
        return DeliverySummary(LOCAL_ONLY)
    if not entry.deliveries:
        return DeliverySummary(NO_REMOTES)
    states = {each.state for each in entry.deliveries}
    if DeliveryState.FAILED in states:
        return DeliverySummary(REFUSED, entry.deliveries)
    if states & {DeliveryState.PENDING, DeliveryState.UNKNOWN}:
        return DeliverySummary(WAITING, entry.deliveries)
    return DeliverySummary(DELIVERED if DeliveryState.DELIVERED in states else SET_ASIDE, entry.deliveries)


def source_label(movement: Movement) -> str:
    """By what it was recorded here, in words; empty where that is not known."""
    kind, _, name = (movement.source or "").partition(":")
    name = strip_bidi(name)
    if kind == "api":
        return f"API key {name}"
    if kind == "hook":
        return f"Hook {name}"
    if kind == "admin":
        return f"{name}, by hand"
    return {"command": "Command line", "correction": "Correction in the panel"}.get(kind, "")
