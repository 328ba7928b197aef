"""Calls in the log: those that were refused or failed. What goes well is told by what it brings about.

An address is told by its rule, such as `/api/v1/customers/<email>`: what stands in it may be a customer's, or a secret.
"""

import logging
import re
from typing import Any

from flask import Flask, Response, request

log = logging.getLogger(__name__)

REFUSED_FROM = 400
UNKNOWN = "(no such address)"
_KIND = re.compile(r"<[^<>]*:")


def register(app: Flask) -> None:
    """Let each such call have its line."""

    @app.after_request
    def tell(response: Response) -> Response:
        if response.status_code >= REFUSED_FROM:
            fields = {"method": request.method, "path": _rule(), "status": response.status_code}
            caller = request.remote_addr or "-"
            log.info("%(method)s %(path)s was answered with %(status)s", fields, extra=fields | {"caller": caller})
        return response

    def log_exception(exc_info: Any) -> None:
        fields = {"method": request.method, "path": _rule()}
        log.error("%(method)s %(path)s failed", fields, exc_info=exc_info, extra=fields)

    app.log_exception = log_exception  # type: ignore[method-assign]


def _rule() -> str:
    return _KIND.sub("<", request.url_rule.rule) if request.url_rule else UNKNOWN
