"""Larger limits for uploads by admins, which the web server checks before it reads the body."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.http import parse_cookie

MAX_BYTES_BY_PATH = {"/customers/import": 200 * 1024 * 1024}
"""Paths that accept more than `app.MAX_BODY_BYTES`, from admins only."""


def max_upload_bytes(app: Flask, path: str, cookie: str) -> int:
    """The larger limit for a request to `path`, which may have a prefix; 0 if the usual limit applies.

    `cookie` is the Cookie header, which must contain a session that this site has signed for an admin. The view
    checks whether that admin is still signed in.
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
