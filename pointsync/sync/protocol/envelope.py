"""The fields that every request of the PointSync dialect carries: who calls whom, and from which state of itself."""

from typing import Any

import msgspec

from pointsync.sync.protocol.request import Target
from pointsync.sync.site import stamps
from pointsync.sync.site.local_site import Identity


def build(identity: Identity, target: Target, nonce: str | None = None) -> dict[str, Any]:
    """The fields. `nonce` repeats what the other site has sent with `again`."""
    fields: dict[str, Any] = {
        "from": identity.auth,
        "to": target.auth,
        "reserve": target.reserve,
        "key": identity.public_key,
    }
    if identity.run:
        stamp = stamps.make(identity.auth, identity.private_key, identity.run, identity.call, identity.last_id)
        fields |= {
            "run": stamp.run,
            "call": stamp.call,
            "last_id": str(stamp.last_id),
            "stamp": stamp.signature,
        }
    return fields | ({"nonce": nonce} if nonce else {})


def encode(identity: Identity, target: Target, content: bytes = b"", nonce: str | None = None) -> bytes:
    """A request's body: the fields, then `content`, which is more members of the same JSON object."""
    encoded = msgspec.json.encode(build(identity, target, nonce))
    return encoded[:-1] + b"," + content + b"}" if content else encoded


def encode_members(**members: Any) -> bytes:
    """Members of a JSON object for `encode`."""
    return msgspec.json.encode(members)[1:-1]
