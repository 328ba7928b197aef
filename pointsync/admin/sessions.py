"""The panel's cookies: for its own path, secure over TLS, and for another site's frame where that is allowed."""

from typing import Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from pointsync.runtime import runtime


class PanelSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, with attributes that depend on how the panel is reached."""

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        return "None" if _is_framed_elsewhere() else "Lax"

    def get_cookie_partitioned(self, app: Flask) -> bool:
        return _is_framed_elsewhere()


def cookie_attributes(app: Flask) -> dict[str, Any]:
    """The same for the panel's other cookies."""
    sessions = PanelSessions()
    return {
        "path": sessions.get_cookie_path(app),
        "secure": sessions.get_cookie_secure(app),
        "samesite": sessions.get_cookie_samesite(app),
        "partitioned": sessions.get_cookie_partitioned(app),
        "httponly": True,
    }


def _is_framed_elsewhere() -> bool:
    """Whether another site may show the panel in a frame: browsers send a cookie there only over TLS, as None."""
    return request.is_secure and runtime().config.frame_ancestors not in ("'none'", "'self'")
