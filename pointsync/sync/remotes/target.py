"""How to call a remote."""

from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.request import KnownKeys, Target


def load_target(session: Session, remote: Remote, vault: Vault) -> Target:
    """The target of a remote, with its decrypted Pass and the keys of its site."""
    return Target(
        url=remote.url,
        auth=remote.auth,
        password=vault.decrypt(remote.sealed_pass),
        reserve=remote.target,
        query_template=remote.query_template,
        observed=remote.reserve.key,
        dialect=remote.dialect,
        keys=load_keys(session, remote.auth),
        clock_offset_seconds=remote.clock_offset_seconds,
        connection_key=remote.id,
    )


def load_keys(session: Session, auth: str) -> KnownKeys:
    """The keys that are known of a site."""
    origin = session.get(Origin, auth)
    if origin is None:
        return KnownKeys()
    return KnownKeys(
        origin.pinned_key, origin.unproven_key, refused=origin.offered_key if origin.key_refused_at else None
    )
