"""Checks before any view: who is signed in, and whether a form comes from the panel."""

import errno
from urllib.parse import urlsplit

from flask import Flask, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest, HTTPException

from pointsync import urls
from pointsync.admin.auth import login_manager
from pointsync.admin.shell.panel import blueprint
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_BYTES_BY_PATH, MAX_STRANGER_FORM_BYTES

PUBLIC_ENDPOINTS = {"admin.sign_in", "admin.submit_sign_in", "admin.setup", "admin.submit_setup"}
"""The views for visitors who are not signed in. All others redirect them to the sign-in page."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_CROSS_SITE_MESSAGE = "This form was sent from another site. Open the panel and send it from there."
_EXPIRED_FORM_MESSAGE = (
    "This form is out of date, because somebody signed in or out since it was opened, or because the browser does not "
    "accept cookies. Go back, reload the page and send the form again."
)

_csrf = CSRFProtect()


class InsufficientStorage(HTTPException):
    """507 (RFC 4918, 11.5): the disk is too full to store the upload."""

    code = 507
    description = "Nothing was changed, because the disk of this site’s server is full. Free up space and try again."


def register(app: Flask) -> None:
    """Set up CSRF protection for the panel only. Shops and other sites use no cookies."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    _csrf.init_app(app)


@blueprint.before_request
def apply_proxy_identity() -> None:
    """Sign in the admin that the shop's proxy names, before anything reads who is signed in."""
    login_manager.apply_proxy_identity()


@blueprint.before_request
def refuse_cross_site() -> None:
    """400 for a request that another site made the browser send."""
    if request.method in SAFE_METHODS:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site == "cross-site" or (fetch_site is None and _is_cross_site(request.headers.get("Origin"))):
        raise BadRequest(_CROSS_SITE_MESSAGE)


@blueprint.before_request
def limit_form() -> None:
    """Raise the size limit for an admin's upload, and lower it for strangers. The form is read before any view."""
    if not current_user.is_authenticated:
        request.max_content_length = MAX_STRANGER_FORM_BYTES
    elif max_bytes := MAX_BYTES_BY_PATH.get(request.path):
        request.max_content_length = max_bytes


@blueprint.before_request
def check_csrf_token() -> None:
    """400 for a form without a token, or with another session's token."""
    try:
        _csrf.protect()
    except CSRFError as error:
        raise BadRequest(_EXPIRED_FORM_MESSAGE) from error
    except OSError as error:  # Reading the form writes a large upload to the disk.
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InsufficientStorage from error
        raise


@blueprint.before_request
def require_admin() -> ResponseReturnValue | None:
    """Redirect visitors who are not signed in to the sign-in page, and back afterwards."""
    if request.endpoint in PUBLIC_ENDPOINTS or current_user.is_authenticated:
        return None
    requested_path = request.full_path.rstrip("?") if request.method in SAFE_METHODS else "/"
    return redirect(
        url_for("admin.sign_in", next=None if requested_path == "/" else f"{request.script_root}{requested_path}"), 303
    )


@blueprint.before_request
def record_use() -> None:
    """Save when this sign-in was last used, for the list of sign-ins."""
    login_manager.record_use()


@blueprint.before_request
def set_actor() -> None:
    """Record changes of this request as the signed-in admin's."""
    login_manager.set_actor()


def _is_cross_site(origin: str | None) -> bool:
    """Whether `origin` names another host. The scheme may differ, behind a proxy that terminates TLS."""
    if origin is None:
        return False
    public_host = urlsplit(urls.normalise(get_runtime().config.public_url or "")).netloc
    try:
        origin_host = urlsplit(urls.normalise(origin)).netloc
    except ValueError:
        return True
    return origin_host not in (request.host.lower(), public_host) or not origin_host
