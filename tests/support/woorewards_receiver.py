"""What a shop with the WooRewards "Points Synchronizer" answers to the calls it receives."""

import base64
import hmac
import re
import secrets
import string
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

ROUTE = "/wp-json/woorewards/v1/pointsync/"
RESERVE = re.compile(r"[a-zA-Z0-9_-]+")
DIGITS = re.compile(r"[0-9]+")
ACTIONS = ("add", "sub", "set")


class Received(NamedTuple):
    """A request as it arrived: the path undecoded, the headers' names in small letters."""

    kind: str
    """`ping`, `sync` or `other`."""
    method: str
    path: str
    headers: dict[str, str]
    form: dict[str, str]


class Movement(NamedTuple):
    """A movement that was applied."""

    reserve: str
    email: str
    points: int
    action: str
    reason: str


@dataclass(frozen=True)
class Reply:
    """What goes back: JSON, or a page where `payload` is text."""

    status: int
    payload: dict[str, Any] | str


class Receiver:
    """The shop's settings, its state and its answers, without a server.

    `pools` maps a reserve to the name of the points system on it. Customers are found without
    regard to case, as WordPress finds its users. The faults:

    - `fail_next(n, status)`, `drop_answer_next(n)`;
    - `delay_seconds`: the answer comes so much later, after the work is done;
    - `inactive`: reserves whose system is switched off (`e410`);
    - `wrong_transaction_id`: answers name another movement than the one sent;
    - `addon_installed = False`: a WordPress that never heard of points.
    """

    def __init__(
        self,
        auth: str | None = None,
        password: str | None = None,
        pools: Mapping[str, str] | None = None,
        customers: Iterable[str] = (),
    ) -> None:
        self.auth = auth or f"wrk_{secrets.token_hex(8)}"
        letters = string.ascii_letters + string.digits
        self.password = password or "wrs_" + "".join(secrets.choice(letters) for _ in range(16))
        self.pools = dict({"default": "Points"} if pools is None else pools)
        self.inactive: set[str] = set()
        self.delay_seconds = 0.0
        self.wrong_transaction_id = False
        self.addon_installed = True
        self.applied: dict[tuple[str, int], Movement] = {}
        self._customers = {email.lower() for email in customers}
        self._balances: Counter[tuple[str, str]] = Counter()
        self._requests: list[Received] = []
        self._failures: dict[str, list[int]] = {"ping": [], "sync": []}
        self._answers_to_drop = 0
        self._lock = threading.RLock()
        self._closing = threading.Event()

    # Its state.

    @property
    def requests(self) -> list[Received]:
        """All that arrived, oldest first, whatever became of it."""
        with self._lock:
            return list(self._requests)

    def add_customer(self, email: str, points: int = 0, reserve: str = "default") -> None:
        """Somebody signs up, perhaps with points."""
        with self._lock:
            self._customers.add(email.lower())
            self._balances[reserve, email.lower()] = points

    def balance(self, email: str, reserve: str = "default") -> int:
        """A customer's points; KeyError for a stranger, who has no balance, not even 0."""
        with self._lock:
            if email.lower() not in self._customers:
                raise KeyError(email)
            return self._balances[reserve, email.lower()]

    # Its faults.

    def fail_next(self, n: int, status: int = 500, of: str = "sync") -> None:
        """The next `n` calls of that kind (`sync` or `ping`) get `status`, and nothing is done."""
        with self._lock:
            self._failures[of] = [status] * n

    def drop_answer_next(self, n: int) -> None:
        """The next `n` sync calls are carried out, then the connection closes without an answer."""
        with self._lock:
            self._answers_to_drop = n

    # As the receiver.

    def answer(self, method: str, path: str, headers: dict[str, str], form: dict[str, str]) -> Reply | None:
        """What to answer to a request, after doing what it asks; None means: hang up."""
        segments = _segments(path) if self.addon_installed else []
        match segments:
            case ["ping", reserve] if method == "GET" and RESERVE.fullmatch(reserve):
                kind, do = "ping", lambda: self._ping(reserve, headers)
            case ["sync", reserve, email, points, action] if (
                method == "POST" and RESERVE.fullmatch(reserve) and DIGITS.fullmatch(points) and action in ACTIONS
            ):
                kind, do = "sync", lambda: self._sync(reserve, email, int(points), action, headers, form)
            case _:
                kind, do = "other", lambda: _not_found_reply(path)
        with self._lock:
            self._requests.append(Received(kind, method, path, headers, form))
            if failures := self._failures.get(kind):
                return _error_reply(
                    failures.pop(),
                    "internal_server_error",
                    "There has been a critical error on this website.",
                )
            reply: Reply | None = do()
            if kind == "sync" and self._answers_to_drop:
                self._answers_to_drop -= 1
                reply = None
        if kind != "other":
            self._closing.wait(self.delay_seconds)
        return reply

    def _ping(self, reserve: str, headers: dict[str, str]) -> Reply:
        """It names the system to anybody, as the add-on does."""
        auth = "yes" if self._is_known(headers) else "no"
        return Reply(200, {"sync": "yes", "auth": auth, "pool": self.pools.get(reserve, "")})

    def _sync(
        self,
        reserve: str,
        email: str,
        points: int,
        action: str,
        headers: dict[str, str],
        form: dict[str, str],
    ) -> Reply:
        """Apply a movement once. Where several answers fit: reserve, then customer, then duplicate."""
        if not self._is_known(headers):
            return _error_reply(401, "rest_forbidden", "Sorry, you are not allowed to do that.")
        if missing := [name for name in ("source", "transaction_id") if not form.get(name)]:
            return _error_reply(400, "rest_missing_callback_param", f"Missing parameter(s): {', '.join(missing)}")
        if not DIGITS.fullmatch(form["transaction_id"]):
            return _error_reply(400, "rest_invalid_param", "Invalid parameter(s): transaction_id")
        transaction_id = int(form["transaction_id"])
        said = {"transaction_id": transaction_id + 1 if self.wrong_transaction_id else transaction_id}
        customer = email.lower()
        if reserve not in self.pools or reserve in self.inactive:
            return _outcome_reply("e410", "No active points and rewards system on that reserve.", said)
        if customer not in self._customers:
            return _outcome_reply("e404", "No user with that email.", said)
        known = (form["source"], transaction_id)
        if known not in self.applied:
            self.applied[known] = Movement(reserve, email, points, action, form.get("reason", ""))
            held = self._balances[reserve, customer]
            moved = {"add": held + points, "sub": held - points, "set": points}
            self._balances[reserve, customer] = moved[action]
            return _outcome_reply("s200", "Points updated.", said | {"points": moved[action]})
        return _outcome_reply("s208", "Already reported.", said | {"points": self._balances[reserve, customer]})

    def _is_known(self, headers: dict[str, str]) -> bool:
        expected = basic_auth(self.auth, self.password)
        return hmac.compare_digest(headers.get("authorization", "").encode(), expected.encode())


