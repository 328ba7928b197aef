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

from pointsync.cli.framework.errors import WRONG, Fault
from pointsync.web.upload_limits import most_bytes

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Above what any view takes of strangers, so that the views say no in their own words, and far below what fills a
disk. It holds for what stands around a file, too, where a larger body is taken."""
CONNECTIONS = 500
LOOP_SECONDS = 0.25
DRAIN_SECONDS = 5.0
ANYWHERE = ("0.0.0.0", "::", "*")  # noqa: S104 these are told apart, not bound


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Takes a path with bare UTF-8 in it, as WooRewards shops send e-mail addresses, for its escaped form."""

    def parse_header(self, header_plus: bytes) -> None:
        line, end, rest = header_plus.partition(b"\r\n")
        escaped = b"".join(b"%%%02X" % byte if byte >= 0x80 else bytes((byte,)) for byte in line)
        super().parse_header(escaped + end + rest)


def _channel(app: Flask) -> type[HTTPChannel]:
    """A connection whose bodies are bounded by who sends them: they are kept on disk before a view is asked."""

    class Parser(_Parser):
        adj: Any

        def parse_header(self, header_plus: bytes) -> None:
            super().parse_header(header_plus)
            if most := most_bytes(app, self.path, self.headers.get("COOKIE", "")):
                self.adj = copy(self.adj)
                self.adj.max_request_body_size = most + MAX_BODY_BYTES

    return type("Channel", (HTTPChannel,), {"parser_class": Parser})


class Door:
    """Where calls come in. Made, it listens; `serve` answers them."""

    def __init__(self, app: Flask, host: str, port: int, threads: int, *, clears_forwarded: bool) -> None:
        self._map: dict[int, Any] = {}
        self.url = url_of(host, port)
        try:
            self._server = create_server(
                app,
                self._map,
                host=host,
                port=port,
                threads=threads,
                connection_limit=CONNECTIONS,
                max_request_body_size=MAX_BODY_BYTES,
                clear_untrusted_proxy_headers=clears_forwarded,
                ident="",
            )
            channel = _channel(app)
            for part in self._map.values():
                if part.accepting:
                    part.channel_class = channel
        except ValueError:
            raise Fault(f"--host: {host} names no address; example: --host 127.0.0.1", WRONG) from None
        except OSError as error:
            raise Fault(_why_not(error, host, port)) from None

    def answer(self, is_over: Callable[[], bool]) -> None:
        """Answer calls until it is over."""
        while not is_over():
            self._turn()

    def close(self) -> None:
        """Take no new connection, and let the calls in flight finish, for a bounded time."""
        for part in list(self._map.values()):
            if part.accepting:
                wasyncore.dispatcher.close(part)
        end = time.monotonic() + DRAIN_SECONDS
        while any(_is_at_work(part) for part in list(self._map.values())) and time.monotonic() < end:
            self._turn()
        self._server.task_dispatcher.shutdown(timeout=0.5)
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn(self) -> None:
        wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=self._map, count=1)


def url_of(host: str, port: int) -> str:
    """How others call what listens at `host`; by this machine's name where it listens at every address."""
    if host in ANYWHERE:
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is_at_work(part: Any) -> bool:
    return isinstance(part, HTTPChannel) and bool(part.requests or part.request or part.total_outbufs_len)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} at {host} is in use; stop what listens there, or choose another with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system; choose one above 1023 with --port."
    return f"Nothing can listen at {host}, port {port}: {error.strerror or error}."
