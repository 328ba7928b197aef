"""The gate before the application: what a proxy tells is taken from a trusted one only.

Werkzeug's ProxyFix believes anybody and takes any prefix, so that `//evil.example` would make every redirect leave
the site. What it gets to see is decided here.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from pointsync.config import UNIX_SOCKET, TrustedPeer

IDENTITY_KEY = "pointsync.identity"
"""Where the environment holds whom a trusted proxy has named; headers come under `HTTP_…`, so none can be this."""

MAX_HOPS = 20
"""How many proxies may stand in a row."""

_FORWARDED_PREFIX = "HTTP_X_FORWARDED_"
_PROXY_ONLY_HEADERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_NAME")
_UNIX_PEERS = ("", "localhost", "<local>")
"""What gunicorn, waitress and Flask's own server call whoever comes by a Unix socket."""

_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")

Environ = dict[str, Any]
ProxyHeaders = dict[str, str]
WsgiApp = Callable[[Environ, Any], Iterable[bytes]]


class TrustedProxyMiddleware:
    """WSGI middleware; `is_ours` tells whether a path is one that the application answers."""

    def __init__(
        self,
        app: WsgiApp,
        trusted_proxies: tuple[TrustedPeer, ...],
        identity_header: str | None,
        is_known_path: Callable[[str], bool],
    ) -> None:
        self._app = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._networks = [each for each in trusted_proxies if each != UNIX_SOCKET]
        self._trusts_unix = UNIX_SOCKET in trusted_proxies
        # Whichever way it was spelled, with - or _, a server knows a header by this one name.
        self._identity_header = f"HTTP_{identity_header.upper().replace('-', '_')}" if identity_header else None
        self._is_known_path = is_known_path

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer, with nothing in `environ` but what may be believed."""
        proxy_headers = self._remove_proxy_headers(environ)
        is_trusted = self._is_trusted(environ.get("REMOTE_ADDR"))
        script_name = environ.get("SCRIPT_NAME", "")
        # gunicorn takes it from a header of that name, too.
        if not is_prefix(script_name) or (
            script_name and not is_trusted and script_name == proxy_headers.get("HTTP_SCRIPT_NAME")
        ):
            environ["PATH_INFO"], environ["SCRIPT_NAME"] = script_name + environ.get("PATH_INFO", ""), ""
        if is_trusted:
            self._apply_trusted_headers(environ, proxy_headers)
        return self._app(environ, start_response)

    def _remove_proxy_headers(self, environ: Environ) -> ProxyHeaders:
        """What the headers said that only a proxy may send; they are gone."""
        names = [
            name
            for name in environ
            if name.startswith(_FORWARDED_PREFIX) or name in _PROXY_ONLY_HEADERS or name == self._identity_header
        ]
        return {name: str(environ.pop(name)) for name in names}

    def _apply_trusted_headers(self, environ: Environ, proxy_headers: ProxyHeaders) -> None:
        """Put back, for ProxyFix, what can be as it was told."""
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
        """Take a prefix that the proxy has left in the path off it."""
        path = environ.get("PATH_INFO", "")
        rest = path.removeprefix(prefix)
        # Where it was taken off already, /pointsync/v1/ping can begin with the prefix /pointsync all the same.
        if rest != path and rest[:1] in ("", "/") and not self._is_known_path(path):
            environ["PATH_INFO"] = rest or "/"

    def _client_address(self, forwarded_for: str) -> str | None:
        """The address that the first trusted proxy was called from: each one puts its caller's at the end."""
        client = None
        for part in reversed(forwarded_for.split(",")[-MAX_HOPS:]):
            address = _parse_address(part.strip())
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(client):
                break
        return client

    def _is_trusted(self, peer: str | None) -> bool:
        if peer in _UNIX_PEERS:
            return self._trusts_unix
        address = _parse_address(peer or "")
        return address is not None and any(address in network for network in self._networks)


def is_prefix(path: str) -> bool:
    """Whether `path` is one that links may be put behind: no other host, nothing to be escaped, no way up."""
    return _PREFIX.fullmatch(path) is not None


def _last_item(header: str) -> str:
    return header.rpartition(",")[2].strip()


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it, perhaps with its port; an IPv4 one within IPv6 for itself."""
    match = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(match[1] or match[2] if match else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
