"""Before any view: who may see it, and where a form may come from."""

import errno
from urllib.parse import urlsplit

from flask import Flask, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import BadRequest, HTTPException

from pointsync.admin.auth import login_manager
from pointsync.admin.shell.panel import blueprint
from pointsync.runtime import get_runtime
from pointsync.web.upload_limits import MAX_BYTES_BY_PATH

PUBLIC_ENDPOINTS = {"admin.sign_in", "admin.submit_sign_in", "admin.setup", "admin.submit_setup"}
"""The views that answer somebody who is not signed in; all others send them to sign in."""

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_CROSS_SITE_MESSAGE = "This form was sent from another site. Open the panel itself and send it from there."
_EXPIRED_FORM_MESSAGE = (
    "This form is out of date: somebody signed in or out since it was opened, or the browser keeps no cookies. "
    "Go back, load the page again and send it once more."
)

_csrf = CSRFProtect()


class InsufficientStorage(HTTPException):
    """507 (RFC 4918, 11.5): what was sent found no room on the disk."""

    code = 507
    description = "The disk of this site’s server is full. Make room there, and send it again; nothing was changed."


def register(app: Flask) -> None:
    """Guard the panel, and nothing else: shops and other sites send no forms and are known by no cookie."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    _csrf.init_app(app)


@blueprint.before_request
def apply_proxy_identity() -> None:
    """Before anything reads who is signed in: whom the shop's proxy names, or 403."""
    login_manager.apply_proxy_identity()


@blueprint.before_request
def refuse_cross_site() -> None:
    """400 for what another site makes a browser send."""
    if request.method in SAFE_METHODS:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site == "cross-site" or (fetch_site is None and _is_cross_site(request.headers.get("Origin"))):
        raise BadRequest(_CROSS_SITE_MESSAGE)


@blueprint.before_request
def allow_large_upload() -> None:
    """Let an admin send a large file where one is asked for; the form is read before its view is called."""
    max_bytes = MAX_BYTES_BY_PATH.get(request.path)
    if max_bytes and current_user.is_authenticated:
        request.max_content_length = max_bytes


@blueprint.before_request
def check_csrf_token() -> None:
    """400 for a form without its token, or with another session's."""
    try:
        _csrf.protect()
    except CSRFError as error:
        raise BadRequest(_EXPIRED_FORM_MESSAGE) from error
    except OSError as error:  # the form is read here, and a large file that it carries put on disk
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InsufficientStorage from error
        raise


@blueprint.before_request
def require_admin() -> ResponseReturnValue | None:
    """To the sign-in page, and back afterwards, with whoever is not signed in."""
    if request.endpoint in PUBLIC_ENDPOINTS or current_user.is_authenticated:
        return None
    requested_path = request.full_path.rstrip("?") if request.method in SAFE_METHODS else "/"
    return redirect(
        url_for("admin.sign_in", next=None if requested_path == "/" else f"{request.script_root}{requested_path}"), 303
    )


@blueprint.before_request
def record_use() -> None:
    """Admins see in which browsers they are signed in, and when each was last used."""
    login_manager.record_use()


@blueprint.before_request
def set_actor() -> None:
    """Whatever this request changes is noted as this admin's; as nobody's on the pages before a sign-in."""
    login_manager.set_actor()


def _is_cross_site(origin: str | None) -> bool:
    """Whether `origin` names another host than ours; the scheme may differ behind a proxy that ends TLS."""
    if origin is None:
        return False
    public_host = urlsplit(get_runtime().config.public_url or "").netloc
    try:
        origin_host = urlsplit(origin).netloc
    except ValueError:
        return True
    return origin_host not in (request.host, public_host) or not origin_host
