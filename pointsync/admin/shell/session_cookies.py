"""The panel's cookies: for its own path, secure over TLS, and for another site's frame where that is allowed."""

import re
from typing import Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from pointsync.runtime import get_runtime


class PanelSessionInterface(SecureCookieSessionInterface):
    """Flask's signed cookie, with attributes that depend on how the panel is reached."""

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        return "None" if _is_cross_site_frame() else "Lax"

    def get_cookie_partitioned(self, app: Flask) -> bool:
        return _is_cross_site_frame()


def cookie_attributes(app: Flask) -> dict[str, Any]:
    """The same for the panel's other cookies."""
    interface = PanelSessionInterface()
    return {
        "path": interface.get_cookie_path(app),
        "secure": interface.get_cookie_secure(app),
        "samesite": interface.get_cookie_samesite(app),
        "partitioned": interface.get_cookie_partitioned(app),
        "httponly": True,
    }


def _is_cross_site_frame() -> bool:
    """Whether another site may show the panel in a frame: browsers send a cookie there only over TLS, as None."""
    return request.is_secure and allows_another_site(get_runtime().config.frame_ancestors, request.host)


def allows_another_site(ancestors: str, host: str) -> bool:
    """Whether one of `ancestors`, as in `frame-ancestors`, is of another site than a page over TLS at `host`.

    Browsers know from a list under which names sites are sold. Without it, two hosts are of one site where one of
    them lies within the other; any others may be two sites, and the attributes for these work within one, too.
    """
    own_host = _source_host(host)
    return any(
        source.lower().startswith("http:") or not _is_same_site(_source_host(source), own_host)
        for source in ancestors.split()
        if source not in ("'none'", "'self'")
    )


def _is_same_site(one: str, other: str) -> bool:
    outer, inner = sorted((one, other), key=len)
    return outer == inner or ("." in outer and inner.endswith(f".{outer}"))


def _source_host(source: str) -> str:
    """The host in a source of the policy, without its port; of `*.shop.example` the part that all have."""
    authority = source.lower().rpartition("://")[2].rstrip("/")
    return re.sub(r":(?:[0-9]+|\*)\Z", "", authority).removeprefix("*.")
