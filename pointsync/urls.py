"""Sites' URLs as people type them: whether one can be, in words that never show it, since it may hold a password."""

import re
from urllib.parse import urlsplit

MAX_URL_LENGTH = 500
MAX_HOST_LENGTH = 253
_WRONG_HOST = "has a host that no site can have; it needs one such as shop.example or [::1]"


def find_problem(url: str) -> str | None:
    """What is wrong with `url` as a site's: a scheme, a host, perhaps a port and a path.

    Told as the end of a sentence that its field begins; None where nothing is.
    """
    if len(url) > MAX_URL_LENGTH:
        return f"must have at most {MAX_URL_LENGTH} characters; this has {len(url):,}"
    if not url.isprintable() or re.search(r"\s", url):
        return "must have no spaces and no control characters"
    if not re.match(r"https?://", url, re.IGNORECASE):
        return "must begin with https:// (or http:// inside your own network)"
    netloc = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in netloc:
        return "must not carry a name or password before its host"
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
        return "has a port that cannot be; ports go from 1 to 65535"
    if not host:
        return "has no host; it needs one such as shop.example"
    after_bracket = netloc.rpartition("]")[2]  # of an address in brackets only a port may follow
    if len(host) > MAX_HOST_LENGTH or re.search(r"[\\%]", host) or (":" in host and after_bracket[:1] not in ("", ":")):
        return _WRONG_HOST
    return None
