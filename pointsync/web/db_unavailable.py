"""Answers to requests when the database cannot be used: it is locked, not reachable, deleted, of another version, or
encrypted with another key."""

from collections.abc import Callable

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable

from pointsync.crypto import WrongSecretKey
from pointsync.db import DatabaseBusy, file_problem, get_schema_version, is_transient, version_problem
from pointsync.errors import ConfigError
from pointsync.web import secret_key, static_files

DATABASE_CHECKED_KEY = "pointsync_database_fits"
NOT_INITIALISED = "The database has no site yet; run: pointsync upgrade"
UNCHECKED_ENDPOINTS = frozenset({static_files.ENDPOINT, "monitoring.health"})


class DatabaseUnusable(ServiceUnavailable):
    """This PointSync cannot use the database as it is; the description says what to do."""


def register_handlers(target: Blueprint | Flask, respond: Callable[[Exception], ResponseReturnValue]) -> None:
    """Answer the callers of `target` with `respond` if the database is temporarily unavailable."""

    def handle_database_error(error: DBAPIError) -> ResponseReturnValue:
        if is_transient(error):
            return respond(error)
        raise error  # any other database error is a bug

    target.register_error_handler(DatabaseBusy, respond)
    target.register_error_handler(PoolTimeout, respond)
    target.register_error_handler(DBAPIError, handle_database_error)


def register_database_check(app: Flask) -> None:
    """Refuse all requests until the database has this version and this secret key.

    A WSGI server may start before `pointsync upgrade`, and may run while the key is changed.
    """

    @app.errorhandler(WrongSecretKey)
    def handle_wrong_key(error: WrongSecretKey) -> ResponseReturnValue:
        app.extensions[DATABASE_CHECKED_KEY] = False  # check again
        app.logger.error("%s", error)
        response: ResponseReturnValue = app.handle_user_exception(DatabaseUnusable(str(error)))
        return response

    @app.before_request
    def check_database() -> None:
        if request.endpoint not in UNCHECKED_ENDPOINTS:
            try:
                problem = database_problem()
            except SQLAlchemyError:
                return  # not reachable: the view's own query fails, and its blueprint answers
            if problem:
                raise DatabaseUnusable(problem)


def database_problem() -> str | None:
    """Why the database cannot be used; None if it can. Raises SQLAlchemyError.

    Version and key are checked until they are right, the file each time.
    """
    if problem := file_problem():
        return problem
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
