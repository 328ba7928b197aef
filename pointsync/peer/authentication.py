"""Who is calling in the PointSync dialect: the Pass, the sender's key, and whether the sender may call at all."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.ledger.apply import lock_origin
from pointsync.models import Origin, Remote
from pointsync.sync.protocol import wire
from pointsync.sync.protocol.ping import WOOREWARDS
from pointsync.sync.protocol.wire import WireError
from pointsync.sync.remotes import blocked_origins, origin_runs
from pointsync.sync.site import passes
from pointsync.sync.site.local_site import Identity
from pointsync.web.rate_limit import SITE_FAILURE_LIMIT, count_failure

JsonObject = dict[str, Any]


def check_pass(identity: Identity, signed: wire.SignedMessage, now: datetime) -> tuple[str, ...]:
    """The Passes of this site that the request is signed with: the current one, the old one, or both.

    Raises WireError if there is none. The time of the request is not checked.
    """
    if not crypto.is_equal_constant_time(signed.auth, identity.auth):
        if signed.is_signed_by(identity.public_key):
            # Another site's credentials, but its URL leads back here.
            raise WireError(409, "own_origin", "This request comes from this site itself.")
        count_failure("site", SITE_FAILURE_LIMIT)
        raise WireError(401, "unknown_auth", "This site has a different Auth.")
    used_passes = tuple(each for each in identity.passes if signed.has_valid_hmac(each))
    if not used_passes:
        count_failure("site", SITE_FAILURE_LIMIT)
        raise _wrong_pass_error(identity, signed, now)
    return used_passes


def parse_request(
    identity: Identity,
    signed: wire.SignedMessage,
    raw_body: bytes,
    encoding: str | None,
    raw_member: str | None = None,
) -> JsonObject:
    """The body of a request with a valid Pass, in which `raw_member` is not decoded. Raises WireError if it was not
    made for this site by its sender.

    Only now is it unpacked and parsed: strangers could make that expensive.
    """
    body = wire.parse_body(raw_body, encoding, raw_member)
    sender = wire.require_text(body, "from")
    if wire.require_text(body, "to") != identity.auth:
        raise WireError(409, "wrong_recipient", "This request is for another site.")
    if sender == identity.auth:
        raise WireError(409, "own_origin", "This request comes from this site itself.")
    if not wire.is_id_for(signed.id, sender, identity.auth):
        raise WireError(401, "bad_signature", "This request's webhook-id was made by another sender.")
    if not ids.is_auth(sender):
        raise WireError(400, "malformed", "from must be an Auth: wrk_ and 16 hex digits.")
    return body


def admit_sender(session: Session, body: JsonObject, signed: wire.SignedMessage, now: datetime) -> Origin | WireError:
    """The sender's locked origin, or the reason why it is refused. An impostor does not learn that reason.

    Every site of a family knows every Pass, so a sender whose key is known must sign with that key. The first request
    that names its key makes it known. Raises WireError for a wrong key.
    """
    sender = body["from"]
    known = Origin.find_for_update(session, sender)
    if known:
        _require_known_key(known.public_key, signed)
    if code := blocked_origins.refuse_origin(session, sender, now, known):
        return WireError(403, code, wire.REFUSAL_MESSAGES[code])
    origin = known or lock_origin(session, sender, now)
    _require_known_key(origin.public_key, signed)
    if origin.public_key is None and body.get("key") is not None:
        _save_first_key(session, origin, body["key"], signed)
    origin.last_seen_at = now
    return origin_runs.judge(origin, body, now) or origin


def _require_known_key(key: str | None, signed: wire.SignedMessage) -> None:
    if key and not signed.is_signed_by(key):
        raise WireError(401, "key_mismatch", "The request is not signed with its sender's known key.")


def _save_first_key(session: Session, origin: Origin, key: object, signed: wire.SignedMessage) -> None:
    """Store the key that the request names, so that nobody else can call as its sender from now on.

    Whoever calls first may be an impostor: the key is replaced by one that the site proves on a remote. A shop that is
    listed and uses the WooRewards dialect has no key, so none is taken in its name.
    """
    if not isinstance(key, str) or not crypto.is_public_key(key):
        raise WireError(400, "malformed", "key must be the sender's public key: 32 bytes in base64.")
    if not signed.is_signed_by(key):
        raise WireError(401, "key_mismatch", "The request is not signed with the key that it names.")
    if key == origin.offered_key and origin.key_refused_at:
        raise WireError(401, "key_mismatch", "This site's admin has refused the sender's key.")
    listed_shop = select(Remote.id).where(
        Remote.auth == origin.auth, Remote.deleted_at.is_(None), Remote.dialect == WOOREWARDS
    )
    if session.scalar(listed_shop.limit(1)) is None:
        origin.set_key(key, is_proven=False)


def _wrong_pass_error(identity: Identity, signed: wire.SignedMessage, now: datetime) -> WireError:
    """The refusal. Only a caller that just signed with the expired Pass learns about the rotation: an old request
    may be a captured one, whose sender does not know the Pass."""
    used_expired_pass = identity.expired_pass is not None and signed.has_valid_hmac(identity.expired_pass)
    if used_expired_pass and abs(signed.clock_skew(now)) <= wire.MAX_SKEW:
        return WireError(401, "bad_signature", passes.EXPIRED_PASS_MESSAGE, reason=wire.PASS_CHANGED)
    return WireError(401, "bad_signature", "The signature was not made with this site's Pass.")
