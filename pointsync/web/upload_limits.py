"""How large a request's body may be: the same for everybody, except for an admin's uploads and for shops' orders."""

import re
import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.http import parse_cookie

MAX_BODY_BYTES = 1024 * 1024
"""For other sites, shops and forms. A body up to this size is received before anybody knows who sends it."""

MAX_STRANGER_FORM_BYTES = 64 * 1024
"""For forms of callers who have not signed in. Parsing a form of 1 MB takes a second and tens of megabytes."""

MAX_BYTES_BY_PATH = {"/customers/import": 200 * 1024 * 1024}
"""Paths that accept more than `MAX_BODY_BYTES`, from admins only."""


MAX_ORDERS_BODY_BYTES = 8 * 1024 * 1024
"""For deliveries to a hook, and for orders that a shop reports by the API: an order of a thousand lines has more than
1 MB. Who knows a hook's URL may send as much, but what is above `MAX_BODY_BYTES` is on the disk, and makes room for
others as every body does."""

_ORDERS_PATH = re.compile(r"(/hooks/woocommerce/[0-9a-f]{32}|/api/v1/orders)\Z")

UPLOAD_CHECK = "pointsync.upload_check"
"""In the WSGI environment of the server's own question whether an upload may be received."""

_large_body_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class UploadLimit:
    """A limit above `MAX_BODY_BYTES`: ask the application before such a body is received."""

    max_bytes: int
    is_admins: bool
    """Whether a session that this site has signed came with it."""


def find_upload_limit(app: Flask, path: str, cookie: str) -> UploadLimit | None:
    """The larger limit for a request to `path`, which may have a prefix; None if the usual limit applies.

    `cookie` is the Cookie header. An admin's uploads need a session that this site has signed. That admin may have
    signed out since, and a hook or an API key may not exist: ask the application before the body is received.
    """
    if _ORDERS_PATH.search(path):
        return UploadLimit(MAX_ORDERS_BODY_BYTES, is_admins=False)
    max_bytes = next((max_bytes for path_end, max_bytes in MAX_BYTES_BY_PATH.items() if path.endswith(path_end)), 0)
    session_cookie = parse_cookie(cookie).get(app.config["SESSION_COOKIE_NAME"])
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    if not max_bytes or session_cookie is None or signer is None:
        return None
    try:
        return UploadLimit(max_bytes, is_admins=True) if signer.loads(session_cookie).get("_user_id") else None
    except BadSignature:
        return None


def large_body_turn(size_bytes: int) -> AbstractContextManager[object]:
    """Decode and use large bodies within this, so one after the other: decoded, one takes ten times its size."""
    return _large_body_lock if size_bytes > MAX_BODY_BYTES else nullcontext()
