"""Asking a shop for a key on WooCommerce's own page `wc-auth/v1/authorize`.

An admin of the shop agrees there, and the shop sends a new key to this site's callback URL, which must use HTTPS. The
parameter `user_id` comes back unchanged: it is a random state that only this question has. See WooCommerce's
class-wc-auth.php.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pointsync import clock, db, ids
from pointsync.crypto import sha256_hex
from pointsync.errors import DomainError, InvalidInput, NotFound
from pointsync.models import ShopKeyRequest
from pointsync.text_limits import sanitise
from pointsync.woocommerce import hooks
from pointsync.woocommerce.reading import connect

LIFETIME = timedelta(minutes=15)
KEPT = timedelta(days=1)
APP_NAME = "PointSync"
CALLBACK_PATH = "/hooks/woocommerce/key"
RETURN_PATH = "/system/woocommerce/key-given"

_UNKNOWN = "This question to the shop is unknown, was answered before, or is older than 15 minutes. Connect it again."


@dataclass(frozen=True, slots=True)
class KeyAnswer:
    """What the shop sends to the callback URL."""

    state: str
    consumer_key: str
    consumer_secret: str
    permissions: str


def can_ask(public_url: str | None) -> bool:
    """Whether a shop can send a key to this site: its public URL uses HTTPS."""
    return bool(public_url and public_url.lower().startswith("https://"))


def begin(session: Session, hook_id: int, url: str, asked_by: str, now: datetime) -> tuple[str, str]:
    """Note that an admin asks the shop at `url` for a key: the URL checked, and the state.

    Raises InvalidInput and NotFound.
    """
    url = connect.check_url(url)
    hook = hooks.get(session, hook_id)
    session.execute(delete(ShopKeyRequest).where(ShopKeyRequest.expires_at < now - KEPT))
    state = ids.new_token()
    session.add(
        ShopKeyRequest(digest=sha256_hex(state), hook_id=hook.id, url=url, asked_by=asked_by, expires_at=now + LIFETIME)
    )
    session.flush()
    return url, state


def authorize_url(url: str, state: str, public_url: str) -> str:
    """Where an admin of the shop agrees."""
    params = {
        "app_name": APP_NAME,
        "scope": "read",
        "user_id": state,
        "return_url": f"{public_url}{RETURN_PATH}",
        "callback_url": f"{public_url}{CALLBACK_PATH}",
    }
    return f"{url}/wc-auth/v1/authorize?{urlencode(params, quote_via=quote)}"


def parse_answer(body: Any) -> KeyAnswer:
    """The shop's answer. Raises InvalidInput."""
    values = body if isinstance(body, dict) else {}
    names = {
        "state": "user_id",
        "consumer_key": "consumer_key",
        "consumer_secret": "consumer_secret",
        "permissions": "key_permissions",
    }
    texts = {field: values.get(name) for field, name in names.items()}
    for field, text in texts.items():
        if not isinstance(text, str) or not 0 < len(text) <= 200:
            raise InvalidInput(names[field], f"{names[field]} is missing.")
    return KeyAnswer(**{field: str(text) for field, text in texts.items()})


def complete(answer: KeyAnswer) -> None:
    """Try and store the key that a shop has sent. Raises NotFound for the state, else DomainError with the reason.

    The state counts once, whether the key is good or not; the reason is kept for the admin.
    """
    digest = sha256_hex(answer.state)
    request = db.run_in_transaction(lambda session: _use(session, digest, clock.now()))
    db.set_actor(db.Actor(request.asked_by, "shop", ""))
    try:
        if answer.permissions != "read":
            raise InvalidInput("key_permissions", "The shop gave a key that may also write. Allow reading only.")
        connect.connect(request.hook_id, request.url, answer.consumer_key, answer.consumer_secret)
    except DomainError as error:
        message = error.message
        db.run_in_transaction(lambda session: _note_problem(session, digest, message))
        raise


def list_failed(session: Session) -> dict[int, ShopKeyRequest]:
    """By hook, the last question about its shop, if it has failed."""
    last = {each.hook_id: each for each in session.scalars(select(ShopKeyRequest).order_by(ShopKeyRequest.expires_at))}
    return {hook_id: each for hook_id, each in last.items() if each.problem}


def find(session: Session, state: str) -> ShopKeyRequest | None:
    """The question with this state."""
    return session.get(ShopKeyRequest, sha256_hex(state))


def _use(session: Session, digest: str, now: datetime) -> ShopKeyRequest:
    request = session.get(ShopKeyRequest, digest, with_for_update=True)
    if request is None or request.used_at is not None or not now < request.expires_at <= now + LIFETIME:
        raise NotFound("unknown_state", _UNKNOWN)
    request.used_at = now
    session.flush()
    return request


def _note_problem(session: Session, digest: str, message: str) -> None:
    if (request := session.get(ShopKeyRequest, digest)) is not None:
        request.problem = sanitise(message, 500)
