"""A shop with the WooRewards "Points Synchronizer", for tests: what PointSync must get along with.

It speaks that dialect and nothing else, as a WordPress site does. It stands in a test's own process
(`with WooRewardsSite(customers=["a@b.example"]) as shop:`) or alone:

    python -m tests.support.woorewards --port 8700 --pool default=Points --customer a@b.example
"""

import argparse
import base64
import hmac
import itertools
import json
import re
import secrets
import signal
import socket
import string
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

from tests.support.process import call, free_port

ROUTE = "/wp-json/woorewards/v1/pointsync/"
RESERVE = re.compile(r"[a-zA-Z0-9_-]+")
DIGITS = re.compile(r"[0-9]+")
ACTIONS = ("add", "sub", "set")
LEGAL_IN_A_SEGMENT = "!$&'()*+,;=:@"  # RFC 3986, section 3.3; letters, digits and -._~ are never escaped
BODY_LIMIT = 1_000_000
IDLE_SECONDS = 30


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


class WooRewardsSite:
    """The shop, its settings and its state; it listens on a loopback port inside `with`.

    Outside it is down, as remotes sometimes are; a second `with` brings it back on the same port,
    knowing all it knew.

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
        port: int = 0,
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
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._server: _Server | None = None
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sharing_key = f"127.0.0.1:{self.port}|{self.auth}:{self.password}"

    def __enter__(self) -> Self:
        self._closing.clear()
        self._server = _Server(self.port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="woorewards")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(IDLE_SECONDS)

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

    # As the sender.

    def push(
        self,
        url: str,
        auth: str,
        password: str,
        reserve: str,
        email: str,
        points: int | str,
        action: str = "add",
        transaction_id: int | str | None = None,
        reason: str = "",
        *,
        escape: bool = False,
        source: str | None = None,
    ) -> tuple[int, Any]:
        """Send a movement as the add-on does: the status and the parsed answer.

        The e-mail goes as it is but for what no path may hold, or, with `escape`, percent-encoded.
        Without a `transaction_id` the next of this shop's own is used.
        """
        segment = quote(email, safe="" if escape else LEGAL_IN_A_SEGMENT)
        form = {
            "source": self.auth if source is None else source,
            "transaction_id": next(self._ids) if transaction_id is None else transaction_id,
            "reason": reason,
        }
        answer = call(
            "POST",
            f"{url}{ROUTE}sync/{reserve}/{segment}/{points}/{action}",
            urlencode(form),
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": _basic(auth, password)},
        )
        return answer.status, answer.body

    def ping(self, url: str, auth: str, password: str, reserve: str) -> tuple[int, Any]:
        """Ask a remote site, as the add-on does, whether it is one and knows us and the reserve."""
        answer = call("GET", f"{url}{ROUTE}ping/{reserve}", headers={"Authorization": _basic(auth, password)})
        return answer.status, answer.body

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
                kind, do = "other", lambda: _no_route(path)
        with self._lock:
            self._requests.append(Received(kind, method, path, headers, form))
            if failures := self._failures.get(kind):
                return _error(
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
            return _error(401, "rest_forbidden", "Sorry, you are not allowed to do that.")
        if missing := [name for name in ("source", "transaction_id") if not form.get(name)]:
            return _error(400, "rest_missing_callback_param", f"Missing parameter(s): {', '.join(missing)}")
        if not DIGITS.fullmatch(form["transaction_id"]):
            return _error(400, "rest_invalid_param", "Invalid parameter(s): transaction_id")
        transaction_id = int(form["transaction_id"])
        said = {"transaction_id": transaction_id + 1 if self.wrong_transaction_id else transaction_id}
        customer = email.lower()
        if reserve not in self.pools or reserve in self.inactive:
            return _outcome("e410", "No active points and rewards system on that reserve.", said)
        if customer not in self._customers:
            return _outcome("e404", "No user with that email.", said)
        known = (form["source"], transaction_id)
        if known not in self.applied:
            self.applied[known] = Movement(reserve, email, points, action, form.get("reason", ""))
            held = self._balances[reserve, customer]
            moved = {"add": held + points, "sub": held - points, "set": points}
            self._balances[reserve, customer] = moved[action]
            return _outcome("s200", "Points updated.", said | {"points": moved[action]})
        return _outcome("s208", "Already reported.", said | {"points": self._balances[reserve, customer]})

    def _is_known(self, headers: dict[str, str]) -> bool:
        expected = _basic(self.auth, self.password)
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


def _basic(auth: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{auth}:{password}".encode()).decode()


def _outcome(code: str, message: str, more: dict[str, Any]) -> Reply:
    status = "success" if code.startswith("s") else "error"
    return Reply(200, {"status": status, "status_code": code, "message": message, **more})


def _error(status: int, code: str, message: str) -> Reply:
    """WordPress's own form of an error."""
    return Reply(status, {"code": code, "message": message, "data": {"status": status}})


def _no_route(path: str) -> Reply:
    """JSON below WordPress's REST prefix, and a page anywhere else, `/pointsync/v1/` included."""
    if path.startswith("/wp-json/"):
        return _error(404, "rest_no_route", "No route was found matching the URL and request method.")
    return Reply(404, "<!DOCTYPE html><html><title>Page not found</title><body><h1>Not found</h1></body></html>")


class _Server(ThreadingHTTPServer):
    """One thread per connection; closing hangs up on all of them and waits for their threads."""

    daemon_threads = False

    def __init__(self, port: int, site: WooRewardsSite) -> None:
        self.site = site
        self._connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who did not wait for the answer is no error of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"  # connections stay open, as real shops keep them
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True  # headers and body leave in two writes; together they would wait 40 ms

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self.close_connection = True
            return
        body = self.rfile.read(length).decode("utf-8", "replace")
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(body, keep_blank_values=True)) if is_form else {}
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.site.answer(self.command, self.path, headers, form)
        if reply is None:
            self.close_connection = True
            return
        is_page = isinstance(reply.payload, str)
        content = (reply.payload if is_page else json.dumps(reply.payload)).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", f"{'text/html' if is_page else 'application/json'}; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def log_message(self, *_: object) -> None:
        """Nothing: `requests` is the log."""


def main(args: list[str] | None = None) -> None:
    """Run a shop until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.woorewards", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--auth", help="wrk_ and 16 hex digits; made up when left out")
    parser.add_argument("--pass", dest="password", help="wrs_ and 16 letters and digits; made up when left out")
    parser.add_argument("--pool", action="append", metavar="RESERVE=NAME", help="default=Points when left out")
    parser.add_argument("--customer", action="append", default=[], metavar="EMAIL")
    given = parser.parse_args(args)
    pools = {key: name or key for key, _, name in (pool.partition("=") for pool in given.pool or ["default=Points"])}
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with WooRewardsSite(given.auth, given.password, pools, given.customer, given.port) as site:
        print(f"{site.url}  {site.sharing_key}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
