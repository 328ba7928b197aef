"""Security headers: pages load nothing from other sites, are not cached, and send no referrer to other sites."""

from flask import Flask, Response, request

from pointsync.runtime import get_runtime
from pointsync.web import static_files

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
_X_FRAME_OPTIONS = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
"""X-Frame-Options for these frame ancestors. It cannot express a list of origins, so it is left out then."""


def add(response: Response) -> Response:
    """Add the headers of a page to `response`."""
    ancestors = get_runtime().config.frame_ancestors
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY + ancestors
    response.headers["X-Content-Type-Options"] = "nosniff"
    # With no-referrer, browsers would send `Origin: null` with forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    if ancestors in _X_FRAME_OPTIONS:
        response.headers["X-Frame-Options"] = _X_FRAME_OPTIONS[ancestors]
    return response


def register(app: Flask) -> None:
    """Add `nosniff` to static files. Pages get their headers from the panel's blueprint."""
    app.after_request(_add_nosniff)


def _add_nosniff(response: Response) -> Response:
    if request.endpoint == static_files.ENDPOINT:
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
