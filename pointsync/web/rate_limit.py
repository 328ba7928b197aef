"""How often a caller may fail with what cannot be guessed: counted by address, in this process's memory.

A key or a Pass has more bits than anybody can try; what is held up here is the load of it, and a count in the
database would add to that. Passwords can be guessed: their tries are counted in the database (`sync.rates`).
"""

import math
import time
from ipaddress import ip_address, ip_network

from flask import request
from limits import RateLimitItem, parse
from werkzeug.exceptions import TooManyRequests

from pointsync.runtime import get_runtime

FAILURE_LIMIT = parse("20 per minute")
SITE_FAILURE_LIMIT = parse("300 per minute")
"""For other sites: behind one proxy many share an address."""
IPV6_PREFIX_BITS = 64
"""What of an IPv6 address is one's own household (RFC 6177): the rest is turned at will."""


def caller_address() -> str:
    """The caller's address, as failures are counted by it: an IPv6 address by its network."""
    text = request.remote_addr or ""
    try:
        address = ip_address(text)
    except ValueError:
        return text  # a Unix socket's peer has none
    if address.version == 4:
        return text
    return str(address.ipv4_mapped or ip_network((address, IPV6_PREFIX_BITS), strict=False))


def count_failure(credential: str, limit: RateLimitItem = FAILURE_LIMIT) -> None:
    """Count a failed credential of the caller's address, apart for each `what`, such as `API key`.

    Successes are never counted and never held up by failures. Raises TooManyRequests, with the seconds
    until the next try, once the address has failed too often.
    """
    bucket_key, failures = (credential, caller_address()), get_runtime().failure_limiter
    if failures.hit(limit, *bucket_key):
        return
    seconds = max(1, math.ceil(failures.get_window_stats(limit, *bucket_key).reset_time - time.time()))
    raise TooManyRequests(
        f"Too many failures from this address; correct the credentials and try again in {seconds} s.",
        retry_after=seconds,
    )
