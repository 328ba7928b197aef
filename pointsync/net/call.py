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


class CallFailed(Exception):
    """No usable answer: `code` is a ping code, `message` tells an admin what is wrong and how to mend it.

    `reached` is whether the other side may have got the request, and so may have acted on it. No message
    holds a header's value, nor more of the URL than its host: both carry secrets.
    """

    def __init__(self, code: str, message: str, *, reached: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reached = reached


class PassingFailure(CallFailed):
    """Waiting may mend it: refused_connection, unknown_host, timeout, bad_answer."""


class PermanentFailure(CallFailed):
    """Only a person can mend it: certificate, blocked_address."""


@dataclass(frozen=True)
class Limits:
    """What bounds each call, in seconds and bytes, and whether it may go to private addresses."""

    allow_private: bool
    connect_seconds: float
    read_seconds: float
    total_seconds: float
    max_answer_bytes: int


class Flight:
    """One call under way: how far it has come, and the grip by which another thread can cut it."""

    def __init__(self, limits: Limits, host: str, target: str) -> None:
        self.limits = limits
        self.host = host
        self.target = target
        self.deadline = monotonic() + limits.total_seconds
        self.reached = False
        self._cut_because = ""
        self._lock = threading.RLock()  # a signal's handler may close the client amid a call
        self._grip: socket.socket | None = None
        self._awake = threading.Event()

    def failure(self, code: str, predicate: str) -> CallFailed:
        kind = PermanentFailure if code in ("certificate", "blocked_address") else PassingFailure
        return kind(code, f"{self.host} {predicate}", reached=self.reached)

    def explain(self, error: Exception) -> CallFailed:
        """The failure behind `error`; most come ready-made from where they happen."""
        if self._cut_because:
            return self.failure("timeout", self._cut_because)
        if isinstance(error, CallFailed):
            return error
        if not self.reached:
            return self.failure("bad_answer", "could not be called; look for odd characters in its key and Pass.")
        return self.failure("bad_answer", "gave a broken answer or none in HTTP; look into its error log.")

    def check(self) -> None:
        """Raise if the call was cut: what a cut connection still yields may look like a whole answer."""
        if self._cut_because:
            raise self.failure("timeout", self._cut_because)

    def cut(self, because: str) -> None:
        """End the call at once, from any thread; `because` becomes its message."""
        with self._lock:
            self._cut_because = because
            self._awake.set()
            if self._grip:
                with suppress(OSError):
                    self._grip.shutdown(socket.SHUT_RDWR)

    def hold(self, sock: socket.socket) -> None:
        """Get a grip on the connection about to be used.

        The grip is a duplicate: it stays good while TLS takes the socket over, leaves the TLS object to one
        thread, and its number cannot belong to another connection by the time it is cut.
        """
        self.let_go()
        with self._lock:
            self._grip = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self.check()

    def let_go(self) -> None:
        with self._lock:
            if self._grip:
                self._grip.close()
                self._grip = None

    def look_up(self, name: str, port: int) -> list[Any]:
        """`getaddrinfo` in a thread, since nothing interrupts it: a call that is cut leaves it behind."""
        found: list[Any] = []

        def work() -> None:
            with suppress(OSError, ValueError):
                found.extend(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
            self._awake.set()

        threading.Thread(target=work, name="call-look-up", daemon=True).start()
        self._awake.wait()
        self.check()
        if not found:
            raise self.failure("unknown_host", "has no known address; check the URL, and this site's DNS.")
        return found

    def read(self, response: Any) -> bytes:
        """The body. Decompressed here, where neither a bomb nor a missing end can slip through."""
        most = self.limits.max_answer_bytes
        raw = b"".join(iter(lambda: response.raw.read(_CHUNK_BYTES, decode_content=False), b""))
        body = raw
        if raw and "gzip" in response.headers.get("Content-Encoding", "").lower():
            try:
                body = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(most + 1)
            except (OSError, EOFError, zlib.error):
                raise self.failure("bad_answer", "gave a damaged answer; look into its error log.") from None
        if max(len(raw), len(body)) > most:
            raise self.failure("bad_answer", f"answered with more than {most} bytes; check the URL.")
        return body


current: ContextVar[Flight] = ContextVar("flight")


class _Meter(io.RawIOBase):
    """The answer as it leaves the socket, counted, so that nothing above can be made to hoard it."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.left_bytes = _MAX_HEAD_BYTES
        self.in_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        flight = current.get()
        try:
            count: int = self.source.readinto(buffer)
        except TimeoutError:
            silence = f"was silent for {flight.limits.read_seconds:g} s; look whether it is overloaded."
            raise flight.failure("timeout", silence) from None
        except ConnectionError:
            if not self.in_head:
                raise
            count = 0
        if not count and self.in_head:
            raise flight.failure("bad_answer", "hung up without an answer; look into its error log.")
        self.left_bytes -= count
        if self.left_bytes < 0:
            raise flight.failure("bad_answer", "answered with more than a shop would; check the URL.")
        return count

    def close(self) -> None:
        self.source.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.meter = _Meter(self.fp.detach())
        self.fp = io.BufferedReader(self.meter)

    def begin(self) -> None:
        super().begin()
        self.meter.in_head = False
        self.meter.left_bytes += current.get().limits.max_answer_bytes


class _Connection(HTTPConnection):
    """Goes only where the guard lets it, and tells its flight where it stands."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; each has its share of the time that is left."""
        flight = current.get()
        limits = flight.limits
        found = flight.look_up(self._dns_host.strip("[]"), self.port)
        refusals = [address_guard.refusal(place[4][0], limits.allow_private) for place in found]
        places = [place for place, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not places:
            raise flight.failure("blocked_address", f"was not called: {refusals[0]}")
        until = monotonic() + limits.connect_seconds
        fault: OSError = TimeoutError("no reply")
        for tried, (family, kind, protocol, _, address) in enumerate(places):
            if (left := until - monotonic()) <= 0:
                break
            sock = socket.socket(family, kind, protocol)
            try:
                flight.hold(sock)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(left / (len(places) - tried))
                sock.connect(address)
                sock.settimeout(limits.read_seconds)
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                fault = error
        code = "timeout" if isinstance(fault, TimeoutError) else "refused_connection"
        reason = fault.strerror or "no reply"
        raise flight.failure(code, f"takes no connection ({reason}); check URL and port, and that it runs.")

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        """Ask for the target as the caller wrote it; `url` has had its percent-encoding made uniform."""
        flight = current.get()
        if self.sock is not None:
            flight.hold(self.sock)
        super().putrequest(method, flight.target, skip_host, skip_accept_encoding)

    def send(self, data: Any) -> None:
        flight = current.get()
        if self.sock is None:
            self.connect()
        flight.reached = True
        try:
            super().send(data)
        except TimeoutError:
            stuck = "does not take the request in; look whether it is overloaded."
            raise flight.failure("timeout", stuck) from None


class _TlsConnection(_Connection, HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        # A site without TLS may wait for the rest of what it takes for a request: TLS is part of connecting.
        sock = super()._new_conn()
        sock.settimeout(current.get().limits.connect_seconds)
        return sock

    def connect(self) -> None:
        flight = current.get()
        try:
            super().connect()
            self.sock.settimeout(flight.limits.read_seconds)
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message.rstrip(".")
            mend = f"has no valid certificate ({reason}); renew it there, or correct the URL."
            raise flight.failure("certificate", mend) from None
        except OSError as error:
            code = "timeout" if isinstance(error, TimeoutError) else "bad_answer"
            raise flight.failure(code, "does not begin TLS as it should; check URL and port.") from None


class Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
