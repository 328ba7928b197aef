"""What goes wrong, as a page that says what to do."""

from flask import Blueprint, Response, current_app, make_response, render_template, request
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadHost, HTTPException, ServiceUnavailable
from werkzeug.exceptions import Conflict as HTTPConflict
from werkzeug.exceptions import NotFound as HTTPNotFound

from pointsync.admin.shell import security_headers
from pointsync.db import DatabaseBusy
from pointsync.errors import DomainError, NotFound
from pointsync.web.db_unavailable import DatabaseUnusable

RETRY_SECONDS = 5

_TITLES = {
    400: "This was not accepted",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This page cannot do that",
    409: "This cannot be done now",
    413: "This is too large",
    429: "Too many tries",
    500: "Something went wrong here",
    503: "The database does not answer",
    507: "There is no room",
}
_MESSAGES = {
    404: "The address may be mistyped, or what it showed is gone.",
    405: "The address does not answer to this kind of request; begin again from the Dashboard.",
    413: "Send less at once; what was sent has been left out, and nothing was changed.",
    500: "Nothing was changed. Try again; if it stays so, the log of this site says what happened.",
    503: "Nothing was changed. Try again in a moment; if it stays so, see that the database runs and is at this "
    "version (pointsync upgrade).",
}


def render_error(error: HTTPException) -> Response | HTTPException:
    """An error that HTTP knows, with the headers it asks for.

    It reads no session and no database: either may be what has failed.
    """
    if error.code is None:
        return error
    if isinstance(error, BadHost):
        # Of a host that cannot be one no address is made, and a page has many.
        return security_headers.add(make_response(error.get_response()))
    title, message = _TITLES.get(error.code), _MESSAGES.get(error.code)
    if isinstance(error, DatabaseUnusable):
        title, message = "PointSync and its database do not fit", error.description
    html = render_template(
        "admin/shell/error.html",
        code=error.code,
        title=title or error.name,
        message=message or error.description or error.name,
        admin=None,
        tab=None,
        shows_messages=False,
    )
    response = make_response(html, error.code)
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            response.headers[name] = value
    return security_headers.add(response)


def render_busy(_error: Exception) -> Response | HTTPException:
    """The database is held by another writer, or away: the same may succeed in a moment."""
    current_app.logger.warning("The database did not answer a page of the panel.")
    return render_error(ServiceUnavailable(retry_after=RETRY_SECONDS))


def render_database_error(error: DBAPIError) -> Response | HTTPException:
    """What the database says while reading; all but its absence is a fault of ours."""
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return render_busy(error)
    raise error


def render_refusal(error: DomainError) -> Response | HTTPException:
    """What a rule forbids and no form is there to show: what is gone, or has changed meanwhile."""
    return render_error(HTTPNotFound() if isinstance(error, NotFound) else HTTPConflict(error.message))


def register(blueprint: Blueprint) -> None:
    """Turn what a view of `part` raises into pages."""
    blueprint.register_error_handler(DatabaseBusy, render_busy)
    blueprint.register_error_handler(PoolTimeout, render_busy)
    blueprint.register_error_handler(DBAPIError, render_database_error)
    blueprint.register_error_handler(DomainError, render_refusal)
    blueprint.register_error_handler(HTTPException, render_error)
