"""The overview: this site, and how its remotes stand."""

from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import ServiceUnavailable

from pointsync.admin.panel import blueprint, page
from pointsync.db import db
from pointsync.models import Delivery, Site
from pointsync.models.delivery import WAITING
from pointsync.runtime import runtime
from pointsync.sync import standing


@blueprint.get("/", provide_automatic_options=False)
def home() -> ResponseReturnValue:
    """The site's name and URL, what is held, and the list of remotes."""
    session, config = db.session(), runtime().config
    site = session.get(Site, 1)
    if site is None:
        raise ServiceUnavailable
    return page(
        "home.html",
        name=config.site_name,
        url=config.public_url or site.url or site.served_url,
        hold=site.hold,
        remotes=standing.every(session),
        waiting=_waiting(session),
    )


def _waiting(session: Session) -> dict[int, int]:
    """How many deliveries wait, by remote: a fixed number of queries, however long the list is."""
    counts: dict[int, int] = {}
    for state in WAITING:
        query = select(Delivery.remote_id, func.count()).where(Delivery.is_in(state)).group_by(Delivery.remote_id)
        for remote_id, count in session.execute(query):
            counts[remote_id] = counts.get(remote_id, 0) + count
    return counts
