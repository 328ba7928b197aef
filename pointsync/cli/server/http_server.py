"""The web server: waitress. It listens from the start, and finishes running requests before it stops."""

import errno
import socket
import time
from collections.abc import Callable
from copy import copy
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import create_server

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.web.upload_limits import max_upload_bytes

SERVER_MAX_BODY_BYTES = 16 * 1024 * 1024
"""The largest body from a stranger. It is above the limit of every view, so that the views answer with their own error,
and far below what fills a disk. An upload by an admin may be larger; then this is the limit for everything but the
file."""
MAX_CONNECTIONS = 500
POLL_SECONDS = 0.25
DRAIN_SECONDS = 5.0
WILDCARD_HOSTS = ("0.0.0.0", "::", "*")  # noqa: S104 compared, not bound


class _Utf8PathParser(HTTPRequestParser):  # type: ignore[misc]
    """Percent-encodes UTF-8 in a path, because WooRewards shops send e-mail addresses unencoded."""

    def parse_header(self, header_plus: bytes) -> None:
        request_line, end, rest = header_plus.partition(b"\r\n")
        escaped = b"".join(b"%%%02X" % byte if byte >= 0x80 else bytes((byte,)) for byte in request_line)
        super().parse_header(escaped + end + rest)


def _channel_class(app: Flask) -> type[HTTPChannel]:
    """A connection class that limits bodies by their sender, because a body is stored on disk before any view runs."""

    class BoundedParser(_Utf8PathParser):
        adj: Any

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if max_bytes := max_upload_bytes(app, self.path, self.headers.get("COOKIE", "")):
                self.adj = copy(self.adj)
                self.adj.max_request_body_size = max_bytes + SERVER_MAX_BODY_BYTES

    return type("Channel", (HTTPChannel,), {"parser_class": BoundedParser})


class HttpServer:
    """Listens from its creation on, and answers requests in `serve`."""

    def __init__(self, app: Flask, host: str, port: int, threads: int, *, clear_forwarded_headers: bool) -> None:
        self._dispatchers: dict[int, Any] = {}
        self.url = listen_url(host, port)
        try:
            self._server = create_server(
                app,
                self._dispatchers,
                host=host,
                port=port,
                threads=threads,
                connection_limit=MAX_CONNECTIONS,
                max_request_body_size=SERVER_MAX_BODY_BYTES,
                clear_untrusted_proxy_headers=clear_forwarded_headers,
                ident="",
            )
            channel_class = _channel_class(app)
            for dispatcher in self._dispatchers.values():
                if dispatcher.accepting:
                    dispatcher.channel_class = channel_class
        except ValueError:
            raise CommandError(f"--host: {host} is not an address. Example: --host 127.0.0.1", EXIT_USAGE) from None
        except OSError as error:
            raise CommandError(_listen_error_message(error, host, port)) from None

    def serve(self, should_stop: Callable[[], bool]) -> None:
        """Answer requests until `should_stop` returns True."""
        while not should_stop():
            self._poll()

    def close(self) -> None:
        """Accept no new connection, and wait at most `DRAIN_SECONDS` for running requests."""
        for dispatcher in list(self._dispatchers.values()):
            if dispatcher.accepting:
                wasyncore.dispatcher.close(dispatcher)
        deadline = time.monotonic() + DRAIN_SECONDS
        while (
            any(_is_busy(dispatcher) for dispatcher in list(self._dispatchers.values())) and time.monotonic() < deadline
        ):
            self._poll()
        self._server.task_dispatcher.shutdown(timeout=0.5)
        wasyncore.close_all(self._dispatchers, ignore_all=True)

    def _poll(self) -> None:
        wasyncore.loop(timeout=POLL_SECONDS, use_poll=True, map=self._dispatchers, count=1)


def listen_url(host: str, port: int) -> str:
    """The URL of a server at `host`; with this machine's name if it listens at every address."""
    if host in WILDCARD_HOSTS:
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_busy(dispatcher: Any) -> bool:
    return isinstance(dispatcher, HTTPChannel) and bool(
        dispatcher.requests or dispatcher.request or dispatcher.total_outbufs_len
    )


def _listen_error_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} at {host} is in use. Stop what listens there, or choose another port with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system. Choose one above 1023 with --port."
    return f"Cannot listen at {host}, port {port}: {error.strerror or error}."
