"""Putting the application together: what Flask is told, which blueprints answer, what errors look like, what
stands before it."""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from pointsync import db
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.ledger import audit_recorder
from pointsync.net.http_client import HttpClient
from pointsync.runtime import EXTENSION_KEY, Runtime, get_runtime_of
from pointsync.web import access_log, db_unavailable, secret_key
from pointsync.web.trusted_proxy import TrustedProxyMiddleware

MAX_BODY_BYTES = 2 * 1024 * 1024
PEER_PATHS = ("/pointsync/", "/wp-json/")


def configure(app: Flask, config: Config) -> None:
    """Give Flask its settings, and the application its runtime; whatever it writes is audited."""
    audit_recorder.register()
    secret_key.register()
    app.config.update(
        SECRET_KEY=config.secret_key,
        SESSION_COOKIE_NAME="pointsync_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        SQLALCHEMY_DATABASE_URI=config.database_url,
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION_KEY] = Runtime(
        config=config, vault=Vault(config.secret_key), client=HttpClient(allow_private=config.private_remotes)
    )


def register(app: Flask) -> None:
    """Every blueprint, by who calls it: other sites, shops and machines, admins; and the gate before them."""
    from pointsync import admin, api, peer

    access_log.register(app)
    db_unavailable.register_database_check(app)
    # A slash too many or too few would be answered with a redirect to the host that the caller has named.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    db.init_migrations(app)  # for `flask db`
    for package in (peer, api, admin):
        package.register(app)
    app.register_error_handler(HTTPException, _handle_http_error)
    config = get_runtime_of(app).config
    app.wsgi_app = TrustedProxyMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, config.trusted_proxies, config.proxy_auth_header, lambda path: _is_known_path(app, path)
    )


def _is_known_path(app: Flask, path: str) -> bool:
    """Whether a view answers at `path`, by whatever method."""
    return bool(app.url_map.bind("").allowed_methods(path))


def _handle_http_error(error: HTTPException) -> ResponseReturnValue:
    """What is answered where no view was found; a view's own errors are its blueprint's."""
    from pointsync.admin.shell import error_pages as pages
    from pointsync.api import errors

    if errors.has_json_errors(request.path):
        return errors.handle_http_error(error)
    return error if request.path.startswith(PEER_PATHS) else pages.render_error(error)
