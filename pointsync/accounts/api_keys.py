"""API keys: create, list, rotate, revoke and find them, with their shops, scopes, rate limits and last use."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.accounts import rate_limit
from pointsync.accounts.rate_limit import RateLimit
from pointsync.db.upsert import dialect_insert
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import ApiKey, ApiKeyUse, Site
from pointsync.scopes import MAX_KEPT_HOURS, MAX_PER_MINUTE, SCOPES

MAX_EXPIRY_YEARS = 100
USE_RESOLUTION = timedelta(minutes=1)
"""The last use is stored once a minute, so that most calls do not write."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
# Built once, because every call executes it.
_FIND = select(ApiKey).where(
    or_(
        ApiKey.digest == bindparam("digest"),
        and_(ApiKey.old_digest == bindparam("digest"), ApiKey.old_ends_at > bindparam("now")),
    ),
    ApiKey.revoked_at.is_(None),
)


def create(
    session: Session,
    name: str,
    now: datetime,
    *,
    shop: str | None = None,
    scopes: Collection[str] = tuple(SCOPES),
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """Create a key. Return its row and the key itself, of which only the hash is stored.

    `shop` names the shop to which the key belongs, and with it the refs that it sends. Default: see `default_shop`.
    `scopes` limits what the key may do; `per_minute` limits its calls.
    Raises InvalidInput for `name`, `shop`, `scopes`, `expires_at` or `per_minute`, Conflict if an active key has the
    name.
    """
    check_name(name)
    if shop:
        check_name(shop, "shop")
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise InvalidInput(
            "scopes", f"Choose at least one of {', '.join(SCOPES)}. A key without any of them could do nothing."
        )
    if expires_at and not now < expires_at < now + timedelta(days=MAX_EXPIRY_YEARS * 365):
        raise InvalidInput("expires_at", f"Choose a future day within the next {MAX_EXPIRY_YEARS} years, or none.")
    if per_minute is not None and not 1 <= per_minute <= MAX_PER_MINUTE:
        raise InvalidInput("per_minute", f"Enter a whole number of calls from 1 to {MAX_PER_MINUTE:,}, or none.")
    Site.get_for_update(session)  # one transaction at a time checks whether a name is free and takes it
    if _find_active(session, name):
        message = f"A key named {name} already exists. Choose another name, or rotate or revoke that key."
        raise Conflict("name_taken", message, {"name": message})
    key = ids.new_api_key()
    row = ApiKey(
        name=name,
        shop=shop or default_shop(session, name),
        digest=crypto.sha256_hex(key),
        scopes=" ".join(each for each in SCOPES if each in scopes),
        per_minute=per_minute,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, key


def default_shop(session: Session, name: str) -> str:
    """The shop of a new key for which nobody names one.

    The shop of the last key with its name. Else the only shop that has keys, because most sites have one shop: the
    new key probably replaces another one or is for another program, and what the shop sends again must not count twice.
    With keys of several shops, or with none, a shop with the name of the key.
    """
    last = session.scalar(select(ApiKey.shop).where(ApiKey.name == name).order_by(ApiKey.id.desc()).limit(1))
    if last:
        return last
    shops = select(ApiKey.shop).distinct().limit(2)
    known = session.scalars(shops.where(ApiKey.revoked_at.is_(None))).all() or session.scalars(shops).all()
    return known[0] if len(known) == 1 else name


def list_all(session: Session) -> list[ApiKey]:
    """The keys that are not revoked, sorted by name; expired keys included."""
    return list(session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.name)))


def get(session: Session, key_id: int) -> ApiKey:
    """The active key with this id. Raises NotFound."""
    row = session.get(ApiKey, key_id)
    if row is None or row.revoked_at is not None:
        raise NotFound("unknown_key", "There is no such key. It may have been revoked already.")
    return row


def list_shops(session: Session, scope: str) -> list[str]:
    """The names of the shops that have an active key with this scope, sorted."""
    return sorted({row.shop for row in list_all(session) if row.has_scope(scope)})


def revoke(session: Session, name: str, now: datetime) -> None:
    """Revoke the active key with this name at once, also the old one of a rotation. Raises NotFound."""
    _get_active(session, name).revoked_at = now
    session.flush()


def rotate(session: Session, name: str, now: datetime, *, keep_old_hours: int = 0) -> tuple[ApiKey, str]:
    """Replace the secret of the active key with this name. Return its row and the new key.

    Shop, scopes, limits and expiry stay. The old key is refused at once, or after `keep_old_hours`; the one before it
    always at once. Raises NotFound, or InvalidInput for `keep_old_hours`.
    """
    if not 0 <= keep_old_hours <= MAX_KEPT_HOURS:
        raise InvalidInput("keep_old_hours", f"Enter a whole number of hours from 0 to {MAX_KEPT_HOURS:,}.")
    Site.get_for_update(session)  # two rotations at once would both show a key, and one of them would not work
    row = _get_active(session, name)
    session.refresh(row)
    key = ids.new_api_key()
    row.old_digest = row.digest if keep_old_hours else None
    row.old_ends_at = now + timedelta(hours=keep_old_hours) if keep_old_hours else None
    row.digest = crypto.sha256_hex(key)
    session.flush()
    return row, key


def find(session: Session, key: str, now: datetime) -> ApiKey | None:
    """The row of a key that a caller sent, unless it is revoked, or replaced and its time is over.

    The key is found by its hash, so the time that this takes reveals nothing about it.
    """
    return session.scalar(_FIND, {"digest": crypto.sha256_hex(key), "now": now})


def is_use_saved(row: ApiKey, now: datetime) -> bool:
    """Whether a use of the key within this minute is already stored. False if the clock was set back."""
    return row.use is not None and timedelta() <= now - row.use.used_at < USE_RESOLUTION


def save_use(session: Session, key_id: int, now: datetime) -> None:
    """Store that the key was used. Of several concurrent calls, the last one wins."""
    statement = dialect_insert(session, ApiKeyUse).values(key_id=key_id, used_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=[ApiKeyUse.key_id], set_={"used_at": now}))


def seconds_to_wait(session: Session, row: ApiKey, now: datetime) -> int:
    """The seconds until the key may call again, from what is stored; 0 if it may call now."""
    return (
        rate_limit.seconds_to_wait(session, RateLimit(row.per_minute), *_bucket_key(row.id), now=now)
        if row.per_minute
        else 0
    )


def count_call(session: Session, key_id: int, per_minute: int, now: datetime) -> int:
    """Count a call of a key with a rate limit. Return 0, or the seconds to wait if the limit is reached."""
    return rate_limit.consume(session, RateLimit(per_minute), *_bucket_key(key_id), now=now)


def check_name(name: str, field: str = "name") -> None:
    """Raise InvalidInput for `field` if `name` is not allowed for a key, a shop or a hook."""
    if not _NAME.match(name):
        raise InvalidInput(
            field, "A name needs 1 to 64 letters, digits, dots, underscores or hyphens, such as web-shop."
        )


def _get_active(session: Session, name: str) -> ApiKey:
    row = _find_active(session, name) if _NAME.match(name) else None
    if row is None:
        message = f"There is no active key {name[:64]!r}. See the list of keys: pointsync key list."
        raise NotFound("unknown_key", message, {"name": message})
    return row


def _find_active(session: Session, name: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None)))


def _bucket_key(key_id: int) -> tuple[str, str]:
    return "API key", str(key_id)
