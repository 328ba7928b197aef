"""Another site that signs with public packages, without PointSync's own code."""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from flask.testing import FlaskClient
from standardwebhooks import Webhook
from werkzeug.test import TestResponse

from pointsync import clock
from tests.peer.peer_site import PeerSite

ALICE = "alice@example.test"


class SignedCaller:
    """A site with its own Auth and key that knows another site's Auth and Pass."""

    def __init__(self, receiver: PeerSite) -> None:
        self.auth = f"wrk_{secrets.token_hex(8)}"
        self.key = Ed25519PrivateKey.generate()
        self.public_key = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        self.client: FlaskClient = receiver.app.test_client()
        self.receiver = receiver
        self.to, self.password = receiver.identity.auth, receiver.identity.passes[0]

    def body(self, **fields: Any) -> dict[str, Any]:
        """A request body: the fields that every body has, and `fields`."""
        return {"from": self.auth, "to": self.to, "reserve": "default"} | fields

    def run_fields(self, run: Any, call: Any, last_id: Any = 0) -> dict[str, Any]:
        """What a request of that run carries, with the caller's stamp."""
        stamp = self.key.sign(f"{self.auth}.{run}.{call}.{last_id}".encode())
        return {"run": run, "call": call, "last_id": str(last_id), "stamp": base64.b64encode(stamp).decode()}

    def ping(self, **kwargs: Any) -> TestResponse:
        return self.post("ping", self.body(), **kwargs)

    def send(self, *movements: dict[str, Any], reserve: str = "default", **kwargs: Any) -> TestResponse:
        """Send a batch."""
        return self.post("movements", self.body(reserve=reserve, movements=list(movements)), **kwargs)

    def post(self, endpoint: str, body: Any, **kwargs: Any) -> TestResponse:
        """Sign and post `body` (bytes or JSON); `headers` replace those of the signature."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers(
            raw, **{name: kwargs[name] for name in ("signed_at", "passwords", "keys") if name in kwargs}
        )
        headers |= kwargs.get("headers", {})
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.client.post(f"/pointsync/v1/{endpoint}", data=raw, headers=headers)

    def headers(
        self,
        raw: bytes,
        signed_at: datetime | None = None,
        passwords: tuple[str, ...] | None = None,
        keys: tuple[Ed25519PrivateKey, ...] | None = None,
    ) -> dict[str, str]:
        """The headers of a request, with a signature for each of `passwords` and each of `keys`."""
        signed_at, message_id = signed_at or clock.now(), f"msg_{secrets.token_hex(8)}"
        timestamp = str(int(signed_at.timestamp()))
        content = f"{message_id}.{timestamp}.".encode() + raw
        signatures = [
            _hmac_signature(password, message_id, signed_at, raw) for password in passwords or (self.password,)
        ]
        signatures += [_ed25519_signature(key, content) for key in ((self.key,) if keys is None else keys)]
        return {
            "content-type": "application/json",
            "pointsync-auth": self.to,
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }


def _hmac_signature(password: str, message_id: str, signed_at: datetime, raw: bytes) -> str:
    """Sign with the public package; it accepts only text, so a gzipped body is signed here."""
    try:
        return Webhook(password.encode()).sign(msg_id=message_id, timestamp=signed_at, data=raw.decode())
    except UnicodeDecodeError:
        content = f"{message_id}.{int(signed_at.timestamp())}.".encode() + raw
        return "v1," + base64.b64encode(hmac.digest(password.encode(), content, hashlib.sha256)).decode()


def _ed25519_signature(key: Ed25519PrivateKey, content: bytes) -> str:
    return "v1a," + base64.b64encode(key.sign(content)).decode()


def is_signed(answer: TestResponse, public_key: str, *passwords: str) -> bool:
    """Whether an answer is signed with these Passes and with that key. Raises InvalidSignature for another key."""
    *pass_signatures, key_signature = answer.headers["webhook-signature"].split(" ")
    message_id, timestamp = answer.headers["webhook-id"], int(answer.headers["webhook-timestamp"])
    signed_at = datetime.fromtimestamp(timestamp, UTC)
    version, _, encoded = key_signature.partition(",")
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    key.verify(base64.b64decode(encoded), f"{message_id}.{timestamp}.".encode() + answer.data)
    expected = [_hmac_signature(each, message_id, signed_at, answer.data) for each in passwords]
    return version == "v1a" and pass_signatures == expected


def make_movement(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A movement on the wire: Alice earns 10 points."""
    movement = {"id": str(number), "customer": ALICE, "points": 10, "kind": "earn", "reason": "Order 17"}
    return movement | {"at": "2026-03-01T11:59:00Z"} | fields


def have(*movements: dict[str, Any]) -> dict[str, Any]:
    """What a receiver should say that it holds: the number of these movements, their highest id, and their hash."""
    digests = [
        hashlib.blake2b(f"{each['id']}:{each['points']}:{each['customer']}".encode(), digest_size=16).digest()
        for each in movements
    ]
    total = sum(int.from_bytes(each) for each in digests) % 2**128
    highest = max((int(each["id"]) for each in movements), default=0)
    return {"count": len(movements), "max_id": str(highest), "hash": f"{total:032x}"}
