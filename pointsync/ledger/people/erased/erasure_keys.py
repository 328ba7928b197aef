"""The keys with which the sites of the family hash the addresses that they erase: one per site, for ever."""

import secrets
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.ledger.outbox import get_local_auth
from pointsync.ledger.people.erased.tokens import KEY_BYTES
from pointsync.models import ErasureKey

_get_vault: Callable[[], Vault] | None = None


def use_vault(get_vault: Callable[[], Vault]) -> None:
    """Let the keys be decrypted with what `get_vault` returns: the vault of the current process."""
    global _get_vault
    _get_vault = get_vault


def vault() -> Vault:
    """The vault for erasure keys, and for the addresses that other sites still have to get."""
    assert _get_vault is not None, "the application sets it"
    return _get_vault()


def load_all(session: Session) -> dict[str, bytes]:
    """The keys that are known here, by the Auth of the site. Nearly always none or few."""
    rows = session.execute(select(ErasureKey.origin, ErasureKey.sealed_key)).all()
    return {origin: bytes.fromhex(vault().decrypt(sealed)) for origin, sealed in rows}


def get_or_create(session: Session) -> tuple[str, bytes]:
    """This site's Auth and key."""
    auth = get_local_auth(session)
    own = select(ErasureKey).where(ErasureKey.origin == auth)
    if session.scalar(own) is None:
        save(session, auth, secrets.token_bytes(KEY_BYTES))
    return auth, load_all(session)[auth]


def save(session: Session, origin: str, key: bytes) -> bool:
    """Store the key of a site. Return False if another one is stored: a key never changes."""
    known = load_all(session).get(origin)
    if known is None:
        session.add(ErasureKey(origin=origin, sealed_key=vault().encrypt(key.hex())))
        session.flush()
    return known in (None, key)
