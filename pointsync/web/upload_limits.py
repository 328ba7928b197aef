"""Files that admins send: where a body may be large, and how a web server tells before it has taken any of it."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.http import parse_cookie

MAX_BYTES_BY_PATH = {"/customers/import": 200 * 1024 * 1024}
"""The paths that take more than `web.MAX_BODY_BYTES`, of admins only."""


def max_upload_bytes(app: Flask, path: str, cookie: str) -> int:
    """How much a web server may take for `path`, whatever prefix it has, where that is more than usual; else 0.

    `cookie` is the header as it was sent: it must hold what this site has signed for an admin. Whether they still
    are one is for the view to ask.
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
