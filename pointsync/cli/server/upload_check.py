"""Asks the application about a large upload before its body is received: may its sender upload here?"""

import io
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.task import WSGITask
from werkzeug.test import run_wsgi_app

from pointsync.cli.server.request_parser import RequestParser
from pointsync.web.upload_limits import UPLOAD_CHECK


class UploadCheck:
    """A task of waitress: it asks for the form at the upload's own path, with the same headers.

    So the check is the same as for every page: whoever would see the form may upload, a hook's URL answers if the hook
    exists, and that of orders if the API key may report them. It runs in a thread, because it needs the database.
    """

    def __init__(self, connection: HTTPChannel, request: RequestParser, on_end: Callable[[bool], None]) -> None:
        self._connection, self._request, self._on_end = connection, request, on_end

    def service(self) -> None:
        """Ask, and report whether the upload may be received."""
        is_allowed = False
        try:
            _, status, _ = run_wsgi_app(self._connection.server.application, self._environ(), buffered=True)
            is_allowed = status.startswith("200 ")
        finally:
            self._on_end(is_allowed)

    def cancel(self) -> None:
        """End the connection: the server stops."""
        self._connection.cancel()

    def _environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = WSGITask(self._connection, self._request).get_environment()
        for name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            environ.pop(name, None)
        return environ | {"REQUEST_METHOD": "HEAD", "wsgi.input": io.BytesIO(), UPLOAD_CHECK: True}
