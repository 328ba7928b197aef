"""How often a caller may fail: counted by address, in this process's memory."""

import math
import time

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import RateLimitItem, parse
from werkzeug.exceptions import TooManyRequests

FAILURES = parse("20 per minute")
SITE_FAILURES = parse("300 per minute")
"""For other sites: a Pass cannot be guessed, and behind one proxy many sites share an address."""

limiter = Limiter(get_remote_address, storage_uri="memory://", strategy="moving-window")


def count_failure(what: str, most: RateLimitItem = FAILURES) -> None:
    """Count a failed credential of the caller's address, apart for each `what`, such as `API key`.

    Successes are never counted and never held up by failures. Raises TooManyRequests, with the seconds
    until the next try, once the address has failed too often.
    """
    name = (what, get_remote_address())
    if limiter.limiter.hit(most, *name):
        return
    resets_at = limiter.limiter.get_window_stats(most, *name).reset_time
    seconds = max(1, math.ceil(resets_at - time.time()))
    raise TooManyRequests(
        f"Too many failures from this address; correct the credentials and try again in {seconds} s.",
        retry_after=seconds,
    )
