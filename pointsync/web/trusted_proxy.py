"""The gate before the application: what a proxy tells is taken from a trusted one only.

Werkzeug's ProxyFix believes anybody and takes any prefix, so that `//evil.example` would make every redirect leave
the site. What it gets to see is decided here.
"""

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from werkzeug.middleware.proxy_fix import ProxyFix

from pointsync.config import UNIX, Peer

IDENTITY = "pointsync.identity"
"""Where the environment holds whom a trusted proxy has named; headers come under `HTTP_…`, so none can be this."""

MOST_HOPS = 20
"""How many proxies may stand in a row."""

_FORWARDED = "HTTP_X_FORWARDED_"
_ONLY_OF_PROXIES = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_NAME")
_UNIX_PEERS = ("", "localhost", "<local>")
"""What gunicorn, waitress and Flask's own server call whoever comes by a Unix socket."""

_PREFIX = re.compile(r"(/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")

Environ = dict[str, Any]
Told = dict[str, str]
Wsgi = Callable[[Environ, Any], Iterable[bytes]]


class Gate:
    """WSGI middleware; `is_ours` tells whether a path is one that the application answers."""

    def __init__(
        self,
        app: Wsgi,
        trusted: tuple[Peer, ...],
        identity_header: str | None,
        is_ours: Callable[[str], bool],
    ) -> None:
        self._app = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._networks = [each for each in trusted if each != UNIX]
        self._trusts_unix = UNIX in trusted
        # Whichever way it was spelled, with - or _, a server knows a header by this one name.
        self._identity = f"HTTP_{identity_header.upper().replace('-', '_')}" if identity_header else None
        self._is_ours = is_ours

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer, with nothing in `environ` but what may be believed."""
        told = self._take_out(environ)
        is_trusted = self._is_trusted(environ.get("REMOTE_ADDR"))
        mount = environ.get("SCRIPT_NAME", "")
        # gunicorn takes it from a header of that name, too.
        if not is_prefix(mount) or (mount and not is_trusted and mount == told.get("HTTP_SCRIPT_NAME")):
            environ["PATH_INFO"], environ["SCRIPT_NAME"] = mount + environ.get("PATH_INFO", ""), ""
        if is_trusted:
            self._believe(environ, told)
        return self._app(environ, start_response)

    def _take_out(self, environ: Environ) -> Told:
        """What the headers said that only a proxy may send; they are gone."""
        names = [
            name
            for name in environ
            if name.startswith(_FORWARDED) or name in _ONLY_OF_PROXIES or name == self._identity
        ]
        return {name: str(environ.pop(name)) for name in names}

    def _believe(self, environ: Environ, told: Told) -> None:
        """Put back, for ProxyFix, what can be as it was told."""
        client = self._client(told.get(f"{_FORWARDED}FOR", ""))
        scheme = _last(told.get(f"{_FORWARDED}PROTO", "")).lower()
        host = _last(told.get(f"{_FORWARDED}HOST", ""))
        prefix = told.get(f"{_FORWARDED}PREFIX", "")
        if client:
            environ[f"{_FORWARDED}FOR"] = client
        if scheme in ("http", "https"):
            environ[f"{_FORWARDED}PROTO"] = scheme
        if _HOST.fullmatch(host):
            environ[f"{_FORWARDED}HOST"] = host
        if prefix and is_prefix(prefix):
            environ[f"{_FORWARDED}PREFIX"] = prefix
            self._take_off(environ, prefix)
        if name := told.get(self._identity or "", "").strip():
            environ[IDENTITY] = name.encode("latin-1", "replace").decode("utf-8", "replace")

    def _take_off(self, environ: Environ, prefix: str) -> None:
        """Take a prefix that the proxy has left in the path off it."""
        path = environ.get("PATH_INFO", "")
        rest = path.removeprefix(prefix)
        # Where it was taken off already, /pointsync/v1/ping can begin with the prefix /pointsync all the same.
        if rest != path and rest[:1] in ("", "/") and not self._is_ours(path):
            environ["PATH_INFO"] = rest or "/"

    def _client(self, forwarded_for: str) -> str | None:
        """The address that the first trusted proxy was called from: each one puts its caller's at the end."""
        client = None
        for word in reversed(forwarded_for.split(",")[-MOST_HOPS:]):
            address = _address(word.strip())
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(client):
                break
        return client

    def _is_trusted(self, peer: str | None) -> bool:
        if peer in _UNIX_PEERS:
            return self._trusts_unix
        address = _address(peer or "")
        return address is not None and any(address in network for network in self._networks)


def is_prefix(path: str) -> bool:
    """Whether `path` is one that links may be put behind: no other host, nothing to be escaped, no way up."""
    return _PREFIX.fullmatch(path) is not None


def _last(words: str) -> str:
    return words.rpartition(",")[2].strip()


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it, perhaps with its port; an IPv4 one within IPv6 for itself."""
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address(found[1] or found[2] if found else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
