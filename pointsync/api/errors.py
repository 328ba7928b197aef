"""What goes wrong, as JSON: `{"error": {"code", "message", "fields"?}}`."""

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from pointsync.errors import Conflict, DomainError, NotFound
from pointsync.web import db_unavailable

JSON_ERROR_PATHS = ("/api", "/hooks", "/healthz", "/metrics", "/pointsync")
RETRY_AFTER_SECONDS = 1

_CODES = {
    400: "malformed",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "wrong_content_type",
    429: "too_many",
    503: "busy",
}
_MESSAGES = {
    404: "There is nothing at this address; /api/docs lists what there is.",
    405: "This address does not answer to that method; the Allow header names those it does.",
    413: "The body is too large; send it in parts of at most 1 MB.",
    500: "Something went wrong here, and nothing was changed; the log of this site says what.",
}


class BodyRefused(Exception):
    """A refusal of something in a request's body, whatever kind it is: 422, or 409 for a conflict."""

    def __init__(self, refusal: DomainError) -> None:
        self.refusal = refusal


def error_response(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> Response:
    """An error's answer."""
    error: dict[str, object] = {"code": code, "message": message}
    if fields:
        error["fields"] = fields
    response = jsonify(error=error)
    response.status_code = status
    return response


def handle_refused(error: DomainError) -> Response:
    """A rule's refusal: 409 for a conflict, 404 for what is not here, 422 for a field."""
    status = 409 if isinstance(error, Conflict) else 404 if isinstance(error, NotFound) else 422
    return error_response(status, error.code, error.message, error.fields)


def handle_body_refused(error: BodyRefused) -> Response:
    """The same about a body, where what is not here is a field's fault."""
    refusal = error.refusal
    status = 409 if isinstance(refusal, Conflict) else 422
    return error_response(status, refusal.code, refusal.message, refusal.fields)


def _handle_busy(_error: Exception) -> Response:
    """The database is held by another writer, or away: the same call may succeed in a moment."""
    response = error_response(503, "busy", "The database is busy or away; send the same again in a moment.")
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def handle_http_error(error: HTTPException) -> Response:
    """An error that HTTP knows, with the headers it asks for."""
    status = error.code or 500
    message = _MESSAGES.get(status) or error.description or error.name
    response = error_response(status, _CODES.get(status, "failed"), message)
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def has_json_errors(path: str) -> bool:
    """Whether errors at `path` are told as here, also where no view was found."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in JSON_ERROR_PATHS)


def register(app_part: Blueprint | Flask) -> None:
    """Turn what a view of `app_part` raises into answers."""
    app_part.register_error_handler(BodyRefused, handle_body_refused)
    app_part.register_error_handler(DomainError, handle_refused)
    db_unavailable.register_handlers(app_part, _handle_busy)
    app_part.register_error_handler(HTTPException, handle_http_error)
