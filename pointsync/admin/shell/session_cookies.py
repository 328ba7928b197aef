"""Attributes of the panel's cookies: its own path, Secure over TLS, and readable in another site's frame if allowed."""

import re
from typing import Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

from pointsync.runtime import get_runtime


class PanelSessionInterface(SecureCookieSessionInterface):
    """Flask's signed session cookie, with attributes that depend on the request."""

    def get_cookie_path(self, app: Flask) -> str:
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_samesite(self, app: Flask) -> str:
        return "None" if _is_cross_site_frame() else "Lax"

    def get_cookie_partitioned(self, app: Flask) -> bool:
        return _is_cross_site_frame()


def cookie_attributes(app: Flask) -> dict[str, Any]:
    """The same attributes for the panel's other cookies, as keywords of `set_cookie`."""
    interface = PanelSessionInterface()
    return {
        "path": interface.get_cookie_path(app),
        "secure": interface.get_cookie_secure(app),
        "samesite": interface.get_cookie_samesite(app),
        "partitioned": interface.get_cookie_partitioned(app),
        "httponly": True,
    }


def _is_cross_site_frame() -> bool:
    """Whether another site may show the panel in a frame. Cookies need TLS and SameSite=None there."""
    return request.is_secure and allows_another_site(get_runtime().config.frame_ancestors, request.host)


def allows_another_site(ancestors: str, host: str) -> bool:
    """Whether one of `ancestors`, as in `frame-ancestors`, belongs to another site than a TLS page at `host`.

    Browsers use the Public Suffix List to decide what one site is. Without it, only a host and its subdomains count as
    one site. Other hosts count as different sites; the attributes for different sites also work within one.
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
    """The host in a source of the policy, without port and wildcard: `shop.example` for `*.shop.example:*`."""
    authority = source.lower().rpartition("://")[2].rstrip("/")
    return re.sub(r":(?:[0-9]+|\*)\Z", "", authority).removeprefix("*.")
