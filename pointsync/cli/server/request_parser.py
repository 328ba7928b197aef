"""Receives one request, within limits that hold before anybody knows who sends it."""

import time
from typing import Any

from flask import Flask
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import Error

from pointsync.web.upload_limits import MAX_BODY_BYTES, UploadLimit, find_upload_limit

MAX_HEAD_BYTES = 32 * 1024


class _InsufficientStorage(Error):  # type: ignore[misc]
    code = 507
    reason = "Insufficient Storage"


class RequestParser(HTTPRequestParser):  # type: ignore[misc]
    """A request. A body above the limit is not received: the application sees its length, and refuses it.

    An upload may be larger: an admin's, or a shop's orders. Its body is received only after `allow_upload`.
    """

    content_length: int
    expect_continue: bool
    body_rcv: Any

    def __init__(self, adj: Any, app: Flask) -> None:
        super().__init__(adj)
        self.started_at = time.monotonic()
        self.is_body_refused = False
        self.is_upload_allowed = False
        self.waits_to_continue = False
        """Whether the client of an upload waits for `100 Continue`, which it gets once the upload is allowed."""
        self._app = app
        self._max_body_bytes = MAX_BODY_BYTES
        self._upload_limit: UploadLimit | None = None

    @property
    def needs_permission(self) -> bool:
        """Whether the application must first be asked about this upload."""
        return self._upload_limit is not None and not self.is_upload_allowed and not self.completed

    @property
    def is_admins_upload(self) -> bool:
        """Whether an admin sends it, and may take time and room for it."""
        return self.is_upload_allowed and self._upload_limit is not None and self._upload_limit.is_admins

    @property
    def is_cut_short(self) -> bool:
        """Whether the rest of it is not received, so that it is the last one of its connection."""
        return self.is_body_refused or self.error is not None

    @property
    def held_bytes(self) -> int:
        """The room that it takes, in memory or, for a shop's large upload, on the disk; 0 for admins' uploads."""
        return 0 if self.is_admins_upload else self.header_bytes_received + self.body_bytes_received

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the head, and decide about the body. Raises ParsingError."""
        request_line, end, rest = header_plus.partition(b"\r\n")
        # WooRewards shops send e-mail addresses unencoded: percent-encode UTF-8 in a path.
        escaped = b"".join(b"%%%02X" % byte if byte >= 0x80 else bytes((byte,)) for byte in request_line)
        try:
            super().parse_header(escaped + end + rest)
        except ValueError as error:  # such as a length of 5,000 digits, or a host that begins with a bracket
            raise ParsingError("Invalid header") from error
        if self.content_length > MAX_BODY_BYTES or self.chunked:
            self._upload_limit = find_upload_limit(self._app, self.path, self.headers.get("COOKIE", ""))
        if self.content_length > (self._upload_limit.max_bytes if self._upload_limit else MAX_BODY_BYTES):
            self._upload_limit = None
            self.refuse_body()
        if self.needs_permission:
            self.waits_to_continue, self.expect_continue = self.expect_continue, False

    def received(self, data: bytes) -> int:
        """Take in the next bytes. Returns how many of them belong to this request."""
        try:
            consumed: int = super().received(data)
        except OSError:  # an upload is written to the disk
            self.error = _InsufficientStorage("The disk of this site's server is full. Free up space and try again.")
            self.completed = True
            self.refuse_body()
        if self.chunked and not self.completed and self.body_bytes_received > self._max_body_bytes:
            self.refuse_body()
        return len(data) if self.is_cut_short else consumed

    def allow_upload(self) -> None:
        """Receive the body: the application says that the sender may send it."""
        assert self._upload_limit
        self.is_upload_allowed, self._max_body_bytes = True, self._upload_limit.max_bytes

    def refuse_body(self) -> None:
        """Receive no more of the body. The request is complete without it, and ends the connection."""
        self.is_body_refused = self.completed = True
        self.headers["CONNECTION"] = "close"
        if self.chunked:  # nobody knows its length, only that it may be too large
            self.headers["CONTENT_LENGTH"] = str(max(self.body_bytes_received, self._max_body_bytes + 1))
        self.expect_continue = False
        self.content_length = 0  # waitress would refuse it as well, in its own words
        if self.body_rcv is not None:
            self.body_rcv.getbuf().close()
            self.body_rcv = None
