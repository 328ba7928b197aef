"""Somebody who answers in a site's place, signed with a key of their own."""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pointsync import clock
from tests.peer.peer_site import Wsgi

Body = dict[str, Any]


class Impostor:
    """An interceptor that answers every call of the PointSync dialect, and keeps what it gets.

    `passwords` are those that it signs with (`v1`). With `clock_skew` it answers that the clocks differ by so much.
    `signs`: whether it signs with its key (`v1a`).
    """

    def __init__(
        self, auth: str, passwords: tuple[str, ...] = (), clock_skew: timedelta | None = None, *, signs: bool = True
    ) -> None:
        self.auth, self.passwords, self.clock_skew, self.signs = auth, passwords, clock_skew, signs
        self.key = Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.reserve: dict[str, str] | None = {"key": "default", "name": "Points"}
        self.message_id: str | None = None
        """Sign for the request with this id instead of the request that is answered."""
        self.time: object = None
        """The time that it answers with `clock_skew`, instead of the right one."""
        self.calls: list[str] = []
        """The paths that were called."""
        self.bodies: list[Body] = []
        self.timestamps: list[int] = []

    def __call__(self, environ: dict[str, Any], start_response: Any, _app: Wsgi) -> Iterable[bytes]:
        raw = environ["wsgi.input"].read()
        plain = gzip.decompress(raw) if environ.get("HTTP_CONTENT_ENCODING") == "gzip" else raw
        self.calls.append(environ["PATH_INFO"])
        if not environ["PATH_INFO"].startswith("/pointsync/"):
            start_response("404 Not Found", [("Content-Type", "text/html")])
            return [b"<h1>Nothing here</h1>"]
        self.bodies.append(json.loads(plain))
        self.timestamps.append(int(environ["HTTP_WEBHOOK_TIMESTAMP"]))
        status, answer = self._answer(environ["PATH_INFO"], self.bodies[-1])
        encoded = json.dumps(answer).encode()
        message_id = self.message_id or environ["HTTP_WEBHOOK_ID"]
        headers = [("Content-Type", "application/json"), *self._signing_headers(message_id, encoded).items()]
        start_response(status, headers)
        return [encoded]

    def _answer(self, path: str, body: Body) -> tuple[str, Body]:
        if self.clock_skew is not None:
            time = self.time or clock.to_text(clock.now() + self.clock_skew)
            return "401 Unauthorized", {"error": {"code": "clock_skew", "message": "Clocks.", "time": time}}
        have = {"count": 0, "max_id": "0"}
        if path.endswith("/movements"):
            results = [{"id": each["id"], "status": "applied"} for each in body["movements"]]
            return "200 OK", {"results": results, "have": have}
        facts = {"site": self.auth, "name": "Impostor", "protocols": [1], "key": self.public_key}
        return "200 OK", facts | {"reserve": self.reserve, "reserves": [], "lists": [], "max_batch": 9, "have": have}

    def _signing_headers(self, message_id: str, encoded: bytes) -> dict[str, str]:
        timestamp = str(int(clock.now().timestamp()))
        content = f"{message_id}.{timestamp}.".encode() + encoded
        signatures = [
            "v1," + base64.b64encode(hmac.digest(each.encode(), content, hashlib.sha256)).decode()
            for each in self.passwords
        ]
        if self.signs:
            signatures.append("v1a," + base64.b64encode(self.key.sign(content)).decode())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures) or "none",
        }


def send_back(environ: dict[str, Any], start_response: Any, _app: Wsgi) -> Iterable[bytes]:
    """Answer with the request itself, which its sender has signed."""
    names = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-encoding")
    values = {name: environ.get(f"HTTP_{name.upper().replace('-', '_')}") for name in names}
    headers = [("Content-Type", "application/json"), *((name, value) for name, value in values.items() if value)]
    start_response("200 OK", headers)
    return [environ["wsgi.input"].read()]


def remove_pass_proof(environ: dict[str, Any], start_response: Any, app: Wsgi) -> Iterable[bytes]:
    """The site's own answer as version 0.1.0 signs it: with its key only."""

    def start(status: str, headers: list[tuple[str, str]], *args: Any) -> Any:
        kept = [
            (name, " ".join(each for each in value.split() if each.startswith("v1a,")))
            if name.lower() == "webhook-signature"
            else (name, value)
            for name, value in headers
        ]
        return start_response(status, kept, *args)

    return app(environ, start)
