"""The access log: one line for each request that was refused or failed.

It contains the route, such as `/api/v1/customers/<email>`, and not the path, which may contain an e-mail address or a
secret.
"""

import logging
import re
from typing import Any

from flask import Flask, Response, request

log = logging.getLogger(__name__)

MIN_LOGGED_STATUS = 400
UNKNOWN_ROUTE = "(no such address)"
_CONVERTER = re.compile(r"<[^<>]*:")


def register(app: Flask) -> None:
    """Log refused and failed requests."""

    @app.after_request
    def log_response(response: Response) -> Response:
        if response.status_code >= MIN_LOGGED_STATUS:
            fields = {"method": request.method, "path": _route(), "status": response.status_code}
            client_address = request.remote_addr or "-"
            log.info(
                "%(method)s %(path)s was answered with %(status)s", fields, extra=fields | {"caller": client_address}
            )
        return response

    def log_exception(exc_info: Any) -> None:
        fields = {"method": request.method, "path": _route()}
        log.error("%(method)s %(path)s failed", fields, exc_info=exc_info, extra=fields)

    app.log_exception = log_exception  # type: ignore[method-assign]


def _route() -> str:
    return _CONVERTER.sub("<", request.url_rule.rule) if request.url_rule else UNKNOWN_ROUTE
