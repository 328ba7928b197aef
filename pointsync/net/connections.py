"""The connections of HTTP calls: they check the addresses, limit the size of the answer, and report to the call."""

import http.client
import io
import socket
import ssl
from time import monotonic
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pointsync.net import address_guard
from pointsync.net.call import current_call

_MAX_HEAD_BYTES = 64 * 1024  # status lines and headers together, also those of interim answers
_SWITCHING_PROTOCOLS = 101
MAX_IDLE_SECONDS = 50.0
"""A connection that was not used for so long is closed. Load balancers and routers forget idle ones, some after a
minute, and many of them without telling anybody."""


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
            http_call.note_lost_connection(is_silent=True)
            predicate = f"sent nothing for {http_call.limits.read_seconds:g} s; check whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None
        except ConnectionError:
            if not self.in_head:
                raise
            count = 0
        if not count and self.in_head:
            http_call.note_lost_connection()
            raise http_call.build_error("bad_answer", "closed the connection without an answer; check its error log.")
        http_call.has_answer = True
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

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the final answer, after any number of interim ones (RFC 9110, 15.2).

        `http.client` passes over 100 only. 101 is final, and nobody has asked for it.
        """
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status < 200:
                return version, status, reason
            if status == _SWITCHING_PROTOCOLS:
                raise http.client.BadStatusLine(f"{version} {status}")
            http.client.parse_headers(self.fp)

    def begin(self) -> None:
        super().begin()
        self.counting_reader.in_head = False
        self.counting_reader.remaining_bytes += current_call.get().limits.max_response_bytes


class _HttpConnection(HTTPConnection):
    """Connects to allowed addresses only, and reports its progress to the current call."""

    response_class = _Response
    _used_socket: socket.socket | None = None
    """The socket that an earlier call has used; it may be closed."""
    _used_at = 0.0
    """When it was used, by the monotonic clock."""

    @property
    def is_connected(self) -> bool:
        """Whether the current call may use the open connection; the pool closes it otherwise."""
        is_fresh = monotonic() - self._used_at < MAX_IDLE_SECONDS
        return is_fresh and not current_call.get().needs_new_connection and super().is_connected

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
        is_reused = self.sock is not None and self.sock is self._used_socket
        http_call.begin_exchange(idle_seconds=monotonic() - self._used_at if is_reused else None)
        if self.sock is not None:
            http_call.track_socket(self.sock)
        super().putrequest(method, http_call.request_target, skip_host, skip_accept_encoding)

    def send(self, data: Any) -> None:
        http_call = current_call.get()
        if self.sock is None:
            self.connect()
        is_head, http_call.has_sent_head = not http_call.has_sent_head, True
        try:
            super().send(data)
        except TimeoutError:
            http_call.was_sent = True
            predicate = "did not accept the request; check whether it is overloaded."
            raise http_call.build_error("timeout", predicate) from None
        except OSError:
            if not is_head:
                raise  # the answer may say why
            # The other site has at most a part of the head, so it cannot act on the request.
            http_call.note_lost_connection()
            raise http_call.build_error("bad_answer", "closed the connection; check its error log.") from None
        http_call.was_sent = True

    def getresponse(self) -> Any:
        """Read the head of the answer."""
        self._used_socket, self._used_at = self.sock, monotonic()
        return super().getresponse()


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
