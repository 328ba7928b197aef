"""Reveal this site's sharing key and Pass when an admin presses Show or Copy."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.remotes import points_sync
from pointsync.admin.shell.panel import blueprint
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site


@blueprint.post("/system/points-sync/secrets/<name>")
def show_secret(name: str) -> ResponseReturnValue:
    """The tab with one secret revealed; or the secret alone as text, for the script that copies it."""
    state = get_runtime()
    identity = local_site.load_identity(db.session(), state.vault, state.config, clock.now())
    secret = {"sharing-key": identity.sharing_key, "pass": identity.passes[0]}.get(name)
    if secret is None:
        raise NotFound
    if request.accept_mimetypes.best == "text/plain":
        return Response(secret, mimetype="text/plain")
    return points_sync.render_tab(revealed_secrets={name: secret})
