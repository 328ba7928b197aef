"""How often signing in may be tried: by name, by address, and apart for browsers that are known.

A stranger can use up the tries of a name, but not those of a browser in which that admin has signed in
before: nobody is locked out by others.
"""

import math
import time

from flask import Response, current_app, request
from flask_limiter.util import get_remote_address
from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItem, parse
from werkzeug.exceptions import TooManyRequests

from pointsync import crypto, ids
from pointsync.admin.sessions import cookie_attributes
from pointsync.limits import limiter
from pointsync.runtime import runtime
from pointsync.sync import admins

PER_NAME = parse("10 per minute")
PER_ADDRESS = parse("20 per minute")

COOKIE = "pointsync_known"
KNOWN_SECONDS = 365 * 24 * 3600

_Bucket = tuple[str, ...]


def count(name: str) -> None:
    """Count a try, before the password is looked at. Raises TooManyRequests, with the seconds to wait."""
    for limit, bucket in _buckets(name):
        if not limiter.limiter.hit(limit, *bucket):
            resets_at = limiter.limiter.get_window_stats(limit, *bucket).reset_time
            seconds = max(1, math.ceil(resets_at - time.time()))
            raise TooManyRequests(
                "Too many sign-ins were tried with this name or from this address. "
                f"Wait {seconds} seconds, then go back and try again.",
                retry_after=seconds,
            )


def forgive(name: str) -> None:
    """Forget the tries that led to a good sign-in: only failures use them up."""
    for limit, bucket in _buckets(name):
        limiter.limiter.clear(limit, *bucket)


def remember(response: Response, name: str) -> None:
    """Let this browser be known as one in which `name` has signed in."""
    value = _signer().dumps([_short(name), ids.new_token()])
    response.set_cookie(COOKIE, value, max_age=KNOWN_SECONDS, **cookie_attributes(current_app))


def _buckets(name: str) -> list[tuple[RateLimitItem, _Bucket]]:
    if browser := _known_browser(name):
        return [(PER_NAME, ("sign-in browser", browser))]
    return [
        (PER_ADDRESS, ("sign-in address", get_remote_address())),
        (PER_NAME, ("sign-in name", _short(name))),
    ]


def _known_browser(name: str) -> str | None:
    try:
        whose, browser = _signer().loads(request.cookies.get(COOKIE, ""), max_age=KNOWN_SECONDS)
    except BadSignature:
        return None
    return str(browser) if whose == _short(name) else None


def _short(name: str) -> str:
    """A name's key: of one length, and one for all ways to type it, or each would have tries of its own."""
    return crypto.digest(admins.normal(name))[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(runtime().config.secret_key, salt="pointsync known browser")
