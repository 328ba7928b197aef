"""A signed request for the tests of headers and bodies, and changed copies of it."""

import json
from datetime import UTC, datetime
from typing import Any

from pointsync import crypto
from pointsync.sync.protocol import wire

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AUTH = "wrk_0123456789abcdef"
SENDER = "wrk_fedcba9876543210"
PASS = "wrs_AbCdEf0123456789"
PRIVATE, PUBLIC = crypto.new_signing_key()

MOVEMENT = {
    "id": "825900000000000001",
    "customer": "anna@shop.example",
    "points": 25,
    "kind": "earn",
    "reason": "Order 7 – süß",
    "at": "2026-03-01T12:00:00Z",
}
BODY = json.dumps({"from": SENDER, "to": AUTH, "reserve": "default", "movements": [MOVEMENT]}).encode()


def signed_headers(body: bytes = BODY, **changes: str | None) -> dict[str, str]:
    """The headers of a request with that body; a change to None leaves the header out."""
    headers: dict[str, Any] = wire.build_request_headers(body, SENDER, AUTH, PASS, PRIVATE, NOW)
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in headers.items() if value is not None}


def padded_body(size: int) -> bytes:
    """A JSON object of exactly that size."""
    return b'{"a": "' + b"x" * (size - 9) + b'"}'
