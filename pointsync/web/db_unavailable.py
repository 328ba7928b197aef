"""The database held by another writer, away, of another version or under another key: told to each caller in its own
edge's words."""

from collections.abc import Callable

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable

from pointsync.crypto import WrongSecretKey
from pointsync.db import DatabaseBusy, get_schema_version, is_transient, version_problem
from pointsync.errors import ConfigError
from pointsync.web import secret_key

DATABASE_CHECKED_KEY = "pointsync_database_fits"
NOT_INITIALISED = "The database holds no site yet; run: pointsync upgrade"
UNCHECKED_ENDPOINTS = frozenset({"static", "monitoring.health"})


class DatabaseUnusable(ServiceUnavailable):
    """This PointSync cannot work with the database as it is; the description says what to do."""


def register_handlers(target: Blueprint | Flask, respond: Callable[[Exception], ResponseReturnValue]) -> None:
    """Let `answer` say to a caller of `part` that the same may succeed in a moment."""

    def handle_database_error(error: DBAPIError) -> ResponseReturnValue:
        if is_transient(error):
            return respond(error)
        raise error  # all else that the database says is a fault of ours

    target.register_error_handler(DatabaseBusy, respond)
    target.register_error_handler(PoolTimeout, respond)
    target.register_error_handler(DBAPIError, handle_database_error)


def register_database_check(app: Flask) -> None:
    """Answer nobody until the database is at this version and under this key: a WSGI server may be started before
    `pointsync upgrade`, and run while the key is changed."""

    @app.errorhandler(WrongSecretKey)
    def handle_wrong_key(error: WrongSecretKey) -> ResponseReturnValue:
        app.extensions[DATABASE_CHECKED_KEY] = False  # looked at anew
        app.logger.error("%s", error)
        response: ResponseReturnValue = app.handle_user_exception(DatabaseUnusable(str(error)))
        return response

    @app.before_request
    def check_database() -> None:
        if request.endpoint not in UNCHECKED_ENDPOINTS:
            try:
                problem = database_problem()
            except SQLAlchemyError:
                return  # away: what is asked for next says so, in its caller's words
            if problem:
                raise DatabaseUnusable(problem)


def database_problem() -> str | None:
    """Why the database does not fit; None where it does, which is looked at until it does. Raises SQLAlchemyError."""
    if current_app.extensions.get(DATABASE_CHECKED_KEY):
        return None
    problem = version_problem() if get_schema_version() else NOT_INITIALISED
    if problem is None:
        try:
            secret_key.verify_key()
        except ConfigError as error:
            problem = str(error)
    current_app.extensions[DATABASE_CHECKED_KEY] = problem is None
    return problem
