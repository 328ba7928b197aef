"""Checking sites' URLs as people type them, and comparing the addresses of shops.

Messages never contain a URL, since it may contain a password.
"""

import re
from urllib.parse import urlsplit

import idna

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253
_DEFAULT_PORTS = (80, 443)
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
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return text.partition("//")[2].lower().rstrip("/")[:MAX_URL_LENGTH]
    if not host:
        return ""
    try:
        host = idna.encode(host, uts46=True).decode()
    except UnicodeError:
        host = host.lower()
    if ":" in host:
        host = f"[{host}]"
    shown_port = f":{port}" if port and port not in _DEFAULT_PORTS else ""
    return f"{host}{shown_port}{parts.path.rstrip('/')}"[:MAX_URL_LENGTH]
