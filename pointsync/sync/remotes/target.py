"""How to call a remote."""

from sqlalchemy.orm import Session

from pointsync.crypto import Vault
from pointsync.models import Origin, Remote
from pointsync.sync.protocol.request import Target


def load_target(session: Session, remote: Remote, vault: Vault) -> Target:
    """The target of a remote, with its decrypted Pass and the pinned key of its site."""
    origin = session.get(Origin, remote.auth)
    return Target(
        url=remote.url,
        auth=remote.auth,
        password=vault.decrypt(remote.sealed_pass),
        reserve=remote.target,
        query_template=remote.query_template,
        dialect=remote.dialect,
        pinned_key=origin.public_key if origin else None,
        clock_offset_seconds=remote.clock_offset_seconds,
        connection_key=remote.id,
    )
