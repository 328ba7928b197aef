"""The customers of the demo: orders, rewards, refunds, gifts."""

import random
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from pointsync.cli.demo.demo_site import DemoSite
from pointsync.cli.framework.errors import CommandError

FIRST_NAMES = (
    *("ada", "alan", "alice", "amir", "anna", "ben", "bruno", "carla", "chen", "clara"),
    *("dana", "david", "elena", "emil", "eva", "felix", "fatima", "george", "grace", "hana"),
    *("hugo", "ines", "ivan", "jana", "jonas", "karim", "lena", "leo", "lucia", "maria"),
    *("mateo", "mia", "nina", "noor", "olga", "oscar", "paula", "rosa", "samir", "yuki"),
)
CUSTOMERS = tuple(f"{name}@example.com" for name in FIRST_NAMES)
REWARDS = ("a free coffee", "a postcard", "free shipping", "a small surprise")


class Shoppers:
    """Records movements with each site's shop API; the same ones in every run, except for the times."""

    def __init__(self, family: Sequence[DemoSite]) -> None:
        self._family = family
        self._random = random.Random(7)  # noqa: S311 sample data, not a secret
        self._order_number = 1000

    def record_first_orders(self) -> None:
        """Record the first orders, one call per shop. A customer spends only what they earned in the same shop."""
        carts: list[list[dict[str, Any]]] = [[] for _ in self._family]
        for index, email in enumerate(CUSTOMERS):
            home = index % len(self._family)
            earned = [self._make_order(email) for _ in range(self._random.randint(2, 4))]
            carts[home] += earned
            carts[home].append(self._make_redemption(email, sum(each["points"] for each in earned) // 2))
            carts[self._random.randrange(len(self._family))].append(self._make_order(email))
            if index % 5 == 0:
                carts[home].append(self._make_gift(email))
            if index % 7 == 0:
                order = earned[0]
                carts[home].append(
                    {"customer": email, "points": -order["points"], "kind": "refund"}
                    | {"reason": f"{order['reason']} returned", "ref": f"{order['ref']}-refund"}
                )
        for site, cart in zip(self._family, carts, strict=True):
            status, answer = site.request("POST", "/api/v1/movements", {"movements": cart})
            if status != 201:
                raise CommandError(f"{site.name} did not record the sample movements: {status} {answer}")

    def record_random_movement(self) -> None:
        """Record one movement in one shop. It may fail if the site is stopped or the customer has too few points."""
        email = self._random.choice(CUSTOMERS)
        chance = self._random.random()
        if chance < 0.7:
            movement = self._make_order(email)
        elif chance < 0.95:
            movement = self._make_redemption(email, 5 * self._random.randint(1, 6))
        else:
            movement = self._make_gift(email)
        self._random.choice(self._family).request("POST", "/api/v1/movements", movement)

    def _make_order(self, email: str) -> dict[str, Any]:
        self._order_number += 1
        points = self._random.randint(8, 120)
        return {
            "customer": email,
            "points": points,
            "reason": f"Order {self._order_number}",
            "ref": f"order-{self._order_number}",
        }

    def _make_redemption(self, email: str, points: int) -> dict[str, Any]:
        reason = f"Redeemed for {self._random.choice(REWARDS)}"
        return {"customer": email, "points": -max(points, 1), "kind": "spend", "reason": reason}

    def _make_gift(self, email: str) -> dict[str, Any]:
        return {"customer": email, "points": 25, "kind": "manual", "reason": "Birthday gift"}


def read_ledger(site: DemoSite) -> dict[str, tuple[int, frozenset[tuple[str, str]]]]:
    """Each customer's points and movements (origin and id) on this site; unknown customers are left out."""
    ledger = {}
    for email in CUSTOMERS:
        path = f"/api/v1/customers/{quote(email)}"
        status, answer = site.request("GET", path)
        if status != 200:
            continue
        points = sum(each["points"] for each in answer["balances"])
        _, page = site.request("GET", f"{path}/movements?limit=200")
        movements = (page or {}).get("movements", [])
        ledger[email] = points, frozenset((each["origin"], each["id"]) for each in movements)
    return ledger
