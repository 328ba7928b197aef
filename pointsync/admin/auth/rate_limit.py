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
from pointsync.accounts.rate_limit import Rate
from pointsync.admin.shell.session_cookies import cookie_attributes
from pointsync.runtime import runtime
from pointsync.web.rate_limit import caller

PER_NAME = Rate(10)
PER_ADDRESS = Rate(20)

COOKIE = "pointsync_known"
KNOWN = timedelta(days=365)
"""How long a browser is known."""

_Bucket = tuple[str, ...]


def count(name: str) -> None:
    """Count a try, before the password is looked at. Raises TooManyRequests, with the seconds to wait."""
    now, buckets = clock.now(), _buckets(name)
    reading = db.db.session()
    seconds = max(
        rate_limit.wait(reading, rate, *bucket, now=now) for rate, bucket in buckets
    )  # a guesser writes nothing
    if not seconds:
        seconds = db.in_write(lambda session: _take(session, buckets))
    if seconds:
        raise TooManyRequests(
            "Too many sign-ins were tried with this name or from this address. "
            f"Wait {seconds} seconds, then go back and try again.",
            retry_after=seconds,
        )


def forgive(name: str) -> None:
    """Forget the tries that led to a good sign-in: only failures use them up."""
    buckets = _buckets(name)

    def work(session: Session) -> None:
        for _, bucket in buckets:
            rate_limit.empty(session, *bucket)

    db.in_write(work)


def remember(response: Response, name: str) -> None:
    """Let this browser be known as one in which `name` has signed in."""
    value = _signer().dumps([_short(name), ids.new_token()])
    response.set_cookie(COOKIE, value, max_age=KNOWN, **cookie_attributes(current_app))


def _take(session: Session, buckets: list[tuple[Rate, _Bucket]]) -> int:
    """One try of each bucket, up to the first that is full; the seconds to wait."""
    now = clock.now()
    return next(
        (seconds for rate, bucket in buckets if (seconds := rate_limit.take(session, rate, *bucket, now=now))), 0
    )


def _buckets(name: str) -> list[tuple[Rate, _Bucket]]:
    short, address = _short(name), caller()
    if browser := _known_browser(short):
        return [(PER_NAME, ("sign-in browser", browser))]
    if sign_ins.is_known(db.db.session(), admins.normal(name), request.remote_addr or "", clock.now()):
        return [(PER_NAME, ("sign-in from", address, short))]
    return [(PER_ADDRESS, ("sign-in address", address)), (PER_NAME, ("sign-in name", short))]


def _known_browser(short: str) -> str | None:
    try:
        whose, browser = _signer().loads(request.cookies.get(COOKIE, ""), max_age=int(KNOWN.total_seconds()))
    except BadSignature:
        return None
    return str(browser) if whose == short else None


def _short(name: str) -> str:
    """A name's key: of one length, and one for all ways to type it, or each would have tries of its own."""
    return crypto.digest(admins.normal(name))[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(runtime().config.secret_key, salt="pointsync known browser")
