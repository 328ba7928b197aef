"""Another site as its author might have written it: public packages, and nothing of ours, make its signatures."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from pointsync import clock
from tests.peer.peer_site import PeerSite

ALICE = "alice@example.test"


class Caller:
    """A site with an Auth and a key of its own that knows another's Auth and Pass."""

    def __init__(self, receiver: PeerSite) -> None:
        self.auth = f"wrk_{secrets.token_hex(8)}"
        self.key = Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.client: FlaskClient = receiver.app.test_client()
        self.receiver = receiver
        self.to, self.password = receiver.identity.auth, receiver.identity.passes[0]

    def body(self, **fields: Any) -> dict[str, Any]:
        """What every body says."""
        return {"from": self.auth, "to": self.to, "reserve": "default"} | fields

    def ping(self, **more: Any) -> TestResponse:
        return self.post("ping", self.body(), **more)

    def send(self, *movements: dict[str, Any], reserve: str = "default", **more: Any) -> TestResponse:
        """A batch."""
        return self.post("movements", self.body(reserve=reserve, movements=list(movements)), **more)

    def post(self, call: str, body: Any, **more: Any) -> TestResponse:
        """`body` (bytes, or what JSON can say) signed and posted; `headers` win over those of the signature."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers(raw, **{name: more[name] for name in ("moment", "passwords", "keys") if name in more})
        headers |= more.get("headers", {})
        sent = {name: value for name, value in headers.items() if value is not None}
        return self.client.post(f"/pointsync/v1/{call}", data=raw, headers=sent)

    def headers(
        self,
        raw: bytes,
        moment: datetime | None = None,
        passwords: tuple[str, ...] | None = None,
        keys: tuple[Ed25519PrivateKey, ...] | None = None,
    ) -> dict[str, str]:
        """The headers of a request, with a signature for each of `passwords` and each of `keys`."""
        moment, name = moment or clock.now(), f"msg_{secrets.token_hex(8)}"
        timestamp = str(int(moment.timestamp()))
        content = f"{name}.{timestamp}.".encode() + raw
        words = [_v1(password, name, moment, raw) for password in passwords or (self.password,)]
        words += [_v1a(key, content) for key in ((self.key,) if keys is None else keys)]
        return {
            "content-type": "application/json",
            "pointsync-auth": self.to,
            "webhook-id": name,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(words),
        }


def _v1(password: str, name: str, moment: datetime, raw: bytes) -> str:
    """By the public package where the body is text; it takes no other, so a packed one is signed by hand."""
    try:
        return Webhook(password.encode()).sign(msg_id=name, timestamp=moment, data=raw.decode())
    except UnicodeDecodeError:
        content = f"{name}.{int(moment.timestamp())}.".encode() + raw
        return "v1," + base64.b64encode(hmac.digest(password.encode(), content, hashlib.sha256)).decode()


def _v1a(key: Ed25519PrivateKey, content: bytes) -> str:
    return "v1a," + base64.b64encode(key.sign(content)).decode()


def is_signed(answer: TestResponse, public_key: str) -> bool:
    """Whether an answer carries the signature of that key. Raises InvalidSignature for another's."""
    version, _, encoded = answer.headers["webhook-signature"].partition(",")
    content = f"{answer.headers['webhook-id']}.{answer.headers['webhook-timestamp']}.".encode() + answer.data
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    key.verify(base64.b64decode(encoded), content)
    return version == "v1a"


def a_movement(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A movement on the wire: Alice earns 10."""
    movement = {"id": str(number), "customer": ALICE, "points": 10, "kind": "earn", "reason": "Order 17"}
    return movement | {"at": "2026-03-01T11:59:00Z"} | fields
