"""How often signing in may be tried: by name, by address, and apart for browsers and addresses that are known.

A stranger can use up the tries of a name, but not those of a browser, or from an address, in which that admin has
signed in before: nobody is locked out by others. Counted in the database, so that more processes give no more tries.
"""

from datetime import timedelta

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import Session
from werkzeug.exceptions import TooManyRequests

from pointsync import clock, crypto, db, ids
from pointsync.accounts import admins, rate_limit, sign_ins
from pointsync.accounts.rate_limit import RateLimit
from pointsync.admin.shell.session_cookies import cookie_attributes
from pointsync.runtime import get_runtime
from pointsync.web.rate_limit import caller_address

RATE_PER_NAME = RateLimit(10)
RATE_PER_ADDRESS = RateLimit(20)

COOKIE = "pointsync_known"
KNOWN_BROWSER_LIFETIME = timedelta(days=365)
"""How long a browser is known."""

_BucketKey = tuple[str, ...]


def count_attempt(name: str) -> None:
    """Count a try, before the password is looked at. Raises TooManyRequests, with the seconds to wait."""
    now, bucket_keys = clock.now(), _bucket_keys(name)
    db_session = db.session()
    seconds = max(
        rate_limit.seconds_to_wait(db_session, rate, *key, now=now) for rate, key in bucket_keys
    )  # a guesser writes nothing
    if not seconds:
        seconds = db.run_in_transaction(lambda session: _consume(session, bucket_keys))
    if seconds:
        raise TooManyRequests(
            "Too many sign-ins were tried with this name or from this address. "
            f"Wait {seconds} seconds, then go back and try again.",
            retry_after=seconds,
        )


def reset(name: str) -> None:
    """Forget the tries that led to a good sign-in: only failures use them up."""
    bucket_keys = _bucket_keys(name)

    def reset_buckets(session: Session) -> None:
        for _, bucket in bucket_keys:
            rate_limit.reset(session, *bucket)

    db.run_in_transaction(reset_buckets)


def remember_browser(response: Response, name: str) -> None:
    """Let this browser be known as one in which `name` has signed in."""
    value = _signer().dumps([_name_digest(name), ids.new_token()])
    response.set_cookie(COOKIE, value, max_age=KNOWN_BROWSER_LIFETIME, **cookie_attributes(current_app))


def _consume(session: Session, bucket_keys: list[tuple[RateLimit, _BucketKey]]) -> int:
    """One try of each bucket, up to the first that is full; the seconds to wait."""
    now = clock.now()
    return next(
        (seconds for rate, key in bucket_keys if (seconds := rate_limit.consume(session, rate, *key, now=now))), 0
    )


def _bucket_keys(name: str) -> list[tuple[RateLimit, _BucketKey]]:
    name_digest, address = _name_digest(name), caller_address()
    if browser := _known_browser(name_digest):
        return [(RATE_PER_NAME, ("sign-in browser", browser))]
    if sign_ins.is_known_address(db.session(), admins.normalise_name(name), request.remote_addr or "", clock.now()):
        return [(RATE_PER_NAME, ("sign-in from", address, name_digest))]
    return [(RATE_PER_ADDRESS, ("sign-in address", address)), (RATE_PER_NAME, ("sign-in name", name_digest))]


def _known_browser(name_digest: str) -> str | None:
    try:
        owner_digest, browser = _signer().loads(
            request.cookies.get(COOKIE, ""), max_age=int(KNOWN_BROWSER_LIFETIME.total_seconds())
        )
    except BadSignature:
        return None
    return str(browser) if owner_digest == name_digest else None


def _name_digest(name: str) -> str:
    """A name's key: of one length, and one for all ways to type it, or each would have tries of its own."""
    return crypto.sha256_hex(admins.normalise_name(name))[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_runtime().config.secret_key, salt="pointsync known browser")
