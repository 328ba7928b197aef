"""This site's sharing key and Pass: shown or copied when an admin asks, on no page otherwise."""

from flask import Response, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from pointsync import clock, db
from pointsync.admin.remotes import points_sync
from pointsync.admin.shell.panel import blueprint
from pointsync.runtime import get_runtime
from pointsync.sync.site import local_site


@blueprint.post("/system/points-sync/secrets/<name>", provide_automatic_options=False)
def show_secret(name: str) -> ResponseReturnValue:
    """The tab with one secret on it; or that alone, as text, for a script that copies it."""
    state = get_runtime()
    identity = local_site.load_identity(db.session(), state.vault, state.config, clock.now())
    secret = {"sharing-key": identity.sharing_key, "pass": identity.passes[0]}.get(name)
    if secret is None:
        raise NotFound
    if request.accept_mimetypes.best == "text/plain":
        return Response(secret, mimetype="text/plain")
    return points_sync.render_tab(revealed_secrets={name: secret})
