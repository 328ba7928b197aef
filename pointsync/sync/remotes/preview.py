"""Asking a site that is not listed yet, or is being edited: a ping with what was typed, which leaves no trace."""

from pointsync import clock, db
from pointsync.models import Origin
from pointsync.runtime import get_runtime
from pointsync.sync.protocol.ping import PingResult, ping
from pointsync.sync.protocol.pointsync_client import Target
from pointsync.sync.remotes.sharing_key import RemoteInput
from pointsync.sync.site import local_site


def preview_remote(remote_input: RemoteInput) -> PingResult:
    """What a line with these fields would find. Nothing is stored; no transaction is open during the call."""
    state, now, session = get_runtime(), clock.now(), db.session()
    identity = local_site.load_identity(session, state.vault, state.config, now)
    origin = session.get(Origin, remote_input.auth)
    target = Target(
        url=remote_input.url,
        auth=remote_input.auth,
        password=remote_input.password,
        reserve=remote_input.target_reserve,
        query_template=remote_input.query_template,
        pinned_key=origin.public_key if origin else None,
    )
    db.session.remove()
    return ping(state.client, identity, target, now)
