"""The web server: waitress, which listens at once, and lets what is in flight finish at the end."""

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

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Above what any view takes of strangers, so that the views say no in their own words, and far below what fills a
disk. It holds for what stands around a file, too, where a larger body is taken."""
MAX_CONNECTIONS = 500
POLL_SECONDS = 0.25
DRAIN_SECONDS = 5.0
WILDCARD_HOSTS = ("0.0.0.0", "::", "*")  # noqa: S104 these are told apart, not bound


class _Utf8PathParser(HTTPRequestParser):  # type: ignore[misc]
    """Takes a path with bare UTF-8 in it, as WooRewards shops send e-mail addresses, for its escaped form."""

    def parse_header(self, header_plus: bytes) -> None:
        request_line, end, rest = header_plus.partition(b"\r\n")
        escaped = b"".join(b"%%%02X" % byte if byte >= 0x80 else bytes((byte,)) for byte in request_line)
        super().parse_header(escaped + end + rest)


def _channel_class(app: Flask) -> type[HTTPChannel]:
    """A connection whose bodies are bounded by who sends them: they are kept on disk before a view is asked."""

    class BoundedParser(_Utf8PathParser):
        adj: Any

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if max_bytes := max_upload_bytes(app, self.path, self.headers.get("COOKIE", "")):
                self.adj = copy(self.adj)
                self.adj.max_request_body_size = max_bytes + MAX_BODY_BYTES

    return type("Channel", (HTTPChannel,), {"parser_class": BoundedParser})


class HttpServer:
    """Where calls come in. Made, it listens; `serve` answers them."""

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
                max_request_body_size=MAX_BODY_BYTES,
                clear_untrusted_proxy_headers=clear_forwarded_headers,
                ident="",
            )
            channel_class = _channel_class(app)
            for dispatcher in self._dispatchers.values():
                if dispatcher.accepting:
                    dispatcher.channel_class = channel_class
        except ValueError:
            raise CommandError(f"--host: {host} names no address; example: --host 127.0.0.1", EXIT_USAGE) from None
        except OSError as error:
            raise CommandError(_listen_error_message(error, host, port)) from None

    def serve(self, should_stop: Callable[[], bool]) -> None:
        """Answer calls until it is over."""
        while not should_stop():
            self._poll()

    def close(self) -> None:
        """Take no new connection, and let the calls in flight finish, for a bounded time."""
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
    """How others call what listens at `host`; by this machine's name where it listens at every address."""
    if host in WILDCARD_HOSTS:
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_busy(dispatcher: Any) -> bool:
    return isinstance(dispatcher, HTTPChannel) and bool(
        dispatcher.requests or dispatcher.request or dispatcher.total_outbufs_len
    )


def _listen_error_message(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} at {host} is in use; stop what listens there, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; choose one above 1023 with --port."
    return f"Nothing can listen at {host}, port {port}: {error.strerror or error}."
