"""A running HTTP call: its limits, its progress, and how another thread can abort it.

The HTTP library limits the time of each read, but not of the whole call, and not the size of the answer; and it
connects to any address. `HttpCall` and the classes in `connections` add these limits below the library.
"""

import gzip
import io
import socket
import threading
import zlib
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

_CHUNK_BYTES = 64 * 1024
MIN_IDLE_SECONDS = 1.0
"""If a connection that was used more recently is silent, the other site is slow; nothing forgets it so soon."""


class HttpCallError(Exception):
    """A call without a usable answer: `code` is a ping code, `message` says what is wrong and what to do.

    `was_sent` is whether the other site may have received the request. A message contains no header values, and of
    the URL only the host, because both can contain secrets.
    """

    def __init__(self, code: str, message: str, *, was_sent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.was_sent = was_sent


class TransientCallError(HttpCallError):
    """An error that may go away by itself: refused_connection, unknown_host, timeout, bad_answer."""


class PermanentCallError(HttpCallError):
    """An error that retrying cannot fix: certificate, blocked_address."""


@dataclass(frozen=True)
class CallLimits:
    """The limits of each call, in seconds and bytes, and whether private addresses are allowed."""

    allow_private: bool
    connect_seconds: float
    read_seconds: float
    total_seconds: float
    max_response_bytes: int
    url_noun: str = "the remote's URL"
    """What messages call the URL."""


class HttpCall:
    """A running call: its progress, and a handle with which another thread can abort it."""

    def __init__(self, limits: CallLimits, host: str, request_target: str) -> None:
        self.limits = limits
        self.host = host
        self.request_target = request_target
        self.deadline = monotonic() + limits.total_seconds
        self.was_sent = False
        """Whether the other site may have received a request, over any of the connections."""
        self.needs_new_connection = False
        self.is_connection_lost = False
        """Whether a connection that was kept from an earlier call has ended before this call."""
        self.has_answer = False
        """Whether a part of the answer has arrived over the connection in use."""
        self.has_sent_head = False
        """Whether the head of the request was sent over the connection in use."""
        self._idle_seconds: float | None = None
        self._abort_reason = ""
        self._lock = threading.RLock()  # reentrant, since a signal handler may close the client during a call
        self._socket_handle: socket.socket | None = None
        self._lookup_ended = threading.Event()

    @property
    def is_reused(self) -> bool:
        """Whether the connection in use is one that was kept from an earlier call."""
        return self._idle_seconds is not None

    def begin_exchange(self, idle_seconds: float | None) -> None:
        """A request is about to be sent over a connection: kept for so long since an earlier call, or a new one."""
        self._idle_seconds, self.has_sent_head, self.has_answer = idle_seconds, False, False

    def note_lost_connection(self, *, is_silent: bool = False) -> None:
        """The connection has ended, or is silent, which can mean that something in between has forgotten it."""
        if self._idle_seconds is not None and not self.has_answer:
            self.is_connection_lost = not is_silent or self._idle_seconds >= MIN_IDLE_SECONDS

    def build_error(self, code: str, predicate: str) -> HttpCallError:
        error_type = PermanentCallError if code in ("certificate", "blocked_address") else TransientCallError
        return error_type(code, f"{self.host} {predicate}", was_sent=self.was_sent)

    def to_call_error(self, error: Exception) -> HttpCallError:
        """The HttpCallError for any exception of the call."""
        if self._abort_reason:
            return self.build_error("timeout", self._abort_reason)
        if isinstance(error, HttpCallError):
            return error
        if not self.was_sent:
            return self.build_error("bad_answer", "could not be called; check its key and Pass for unusual characters.")
        return self.build_error("bad_answer", "sent a broken answer; check its error log.")

    def raise_if_aborted(self) -> None:
        """Raise if the call was aborted, because what was read of the answer may look complete."""
        if self._abort_reason:
            raise self.build_error("timeout", self._abort_reason)

    def abort(self, reason: str) -> None:
        """End the call at once, from any thread; `reason` becomes the message."""
        with self._lock:
            self._abort_reason = reason
            self._lookup_ended.set()
            if self._socket_handle:
                with suppress(OSError):
                    self._socket_handle.shutdown(socket.SHUT_RDWR)

    def track_socket(self, sock: socket.socket) -> None:
        """Keep a handle of the connection that will be used next.

        The handle is a duplicate of the socket: it stays valid when TLS wraps the socket, another thread need not touch
        the TLS object, and its number cannot be reused by another connection.
        """
        self.release_socket()
        with self._lock:
            self._socket_handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self.raise_if_aborted()

    def release_socket(self) -> None:
        with self._lock:
            if self._socket_handle:
                self._socket_handle.close()
                self._socket_handle = None

    def resolve(self, name: str, port: int) -> list[Any]:
        """Run `getaddrinfo` in a thread, which an aborted call leaves behind, since it cannot be interrupted."""
        addresses: list[Any] = []

        def run_getaddrinfo() -> None:
            with suppress(OSError, ValueError):
                addresses.extend(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
            self._lookup_ended.set()

        threading.Thread(target=run_getaddrinfo, name="dns-lookup", daemon=True).start()
        self._lookup_ended.wait()
        self.raise_if_aborted()
        if not addresses:
            raise self.build_error("unknown_host", "was not found; check the URL, and this site's DNS.")
        return addresses

    def read_body(self, response: Any) -> bytes:
        """The body, decompressed here, so that a gzip bomb or a truncated body is detected."""
        max_bytes = self.limits.max_response_bytes
        raw = b"".join(iter(lambda: response.raw.read(_CHUNK_BYTES, decode_content=False), b""))
        body = raw
        if raw and "gzip" in response.headers.get("Content-Encoding", "").lower():
            try:
                body = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(max_bytes + 1)
            except (OSError, EOFError, zlib.error):
                raise self.build_error("bad_answer", "sent a damaged answer; check its error log.") from None
        if max(len(raw), len(body)) > max_bytes:
            raise self.build_error("bad_answer", f"answered with more than {max_bytes} bytes; check the URL.")
        return body


current_call: ContextVar[HttpCall] = ContextVar("current_call")
