"""Middleware that uses the headers of proxies only if the proxy is trusted.

Werkzeug's ProxyFix trusts every caller and every prefix: with `//evil.example`, all redirects would leave the site. So
this middleware decides which headers ProxyFix gets.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from pointsync.config import UNIX_SOCKET, TrustedPeer

IDENTITY_KEY = "pointsync.identity"
"""The environment's key for the user that a trusted proxy named; no header can set it, as those begin with `HTTP_`."""

MAX_HOPS = 20
"""The longest chain of proxies."""

_FORWARDED_PREFIX = "HTTP_X_FORWARDED_"
_PROXY_ONLY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_NAME")
_UNIX_PEERS = ("", "localhost", "<local>")
"""The caller's address if the connection is a Unix socket, in gunicorn, waitress and Flask's own server."""

_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")

Environ = dict[str, Any]
ProxyHeaders = dict[str, str]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]


class TrustedProxyMiddleware:
    """WSGI middleware; `is_known_path` tells whether the application has a view for a path."""

    def __init__(
        self,
        app: WsgiApp,
        trusted_proxies: tuple[TrustedPeer, ...],
        identity_header: str | None,
        is_known_path: Callable[[str], bool],
    ) -> None:
        self._app = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._trusted_proxies = trusted_proxies
        # WSGI uses this name for the header, whether it is spelled with - or _.
        self._identity_header = f"HTTP_{identity_header.upper().replace('-', '_')}" if identity_header else None
        self._is_known_path = is_known_path

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Call the application, with only trustworthy values in `environ`."""
        proxy_headers = self._remove_proxy_headers(environ)
        is_from_proxy = is_trusted(environ.get("REMOTE_ADDR"), self._trusted_proxies)
        script_name = environ.get("SCRIPT_NAME", "")
        # gunicorn also reads SCRIPT_NAME from a header.
        if not is_prefix(script_name) or (
            script_name and not is_from_proxy and script_name == proxy_headers.get("HTTP_SCRIPT_NAME")
        ):
            environ["PATH_INFO"], environ["SCRIPT_NAME"] = script_name + environ.get("PATH_INFO", ""), ""
        if is_from_proxy:
            self._apply_trusted_headers(environ, proxy_headers)
        return self._app(environ, start_response)

    def _remove_proxy_headers(self, environ: Environ) -> ProxyHeaders:
        """Remove the headers that only a proxy may send, and return them."""
        names = [
            name
            for name in environ
            if name.startswith(_FORWARDED_PREFIX) or name in _PROXY_ONLY_HEADERS or name == self._identity_header
        ]
        return {name: str(environ.pop(name)) for name in names}

    def _apply_trusted_headers(self, environ: Environ, proxy_headers: ProxyHeaders) -> None:
        """Give ProxyFix the valid headers of a trusted proxy."""
        client = self._client_address(proxy_headers.get(f"{_FORWARDED_PREFIX}FOR", ""))
        scheme = _last_item(proxy_headers.get(f"{_FORWARDED_PREFIX}PROTO", "")).lower()
        host = _last_item(proxy_headers.get(f"{_FORWARDED_PREFIX}HOST", ""))
        prefix = proxy_headers.get(f"{_FORWARDED_PREFIX}PREFIX", "")
        if client:
            environ[f"{_FORWARDED_PREFIX}FOR"] = client
        if scheme in ("http", "https"):
            environ[f"{_FORWARDED_PREFIX}PROTO"] = scheme
        if _HOST.fullmatch(host):
            environ[f"{_FORWARDED_PREFIX}HOST"] = host
        if prefix and is_prefix(prefix):
            environ[f"{_FORWARDED_PREFIX}PREFIX"] = prefix
            self._strip_prefix(environ, prefix)
        if name := proxy_headers.get(self._identity_header or "", "").strip():
            environ[IDENTITY_KEY] = name.encode("latin-1", "replace").decode("utf-8", "replace")

    def _strip_prefix(self, environ: Environ, prefix: str) -> None:
        """Remove the prefix from the path if the proxy has not done so."""
        path = environ.get("PATH_INFO", "")
        rest = path.removeprefix(prefix)
        # If the proxy has removed it, /pointsync/v1/ping may still begin with the prefix /pointsync.
        if rest != path and rest[:1] in ("", "/") and not self._is_known_path(path):
            environ["PATH_INFO"] = rest or "/"

    def _client_address(self, forwarded_for: str) -> str | None:
        """The address of the first trusted proxy's caller: each proxy appends its caller's address."""
        client = None
        for part in reversed(forwarded_for.split(",")[-MAX_HOPS:]):
            address = _parse_address(part.strip())
            if address is None:
                break
            client = str(address)
            if not is_trusted(client, self._trusted_proxies):
                break
        return client


def is_trusted(peer: str | None, trusted_proxies: tuple[TrustedPeer, ...]) -> bool:
    """Whether the caller at the address `peer` is one of the trusted proxies."""
    if peer in _UNIX_PEERS:
        return UNIX_SOCKET in trusted_proxies
    address = _parse_address(peer or "")
    return address is not None and any(address in each for each in trusted_proxies if each != UNIX_SOCKET)


def is_prefix(path: str) -> bool:
    """Whether `path` is safe as a prefix of links: no other host, no `..`, and nothing to escape."""
    return _PREFIX.fullmatch(path) is not None


def _last_item(header: str) -> str:
    return header.rpartition(",")[2].strip()


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, perhaps with a port; an IPv4 address inside IPv6 is returned as IPv4."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(match[1] or match[2] if match else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
