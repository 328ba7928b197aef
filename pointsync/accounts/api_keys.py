"""API keys: made, listed, revoked, found by what a caller shows; what each may do, and when it was last used."""

import re
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync import crypto, ids
from pointsync.accounts import rate_limit
from pointsync.accounts.rate_limit import RateLimit
from pointsync.db.upsert import dialect_insert
from pointsync.errors import Conflict, InvalidInput, NotFound
from pointsync.models import ApiKey, ApiKeyUse, Site
from pointsync.scopes import MAX_PER_MINUTE, SCOPES

MAX_EXPIRY_YEARS = 100
USE_RESOLUTION = timedelta(minutes=1)
"""A key's last use is kept to the minute, so that hardly a call has to write for it."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")


def create(
    session: Session,
    name: str,
    now: datetime,
    *,
    scopes: Collection[str] = tuple(SCOPES),
    expires_at: datetime | None = None,
    per_minute: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key: its row, and the key itself, which is stored nowhere. It may do everything unless `scopes` says less.

    A name may be used again once its key is revoked; its movements' refs go on. Raises Invalid for what cannot be
    (`name`, `scopes`, `expires_at`, `per_minute`), Conflict for a name that a live key has.
    """
    check_name(name)
    unknown = set(scopes) - set(SCOPES)
    if unknown or not scopes:
        raise InvalidInput(
            "scopes", f"Choose at least one of {', '.join(SCOPES)}: without any, the key could do nothing."
        )
    if expires_at and not now < expires_at < now + timedelta(days=MAX_EXPIRY_YEARS * 365):
        raise InvalidInput("expires_at", f"Choose a day to come, within {MAX_EXPIRY_YEARS} years, or none.")
    if per_minute is not None and not 1 <= per_minute <= MAX_PER_MINUTE:
        raise InvalidInput("per_minute", f"Type a whole number of calls from 1 to {MAX_PER_MINUTE:,}, or none.")
    lock_names(session)
    if _find_active(session, name):
        message = f"There is a key {name} already; choose another name, or revoke that key first."
        raise Conflict("name_taken", message, {"name": message})
    key = ids.new_api_key()
    row = ApiKey(
        name=name,
        digest=crypto.sha256_hex(key),
        scopes=" ".join(each for each in SCOPES if each in scopes),
        per_minute=per_minute,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row, key


def list_all(session: Session) -> list[ApiKey]:
    """The keys that are not revoked, by name; also those whose time is over."""
    return list(session.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None)).order_by(ApiKey.name)))


def revoke(session: Session, name: str, now: datetime) -> None:
    """End the live key of that name at once. Raises NotFound where there is none."""
    row = _find_active(session, name) if _NAME.match(name) else None
    if row is None:
        message = f"There is no live key {name[:64]!r}; pointsync key list shows those there are."
        raise NotFound("unknown_key", message, {"name": message})
    row.revoked_at = now
    session.flush()


def find(session: Session, key: str) -> ApiKey | None:
    """The key that a caller has shown, unless it is revoked. Found by its hash, so its time tells nothing."""
    query = select(ApiKey).where(ApiKey.digest == crypto.sha256_hex(key), ApiKey.revoked_at.is_(None))
    return session.scalar(query)


def is_use_saved(row: ApiKey, now: datetime) -> bool:
    """Whether the use of a key just now needs no writing: it is the same minute's. A clock set back counts for none."""
    return row.use is not None and timedelta() <= now - row.use.used_at < USE_RESOLUTION


def save_use(session: Session, key_id: int, now: datetime) -> None:
    """Keep that the key was used; of many at once the last one stays."""
    statement = dialect_insert(session, ApiKeyUse).values(key_id=key_id, used_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=[ApiKeyUse.key_id], set_={"used_at": now}))


def seconds_to_wait(session: Session, row: ApiKey, now: datetime) -> int:
    """The seconds until the key's rate lets it call again, as far as was written; 0 where it may call now."""
    return (
        rate_limit.seconds_to_wait(session, RateLimit(row.per_minute), *_bucket_key(row.id), now=now)
        if row.per_minute
        else 0
    )


def count_call(session: Session, key_id: int, per_minute: int, now: datetime) -> int:
    """Count a call of a key that has a rate; 0, or the seconds to wait where it is used up."""
    return rate_limit.consume(session, RateLimit(per_minute), *_bucket_key(key_id), now=now)


def check_name(name: str) -> None:
    """Raises Invalid where `name` cannot be that of a key or a hook."""
    if not _NAME.match(name):
        raise InvalidInput("name", "A name has letters, digits, . _ and - only, 1 to 64, such as web-shop.")


def lock_names(session: Session) -> None:
    """Let one transaction at a time look whether a name is free, and take it."""
    session.execute(select(Site.id).with_for_update())


def _find_active(session: Session, name: str) -> ApiKey | None:
    return session.scalar(select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None)))


def _bucket_key(key_id: int) -> tuple[str, str]:
    return "API key", str(key_id)
