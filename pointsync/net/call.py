"""A call under way: connections that ask the guard where they may go, count what comes back, and can be cut.

The HTTP library bounds each read, but neither the whole call nor the size of the answer, and connects to
wherever a name points; what stands here closes these gaps, below it and out of its sight.
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
    """No usable answer: `code` is a ping code, `message` tells an admin what is wrong and how to mend it.

    `reached` is whether the other side may have got the request, and so may have acted on it. No message
    holds a header's value, nor more of the URL than its host: both carry secrets.
    """

    def __init__(self, code: str, message: str, *, was_sent: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.was_sent = was_sent


class TransientCallError(HttpCallError):
    """Waiting may mend it: refused_connection, unknown_host, timeout, bad_answer."""


class PermanentCallError(HttpCallError):
    """Only a person can mend it: certificate, blocked_address."""


@dataclass(frozen=True)
class CallLimits:
    """What bounds each call, in seconds and bytes, and whether it may go to private addresses."""

    allow_private: bool
    connect_seconds: float
    read_seconds: float
    total_seconds: float
    max_response_bytes: int


class HttpCall:
    """One call under way: how far it has come, and the grip by which another thread can cut it."""

    def __init__(self, limits: CallLimits, host: str, request_target: str) -> None:
        self.limits = limits
        self.host = host
        self.request_target = request_target
        self.deadline = monotonic() + limits.total_seconds
        self.was_sent = False
        self._abort_reason = ""
        self._lock = threading.RLock()  # a signal's handler may close the client amid a call
        self._socket_handle: socket.socket | None = None
        self._lookup_ended = threading.Event()

    def build_error(self, code: str, predicate: str) -> HttpCallError:
        error_type = PermanentCallError if code in ("certificate", "blocked_address") else TransientCallError
        return error_type(code, f"{self.host} {predicate}", was_sent=self.was_sent)

    def to_call_error(self, error: Exception) -> HttpCallError:
        """The failure behind `error`; most come ready-made from where they happen."""
        if self._abort_reason:
            return self.build_error("timeout", self._abort_reason)
        if isinstance(error, HttpCallError):
            return error
        if not self.was_sent:
            return self.build_error("bad_answer", "could not be called; look for odd characters in its key and Pass.")
        return self.build_error("bad_answer", "gave a broken answer or none in HTTP; look into its error log.")

    def raise_if_aborted(self) -> None:
        """Raise if the call was cut: what a cut connection still yields may look like a whole answer."""
        if self._abort_reason:
            raise self.build_error("timeout", self._abort_reason)

    def abort(self, reason: str) -> None:
        """End the call at once, from any thread; `because` becomes its message."""
        with self._lock:
            self._abort_reason = reason
            self._lookup_ended.set()
            if self._socket_handle:
                with suppress(OSError):
                    self._socket_handle.shutdown(socket.SHUT_RDWR)

    def track_socket(self, sock: socket.socket) -> None:
        """Get a grip on the connection about to be used.

        The grip is a duplicate: it stays good while TLS takes the socket over, leaves the TLS object to one
        thread, and its number cannot belong to another connection by the time it is cut.
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
        """`getaddrinfo` in a thread, since nothing interrupts it: a call that is cut leaves it behind."""
        addresses: list[Any] = []

        def work() -> None:
            with suppress(OSError, ValueError):
                addresses.extend(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
            self._lookup_ended.set()

        threading.Thread(target=work, name="call-look-up", daemon=True).start()
        self._lookup_ended.wait()
        self.raise_if_aborted()
        if not addresses:
            raise self.build_error("unknown_host", "has no known address; check the URL, and this site's DNS.")
        return addresses

    def read_body(self, response: Any) -> bytes:
        """The body. Decompressed here, where neither a bomb nor a missing end can slip through."""
        max_bytes = self.limits.max_response_bytes
        raw = b"".join(iter(lambda: response.raw.read(_CHUNK_BYTES, decode_content=False), b""))
        body = raw
        if raw and "gzip" in response.headers.get("Content-Encoding", "").lower():
            try:
                body = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(max_bytes + 1)
            except (OSError, EOFError, zlib.error):
                raise self.build_error("bad_answer", "gave a damaged answer; look into its error log.") from None
        if max(len(raw), len(body)) > max_bytes:
            raise self.build_error("bad_answer", f"answered with more than {max_bytes} bytes; check the URL.")
        return body


current_call: ContextVar[HttpCall] = ContextVar("flight")


class _CountingReader(io.RawIOBase):
    """The answer as it leaves the socket, counted, so that nothing above can be made to hoard it."""

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
            predicate = f"was silent for {http_call.limits.read_seconds:g} s; look whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None
        except ConnectionError:
            if not self.in_head:
                raise
            count = 0
        if not count and self.in_head:
            raise http_call.build_error("bad_answer", "hung up without an answer; look into its error log.")
        self.remaining_bytes -= count
        if self.remaining_bytes < 0:
            raise http_call.build_error("bad_answer", "answered with more than a shop would; check the URL.")
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
    """Goes only where the guard lets it, and tells its flight where it stands."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; each has its share of the time that is left."""
        http_call = current_call.get()
        limits = http_call.limits
        addresses = http_call.resolve(self._dns_host.strip("[]"), self.port)
        refusals = [address_guard.explain_refusal(place[4][0], limits.allow_private) for place in addresses]
        allowed_addresses = [place for place, refusal in zip(addresses, refusals, strict=True) if refusal is None]
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
        reason = last_error.strerror or "no reply"
        raise http_call.build_error(code, f"takes no connection ({reason}); check URL and port, and that it runs.")

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Ask for the target as the caller wrote it; `url` has had its percent-encoding made uniform."""
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
            predicate = "does not take the request in; look whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        # A site without TLS may wait for the rest of what it takes for a request: TLS is part of connecting.
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
            raise http_call.build_error(code, "does not begin TLS as it should; check URL and port.") from None


class HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection
