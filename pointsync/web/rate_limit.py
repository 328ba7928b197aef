"""A limit for failed API keys, Passes and signatures, counted by address in this process's memory.

Nobody can guess these, so this only limits the load, and counting in the database would add to the load. Passwords can
be guessed, so failed sign-ins are counted in the database (`accounts.rate_limit`).
"""

from ipaddress import ip_address, ip_network

from flask import request
from werkzeug.exceptions import TooManyRequests

from pointsync.runtime import get_runtime

FAILURE_LIMIT = 20
"""Failures of one address per minute."""
SITE_FAILURE_LIMIT = 300
"""The same for other sites, because many may share the address of a proxy."""
IPV6_PREFIX_BITS = 64
"""The part of an IPv6 address that identifies a household (RFC 6177); a caller can change the rest freely."""


def caller_address() -> str:
    """The address by which failures of this request's caller are counted."""
    return address_group(request.remote_addr or "")


def address_group(text: str) -> str:
    """What one caller is known by: an IPv4 address, or the network of an IPv6 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return text  # the caller uses a Unix socket
    if address.version == 4:
        return text
    return str(address.ipv4_mapped or ip_network((address, IPV6_PREFIX_BITS), strict=False))


def count_failure(credential: str, limit: int = FAILURE_LIMIT) -> None:
    """Count a failure of the caller's address with a kind of credential, such as `API key`.

    Raises TooManyRequests, with the seconds to wait, if the address has failed too often. Successful calls do not
    count, and are not delayed.
    """
    if seconds := get_runtime().failures.count((credential, caller_address()), limit):
        raise TooManyRequests(
            f"Too many failures from this address; correct the credentials and try again in {seconds} s.",
            retry_after=seconds,
        )
