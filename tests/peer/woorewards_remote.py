"""A line for a WooRewards shop, on a site that sends."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pointsync.sync.protocol.ping import Verdict
from tests.peer.peer_site import PeerSite
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import Received, WooRewardsSite

DELAY = timedelta(seconds=180)
SURE = timedelta(seconds=120)


@dataclass
class WooLine:
    """The site, the shop, the clock that both wait by, and the line between them."""

    site: PeerSite
    shop: WooRewardsSite
    clock: MovingClock
    remote_id: int = 0

    def listed(self, **more: Any) -> Verdict:
        """Add the shop as a remote; what its ping found."""
        shop = self.shop
        self.remote_id, verdict = self.site.add_remote(shop.url, shop.auth, shop.password, **more)
        return verdict

    def record(self, customer: str, points: int | None = None, **more: Any) -> str:
        return self.site.record(customer, points, **more)

    def deliver(self) -> None:
        self.site.deliver(self.remote_id)

    def later(self, span: timedelta = DELAY) -> None:
        """Wait, and send what is due then."""
        self.clock.advance(span)
        self.deliver()

    @property
    def status(self) -> str:
        """The colour that the list shows."""
        return str(self.site.shape(self.remote_id)["status"])

    @property
    def syncs(self) -> list[Received]:
        """The sync calls that reached the shop."""
        return [each for each in self.shop.requests if each.kind == "sync"]

    def sent(self, movement_id: str) -> int:
        """How often a movement reached the shop."""
        return sum(each.form.get("transaction_id") == movement_id for each in self.syncs)

    def state(self, movement_id: str) -> tuple[str, int, str | None]:
        """How a movement's delivery stands: its state, attempts and code."""
        delivery = self.site.delivery(movement_id)
        return str(delivery.state), delivery.attempts, delivery.code
