"""The shops: each records orders on its site until they are acknowledged, by the API or by a hook."""

import base64
import hashlib
import hmac
import json
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException

from tests.soak.sites import HOOK_SECRET, SoakSite
from tests.soak.worker import Worker
from tests.support.process import HttpAnswer, call

CUSTOMERS = [f"c{number}@soak.example" for number in range(40)]
TIMEOUT_SECONDS = 5
RETRY_SECONDS = 0.3
HOOK_TOPIC = "action.woocommerce_pointsync_movement"


@dataclass(slots=True)
class Order:
    """One movement that a shop wants recorded; its ref is unique at its site and way."""

    number: int
    customer: str
    points: int
    by_hook: bool
    is_acknowledged: bool = False

    @property
    def ref(self) -> str:
        """The ref under which the site records it."""
        return f"movement:{self.number}" if self.by_hook else f"order-{self.number}"


class Shop(Worker):
    """Records orders on one site, one after the other, about `rate` in a second."""

    def __init__(self, site: SoakSite, seed: str, rate: float) -> None:
        super().__init__(f"shop-{site.name}")
        self.site = site
        self.orders: list[Order] = []
        """Those that were acknowledged, or that may have been recorded. Only complete after `finish`."""
        self.unsure: list[Order] = []
        """Acknowledged once, and refused when they were repeated after a rollback."""
        self.counts: Counter[str] = Counter()
        self._rate = rate
        self._random = random.Random(f"{seed}-shop-{site.name}")
        self._repeat_requests: list[int] = []

    def work(self) -> None:
        """Record until `finish`."""
        while not self.stopping.wait(self._random.expovariate(self._rate)):
            self._record_until_acknowledged(self._next_order())
            while self._repeat_requests:
                self._repeat(self._repeat_requests.pop())

    def finish(self) -> None:
        """Record no new orders; returns when the last one is acknowledged or refused."""
        super().finish()
        while self._repeat_requests and not self.failure:
            self._repeat(self._repeat_requests.pop())

    def order_count(self) -> int:
        """How many orders there are by now, for `repeat_since`."""
        return len(self.orders)

    def repeat_since(self, order_count: int) -> None:
        """Let it send all its orders since then again, as a shop does whose site was restored."""
        self._repeat_requests.append(order_count)

    def _next_order(self) -> Order:
        points = self._random.randint(1, 9)
        if self._random.random() < 0.25:
            points = -self._random.randint(1, 3)
        number = self.counts["orders"] = self.counts["orders"] + 1
        return Order(number, self._random.choice(CUSTOMERS), points, by_hook=self._random.random() < 0.2)

    def _record_until_acknowledged(self, order: Order) -> None:
        """Repeat the call until it is answered. A spend that the balance does not allow is given up."""
        while True:
            answer = self._send(order)
            if answer is not None and answer.status in (200, 201):
                order.is_acknowledged = True
                self.orders.append(order)
                self.counts["acknowledged"] += 1
                return
            if answer is not None and answer.status == 409:
                assert answer.body["error"]["code"] == "insufficient_points", answer
                self.counts["refused"] += 1
                return
            self.counts["repeated calls"] += 1
            threading.Event().wait(RETRY_SECONDS)

    def _repeat(self, since: int) -> None:
        for order in self.orders[since:]:
            while (answer := self._send(order)) is None or answer.status not in (200, 201, 409):
                threading.Event().wait(RETRY_SECONDS)
            self.counts["orders repeated after a rollback"] += 1
            if answer.status == 409:
                self.unsure.append(order)

    def _send(self, order: Order) -> HttpAnswer | None:
        """The answer; None if there is none, or one that says to try again."""
        try:
            answer = self._send_to_hook(order) if order.by_hook else self._send_to_api(order)
        except (OSError, HTTPException, ValueError):
            return None
        assert answer.status < 500 or answer.status == 503, answer
        return None if answer.status in (429, 503) else answer

    def _send_to_api(self, order: Order) -> HttpAnswer:
        body = {"customer": order.customer, "points": order.points, "ref": order.ref}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.site.key}"}
        return self._post(f"{self.site.process.url}/api/v1/movements", body, headers)

    def _send_to_hook(self, order: Order) -> HttpAnswer:
        moved = {"movement_id": order.number, "email": order.customer, "stack": "default", "moved": order.points}
        more = {"total": 0, "previous": 0, "reason": "", "origin": "", "order_id": None, "date": "2026-01-22 19:04:44"}
        body = {"action": "woocommerce_pointsync_movement", "arg": moved | more}
        signature = hmac.new(HOOK_SECRET.encode(), json.dumps(body).encode(), hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json",
            "X-WC-Webhook-Topic": HOOK_TOPIC,
            "X-WC-Webhook-Source": "https://shop.example/",
            "X-WC-Webhook-Signature": base64.b64encode(signature).decode(),
        }
        answer = self._post(self.site.hook_url, body, headers)
        assert answer.status != 200 or answer.body["outcome"] in ("recorded", "duplicate"), answer
        return answer

    def _post(self, url: str, body: object, headers: Mapping[str, str]) -> HttpAnswer:
        return call("POST", url, json.dumps(body), headers, TIMEOUT_SECONDS)
