"""The one door for outgoing HTTP: a call ends in time with an answer of bounded size, or in a CallFailed.

`requests` bounds each read, but neither the whole call nor the size of the answer, and connects to
wherever a name points. So each call is a `_Flight`: connections ask the guard before they connect, bytes
are counted as they leave the socket, and a watchdog cuts the socket when the time is up.
"""

import gzip
import http.client
import io
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Mapping
from contextlib import closing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from pointsync.sync import guard

_MAX_HEAD_BYTES = 64 * 1024  # status line and headers together
_CHUNK_BYTES = 64 * 1024
_URL = re.compile(
    r"(?i:https?)://(?:[^/?#\\]*@)?(?P<host>[^/?#\\@\x00-\x20\x7f\ud800-\udfff]+)(?P<target>(?:[/?][^#]*)?)(?:#.*)?"
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


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
class Answer:
    """What the other side said, whatever the status; `headers` ignore case, `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Calls other sites, from any thread. The limits are for each call, in seconds and bytes.

    `connect_seconds` begins once the name is looked up and covers all its addresses. `allow_private` opens
    private addresses; `verify` names a file of authorities to trust instead of the usual ones.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        connect_seconds: float = 5.0,
        read_seconds: float = 15.0,
        total_seconds: float = 30.0,
        max_answer_bytes: int = 2 * 1024 * 1024,
        verify: bool | str = True,
    ) -> None:
        self.allow_private = allow_private
        self.connect_seconds = connect_seconds
        self.read_seconds = read_seconds
        self.total_seconds = total_seconds
        self.max_answer_bytes = max_answer_bytes
        self.verify = verify
        self._sessions: dict[object, requests.Session] = {}
        self._flights: dict[_Flight, None] = {}  # in the order of their deadlines
        self._state = threading.Condition()
        self._watchdog: threading.Thread | None = None
        self._closed = False

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        session_key: object = None,
    ) -> Answer:
        """Make one request, never repeated and never redirected; its answer, or CallFailed.

        Calls with the same `session_key` share kept-alive connections; None stands for fresh ones.
        """
        if not (parts := _URL.fullmatch(url)):
            raise PassingFailure("unknown_host", "The URL must look like https://shop.example; correct it.")
        target = quote(parts["target"], _PRINTABLE, errors="replace")
        flight = _Flight(self, parts["host"], "/" + target.removeprefix("/"))
        session = self._enter(flight, session_key)
        token = _flight.set(flight)
        try:
            sent = CaseInsensitiveDict({"User-Agent": "PointSync", **headers})
            sent["Accept-Encoding"] = "gzip"
            request = requests.Request(method, url, sent, data=body).prepare()
            with closing(
                session.send(request, stream=True, allow_redirects=False, timeout=self.read_seconds)
            ) as response:
                answer = Answer(response.status_code, response.headers, flight.read(response))
            flight.check()
        except Exception as error:
            # Without its cause, which may quote a header.
            raise flight.explain(error) from None
        finally:
            _flight.reset(token)
            with self._state:
                self._flights.pop(flight, None)
            flight.let_go()
            if session_key is None:
                session.close()
        return answer

    def close(self) -> None:
        """Stop the calls under way at once, drop the connections, and refuse every later call."""
        with self._state:
            self._closed = True
            self._state.notify_all()
            for flight in self._flights:
                flight.cut("was not heard out: the call was stopped with this site, and is made again.")
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _enter(self, flight: "_Flight", session_key: object) -> requests.Session:
        with self._state:
            if self._closed:
                raise flight.failure("timeout", "was not called: calls are stopped with this site; start it.")
            if not (self._watchdog and self._watchdog.is_alive()):
                self._watchdog = threading.Thread(target=self._watch, name="call-watchdog", daemon=True)
                self._watchdog.start()
            self._flights[flight] = None
            session = self._sessions.get(session_key) or _Session(self.verify)
            if session_key is not None:
                self._sessions[session_key] = session
            return session

    def _watch(self) -> None:
        """Cut each call at its deadline. One that begins during a wait ends after it, so wakes nobody."""
        with self._state:
            while not self._closed:
                flight = next(iter(self._flights), None)
                left = flight.deadline - monotonic() if flight else self.total_seconds
                if left > 0:
                    self._state.wait(left)
                elif flight:
                    del self._flights[flight]
                    flight.cut(f"took more than {self.total_seconds:g} s; look whether it is overloaded.")


class _Flight:
    """One call under way: how far it has come, and the grip by which another thread can cut it."""

    def __init__(self, client: Client, host: str, target: str) -> None:
        self.client = client
        self.host = host
        self.target = target
        self.deadline = monotonic() + client.total_seconds
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
        if isinstance(error, requests.exceptions.InvalidURL):
            return self.failure("unknown_host", "is no host that can be called; correct the URL.")
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

    def read(self, response: requests.Response) -> bytes:
        """The body. Decompressed here, where neither a bomb nor a missing end can slip through."""
        most = self.client.max_answer_bytes
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


_flight: ContextVar[_Flight] = ContextVar("flight")


class _Meter(io.RawIOBase):
    """The answer as it leaves the socket, counted, so that nothing above can be made to hoard it."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.left_bytes = _MAX_HEAD_BYTES
        self.in_head = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        flight = _flight.get()
        try:
            count: int = self.source.readinto(buffer)
        except TimeoutError:
            silence = f"was silent for {flight.client.read_seconds:g} s; look whether it is overloaded."
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
        self.meter.left_bytes += _flight.get().client.max_answer_bytes


class _Connection(HTTPConnection):
    """Goes only where the guard lets it, and tells its flight where it stands."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers; each has its share of the time that is left."""
        flight = _flight.get()
        client = flight.client
        found = flight.look_up(self._dns_host.strip("[]"), self.port)
        refusals = [guard.refusal(place[4][0], client.allow_private) for place in found]
        places = [place for place, refusal in zip(found, refusals, strict=True) if refusal is None]
        if not places:
            raise flight.failure("blocked_address", f"was not called: {refusals[0]}")
        until = monotonic() + client.connect_seconds
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
                sock.settimeout(client.read_seconds)
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
        flight = _flight.get()
        if self.sock is not None:
            flight.hold(self.sock)
        super().putrequest(method, flight.target, skip_host, skip_accept_encoding)

    def send(self, data: Any) -> None:
        flight = _flight.get()
        if self.sock is None:
            self.connect()
        flight.reached = True
        try:
            super().send(data)
        except TimeoutError:
            stuck = "does not take the request in; look whether it is overloaded."
            raise flight.failure("timeout", stuck) from None


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        flight = _flight.get()
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            reason = error.verify_message.rstrip(".")
            mend = f"has no valid certificate ({reason}); renew it there, or correct the URL."
            raise flight.failure("certificate", mend) from None
        except OSError as error:
            code = "timeout" if isinstance(error, TimeoutError) else "bad_answer"
            raise flight.failure(code, "does not begin TLS as it should; check URL and port.") from None


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _Session(requests.Session):
    """Kept-alive connections and nothing else. Threads may share it: all it shares are urllib3's pools."""

    def __init__(self, verify: bool | str) -> None:
        super().__init__()
        self.verify = verify
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: `send` would read a redirect's body, and decompress it without bound, even not to follow it."""
