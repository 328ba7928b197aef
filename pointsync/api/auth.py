"""Who calls: an API key in the Authorization header, and nothing else."""

from flask import g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from pointsync.db import Actor, acts, db
from pointsync.limits import count_failure
from pointsync.sync import keys

_HOW = "Send the header Authorization: Bearer, followed by an API key of this site."


def require_key() -> None:
    """Let the call pass with a live key, whose name is kept for `key_name`.

    Cookies and identity headers count for nothing. Raises Unauthorized, and TooManyRequests for an
    address that has shown too many wrong keys; a live key passes from there too.
    """
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(f"There is no API key in this call. {_HOW}", www_authenticate=_challenge())
    row = keys.find(db.session(), key.strip())
    if row is None:
        count_failure("API key")
        raise Unauthorized(f"This API key is unknown or revoked. {_HOW}", www_authenticate=_challenge("invalid_token"))
    g.api_key_name = row.name
    acts(Actor(row.name, "key", request.remote_addr or ""))


def key_name() -> str:
    """The name of the key that this call was let in with."""
    name: str = g.api_key_name
    return name


def _challenge(error: str | None = None) -> WWWAuthenticate:
    values: dict[str, str | None] = {"realm": "PointSync"}
    if error:
        values["error"] = error
    return WWWAuthenticate("bearer", values)
