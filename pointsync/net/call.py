"""A running HTTP call: its connections check addresses, limit the size of the answer, and can be aborted.

The HTTP library limits the time of each read, but not of the whole call, and not the size of the answer; and it
connects to any address. The classes here add these limits below the library.
"""

import gzip
import http.client
import io
import socket
import ssl
import threading
import zlib
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pointsync.net import address_guard

_MAX_HEAD_BYTES = 64 * 1024  # status line and headers together
_CHUNK_BYTES = 64 * 1024


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
        self._abort_reason = ""
        self._lock = threading.RLock()  # reentrant, since a signal handler may close the client during a call
        self._socket_handle: socket.socket | None = None
        self._lookup_ended = threading.Event()

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


class _CountingReader(io.RawIOBase):
    """Reads the answer from the socket and counts its bytes, so that no layer above can read too much."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.remaining_bytes = _MAX_HEAD_BYTES
        self.in_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        http_call = current_call.get()
        try:
            count: int = self.source.readinto(buffer)
        except TimeoutError:
            predicate = f"sent nothing for {http_call.limits.read_seconds:g} s; check whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None
        except ConnectionError:
            if not self.in_head:
                raise
            count = 0
        if not count and self.in_head:
            raise http_call.build_error("bad_answer", "closed the connection without an answer; check its error log.")
        self.remaining_bytes -= count
        if self.remaining_bytes < 0:
            raise http_call.build_error("bad_answer", "sent too much data; check the URL.")
        return count

    def close(self) -> None:
        self.source.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.counting_reader = _CountingReader(self.fp.detach())
        self.fp = io.BufferedReader(self.counting_reader)

    def begin(self) -> None:
        super().begin()
        self.counting_reader.in_head = False
        self.counting_reader.remaining_bytes += current_call.get().limits.max_response_bytes


class _HttpConnection(HTTPConnection):
    """Connects to allowed addresses only, and reports its progress to the current call."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; each gets an equal share of the remaining time."""
        http_call = current_call.get()
        limits = http_call.limits
        addresses = http_call.resolve(self._dns_host.strip("[]"), self.port)
        refusals = [
            address_guard.explain_refusal(each[4][0], limits.allow_private, setting_name=limits.url_noun)
            for each in addresses
        ]
        allowed_addresses = [each for each, refusal in zip(addresses, refusals, strict=True) if refusal is None]
        if not allowed_addresses:
            raise http_call.build_error("blocked_address", f"was not called: {refusals[0]}")
        deadline = monotonic() + limits.connect_seconds
        last_error: OSError = TimeoutError("no reply")
        for tried_count, (family, kind, protocol, _, address) in enumerate(allowed_addresses):
            if (remaining_seconds := deadline - monotonic()) <= 0:
                break
            sock = socket.socket(family, kind, protocol)
            try:
                http_call.track_socket(sock)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(remaining_seconds / (len(allowed_addresses) - tried_count))
                sock.connect(address)
                sock.settimeout(limits.read_seconds)
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                last_error = error
        code = "timeout" if isinstance(last_error, TimeoutError) else "refused_connection"
        is_refused = isinstance(last_error, ConnectionRefusedError)
        problem = "refused the connection" if is_refused else f"cannot be reached ({last_error.strerror or 'no reply'})"
        raise http_call.build_error(code, f"{problem}; check URL and port, and whether it is running.")

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Request the caller's target instead of `url`, whose percent-encoding urllib3 has changed."""
        http_call = current_call.get()
        if self.sock is not None:
            http_call.track_socket(self.sock)
        super().putrequest(method, http_call.request_target, skip_host, skip_accept_encoding)

    def send(self, data: Any) -> None:
        http_call = current_call.get()
        if self.sock is None:
            self.connect()
        http_call.was_sent = True
        try:
            super().send(data)
        except TimeoutError:
            predicate = "did not accept the request; check whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        # The TLS handshake is part of connecting: a site without TLS may wait for the rest of a request.
        sock = super()._new_conn()
        sock.settimeout(current_call.get().limits.connect_seconds)
        return sock

    def connect(self) -> None:
        http_call = current_call.get()
        try:
            super().connect()
            self.sock.settimeout(http_call.limits.read_seconds)
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message.rstrip(".")
            predicate = f"has no valid certificate ({reason}); renew it there, or correct the URL."
            raise http_call.build_error("certificate", predicate) from None
        except OSError as error:
            code = "timeout" if isinstance(error, TimeoutError) else "bad_answer"
            raise http_call.build_error(code, "does not use HTTPS on this port; check URL and port.") from None


class HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
