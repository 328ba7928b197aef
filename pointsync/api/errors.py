"""Errors as JSON: `{"error": {"code", "message", "fields"?}}`."""

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from pointsync.api.responses import json_response
from pointsync.api.schemas import Error, ErrorDetail
from pointsync.errors import Conflict, DomainError, NotFound, TryLater
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
    404: "Nothing was found at this address. /api/docs lists all endpoints.",
    405: "This address does not support this method. The Allow header lists the methods that it supports.",
    500: "Something went wrong on this site, and nothing was changed. The site's log has the details.",
}


class BodyRefused(Exception):
    """Something in a request's body was refused: answered with 409 for a conflict, else with 422."""

    def __init__(self, refusal: DomainError) -> None:
        self.refusal = refusal


def error_response(status: int, code: str, message: str, fields: dict[str, str] | None = None) -> Response:
    """Answer with an error."""
    return json_response(Error(ErrorDetail(code, message, fields or None)), status)


def handle_refused(error: DomainError) -> Response:
    """Answer with 409 for a conflict, 404 for something unknown, 503 for later, 422 for an invalid field."""
    if isinstance(error, TryLater):
        return _handle_later(error)
    status = 409 if isinstance(error, Conflict) else 404 if isinstance(error, NotFound) else 422
    return error_response(status, error.code, error.message, error.fields)


def handle_body_refused(error: BodyRefused) -> Response:
    """Answer like `handle_refused`, but with 422 if a field of the body names something unknown."""
    refusal = error.refusal
    if isinstance(refusal, TryLater):
        return _handle_later(refusal)
    status = 409 if isinstance(refusal, Conflict) else 422
    return error_response(status, refusal.code, refusal.message, refusal.fields)


def _handle_later(error: TryLater) -> Response:
    response = error_response(503, error.code, error.message)
    response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def _handle_busy(_error: Exception) -> Response:
    """Answer with 503: another writer holds the database, or it is unavailable. The same call may succeed soon."""
    response = error_response(503, "busy", "The database is busy or unavailable. Send the same call again shortly.")
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def handle_http_error(error: HTTPException) -> Response:
    """Answer with the status and the headers of an HTTP error."""
    status = error.code or 500
    message = _MESSAGES.get(status) or error.description or error.name
    if status == 413:
        message = f"The body is too large. Send at most {(request.max_content_length or 0) // 1024**2} MB per call."
    response = error_response(status, _CODES.get(status, "failed"), message)
    for name, value in error.get_headers(request.environ):
        if name.lower() != "content-type":
            response.headers[name] = value
    return response


def has_json_errors(path: str) -> bool:
    """Whether errors at `path` are answered as JSON, also if no view matches it."""
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in JSON_ERROR_PATHS)


def register(app_part: Blueprint | Flask) -> None:
    """Answer errors that the views of `app_part` raise as JSON."""
    app_part.register_error_handler(BodyRefused, handle_body_refused)
    app_part.register_error_handler(DomainError, handle_refused)
    db_unavailable.register_handlers(app_part, _handle_busy)
    app_part.register_error_handler(HTTPException, handle_http_error)
