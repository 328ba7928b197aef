"""One connection of the web server: it has a deadline for whatever it waits for."""

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel

from pointsync.cli.server.request_parser import RequestParser
from pointsync.cli.server.upload_check import UploadCheck
from pointsync.config import TrustedPeer
from pointsync.runtime import get_runtime
from pointsync.web.rate_limit import address_group
from pointsync.web.trusted_proxy import is_trusted

MAX_DISCARDED_BYTES = 4 * 1024 * 1024
DISCARDED_AT_ONCE_BYTES = 64 * 1024


def _error_answer(status: str, code: str, message: str, *headers: str) -> bytes:
    """An answer in the shape of the API and of the PointSync dialect, so that other sites understand it."""
    body = json.dumps({"error": {"code": code, "message": message}})
    lines = (f"HTTP/1.1 {status}", "Connection: close", "Content-Type: application/json", *headers)
    return "\r\n".join((*lines, f"Content-Length: {len(body)}", "", body)).encode()


REQUEST_TIMEOUT = _error_answer("408 Request Timeout", "too_slow", "The request was not complete in time.")
NO_ROOM = _error_answer(
    "503 Service Unavailable", "busy", "Too much is being received. Send it again.", "Retry-After: 1"
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection may wait, in seconds."""

    idle: float = 150.0
    """For the first byte of the next request. Longer than Caddy keeps unused connections."""
    head: float = 15.0
    """For the whole head, from its first byte."""
    request: float = 60.0
    """For the whole request, from its first byte."""
    upload: float = 3600.0
    """The same for an admin's upload."""
    stalled: float = 60.0
    """For the next bytes of an upload, and for the client to take in more of an answer."""
    linger: float = 2.0
    """For the rest of a refused request, up to `MAX_DISCARDED_BYTES`: closing at once would destroy the answer."""


class Connection(HTTPChannel):  # type: ignore[misc]
    """A connection of `app`. `create_connection_class` sets the class's attributes."""

    app: Flask
    timeouts: Timeouts
    proxies: tuple[TrustedPeer, ...]
    request: RequestParser | None
    """The request that is being received. A thread may set it to None, so read it once."""

    def __init__(self, server: Any, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        address, port = str(addr[0]), addr[1]
        # A proxy speaks for many callers, so each of its connections counts as one.
        self.caller = f"{address}:{port}" if is_trusted(address, self.proxies) else address_group(address)
        self._waiting_since = self._progress_at = time.monotonic()
        self._lingers_until: float | None = None
        self._discarded_bytes = 0
        self._is_checking_upload = False
        self._latest_request: RequestParser | None = None
        super().__init__(server, sock, addr, adj, map=map)

    def parser_class(self, adj: Any) -> RequestParser:
        """Create the parser of the next request."""
        self._latest_request = RequestParser(adj, self.app)
        return self._latest_request

    @property
    def deadline(self) -> float | None:
        """When it must be closed, in monotonic time; None while the application works on a request."""
        if self._lingers_until is not None:
            return self._lingers_until
        stalls_at = self._progress_at + self.timeouts.stalled
        if self.requests or self._is_checking_upload:
            # A thread waits for the client to take in a very large answer.
            return stalls_at if self.total_outbufs_len > self.adj.outbuf_high_watermark else None
        if self.total_outbufs_len:
            return stalls_at
        request = self.request
        if request is None:
            return self._waiting_since + self.timeouts.idle
        if request.is_admins_upload:
            return min(request.started_at + self.timeouts.upload, stalls_at)
        return request.started_at + (self.timeouts.request if request.headers_finished else self.timeouts.head)

    @property
    def can_be_dropped(self) -> bool:
        """Whether it may be closed to make room: the application works on none of its requests, and it is no admin's
        upload."""
        request = self.request
        return not (self.requests or self._is_checking_upload or (request and request.is_admins_upload))

    @property
    def waiting_since(self) -> float:
        """When it began to wait for what it waits for, in monotonic time."""
        request = self.request
        return self._waiting_since if request is None else request.started_at

    @property
    def held_bytes(self) -> int:
        """The room that its requests take."""
        return sum(each.held_bytes for each in (*self.requests, self.request) if each is not None)

    def drop(self, answer: bytes) -> None:
        """Close it at once. If it has sent a part of a request, send it `answer` first."""
        if self.request is not None and not self.total_outbufs_len and self._lingers_until is None:
            with suppress(OSError):
                self.socket.send(answer)
        self.handle_close()

    def received(self, data: bytes) -> bool:
        """Take in bytes. Before a large upload is received, ask the application about it."""
        self._progress_at = time.monotonic()
        was_taken: bool = super().received(data)
        if self.request is not None and self.request.needs_permission and not self._is_checking_upload:
            self._is_checking_upload = True
            self.server.add_task(UploadCheck(self, self.request, self._end_upload_check))
        return was_taken

    def service(self) -> None:
        """Let the application answer the first request. Runs in a thread."""
        super().service()
        self._waiting_since = self._progress_at = time.monotonic()

    def readable(self) -> bool:
        """Whether bytes are wanted."""
        if self._lingers_until is not None:
            return True
        return not self._is_checking_upload and bool(super().readable())

    def handle_read(self) -> None:
        """Read, or discard the rest of a refused request."""
        if self._lingers_until is None:
            super().handle_read()
            return
        with suppress(OSError):
            self._discarded_bytes += len(self.recv(DISCARDED_AT_ONCE_BYTES))  # at the end of the stream, recv closes
        if self.connected and self._discarded_bytes >= MAX_DISCARDED_BYTES:
            self.handle_close()

    def handle_write(self) -> None:
        """Send what is left of the answers, and close the connection if it was the last one."""
        request = self._latest_request
        if not (self.close_when_flushed and request and request.is_cut_short):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.connected and not self.total_outbufs_len and not self.will_close:
            self._linger()
        if self.will_close:
            self.handle_close()

    def handle_close(self) -> None:
        """Close it, and release what was received of the next request."""
        super().handle_close()
        if request := self.request:
            request.close()

    def handle_expt(self) -> None:
        """Close on urgent data: it is not HTTP, and would be reported again and again."""
        self.handle_close()

    def _flush_some(self, do_close: bool = True) -> bool:
        has_sent: bool = super()._flush_some(do_close)
        if has_sent:
            self._progress_at = time.monotonic()
        return has_sent

    def _end_upload_check(self, is_allowed: bool) -> None:
        """Go on with the upload, or answer it without its body. Runs in a thread."""
        with self.requests_lock:
            request = self.request
            assert request
            if is_allowed:
                request.allow_upload()
                self._progress_at = time.monotonic()
                if request.waits_to_continue and self.connected:
                    self.send_continue()
            else:
                request.refuse_body()
                self.requests.append(request)
                self.request = None
                self.server.add_task(self)
            self._is_checking_upload = False
        self.server.pull_trigger()

    def _linger(self) -> None:
        self.close_when_flushed = False
        self._lingers_until = time.monotonic() + self.timeouts.linger
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True


def create_connection_class(app: Flask, timeouts: Timeouts) -> type[Connection]:
    """The class of the connections of one server."""
    proxies = get_runtime(app).config.trusted_proxies
    return type("AppConnection", (Connection,), {"app": app, "timeouts": timeouts, "proxies": proxies})