def _segments(path: str) -> list[str]:
    """The path's segments behind the add-on's prefix, each decoded once; `+` stays `+`.

    Split before decoding, so a `%2F` belongs to its segment. Empty for a path elsewhere or not in UTF-8.
    """
    before, found, rest = path.partition("?")[0].partition(ROUTE)
    try:
        parts = [unquote_to_bytes(segment.encode("latin-1")).decode("utf-8") for segment in rest.split("/")]
    except UnicodeDecodeError:
        return []
    return parts if found and not before else []


def basic_auth(auth: str, password: str) -> str:
    """The Authorization header of that key."""
    return "Basic " + base64.b64encode(f"{auth}:{password}".encode()).decode()


def _outcome_reply(code: str, message: str, more: dict[str, Any]) -> Reply:
    status = "success" if code.startswith("s") else "error"
    return Reply(200, {"status": status, "status_code": code, "message": message, **more})


def _error_reply(status: int, code: str, message: str) -> Reply:
    """WordPress's own form of an error."""
    return Reply(status, {"code": code, "message": message, "data": {"status": status}})


def _not_found_reply(path: str) -> Reply:
    """JSON below WordPress's REST prefix, and a page anywhere else, `/pointsync/v1/` included."""
    if path.startswith("/wp-json/"):
        return _error_reply(404, "rest_no_route", "No route was found matching the URL and request method.")
    return Reply(404, "<!DOCTYPE html><html><title>Page not found</title><body><h1>Not found</h1></body></html>")
