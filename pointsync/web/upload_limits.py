"""Files that admins send: where a body may be large, and how a web server tells before it has taken any of it."""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from werkzeug.http import parse_cookie

LARGEST_BYTES = {"/customers/import": 200 * 1024 * 1024}
"""The paths that take more than `web.MAX_BODY_BYTES`, of admins only."""


def most_bytes(app: Flask, path: str, cookie: str) -> int:
    """How much a web server may take for `path`, whatever prefix it has, where that is more than usual; else 0.

    `cookie` is the header as it was sent: it must hold what this site has signed for an admin. Whether they still
    are one is for the view to ask.
    """
    most = next((most for end, most in LARGEST_BYTES.items() if path.endswith(end)), 0)
    kept = parse_cookie(cookie).get(app.config["SESSION_COOKIE_NAME"])
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    if not most or kept is None or signer is None:
        return 0
    try:
        return most if signer.loads(kept).get("_user_id") else 0
    except BadSignature:
        return 0
