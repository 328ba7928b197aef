"""A customer's browser without scripts: cookies, the classic pages by their forms, and the Store API of the blocks."""

import re
from typing import Any

import requests

TIMEOUT_SECONDS = 60
_NOTICE = re.compile(r"<(?:ul|div)[^>]*(?:woocommerce-error|is-error)[^>]*>.*?</(?:ul|div)>", re.DOTALL)
_STORE = "/wp-json/wc/store/v1"
ADDRESS = {
    "first_name": "Try",
    "last_name": "Customer",
    "address_1": "Street 1",
    "city": "Berlin",
    "postcode": "10115",
    "country": "DE",
    "phone": "0301234567",
}


class Visitor:
    """One session in the shop at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.email = ""
        self.seconds = 0.0
        """How long the shop took to answer the last order."""
        self._nonce = ""

    def get(self, path: str) -> str:
        """A page's text."""
        answer = self.session.get(self._at(path), timeout=TIMEOUT_SECONDS)
        assert answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.text

    def post(self, path: str, **fields: Any) -> requests.Response:
        """A form, sent; redirects are followed."""
        answer = self.session.post(self._at(path), data=fields, timeout=TIMEOUT_SECONDS)
        assert answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def sign_in(self, email: str, password: str) -> None:
        """Sign in by the form of *My account*."""
        page = self.get("/my-account/")
        nonce = _field(page, "woocommerce-login-nonce")
        fields = {"woocommerce-login-nonce": nonce, "_wp_http_referer": "/my-account/", "login": "Log in"}
        answer = self.post("/my-account/", username=email, password=password, **fields)
        assert "woocommerce-MyAccount-navigation" in answer.text, f"{email} could not sign in"
        self.email = email

    # The classic pages.

    def add(self, product: int, quantity: int = 1) -> None:
        """Put a product into the cart."""
        self.get(f"/?add-to-cart={product}&quantity={quantity}")

    def use_points(self, points: str) -> str:
        """Type how many points to use on the classic cart page; the page that follows."""
        page = self.get("/classic-cart/")
        if "pointsync_nonce" not in page:
            return page
        fields = {"pointsync_nonce": _field(page, "pointsync_nonce"), "_wp_http_referer": "/classic-cart/"}
        return self.post("/classic-cart/", pointsync_use="use", pointsync_points=points, **fields).text

    def checkout(self, method: str) -> dict[str, Any]:
        """Place the order on the classic checkout page; the answer to its script."""
        page = self.get("/classic-checkout/")
        fields = {f"billing_{name}": value for name, value in ADDRESS.items()}
        fields["woocommerce-process-checkout-nonce"] = _field(page, "woocommerce-process-checkout-nonce")
        answer = self.post("/?wc-ajax=checkout", billing_email=self.email, payment_method=method, **fields)
        self.seconds = answer.elapsed.total_seconds()
        result: dict[str, Any] = answer.json()
        if result.get("reload"):  # the script loads the page again, which has the messages
            result["messages"] = " ".join(_NOTICE.findall(self.get("/classic-checkout/")))
        return result

    def pay_again(self, order_url: str, method: str) -> requests.Response:
        """Pay an existing order on its page."""
        page = self.get(order_url)
        nonce = _field(page, "woocommerce-pay-nonce")
        return self.post(
            order_url, **{"woocommerce-pay-nonce": nonce, "woocommerce_pay": "1", "payment_method": method}
        )

    # The Store API.

    def store(self, method: str, path: str, body: Any = None) -> requests.Response:
        """A call as the blocks make it."""
        if not self._nonce:
            self._nonce = self.session.get(self._at("/wp-json/wc/store/v1/cart"), timeout=TIMEOUT_SECONDS).headers[
                "Nonce"
            ]
        headers = {"Nonce": self._nonce}
        answer = self.session.request(
            method, self._at(f"{_STORE}{path}"), json=body, headers=headers, timeout=TIMEOUT_SECONDS
        )
        assert answer.status_code < 500, f"{path}: {answer.status_code} {answer.text[:1000]}"
        self._nonce = answer.headers.get("Nonce", self._nonce)
        return answer

    def store_add(self, product: int, quantity: int = 1) -> None:
        """Put a product into the cart."""
        answer = self.store("POST", "/cart/add-item", {"id": product, "quantity": quantity})
        assert answer.status_code == 201, answer.text

    def store_use_points(self, points: int) -> requests.Response:
        """Use points, as the field in the blocks does."""
        return self.store("POST", "/cart/extensions", {"namespace": "pointsync", "data": {"points": points}})

    def store_checkout(self, method: str) -> requests.Response:
        """Place the order."""
        address = {**ADDRESS, "email": self.email}
        return self.store(
            "POST", "/checkout", {"billing_address": address, "shipping_address": ADDRESS, "payment_method": method}
        )

    def store_pay_again(self, order_id: int, key: str, method: str) -> requests.Response:
        """Pay an existing order, as its block does."""
        body = {"key": key, "billing_email": self.email, **self._payment(method)}
        return self.store("POST", f"/checkout/{order_id}", body)

    def _payment(self, method: str) -> dict[str, Any]:
        address = {**ADDRESS, "email": self.email}
        return {"billing_address": address, "shipping_address": ADDRESS, "payment_method": method}

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else self.url + path


def _field(page: str, name: str) -> str:
    found = re.search(rf'name="{re.escape(name)}"[^>]*value="([^"]*)"', page)
    assert found, f"the page has no field {name}"
    return found.group(1)
