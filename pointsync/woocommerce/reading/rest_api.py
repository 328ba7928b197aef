"""Calling a shop's REST API: a parsed answer, or an error with a sentence that says what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pointsync import clock, ids, urls, whole_number
from pointsync.net import failed_answer
from pointsync.net.call import HttpCallError
from pointsync.net.http_client import HttpClient, HttpResponse
from pointsync.text_limits import printable, sanitise
from pointsync.woocommerce.reading import signing

API_PATH = "/wp-json/wc/v3"
REFUSED_KEY, NOT_WOOCOMMERCE, MOVED, BUSY, BAD_ANSWER = "refused_key", "not_woocommerce", "moved", "busy", "bad_answer"
MISSING = "missing"
"""The shop has no such order."""
MANY_MISSING = "many_missing"
"""The shop lacks most orders of a time: an admin has to say that this is right."""
PERMANENT_CODES = frozenset({REFUSED_KEY, NOT_WOOCOMMERCE, MOVED, MANY_MISSING, "certificate", "blocked_address"})
"""Errors that stay until somebody does something about them."""
MAX_RETRY_AFTER_SECONDS = 3600

_MISSING_ORDER_CODES = ("woocommerce_rest_shop_order_invalid_id", "woocommerce_rest_invalid_order_id")
_CLOCK_MESSAGE = "Invalid timestamp"


class ShopCallError(Exception):
    """A call of a shop without a usable answer.

    `code` is one of the above or of `net.call`; `message` is for admins.
    """

    def __init__(self, code: str, message: str, *, retry_after_seconds: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds

    @property
    def is_permanent(self) -> bool:
        """Whether an admin has to do something."""
        return self.code in PERMANENT_CODES


@dataclass(frozen=True, slots=True)
class ShopList:
    """A list of objects: one page of `pages`. `shop_at` is when the shop answered, by its own clock."""

    items: list[dict[str, Any]]
    pages: int = 1
    shop_at: datetime | None = None


class ShopApi:
    """The REST API of one shop, with a key. Its secret is in no message and in no log."""

    def __init__(self, client: HttpClient, url: str, consumer_key: str, consumer_secret: str) -> None:
        self.url = url.rstrip("/")
        self.host = urlsplit(self.url).netloc
        self._client = client
        self._key = consumer_key
        self._secret = consumer_secret

    def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        """GET an object below `/wp-json/wc/v3`. Raises ShopCallError."""
        body, _ = self._get(path, params or {})
        if not isinstance(body, dict):
            raise ShopCallError(BAD_ANSWER, f"{self.host} did not answer as WooCommerce does. Check its plugins.")
        return body

    def get_list(self, path: str, params: Mapping[str, str] | None = None) -> ShopList:
        """GET a page of a list of objects. Raises ShopCallError."""
        body, headers = self._get(path, params or {})
        if not isinstance(body, list) or not all(isinstance(each, dict) for each in body):
            raise ShopCallError(BAD_ANSWER, f"{self.host} did not answer as WooCommerce does. Check its plugins.")
        pages = headers.get("X-WP-TotalPages", "1")
        is_number = pages.isascii() and pages.isdecimal() and len(pages) < 9
        return ShopList(body, int(pages) if is_number else 1, _parse_date(headers.get("Date", "")))

    def _get(self, path: str, params: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
        response = self.send("GET", path, params)
        if response.status != 200:
            raise self.build_error(response, path)
        body = _parse_json(response)
        if body is None and (failure := failed_answer.describe(response, self.host)):
            raise ShopCallError(BAD_ANSWER, failure)
        if body is None:
            raise ShopCallError(NOT_WOOCOMMERCE, self._not_woocommerce_message())
        return body, response.headers

    def send(self, method: str, path: str, params: Mapping[str, str]) -> HttpResponse:
        """Send a call with proof of the key; the answer may have any status. Raises ShopCallError."""
        url = f"{self.url}{API_PATH}{path}"
        headers = {"Accept": "application/json"}
        if url.lower().startswith("https:"):
            headers["Authorization"] = signing.basic_header(self._key, self._secret)
        else:
            timestamp = int(clock.now().timestamp())
            params = signing.sign_params(
                method, url, params, self._key, self._secret, timestamp=timestamp, nonce=ids.new_token()
            )
        query = signing.encode_query(params)
        try:
            return self._client.send(method, f"{url}?{query}" if query else url, headers=headers)
        except HttpCallError as error:
            raise ShopCallError(error.code, error.message) from None

    def build_error(self, response: HttpResponse, path: str) -> ShopCallError:
        """The error for an answer without status 200 to a call of `path`."""
        status, body = response.status, _parse_json(response)
        code = str(body.get("code") or "") if isinstance(body, dict) else ""
        if status == 404 and code in _MISSING_ORDER_CODES:
            return ShopCallError(MISSING, f"{self.host} has no such order.")
        if status in (401, 403) and code:
            return ShopCallError(REFUSED_KEY, self._refused_message(status, code, str(body.get("message") or "")))
        if status in (401, 403):
            # WooCommerce says why in JSON, so this is something before it. A firewall stays until somebody changes it.
            text = "Let this site's address through, or correct the URL"
            return ShopCallError(
                REFUSED_KEY if status == 403 else BAD_ANSWER,
                f"{self.host} refuses calls from this site ({status}). {text}.",
            )
        if 300 <= status < 400:
            return ShopCallError(MOVED, self._moved_message(response.headers.get("Location", ""), path))
        if status in (429, 503):
            retry_after = response.headers.get("Retry-After", "")
            seconds = int(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0
            message = f"{self.host} is busy or in maintenance ({status}). It is called again."
            return ShopCallError(BUSY, message, retry_after_seconds=min(seconds, MAX_RETRY_AFTER_SECONDS))
        if status >= 500:
            return ShopCallError(BAD_ANSWER, f"{self.host} answered with an error ({status}). Check its error log.")
        if status == 404:
            return ShopCallError(NOT_WOOCOMMERCE, self._not_woocommerce_message())
        detail = f" {printable(code, 60)}" if code else ""
        return ShopCallError(BAD_ANSWER, f"{self.host} refused the call ({status}{detail}). Is WooCommerce up to date?")

    def _not_woocommerce_message(self) -> str:
        return (
            f"{self.host} has no WooCommerce REST API at {printable(urlsplit(self.url).path, 60)}{API_PATH}. Check the "
            "URL, that WooCommerce is active, and that Settings › Permalinks in the shop is not set to Plain."
        )

    def _moved_message(self, location: str, path: str) -> str:
        if moved_url := urls.find_moved_url(self.url, f"{API_PATH}{path}", location):
            return f"{self.host} redirects to {moved_url}. Connect the shop with {moved_url}."
        shown = printable(urls.resolve_location(self.url, location) or "another page", 200)
        return f"{self.host} redirects calls to {shown}. Let calls to {API_PATH} through there, or correct the URL."

    def _refused_message(self, status: int, code: str, reason: str) -> str:
        if reason.startswith(_CLOCK_MESSAGE):
            return f"{self.host} refused the call, because its clock and this site's differ by minutes. Correct them."
        if code == "woocommerce_rest_cannot_view":
            problem = "the key was revoked, or its user may not view orders any more"
        else:
            problem = "the key was revoked, or key and secret do not belong together"
        shown = sanitise(reason, 100).rstrip(".")
        return f"{self.host} refused the key ({status}: {shown or printable(code, 60)}): {problem}. Connect it again."


def _parse_date(text: str) -> datetime | None:
    """The time in a Date header, or None."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def _parse_json(response: HttpResponse) -> Any:
    """The parsed body; None if it is not JSON. Other plugins may print a mark before it."""
    try:
        return whole_number.decode_loose_json(response.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
