"""Somebody with a browser that knows no scripts: it keeps cookies and sends back what a form holds."""

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.panel_session import COOKIE_NAME, create_session_cookie

CSRF_FIELD = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')

NAME = "Ada"
PASSWORD = "correct horse battery"


class PanelClient:
    """A browser at the panel of `app`."""

    def __init__(self, app: Flask, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.address = address

    def get(self, path: str, **more: Any) -> TestResponse:
        """Look at a page."""
        return self._open(path, method="GET", **more)

    def post(self, path: str, data: Any = None, **more: Any) -> TestResponse:
        """Send just that: no token is added."""
        return self._open(path, method="POST", data=data, **more)

    def send(self, path: str, page: str | None = None, **fields: Any) -> TestResponse:
        """Send the form at `path` (which stands on `page`, where that is another) with its token."""
        return self.post(path, {"csrf_token": self.token(page or path)} | fields)

    def token(self, path: str = "/sign-in") -> str:
        """The token of the form at `path`."""
        found = CSRF_FIELD.search(self.get(path).text)
        assert found, f"no form at {path}"
        return found[1]

    def sign_in(self, name: str = NAME, password: str = PASSWORD, query: str = "") -> TestResponse:
        """Type name and password at the door."""
        return self.send(f"/sign-in{query}", name=name, password=password)

    def sign_in_by_cookie(self, name: str = NAME) -> None:
        """Be signed in at once, without the form."""
        self.client.set_cookie(COOKIE_NAME, create_session_cookie(self.client.application, name))

    def is_in(self) -> bool:
        """Whether the Dashboard is shown to them."""
        return self.get("/").status_code == 200

    def cookie(self, name: str = COOKIE_NAME) -> str:
        """What the browser keeps under that name; empty where it keeps nothing."""
        kept = self.client.get_cookie(name)
        return kept.value if kept else ""

    def _open(self, path: str, **more: Any) -> TestResponse:
        return self.client.open(path, environ_overrides={"REMOTE_ADDR": self.address}, buffered=True, **more)
