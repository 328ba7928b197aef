"""How large a request's body may be: the same for everybody, except for an admin's uploads."""

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


def max_upload_bytes(app: Flask, path: str, cookie: str) -> int:
    """The larger limit for a request to `path`, which may have a prefix; 0 if the usual limit applies.

    `cookie` is the Cookie header, which must contain a session that this site has signed for an admin. That admin may
    have signed out since: ask the application before the body is received.
    """
    max_bytes = next((max_bytes for path_end, max_bytes in MAX_BYTES_BY_PATH.items() if path.endswith(path_end)), 0)
    session_cookie = parse_cookie(cookie).get(app.config["SESSION_COOKIE_NAME"])
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    if not max_bytes or session_cookie is None or signer is None:
        return 0
    try:
        return max_bytes if signer.loads(session_cookie).get("_user_id") else 0
    except BadSignature:
        return 0
