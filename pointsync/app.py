"""Composing the application: Flask's settings, the blueprints, error handlers and middleware."""

from flask import Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from pointsync import db
from pointsync.config import Config
from pointsync.crypto import Vault
from pointsync.ledger import audit_recorder
from pointsync.ledger.people.erased import erasure_keys
from pointsync.net.http_client import HttpClient
from pointsync.runtime import EXTENSION_KEY, Runtime, get_runtime
from pointsync.web import access_log, db_unavailable, no_store, row_ids, secret_key, static_files
from pointsync.web.trusted_proxy import TrustedProxyMiddleware
from pointsync.web.upload_limits import MAX_BODY_BYTES

PEER_PATHS = ("/pointsync/", "/wp-json/")
MAX_SHOP_ANSWER_BYTES = 16 * 1024 * 1024
"""A page of orders with hundreds of lines each."""


def configure(app: Flask, config: Config) -> None:
    """Set Flask's settings and the runtime, and register the audit log."""
    audit_recorder.register()
    secret_key.register()
    erasure_keys.use_vault(lambda: get_runtime().vault)
    app.config.update(
        SECRET_KEY=config.secret_key,
        SESSION_COOKIE_NAME="pointsync_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        SQLALCHEMY_DATABASE_URI=db.engine_url(config.database_path, config.database_url),
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions[EXTENSION_KEY] = Runtime(
        config=config,
        vault=Vault(config.secret_key),
        client=HttpClient(allow_private=config.private_remotes),
        shop_client=HttpClient(
            allow_private=config.private_remotes,
            max_response_bytes=MAX_SHOP_ANSWER_BYTES,
            url_noun="the shop's URL",
        ),
    )


def register_blueprints(app: Flask) -> None:
    """Register the blueprints (for other sites, shops and admins), the error handlers and the middleware."""
    from pointsync import admin, api, peer

    access_log.register(app)
    no_store.register(app)
    db_unavailable.register_database_check(app)
    # Without this, Flask would redirect URLs with a wrong slash to the host that the caller has sent.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    db.init_migrations(app)  # for `flask db`
    row_ids.register(app)
    peer.register(app)
    static_files.register(app)
    # Only static files and the routes for other sites answer OPTIONS.
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    for package in (api, admin):
        package.register(app)
    app.register_error_handler(HTTPException, _handle_http_error)
    config = get_runtime(app).config
    app.wsgi_app = TrustedProxyMiddleware(  # type: ignore[method-assign]
        app.wsgi_app, config.trusted_proxies, config.proxy_auth_header, lambda path: _is_known_path(app, path)
    )


def _is_known_path(app: Flask, path: str) -> bool:
    """Whether `path` has a view for any method."""
    return bool(app.url_map.bind("").allowed_methods(path))


def _handle_http_error(error: HTTPException) -> ResponseReturnValue:
    """The answer if no view was found; the blueprints handle the errors of their views."""
    from pointsync.admin.shell import error_pages
    from pointsync.api import errors

    if errors.has_json_errors(request.path):
        return errors.handle_http_error(error)
    return error if request.path.startswith(PEER_PATHS) else error_pages.render_error(error)
