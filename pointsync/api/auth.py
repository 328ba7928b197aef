"""Who calls: an API key in the Authorization header, and nothing else; and whether it may do that."""

import logging
from datetime import datetime
from typing import Any

from flask import g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, TooManyRequests, Unauthorized

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.db import Actor, DatabaseBusy, run_in_transaction, set_actor
from pointsync.models import ApiKey
from pointsync.web.rate_limit import count_failure

_KEY_HINT = "Send the header Authorization: Bearer, followed by an API key of this site."

log = logging.getLogger(__name__)


class InsufficientScope(Forbidden):
    """A live key that may not do this; the header says what it would take (RFC 6750, 3.1)."""

    def __init__(self, name: str, scope: str) -> None:
        super().__init__(
            f"This API key, {name}, has no scope {scope}. Use one that has it, or make one: "
            f"pointsync key create NAME --scope {scope}"
        )
        self._challenge = _challenge("insufficient_scope", scope).to_header()

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Those of any error, and what it would take."""
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", self._challenge)]


def require_key(scope: str) -> None:
    """Let the call pass with a live key that has `scope`; its name is kept for `current_key_name`.

    Cookies and identity headers count for nothing. Raises Unauthorized; InsufficientScope; TooManyRequests for an address
    that has shown too many wrong keys, though a live key passes from there, and for a key whose rate is used up.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(f"There is no API key in this call. {_KEY_HINT}", www_authenticate=_challenge())
    row, now = api_keys.find(db.session(), key.strip()), clock.now()
    if row is None:
        count_failure("API key")
        raise Unauthorized(
            f"This API key is unknown or revoked. {_KEY_HINT}", www_authenticate=_challenge("invalid_token")
        )
    if row.has_expired(now):
        message = f"The time of this API key, {row.name}, is over: make another one, and revoke this one."
        raise Unauthorized(message, www_authenticate=_challenge("invalid_token"))
    if not row.has_scope(scope):
        raise InsufficientScope(row.name, scope)
    g.api_key_name = row.name
    set_actor(Actor(row.name, "key", request.remote_addr or ""))
    _track_use(row, now)


def current_key_name() -> str:
    """The name of the key that this call was let in with."""
    name: str = g.api_key_name
    return name


def _track_use(row: ApiKey, now: datetime) -> None:
    """Count the call where the key has a rate, and once a minute note that it was used.

    Raises TooManyRequests. A use that cannot be noted now, since others write, is noted by a later call.
    """
    key_id, per_minute, is_use_saved = row.id, row.per_minute, api_keys.is_use_saved(row, now)
    if per_minute:
        wait_seconds = api_keys.seconds_to_wait(db.session(), row, now)
        wait_seconds = wait_seconds or run_in_transaction(
            lambda session: api_keys.count_call(session, key_id, per_minute, now)
        )
        if wait_seconds:
            raise TooManyRequests(
                f"This API key may make {per_minute:,} calls a minute; send this one again in {wait_seconds} s.",
                retry_after=wait_seconds,
            )
    if not is_use_saved:
        try:
            run_in_transaction(lambda session: api_keys.save_use(session, key_id, now))
        except DatabaseBusy:
            log.info("the use of API key %s was not noted: the database is busy", key_id)


def _challenge(error: str | None = None, scope: str | None = None) -> WWWAuthenticate:
    parameters: dict[str, str | None] = {"realm": "PointSync"}
    if error:
        parameters["error"] = error
    if scope:
        parameters["scope"] = scope
    return WWWAuthenticate("bearer", parameters)
