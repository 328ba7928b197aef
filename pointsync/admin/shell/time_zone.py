"""Times in the site's time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import g
from sqlalchemy.exc import SQLAlchemyError

from pointsync import db
from pointsync.admin.shell.panel import blueprint
from pointsync.sync.site import general


def get_time_zone() -> ZoneInfo:
    """The site's time zone, read once per request; UTC if the database cannot be read."""
    if "zone" not in g:
        try:
            g.zone = general.get_time_zone(db.session())
        except SQLAlchemyError:
            g.zone = ZoneInfo(general.DEFAULT_ZONE)
    time_zone: ZoneInfo = g.zone
    return time_zone


@blueprint.app_template_filter("local_time")
def to_local_time(at: datetime) -> datetime:
    """A time in the site's time zone."""
    return at.astimezone(get_time_zone())


@blueprint.app_template_global()
def time_zone_name() -> str:
    """The name of the site's time zone, such as `Europe/Paris`."""
    return get_time_zone().key
