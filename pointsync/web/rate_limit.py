"""A limit for failed API keys, Passes and signatures, counted by address in this process's memory.

Nobody can guess these, so this only limits the load, and counting in the database would add to the load. Passwords can
be guessed, so failed sign-ins are counted in the database (`accounts.rate_limit`).
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
"""For other sites, because many may share the address of a proxy."""
IPV6_PREFIX_BITS = 64
"""The part of an IPv6 address that identifies a household (RFC 6177); a caller can change the rest freely."""


def caller_address() -> str:
    """The address by which failures are counted: for IPv6, the caller's network."""
    text = request.remote_addr or ""
    try:
        address = ip_address(text)
    except ValueError:
        return text  # the caller uses a Unix socket
    if address.version == 4:
        return text
    return str(address.ipv4_mapped or ip_network((address, IPV6_PREFIX_BITS), strict=False))


def count_failure(credential: str, limit: RateLimitItem = FAILURE_LIMIT) -> None:
    """Count a failure of the caller's address with a kind of credential, such as `API key`.

    Raises TooManyRequests, with the seconds to wait, if the address has failed too often. Successful calls do not
    count, and are not delayed.
    """
    bucket_key, failures = (credential, caller_address()), get_runtime().failure_limiter
    if failures.hit(limit, *bucket_key):
        return
    seconds = max(1, math.ceil(failures.get_window_stats(limit, *bucket_key).reset_time - time.time()))
    raise TooManyRequests(
        f"Too many failures from this address; correct the credentials and try again in {seconds} s.",
        retry_after=seconds,
    )
