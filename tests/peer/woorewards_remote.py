"""A remote for a WooRewards shop on a site that sends."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pointsync.schedule import remote_ticks
from pointsync.sync.protocol.ping import PingResult
from tests.peer.peer_site import PeerSite
from tests.support.moving_clock import MovingClock
from tests.support.woorewards_shop import Received, WooRewardsSite

RETRY_DELAY = timedelta(seconds=180)
ANSWER_LOST_DELAY = timedelta(seconds=120)


@dataclass
class WooRewardsRemote:
    """The site, the shop, the clock of both, and the remote."""

    site: PeerSite
    shop: WooRewardsSite
    clock: MovingClock
    remote_id: int = 0

    def add_remote(self, **fields: Any) -> PingResult:
        """Add the shop as a remote and return the ping's result."""
        shop = self.shop
        self.remote_id, result = self.site.add_remote(shop.url, shop.auth, shop.password, **fields)
        return result

    def record(self, customer: str, points: int | None = None, **fields: Any) -> str:
        return self.site.record(customer, points, **fields)

    def deliver(self) -> None:
        self.site.deliver(self.remote_id)

    def wait_and_deliver(self, duration: timedelta = RETRY_DELAY) -> None:
        """Advance the clock and send what is due."""
        self.clock.advance(duration)
        self.deliver()

    @property
    def status(self) -> str:
        """The status that the list shows, after the job has computed it."""
        with self.site.app.app_context():
            remote_ticks.refresh_statuses()
        return str(self.site.remote_json(self.remote_id)["status"])

    @property
    def sync_requests(self) -> list[Received]:
        """The sync calls that reached the shop."""
        return [each for each in self.shop.requests if each.kind == "sync"]

    def sent_count(self, movement_id: str) -> int:
        """How many times a movement reached the shop."""
        return sum(each.form.get("transaction_id") == movement_id for each in self.sync_requests)

    def delivery_summary(self, movement_id: str) -> tuple[str, int, str | None]:
        """The state, attempts and code of a movement's delivery."""
        delivery = self.site.delivery(movement_id)
        return str(delivery.state), delivery.attempts, delivery.code
