"""Checking sites' URLs as people type them. Messages never contain the URL, since it may contain a password."""

import re
from urllib.parse import urlsplit

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253
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
