"""A shop with the WooRewards "Points Synchronizer", for tests: what PointSync must get along with.

It speaks that dialect and nothing else, as a WordPress site does. It stands in a test's own process
(`with WooRewardsSite(customers=["a@b.example"]) as shop:`) or alone:

    python -m tests.support.woorewards_shop --port 8700 --pool default=Points --customer a@b.example
"""

import argparse
import itertools
import json
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlencode

from tests.support.process import call, free_port
from tests.support.woorewards_receiver import ROUTE, Movement, Received, Receiver, Reply, basic_auth

__all__ = ["ROUTE", "Movement", "Received", "Reply", "WooRewardsSite"]

LEGAL_IN_A_SEGMENT = "!$&'()*+,;=:@"  # RFC 3986, section 3.3; letters, digits and -._~ are never escaped
BODY_LIMIT = 1_000_000
IDLE_SECONDS = 30


class WooRewardsSite(Receiver):
    """The shop, which sends and receives; it listens on a loopback port inside `with`.

    Outside it is down, as remotes sometimes are; a second `with` brings it back on the same port,
    knowing all it knew.
    """

    def __init__(
        self,
        auth: str | None = None,
        password: str | None = None,
        pools: Mapping[str, str] | None = None,
        customers: Iterable[str] = (),
        port: int = 0,
    ) -> None:
        super().__init__(auth, password, pools, customers)
        self._ids = itertools.count(1)
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
            {"Content-Type": "application/x-www-form-urlencoded", "Authorization": basic_auth(auth, password)},
        )
        return answer.status, answer.body

    def ping(self, url: str, auth: str, password: str, reserve: str) -> tuple[int, Any]:
        """Ask a remote site, as the add-on does, whether it is one and knows us and the reserve."""
        answer = call("GET", f"{url}{ROUTE}ping/{reserve}", headers={"Authorization": basic_auth(auth, password)})
        return answer.status, answer.body


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
    parser = argparse.ArgumentParser(prog="python -m tests.support.woorewards_shop", description=main.__doc__)
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
