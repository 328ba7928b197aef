"""Checking sites' URLs as people type them, and comparing the addresses of shops.

Messages never contain a URL, since it may contain a password.
"""

import re
from urllib.parse import quote, urlsplit

import idna

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253
_PORT_BY_SCHEME = {"http": 80, "https": 443}
_DEFAULT_PORTS = tuple(_PORT_BY_SCHEME.values())
_ESCAPE = re.compile("%[0-9a-fA-F]{2}")
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


def as_place(url: str) -> str:
    """A URL so that all ways of writing it are the same text: for comparing only.

    Scheme and host in lower case, the host as A-labels, without a default port, a slash at the end, and parts such as
    `/./`; the path percent-encoded only where it must be (RFC 3986, 6.2.2).
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url
    shown_port = f":{port}" if port and port != _PORT_BY_SCHEME.get(parts.scheme) else ""
    quoted = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    path = _ESCAPE.sub(lambda match: _unescape(match[0]), quoted)
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    query = f"?{parts.query}" if parts.query else ""
    return "/".join([f"{parts.scheme}://{_encode_host(host)}{shown_port}", *segments]) + query


def _unescape(escape: str) -> str:
    letter = chr(int(escape[1:], 16))
    return letter if letter.isascii() and (letter.isalnum() or letter in "-._~") else escape.upper()


def _encode_host(host: str) -> str:
    try:
        host = idna.encode(host, uts46=True).decode()
    except UnicodeError:
        host = host.lower()
    return f"[{host}]" if ":" in host else host


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
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return text.partition("//")[2].lower().rstrip("/")[:MAX_URL_LENGTH]
    if not host:
        return ""
    shown_port = f":{port}" if port and port not in _DEFAULT_PORTS else ""
    return f"{_encode_host(host)}{shown_port}{parts.path.rstrip('/')}"[:MAX_URL_LENGTH]
