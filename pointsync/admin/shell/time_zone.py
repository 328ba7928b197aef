"""Times as the site's admins read them: in the site's zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import g
from sqlalchemy.exc import SQLAlchemyError

from pointsync.admin.shell.panel import blueprint
from pointsync.db import db
from pointsync.sync.site import general


def zone() -> ZoneInfo:
    """The site's time zone, read once for each request; UTC where the database cannot be read."""
    if "zone" not in g:
        try:
            g.zone = general.time_zone(db.session())
        except SQLAlchemyError:
            g.zone = ZoneInfo(general.DEFAULT_ZONE)
    here: ZoneInfo = g.zone
    return here


@blueprint.app_template_filter("in_zone")
def in_zone(at: datetime) -> datetime:
    """The same moment by the site's clock."""
    return at.astimezone(zone())


@blueprint.app_template_global("zone_name")
def zone_name() -> str:
    """The zone's name, as under each page."""
    return zone().key
