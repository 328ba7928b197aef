"""The one door for outgoing HTTP: a call ends in time with an answer of bounded size, or in a CallFailed."""

import re
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from time import monotonic
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from pointsync.net.call import CallFailed, Flight, Limits, PassingFailure, PermanentFailure, Pool, TlsPool, current

__all__ = ["Answer", "CallFailed", "Client", "PassingFailure", "PermanentFailure"]

_URL = re.compile(
    r"(?i:https?)://(?:[^/?#\\]*@)?(?P<host>[^/?#\\@\x00-\x20\x7f\ud800-\udfff]+)(?P<target>(?:[/?][^#]*)?)(?:#.*)?"
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


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
        self.limits = Limits(allow_private, connect_seconds, read_seconds, total_seconds, max_answer_bytes)
        self.verify = verify
        self._sessions: dict[object, requests.Session] = {}
        self.currents: dict[Flight, None] = {}  # in the order of their deadlines
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
        flight = Flight(self.limits, parts["host"], "/" + target.removeprefix("/"))
        session = self._enter(flight, session_key)
        token = current.set(flight)
        try:
            sent = CaseInsensitiveDict({"User-Agent": "PointSync", **headers})
            sent["Accept-Encoding"] = "gzip"
            request = requests.Request(method, url, sent, data=body).prepare()
            with closing(
                session.send(request, stream=True, allow_redirects=False, timeout=self.limits.read_seconds)
            ) as response:
                answer = Answer(response.status_code, response.headers, flight.read(response))
            flight.check()
        except requests.exceptions.InvalidURL:
            raise flight.failure("unknown_host", "is no host that can be called; correct the URL.") from None
        except Exception as error:
            # Without its cause, which may quote a header.
            raise flight.explain(error) from None
        finally:
            current.reset(token)
            with self._state:
                self.currents.pop(flight, None)
            flight.let_go()
            if session_key is None:
                session.close()
        return answer

    def close(self) -> None:
        """Stop the calls under way at once, drop the connections, and refuse every later call."""
        with self._state:
            self._closed = True
            self._state.notify_all()
            for flight in self.currents:
                flight.cut("was not heard out: the call was stopped with this site, and is made again.")
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _enter(self, flight: Flight, session_key: object) -> requests.Session:
        with self._state:
            if self._closed:
                raise flight.failure("timeout", "was not called: calls are stopped with this site; start it.")
            if not (self._watchdog and self._watchdog.is_alive()):
                self._watchdog = threading.Thread(target=self._watch, name="call-watchdog", daemon=True)
                self._watchdog.start()
            self.currents[flight] = None
            session = self._sessions.get(session_key) or _Session(self.verify)
            if session_key is not None:
                self._sessions[session_key] = session
            return session

    def _watch(self) -> None:
        """Cut each call at its deadline. One that begins during a wait ends after it, so wakes nobody."""
        with self._state:
            while not self._closed:
                flight = next(iter(self.currents), None)
                left = flight.deadline - monotonic() if flight else self.limits.total_seconds
                if left > 0:
                    self._state.wait(left)
                elif flight:
                    del self.currents[flight]
                    flight.cut(f"took more than {self.limits.total_seconds:g} s; look whether it is overloaded.")


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}


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
