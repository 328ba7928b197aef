"""The client for all outgoing HTTP: a call ends in time, with an answer of limited size or an HttpCallError."""

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

from pointsync.net.call import CallLimits, HttpCall, TransientCallError, current_call
from pointsync.net.connections import HttpPool, HttpsPool

_URL = re.compile(
    r"(?i:https?)://(?:[^/?#\\]*@)?(?P<host>[^/?#\\@\x00-\x20\x7f\ud800-\udfff]+)(?P<target>(?:[/?][^#]*)?)(?:#.*)?"
)
_OTHER_CONNECTION_STATUSES = (408, 421)
"""The connection was idle for too long, or leads to the wrong server (RFC 9110, 15.5.9 and 15.5.20)."""
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class HttpResponse:
    """An answer with any status; `headers` ignore case, `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Calls other sites, from any thread. The limits are per call, in seconds and bytes.

    `connect_seconds` begins after the DNS lookup and covers all addresses. `allow_private` allows private addresses;
    `verify` can be a file with the certificate authorities to trust; `url_noun` is what messages call the URL.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        connect_seconds: float = 5.0,
        read_seconds: float = 15.0,
        total_seconds: float = 30.0,
        max_response_bytes: int = 2 * 1024 * 1024,
        verify: bool | str = True,
        url_noun: str = "the remote's URL",
    ) -> None:
        self.limits = CallLimits(
            allow_private, connect_seconds, read_seconds, total_seconds, max_response_bytes, url_noun
        )
        self.verify = verify
        self._sessions: dict[object, requests.Session] = {}
        self.active_calls: dict[HttpCall, None] = {}  # in the order of their deadlines
        self._condition = threading.Condition()
        self._watchdog: threading.Thread | None = None
        self._closed = False

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        connection_key: object = None,
        is_repeatable: bool = False,
    ) -> HttpResponse:
        """Send one request, without following redirects, and return the answer. Raises HttpCallError.

        Calls with the same `connection_key` share kept-alive connections; None means a new connection. If a kept one
        has ended between the calls, the request is sent once more over a new one, in the same time limit: if nothing
        was sent over the old one, or if the request `is_repeatable`, so that receiving it twice does no harm.
        """
        if not (parts := _URL.fullmatch(url)):
            raise TransientCallError("unknown_host", "The URL must look like https://shop.example; correct it.")
        request_target = quote(parts["target"], _PRINTABLE, errors="replace")
        http_call = HttpCall(self.limits, parts["host"], "/" + request_target.removeprefix("/"))
        session = self._register(http_call, connection_key)
        token = current_call.set(http_call)
        try:
            all_headers = CaseInsensitiveDict({"User-Agent": "PointSync", **headers})
            all_headers["Accept-Encoding"] = "gzip"
            request = requests.Request(method, url, all_headers, data=body).prepare()
            try:
                http_response = self._exchange(session, request, http_call)
                is_lost = is_repeatable and http_call.is_reused and http_response.status in _OTHER_CONNECTION_STATUSES
            except Exception:
                is_lost = http_call.is_connection_lost and (is_repeatable or not http_call.was_sent)
                if not is_lost:
                    raise
            if is_lost:
                http_call.raise_if_aborted()
                http_call.needs_new_connection = True
                http_response = self._exchange(session, request, http_call)
            http_call.raise_if_aborted()
        except requests.exceptions.InvalidURL:
            raise http_call.build_error("unknown_host", "is not a valid host name; correct the URL.") from None
        except Exception as error:
            # Without the cause, which may contain a header.
            raise http_call.to_call_error(error) from None
        finally:
            current_call.reset(token)
            with self._condition:
                self.active_calls.pop(http_call, None)
            http_call.release_socket()
            if connection_key is None:
                session.close()
        return http_response

    def _exchange(
        self, session: requests.Session, request: requests.PreparedRequest, http_call: HttpCall
    ) -> HttpResponse:
        with closing(
            session.send(request, stream=True, allow_redirects=False, timeout=self.limits.read_seconds)
        ) as response:
            return HttpResponse(response.status_code, response.headers, http_call.read_body(response))

    def close(self) -> None:
        """Abort the running calls, close the connections, and refuse later calls."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            for http_call in self.active_calls:
                http_call.abort("was interrupted because this site stopped; the call will be repeated.")
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _register(self, http_call: HttpCall, connection_key: object) -> requests.Session:
        with self._condition:
            if self._closed:
                raise http_call.build_error("timeout", "was not called because this site is stopping.")
            if not (self._watchdog and self._watchdog.is_alive()):
                self._watchdog = threading.Thread(target=self._abort_overdue_calls, name="call-watchdog", daemon=True)
                self._watchdog.start()
            self.active_calls[http_call] = None
            session = self._sessions.get(connection_key) or _Session(self.verify)
            if connection_key is not None:
                self._sessions[connection_key] = session
            return session

    def _abort_overdue_calls(self) -> None:
        """Abort each call at its deadline. A call that begins during a wait has a later deadline than the first."""
        with self._condition:
            while not self._closed:
                http_call = next(iter(self.active_calls), None)
                remaining_seconds = http_call.deadline - monotonic() if http_call else self.limits.total_seconds
                if remaining_seconds > 0:
                    self._condition.wait(remaining_seconds)
                elif http_call:
                    del self.active_calls[http_call]
                    http_call.abort(f"took more than {self.limits.total_seconds:g} s; check whether it is overloaded.")


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}


class _Session(requests.Session):
    """A session that only keeps connections alive. Threads can share it, as they only share urllib3's pools."""

    def __init__(self, verify: bool | str) -> None:
        super().__init__()
        self.verify = verify
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, because `send` would read the body of a redirect without a limit, even if it does not follow it."""
