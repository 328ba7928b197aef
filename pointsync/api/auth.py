"""Authentication of the shop API: an API key in the Authorization header, its scopes and its rate."""

import logging
from datetime import datetime
from typing import Any

from flask import g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, TooManyRequests, Unauthorized

from pointsync import clock, db
from pointsync.accounts import api_keys
from pointsync.db import Actor, DatabaseBusy, run_in_transaction, set_actor
from pointsync.errors import Conflict
from pointsync.models import ApiKey
from pointsync.shops import plugin_calls
from pointsync.shops.plugin_calls import Caller
from pointsync.web.rate_limit import count_failure
from pointsync.web.upload_limits import UPLOAD_CHECK

PLUGIN_ID_HEADER, HOME_URL_HEADER = "pointsync-shop", "pointsync-home"
"""Who a connected shop is, and its address: in each of its calls."""
_KEY_HINT = "Send the header Authorization: Bearer, followed by an API key of this site."

log = logging.getLogger(__name__)


class InsufficientScope(Forbidden):
    """A valid key without the needed scope. The WWW-Authenticate header names the scope (RFC 6750, section 3.1)."""

    def __init__(self, name: str, scope: str) -> None:
        super().__init__(
            f"The API key {name} does not have the scope {scope}. Use a key that has it, or create one: "
            f"pointsync key create NAME --scope {scope}"
        )
        self._challenge = _challenge("insufficient_scope", scope).to_header()

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Add WWW-Authenticate to the headers of every error."""
        return [*super().get_headers(*args, **kwargs), ("WWW-Authenticate", self._challenge)]


def require_key(scope: str, *, may_move: bool = False) -> None:
    """Check that the request has a valid API key with `scope`. `current_source` returns its refs' source afterwards.

    Cookies and identity headers are ignored. Raises Unauthorized, InsufficientScope, or TooManyRequests: for an
    address that sent too many wrong keys (a valid key still works from there), and for a key above its rate. Raises
    Conflict if the key is bound to a connected shop and the call is from elsewhere, unless `may_move`.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(f"This call has no API key. {_KEY_HINT}", www_authenticate=_challenge())
    now = clock.now()
    row = api_keys.find(db.session(), key.strip(), now)
    if row is None:
        count_failure("API key")
        raise Unauthorized(
            f"This API key is unknown, revoked or replaced. {_KEY_HINT}", www_authenticate=_challenge("invalid_token")
        )
    if row.has_expired(now):
        message = f"The API key {row.name} has expired. Create a new one, and revoke this one."
        raise Unauthorized(message, www_authenticate=_challenge("invalid_token"))
    if not row.has_scope(scope):
        raise InsufficientScope(row.name, scope)
    if row.connected_shop is not None and not may_move:
        plugin_calls.check_caller(row.connected_shop, current_caller())
    g.api_key_shop, g.api_key_source = row.shop, row.ref_source
    g.connected_shop_id = row.connected_shop.id if row.connected_shop is not None else None
    set_actor(Actor(row.name, "key", request.remote_addr or ""))
    if UPLOAD_CHECK not in request.environ:  # the call itself follows, and is counted
        _track_use(row, now)


def current_shop() -> str:
    """The name of the shop to which the API key of this request belongs."""
    shop: str = g.api_key_shop
    return shop


def current_source() -> str:
    """The source of the refs in this request: those of a shop stay the same when its keys are replaced."""
    source: str = g.api_key_source
    return source


def current_connected_shop_id() -> int:
    """The id of the connected shop to which the API key of this request is bound. Raises Conflict if there is none."""
    shop_id: int | None = g.connected_shop_id
    if shop_id is None:
        message = (
            "This API key was not given to a shop's plugin. Connect the shop with a code, which an admin gets under "
            "System › Shops."
        )
        raise Conflict("not_connected", message)
    return shop_id


def current_caller() -> Caller:
    """Who this request says it is from. Headers are UTF-8 in this API, and WSGI reads them as Latin-1."""
    plugin_id, home_url = (
        request.headers.get(name, "").encode("latin-1", "replace").decode("utf-8", "replace").strip()
        for name in (PLUGIN_ID_HEADER, HOME_URL_HEADER)
    )
    return Caller(plugin_id, home_url)


def _track_use(row: ApiKey, now: datetime) -> None:
    """Count the call if the key has a rate, and save once a minute when the key was last used.

    Raises TooManyRequests. If the database is busy, the use is not saved; a later call saves it.
    """
    key_id, per_minute, is_use_saved = row.id, row.per_minute, api_keys.is_use_saved(row, now)
    if per_minute:
        wait_seconds = api_keys.seconds_to_wait(db.session(), row, now)
        wait_seconds = wait_seconds or run_in_transaction(
            lambda session: api_keys.count_call(session, key_id, per_minute, now)
        )
        if wait_seconds:
            raise TooManyRequests(
                f"This API key may make {per_minute:,} calls a minute. Send this call again in {wait_seconds} s.",
                retry_after=wait_seconds,
            )
    if not is_use_saved:
        try:
            run_in_transaction(lambda session: api_keys.save_use(session, key_id, now))
        except DatabaseBusy:
            log.info("the use of API key %s was not saved: the database is busy", key_id)


def _challenge(error: str | None = None, scope: str | None = None) -> WWWAuthenticate:
    parameters: dict[str, str | None] = {"realm": "PointSync"}
    if error:
        parameters["error"] = error
    if scope:
        parameters["scope"] = scope
    return WWWAuthenticate("bearer", parameters)
