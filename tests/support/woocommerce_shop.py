"""A shop with WooCommerce's REST API for orders, as far as PointSync calls it: on loopback, in a test's own process.

What it does follows WooCommerce 10.9.1, class-wc-rest-crud-controller.php and class-wc-rest-authentication.php.
"""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

KEY, SECRET = "ck_" + "a" * 40, "cs_" + "b" * 40
API = "/wp-json/wc/v3"
Answer = tuple[int, Any]


class WooCommerceShop:
    """The shop. `orders` has its orders by id, as the API shows them; `refunds` the refunds of an order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.orders: dict[int, dict[str, Any]] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.permissions = "read"
        self.key: str | None = KEY
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answers: list[Answer] = []
        """Answers that come first, whatever is asked."""
        self.before_answer: Callable[[str], None] | None = None
        """Called with the path after the answer was prepared, before it is sent."""

    def add_order(self, order_id: int, total: str = "100.00", **fields: Any) -> dict[str, Any]:
        """Add or replace a completed order with one item for the whole total."""
        item = {"id": order_id * 10, "total": total, "total_tax": "0.00"}
        order = {"id": order_id, "number": str(order_id), "order_key": f"wc_order_{order_id}", "parent_id": 0}
        order |= {"status": "completed", "currency": "EUR", "total": total, "line_items": [item], "refunds": []}
        order |= {"billing": {"email": "alice@example.test"}, "fee_lines": [], "shipping_lines": []}
        order |= {"date_created_gmt": "2026-03-01T11:30:00", "date_modified_gmt": "2026-03-01T11:30:00"}
        self.orders[order_id] = order | fields
        return self.orders[order_id]

    def add_refund(
        self, order_id: int, refund_id: int, total: str, *, item_id: int | None = None, kind: str = "line_items"
    ) -> None:
        """Refund money of an order, of a line if it is named. The order's date stays."""
        shown = {"id": refund_id, "reason": "", "total": f"-{total}"}
        self.orders[order_id]["refunds"] = [*self.orders[order_id]["refunds"], shown]
        meta = [{"key": "_refunded_item_id", "value": str(item_id)}]
        lines = (
            [{"id": refund_id * 10, "total": f"-{total}", "total_tax": "0.00", "meta_data": meta}] if item_id else []
        )
        refund = {"id": refund_id, "reason": "", "amount": total, "line_items": [], "shipping_lines": [], kind: lines}
        self.refunds.setdefault(order_id, []).append(refund)

    def answer(self, method: str, path: str, params: dict[str, str]) -> tuple[Answer, int]:
        """The answer to a call, and the number of its pages."""
        self.requests.append((path, params))
        if self.answers:
            return self.answers.pop(0), 1
        if not path.startswith(API):
            return (404, "<html>Not found</html>"), 1
        if error := self._authenticate(method, f"{self.url}{path}", params):
            return (401, {"code": "woocommerce_rest_authentication_error", "message": error}), 1
        parts = path.removeprefix(API).strip("/").split("/")
        if method == "GET" and parts == ["orders"]:
            return self._list(params)
        if method == "GET" and parts[0] == "orders" and parts[1].isdecimal():
            order = self.orders.get(int(parts[1]))
            if order is None:
                return (404, {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID."}), 1
            return (200, order if len(parts) == 2 else self.refunds.get(order["id"], [])), 1
        return (404, {"code": "rest_no_route", "message": "No route was found."}), 1

    def _list(self, params: dict[str, str]) -> tuple[Answer, int]:
        found = list(self.orders.values())
        status = params["status"]
        unlisted = ("trash", "checkout-draft")
        found = [
            each for each in found if status == each["status"] or (status == "any" and each["status"] not in unlisted)
        ]
        for name, field in (("modified", "date_modified_gmt"), ("", "date_created_gmt")):
            after, before = (params.get(f"{name}_{end}".strip("_")) for end in ("after", "before"))
            found = [each for each in found if not after or _time(each[field]) > _time(after)]
            found = [each for each in found if not before or _time(each[field]) < _time(before)]
        field = {"modified": "date_modified_gmt", "id": "id"}.get(params.get("orderby", ""), "date_created_gmt")
        found.sort(key=lambda each: (each[field], each["id"]))
        size, page = int(params["per_page"]), int(params.get("page", "1"))
        return (200, found[(page - 1) * size : page * size]), -(-len(found) // size)

    def _authenticate(self, method: str, url: str, params: dict[str, str]) -> str | None:
        """What is wrong with the signature or the key's permissions."""
        signature = params.pop("oauth_signature", "")
        pairs = "&".join(f"{quote(name, safe='~')}={quote(params[name], safe='~')}" for name in sorted(params))
        text = "&".join(quote(part, safe="~") for part in (method, url, pairs))
        expected = base64.b64encode(hmac.digest(f"{SECRET}&".encode(), text.encode(), hashlib.sha256)).decode()
        if params.get("oauth_consumer_key") != self.key:
            return "Consumer key is invalid."
        if signature != expected:
            return "Invalid signature - provided signature does not match."
        if method != "GET" and self.permissions == "read":
            return "The API key provided does not have write permissions."
        return None


@contextmanager
def run_shop() -> Iterator[WooCommerceShop]:
    """A shop that listens while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.shop = shop = WooCommerceShop(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="woocommerce")
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


class _Handler(BaseHTTPRequestHandler):
    def _handle(self) -> None:
        shop: WooCommerceShop = self.server.shop  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        (status, payload), pages = shop.answer(self.command, parts.path, dict(parse_qsl(parts.query)))
        content = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
        if shop.before_answer:
            shop.before_answer(parts.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-WP-TotalPages", str(pages))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _handle

    def date_time_string(self, timestamp: float | None = None) -> str:
        """None that can be read: tests move this site's clock, not the shop's."""
        return "-"

    def log_message(self, *_: object) -> None:
        """Nothing: `requests` is the log."""
