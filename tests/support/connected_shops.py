"""A WordPress shop that connects with a code, and calls as its plugin does."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pointsync import clock, db
from pointsync.runtime import get_runtime
from pointsync.shops import connected_shops
from pointsync.sync.site import general

SITE_URL = "https://points.example"
HOME = "https://mugs.example"
PLUGIN_ID = "0123456789abcdef0123456789abcdef"
VERSIONS = {"plugin_version": "1.0.0", "wordpress_version": "6.8", "woocommerce_version": "9.1", "php_version": "8.2"}


def begin(
    app: Flask, name: str = "mugs", *, set_url: bool = True, reserve_key: str | None = "default", **rule: Any
) -> str:
    """The code for a new shop, as an admin copies it."""
    with app.app_context():
        state = get_runtime()
        if set_url:
            db.run_in_transaction(lambda session: general.set_public_url(session, state.config, SITE_URL))
        return db.run_in_transaction(
            lambda session: connected_shops.begin(
                session, state.vault, state.config, name, clock.now(), reserve_key=reserve_key, **rule
            )
        )[1]


def renew(app: Flask, name: str = "mugs") -> str:
    """Another code for the shop."""
    with app.app_context():

        def run(session: Any) -> str:
            shop = connected_shops.get_by_name(session, name)
            return connected_shops.renew_code(session, get_runtime().config, shop.id, clock.now())[1]

        return db.run_in_transaction(run)


def decode(code: str) -> dict[str, str]:
    """What the plugin reads in a code: the URL of the site, and the secret."""
    text = code.removeprefix("psc1.")
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


@dataclass
class PluginClient:
    """The plugin of one shop."""

    client: FlaskClient
    home: str = HOME
    plugin_id: str = PLUGIN_ID
    key: str = ""
    answer: dict[str, Any] = field(default_factory=dict)

    def connect(self, copied: str, **changes: Any) -> TestResponse:
        """Exchange a code, and keep the key."""
        secret = decode(copied)["c"] if copied.startswith("psc1.") else copied
        body = {"code": secret, "shop_id": self.plugin_id, "home_url": self.home, "name": "Mugs & more"} | VERSIONS
        answer = self.client.post("/api/v1/shops/connect", json=body | changes)
        if answer.status_code == 201:
            self.key, self.answer = answer.json["key"], answer.json
        return answer

    def call(self, path: str, body: Any = None, *, method: str = "POST", **headers: str | None) -> TestResponse:
        """Call the API; `headers` replace the usual ones, without it if None. Write _ for -."""
        sent = {"Authorization": f"Bearer {self.key}", "pointsync-shop": self.plugin_id, "pointsync-home": self.home}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in sent.items() if value is not None}
        return self.client.open(f"/api/v1{path}", method=method, json=body, headers=sent)

    def report(self, *orders: Any) -> TestResponse:
        """Report orders."""
        return self.call("/orders", {"shop": self.home, "orders": list(orders)})

    def state(self, **fields: Any) -> TestResponse:
        """Report the state."""
        return self.call("/shops/state", VERSIONS | {"outbox": {"waiting": 0}} | fields)


def connect(app: Flask, name: str = "mugs", **fields: Any) -> PluginClient:
    """A shop that has connected."""
    plugin = PluginClient(app.test_client(), **fields)
    answer = plugin.connect(begin(app, name))
    assert answer.status_code == 201, answer.text
    return plugin
