"""Checking sites' URLs as people type them, comparing them as places, and comparing the addresses of shops.

Messages never contain a URL, since it may contain a password.
"""

import ipaddress
import re
from urllib.parse import quote, unquote, urljoin, urlsplit

import idna

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253
_DEFAULT_PORTS = (80, 443)
_PORT_BY_SCHEME = {"http": 80, "https": 443}
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_WRONG_HOST = "has an invalid host; use one such as shop.example or [::1]"


def find_problem(url: str) -> str | None:
    """What is wrong with the URL of a site: it needs a scheme and a host, and may have a port and a path.

    Returns the end of a sentence that begins with the field's name, or None.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"must have at most {MAX_URL_LENGTH} characters; this has {len(url):,}"
    if not url.isprintable() or re.search(r"\s", url):
        return "must have no spaces and no control characters"
    if not re.match(r"https?://", url, re.IGNORECASE):
        return "must begin with https:// (or http:// inside your own network)"
    netloc = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in netloc:
        return "must not have a user name or password before the host"
    return _find_host_problem(netloc) or (
        "must end with its path, without ? and #" if re.search(r"[?#]", url) else None
    )


def _find_host_problem(netloc: str) -> str | None:
    try:
        parts = urlsplit(f"//{netloc}")
        host = parts.hostname or ""
    except ValueError:
        return _WRONG_HOST
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        return "has an invalid port; use one from 1 to 65535"
    if not host:
        return "has no host; use one such as shop.example"
    after_bracket = netloc.rpartition("]")[2]  # only a port may follow an address in brackets
    if len(host) > MAX_HOST_LENGTH or re.search(r"[\\%]", host) or (":" in host and after_bracket[:1] not in ("", ":")):
        return _WRONG_HOST
    return None


def normalise_address(url: str) -> str:
    """The address of a shop, so that all ways of writing it are the same text: `shop.example/fr`.

    Without the scheme, which changes when the shop gets a certificate, a default port and a slash at the end; the host
    in lower case and as A-labels. The path stays, because two shops can share a host. Empty if there is no host.
    """
    text = url.strip()
    if "://" not in text:
        text = f"//{text}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text.partition("//")[2].lower().rstrip("/")[:MAX_URL_LENGTH]
    if not host:
        return ""
    shown_port = f":{port}" if port and port not in _DEFAULT_PORTS else ""
    return f"{_normalise_host(host)}{shown_port}{parts.path.rstrip('/')}"[:MAX_URL_LENGTH]


def normalise(url: str) -> str:
    """The normal form of a URL (RFC 3986, 6.2): all ways of writing the same place have the same one.

    Scheme and host in lower case, the host as A-labels or a compressed address, no default port; in the path no dot
    segments, no slash at the end, and only escapes that are needed. A query stays. A URL that `find_problem` refuses is
    returned as it is.
    """
    main, question_mark, query = url.partition("?")
    if find_problem(main):
        return url
    parts = urlsplit(main)
    scheme, host = parts.scheme.lower(), _normalise_host(parts.hostname or "")
    port = f":{parts.port}" if parts.port and parts.port != _PORT_BY_SCHEME[scheme] else ""
    path = _remove_dot_segments(_normalise_escapes(parts.path)).rstrip("/")
    return f"{scheme}://{host}{port}{path}{question_mark}{_normalise_escapes(query)}"


def is_same_place(url: str, other: str) -> bool:
    """Whether the two URLs lead to the same place: scheme, host, port and path are the same in normal form."""
    return url == other or normalise(url) == normalise(other)


def find_moved_url(url: str, path: str, location: str) -> str | None:
    """Where the site at `url` is, if a call of `path` below it was redirected to `location`: what an admin enters.

    `path` begins with a slash. None if the redirect leads to something else than the same path of a site, such as a
    sign-in page, or to the same place.
    """
    if not (target := resolve_location(url + path, location)):
        return None
    parts = urlsplit(target)
    segments, called = parts.path.rstrip("/").split("/"), path.partition("?")[0].rstrip("/").split("/")[1:]
    if list(map(unquote, segments[-len(called) :])) != list(map(unquote, called)):
        return None
    moved = f"{parts.scheme}://{parts.netloc}{'/'.join(segments[: -len(called)])}".rstrip("/")
    return None if is_same_place(moved, url) else moved


def resolve_location(url: str, location: str) -> str | None:
    """The absolute URL of a redirect from `url`, without user name, password, query and fragment; None if it is none.

    What is left out may be secret.
    """
    try:
        parts = urlsplit(urljoin(url, location.strip()))
        target = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return None
    return None if find_problem(target) else target


def _normalise_host(host: str) -> str:
    if ":" in host:
        try:
            return f"[{ipaddress.IPv6Address(host).compressed}]"
        except ValueError:
            return f"[{host.lower()}]"
    host = host.rstrip(".")
    try:
        return idna.encode(host, uts46=True).decode().lower()
    except UnicodeError:
        return host.lower()


def _normalise_escapes(text: str) -> str:
    """`text` with only the escapes that are needed, in upper case."""

    def replace(match: re.Match[str]) -> str:
        letter = chr(int(match[1], 16))
        return letter if _UNRESERVED.fullmatch(letter) else match[0].upper()

    return _ESCAPE.sub(replace, quote(text, _PRINTABLE, errors="replace"))


def _remove_dot_segments(path: str) -> str:
    """`path` without `.` and `..`, as RFC 3986, 5.2.4 resolves them."""
    segments: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del segments[-1:]
        elif segment != ".":
            segments.append(segment)
    return "".join(f"/{segment}" for segment in segments)
