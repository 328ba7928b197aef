"""The database held by another writer, away, of another version or under another key: told to each caller in its own
edge's words."""

from collections.abc import Callable

from flask import Blueprint, Flask, current_app, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import ServiceUnavailable

from pointsync.crypto import WrongSecret
from pointsync.db import Busy, is_passing, unfit, version
from pointsync.errors import ConfigError
from pointsync.web import secret_key

FITS = "pointsync_database_fits"
NONE_YET = "The database holds no site yet; run: pointsync upgrade"
SAYS_ITSELF = frozenset({"static", "machines.health"})


class OtherVersion(ServiceUnavailable):
    """This PointSync cannot work with the database as it is; the description says what to do."""


def register(part: Blueprint | Flask, answer: Callable[[Exception], ResponseReturnValue]) -> None:
    """Let `answer` say to a caller of `part` that the same may succeed in a moment."""

    def database(error: DBAPIError) -> ResponseReturnValue:
        if is_passing(error):
            return answer(error)
        raise error  # all else that the database says is a fault of ours

    part.register_error_handler(Busy, answer)
    part.register_error_handler(PoolTimeout, answer)
    part.register_error_handler(DBAPIError, database)


def refuse_other_versions(app: Flask) -> None:
    """Answer nobody until the database is at this version and under this key: a WSGI server may be started before
    `pointsync upgrade`, and run while the key is changed."""

    @app.errorhandler(WrongSecret)
    def other_key(error: WrongSecret) -> ResponseReturnValue:
        app.extensions[FITS] = False  # looked at anew
        app.logger.error("%s", error)
        answer: ResponseReturnValue = app.handle_user_exception(OtherVersion(str(error)))
        return answer

    @app.before_request
    def refuse() -> None:
        if request.endpoint not in SAYS_ITSELF:
            try:
                why = other_version()
            except SQLAlchemyError:
                return  # away: what is asked for next says so, in its caller's words
            if why:
                raise OtherVersion(why)


def other_version() -> str | None:
    """Why the database does not fit; None where it does, which is looked at until it does. Raises SQLAlchemyError."""
    if current_app.extensions.get(FITS):
        return None
    why = unfit() if version() else NONE_YET
    if why is None:
        try:
            secret_key.settle()
        except ConfigError as error:
            why = str(error)
    current_app.extensions[FITS] = why is None
    return why
