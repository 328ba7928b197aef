"""Rate limits of sign-in attempts: by name, by address, and separately for known browsers and addresses.

A stranger can use up the attempts of a name. Browsers and addresses from which that admin has signed in before have
their own limit, so that nobody can lock an admin out. The attempts are counted in the database, so that several
processes share the limits.
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
"""How long a browser is remembered."""

_BucketKey = tuple[str, ...]


def count_attempt(name: str) -> None:
    """Count an attempt before the password is checked. Raises TooManyRequests with the seconds to wait."""
    now, bucket_keys = clock.now(), _bucket_keys(name)
    db_session = db.session()
    # Reading first keeps a guesser from causing writes.
    seconds = max(rate_limit.seconds_to_wait(db_session, rate, *key, now=now) for rate, key in bucket_keys)
    if not seconds:
        seconds = db.run_in_transaction(lambda session: _consume(session, bucket_keys))
    if seconds:
        raise TooManyRequests(
            "There were too many sign-in attempts with this name or from this address. "
            f"Wait {seconds} seconds, then go back and try again.",
            retry_after=seconds,
        )


def reset(name: str) -> None:
    """Forget the attempts before a successful sign-in, so that only failures count."""
    bucket_keys = _bucket_keys(name)

    def reset_buckets(session: Session) -> None:
        for _, bucket in bucket_keys:
            rate_limit.reset(session, *bucket)

    db.run_in_transaction(reset_buckets)


def remember_browser(response: Response, name: str) -> None:
    """Remember this browser as one in which `name` has signed in."""
    value = _signer().dumps([_name_digest(name), ids.new_token()])
    response.set_cookie(COOKIE, value, max_age=KNOWN_BROWSER_LIFETIME, **cookie_attributes(current_app))


def _consume(session: Session, bucket_keys: list[tuple[RateLimit, _BucketKey]]) -> int:
    """Count the attempt in each bucket until one is full. Returns the seconds to wait, or 0."""
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
    """A key for a name: of fixed length, and the same for every spelling, so that all spellings share one limit."""
    return crypto.sha256_hex(admins.normalise_name(name))[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_runtime().config.secret_key, salt="pointsync known browser")
