"""The web server: waitress. It listens from the start, and finishes running requests before it stops."""

import errno
import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server

from pointsync.cli.framework.errors import EXIT_USAGE, CommandError
from pointsync.cli.server.connection import Timeouts, create_connection_class
from pointsync.cli.server.connection_guard import MAX_CONNECTIONS, MAX_HELD_BYTES, ConnectionGuard
from pointsync.cli.server.request_parser import MAX_HEAD_BYTES
from pointsync.db.commit_signal import get_signal
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_BODY_BYTES

BUSY_CONNECTIONS = 100
"""Connections above the guard's bound, if all are being worked on. Above that, nothing is accepted for a moment."""
UNLIMITED = 2**62
"""For limits of waitress that this server does not use: it has its own, by the monotonic clock and by the sender."""
POLL_SECONDS = 0.25
DRAIN_SECONDS = 5.0
WILDCARD_HOSTS = ("0.0.0.0", "::", "*")  # noqa: S104 compared, not bound


class HttpServer:
    """Listens from its creation on, and answers requests in `serve`."""

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        threads: int,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 it is immutable
        max_connections: int = MAX_CONNECTIONS,
        max_held_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self._app = app
        self._dispatchers: dict[int, Any] = {}
        self.url = listen_url(host, port)
        max_connections = min(max_connections, _max_open_files() // 2)
        self._guard = ConnectionGuard(self._dispatchers, max_connections, max_held_bytes)
        try:
            self._server = create_server(
                app,
                self._dispatchers,
                host=host,
                port=port,
                threads=threads,
                connection_limit=max_connections + BUSY_CONNECTIONS,
                channel_timeout=UNLIMITED,
                max_request_header_size=MAX_HEAD_BYTES,
                max_request_body_size=UNLIMITED,
                inbuf_overflow=MAX_BODY_BYTES,  # so that only uploads need the disk
                clear_untrusted_proxy_headers=not get_runtime(app).config.trusted_proxies,
                ident="",
            )
        except ValueError:
            raise CommandError(f"--host: {host} is not an address. Example: --host 127.0.0.1", EXIT_USAGE) from None
        except OSError as error:
            raise CommandError(_listen_error_message(error, host, port)) from None
        connection_class = create_connection_class(app, timeouts)
        for dispatcher in self._dispatchers.values():
            if dispatcher.accepting:
                dispatcher.channel_class = connection_class

    def serve(self, should_stop: Callable[[], bool]) -> None:
        """Answer requests until `should_stop` returns True."""
        while not should_stop():
            self._poll()

    def close(self) -> None:
        """Accept no new connection, and wait at most `DRAIN_SECONDS` for running requests. Those that wait end now."""
        get_signal(self._app).close()
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
        self._guard.enforce()


def listen_url(host: str, port: int) -> str:
    """The URL of a server at `host`; with this machine's name if it listens at every address."""
    if host in WILDCARD_HOSTS:
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _max_open_files() -> int:
    soft_limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return UNLIMITED if soft_limit == resource.RLIM_INFINITY else soft_limit


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
