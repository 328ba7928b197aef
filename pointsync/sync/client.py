"""The one door for outgoing HTTP: a call ends in time with an answer of bounded size, or in a CallFailed.

`requests` bounds each read, but neither the whole call nor the answer's size, and connects to wherever a
name points. So each call is a `_Flight`: the connection asks it for leave, bytes are counted as they
come off the socket, and a watchdog cuts the socket when the time is up.
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
from concurrent.futures import Future, InvalidStateError
from contextlib import closing, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import LocationValueError
from urllib3.util.ssl_match_hostname import CertificateError

from pointsync.sync import guard

_MAX_HEAD_BYTES = 64 * 1024  # status line and headers; whoever sends more is no shop
_CHUNK_BYTES = 64 * 1024
_URL = re.compile(r"(?i:https?)://(?:[^/?#]*@)?(?P<host>[^/?#@]+)(?P<target>[^#]*)")
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class CallFailed(Exception):
    """No usable answer. `code` is a ping code, `message` tells a shop's admin what is wrong and how to mend it.

    `reached` is whether the other side may have got the request, and so may have acted on it. No message
    holds a header's value or more of the URL than its host, since both carry secrets.
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
    """What the other side said, whatever the status; `body` is decompressed, `headers` ignore case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class _Limits:
    """What a call may do and cost."""

    allow_private: bool
    connect_seconds: float
    read_seconds: float
    total_seconds: float
    max_answer_bytes: int


class _Flight:
    """One call under way: how far it has come, and the grip by which another thread cuts it short."""

    def __init__(self, limits: _Limits, host: str, target: str) -> None:
        self.limits = limits
        self.host = host
        self.target = target
        self.deadline = monotonic() + limits.total_seconds
        self.reached = False
        self._lock = threading.Lock()
        self._cut_because: str | None = None
        self._grip: socket.socket | None = None
        self._lookup: Future[list[Any]] | None = None

    def cut(self, because: str) -> None:
        """End the call now, from any thread, if it has not ended; `because` completes its message."""
        with self._lock:
            self._cut_because = self._cut_because or because
            if self._lookup:
                self._lookup.cancel()
            if self._grip:
                with suppress(OSError):
                    self._grip.shutdown(socket.SHUT_RDWR)

    def grip(self, sock: socket.socket) -> None:
        """Take hold of the connection that the call will use.

        By a duplicate: it stays good while TLS takes the socket over, never touches the TLS object from
        another thread, and its number cannot have passed to another connection by the time it is cut.
        """
        duplicate = socket.fromfd(sock.fileno(), sock.family, sock.type)
        self.let_go()
        with self._lock:
            self._grip = duplicate
        self.check()

    def let_go(self) -> None:
        """Give the grip back; the connection itself stays open."""
        with self._lock:
            if self._grip:
                self._grip.close()
                self._grip = None

    def check(self) -> None:
        """Raise if the call was cut: what a cut connection still gives looks like an end, and is none."""
        if self._cut_because:
            raise self.passing("timeout", f"The call to {self.host} {self._cut_because}")

    def look_up(self, name: str, port: int) -> list[Any]:
        """`getaddrinfo`, in a thread of its own because nothing can interrupt it; a cut leaves it behind."""
        lookup: Future[list[Any]] = Future()

        def work() -> None:
            with suppress(InvalidStateError):
                try:
                    lookup.set_result(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM))
                except (OSError, ValueError) as error:
                    lookup.set_exception(error)

        with self._lock:
            self._lookup = lookup
        self.check()
        threading.Thread(target=work, name="look-up", daemon=True).start()
        return lookup.result()

    def passing(self, code: str, message: str) -> PassingFailure:
        return PassingFailure(code, message, reached=self.reached)

    def permanent(self, code: str, message: str) -> PermanentFailure:
        return PermanentFailure(code, message, reached=self.reached)

    def explain(self, error: Exception) -> CallFailed:
        """The failure that `error` means; the connections below raise most of them ready-made."""
        with suppress(PassingFailure):
            self.check()
            if isinstance(error, CallFailed):
                return error
            if isinstance(error, (requests.exceptions.InvalidURL, LocationValueError)):
                return self.passing(
                    "unknown_host", f"“{self.host}” is no host that can be called; correct the URL."
                )
            if self.reached:
                ...
        raise NotImplementedError
