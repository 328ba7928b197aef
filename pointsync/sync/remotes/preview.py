"""Asking a site that is not listed yet, or is being edited: a ping with what was typed, which leaves no trace."""

from pointsync import clock
from pointsync.db import db
from pointsync.models import Origin
from pointsync.runtime import runtime
from pointsync.sync.protocol.ping import Verdict, ping
from pointsync.sync.protocol.pointsync_client import Target
from pointsync.sync.remotes.sharing_key import Typed
from pointsync.sync.site import local_site


def preview(typed: Typed) -> Verdict:
    """What a line with these fields would find. Nothing is stored; no transaction is open during the call."""
    here, now, session = runtime(), clock.now(), db.session()
    identity = local_site.identity(session, here.vault, here.config, now)
    origin = session.get(Origin, typed.auth)
    target = Target(
        url=typed.url,
        auth=typed.auth,
        password=typed.password,
        reserve=typed.target,
        template=typed.template,
        pinned_key=origin.public_key if origin else None,
    )
    db.session.remove()
    return ping(here.client, identity, target, now)
