"""Error pages: what happened, and what to do."""

from flask import Blueprint, Response, current_app, make_response, render_template, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadHost, HTTPException, ServiceUnavailable
from werkzeug.exceptions import Conflict as HTTPConflict
from werkzeug.exceptions import NotFound as HTTPNotFound

from pointsync.admin.shell import security_headers
from pointsync.errors import DomainError, NotFound
from pointsync.web import db_unavailable

RETRY_SECONDS = 5

_TITLES = {
    400: "The request was not accepted",
    403: "This is not allowed",
    404: "Page not found",
    405: "This page does not support that request",
    409: "This cannot be done now",
    413: "The upload is too large",
    429: "Too many attempts",
    500: "Something went wrong",
    503: "The database does not respond",
    507: "The disk is full",
}
_MESSAGES = {
    404: "The URL may be mistyped, or the page no longer exists.",
    405: "This URL does not support this kind of request. Start again from the Dashboard.",
    413: "Nothing was changed. Send less data at once.",
    500: "Nothing was changed. Try again. If it happens again, look in this site's log for the cause.",
    503: "Nothing was changed. Try again in a moment. If it happens again, check that the database is running and "
    "up to date (pointsync upgrade).",
}


def render_error(error: HTTPException) -> Response | HTTPException:
    """The page for an HTTP error, with the error's headers.

    It does not read the session or the database, since either may be what failed.
    """
    if error.code is None:
        return error
    if isinstance(error, BadHost):
        # With an invalid host no URL can be built, and a page has many.
        return security_headers.add(make_response(error.get_response()))
    title, message = _TITLES.get(error.code), _MESSAGES.get(error.code)
    if isinstance(error, db_unavailable.DatabaseUnusable):
        title, message = "PointSync cannot use its database", error.description
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
    """503 when the database is locked by another writer or unavailable. The same request may succeed in a moment."""
    current_app.logger.warning("The database did not respond to a request for a page of the panel.")
    return render_error(ServiceUnavailable(retry_after=RETRY_SECONDS))


def render_refusal(error: DomainError) -> Response | HTTPException:
    """404 or 409 for a DomainError that no form shows, such as a row that was deleted in the meantime."""
    return render_error(HTTPNotFound() if isinstance(error, NotFound) else HTTPConflict(error.message))


def register(blueprint: Blueprint) -> None:
    """Render a page for each error that a view of `blueprint` raises."""
    db_unavailable.register_handlers(blueprint, render_busy)
    # SQLite also reports a table that is missing, because the database is not upgraded yet, as an OperationalError.
    blueprint.register_error_handler(OperationalError, render_busy)
    blueprint.register_error_handler(DomainError, render_refusal)
    blueprint.register_error_handler(HTTPException, render_error)
