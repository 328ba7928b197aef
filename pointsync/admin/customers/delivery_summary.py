"""Where a movement came from and where it was delivered, for a customer's history."""

from dataclasses import dataclass

from pointsync.admin.shell.template_filters import strip_bidi
from pointsync.models import DeliveryState
from pointsync.models.movement import LOCAL_KINDS
from pointsync.reports.customer_history import HistoryEntry, RemoteDelivery

RECEIVED, LOCAL_ONLY, NO_REMOTES = "received", "local_only", "no_remotes"
REFUSED, WAITING, DELIVERED, SET_ASIDE = "refused", "waiting", "delivered", "set_aside"


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """The state of a movement's deliveries as a whole, and each of them."""

    state: str
    deliveries: tuple[RemoteDelivery, ...] = ()

    @property
    def delivered_count(self) -> int:
        """How many remotes have it."""
        return sum(each.state is DeliveryState.DELIVERED for each in self.deliveries)

    @property
    def refused(self) -> list[RemoteDelivery]:
        """The remotes that refused it."""
        return [each for each in self.deliveries if each.state is DeliveryState.FAILED]

    @property
    def waiting(self) -> list[RemoteDelivery]:
        """The remotes that it still has to reach."""
        return [each for each in self.deliveries if each.state in (DeliveryState.PENDING, DeliveryState.UNKNOWN)]

    @property
    def set_aside(self) -> list[RemoteDelivery]:
        """The remotes for which an admin has set it aside."""
        return [each for each in self.deliveries if each.state is DeliveryState.SET_ASIDE]


def delivery_summary(entry: HistoryEntry, local_auth: str | None) -> DeliverySummary:
    """The summary of a movement. If its deliveries differ, the most serious state counts."""
    if entry.movement.origin != local_auth:
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


def source_label(source: str | None) -> str:
    """What gave the `ref` of a movement or a hold on this site, such as `API key shop`; empty if unknown."""
    kind, _, name = (source or "").partition(":")
    name = strip_bidi(name)
    if kind == "api":
        return f"API key {name}"
    if kind == "hook":
        return f"Hook {name}"
    if kind == "admin":
        return f"Admin {name}"
    if kind == "shop":
        return "Order of a shop"
    return {"command": "Command line", "correction": "Correction in the panel"}.get(kind, "")
