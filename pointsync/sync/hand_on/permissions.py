"""Which site may hand on which other site's movements to this one."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import clock, ids
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.ledger.outbox import get_local_auth
from pointsync.models import HandOnPermission


def allow(session: Session, origin: str, sender: str, allowed_by: str, now: datetime) -> None:
    """Allow `sender` to hand on the movements of `origin` to this site; both are Auths. Harmless when repeated.

    Raises InvalidInput for `origin` or `sender`, Conflict `own_origin` for this site's own Auth.
    """
    origin, sender = parse_auth(origin, "origin"), parse_auth(sender, "sender")
    local_auth = get_local_auth(session)
    for field, auth in (("origin", origin), ("sender", sender)):
        if auth == local_auth:
            message = "This is the Auth of this site. Name the site that is gone, and the site that has its movements."
            raise Conflict("own_origin", message, {field: message})
    if origin == sender:
        raise InvalidInput("sender", "A site sends its own movements without a permission. Name another site.")
    if session.get(HandOnPermission, (origin, sender)) is None:
        session.add(HandOnPermission(origin=origin, sender=sender, allowed_at=now, allowed_by=allowed_by[:191]))
        session.flush()


def withdraw(session: Session, origin: str, sender: str) -> None:
    """End a permission; what was handed on stays. Raises NotFound."""
    permission = session.get(HandOnPermission, (ids.normalise_auth(origin.strip()), ids.normalise_auth(sender.strip())))
    if permission is None:
        raise NotFound("unknown_permission", f"{sender} is not allowed to hand on movements of {origin}. See the list.")
    session.delete(permission)
    session.flush()


def is_allowed(session: Session, origin: str, sender: str) -> bool:
    """Whether `sender` may hand on the movements of `origin` to this site."""
    return session.get(HandOnPermission, (origin, sender), populate_existing=True) is not None


def list_all(session: Session) -> list[HandOnPermission]:
    """All permissions, the last one first."""
    return list(session.scalars(select(HandOnPermission).order_by(HandOnPermission.allowed_at.desc())))


def list_json(session: Session) -> list[dict[str, Any]]:
    """`[{origin, sender, allowed_at, allowed_by}]`, the last one first."""
    return [
        {
            "origin": each.origin,
            "sender": each.sender,
            "allowed_at": clock.to_text(each.allowed_at),
            "allowed_by": each.allowed_by,
        }
        for each in list_all(session)
    ]


def parse_auth(text: str, field: str) -> str:
    """An Auth in its one spelling. Raises InvalidInput for `field`."""
    auth = ids.normalise_auth(text.strip())
    if not ids.is_auth(auth):
        raise InvalidInput(field, "Enter the site's Auth: wrk_ followed by 16 hex digits. The Network tab shows it.")
    return auth
