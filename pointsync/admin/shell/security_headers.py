"""What every page tells the browser: run and load nothing foreign, keep nothing, tell nobody."""

from flask import Flask, Response, request

from pointsync.runtime import get_runtime

_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
)
_X_FRAME_OPTIONS = {"'none'": "DENY", "'self'": "SAMEORIGIN"}
"""What X-Frame-Options can say; for a list of origins it has no word, and must be left out."""


def add(response: Response) -> Response:
    """Put the headers of a page on `response`."""
    ancestors = get_runtime().config.frame_ancestors
    response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY + ancestors
    response.headers["X-Content-Type-Options"] = "nosniff"
    # Not no-referrer, which would make the browser send Origin: null with forms.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    if ancestors in _X_FRAME_OPTIONS:
        response.headers["X-Frame-Options"] = _X_FRAME_OPTIONS[ancestors]
    return response


def register(app: Flask) -> None:
    """Let styles and pictures be nothing else either; pages get theirs from the panel."""
    app.after_request(_add_nosniff)


def _add_nosniff(response: Response) -> Response:
    if request.endpoint == "static":
        response.headers["X-Content-Type-Options"] = "nosniff"
    return response
